"""Unpacks what a stranger packed: every name, kind and size is checked before a byte is written under it."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import ValidationError

from plugins.registry import MANIFEST_NAME

MIB = 2**20
_PIECE = 64 * 1024
_IGNORED = {"__pycache__", "__MACOSX", ".DS_Store", ".git"}
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a plugin may be. Sizes are bytes; `ratio` counts from the first unpacked MiB on."""

    archive_bytes: int = 20 * MIB
    unpacked_bytes: int = 60 * MIB
    file_bytes: int = 20 * MIB
    entries: int = 2_000
    ratio: int = 100
    name_length: int = 200
    depth: int = 12


BOUNDS = Bounds()


def unpack(archive: Path, target: Path, bounds: Bounds = BOUNDS) -> Path:
    """Unpack a .tar.gz or .zip (told by its content) into an empty folder; return the folder with the manifest.

    One folder around everything, as most tools make it, is stepped into.

    Raises:
        ValidationError: `archive`, with what is wrong; what was written until then lies in `target`.
    """
    size = archive.stat().st_size
    if size > bounds.archive_bytes:
        raise _refused(f"The archive is larger than {bounds.archive_bytes // MIB} MiB.")
    with archive.open("rb") as file:
        start = file.read(4)
    writer = _Writer(target, bounds, size)
    try:
        if start[:2] == b"\x1f\x8b":
            _unpack_tar(archive, writer)
        elif start[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
            _unpack_zip(archive, writer)
        else:
            raise _refused("This is neither a .tar.gz nor a .zip archive.")
    except _BROKEN as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refused(f"The archive is damaged: {words or type(error).__name__}.") from error
    return _root(target)


def copy_folder(source: Path, target: Path, bounds: Bounds = BOUNDS) -> Path:
    """Copy a plugin's folder under the same rules; links are refused, not followed.

    Raises:
        ValidationError: `archive`.
    """
    writer = _Writer(target, bounds, 0)
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in _IGNORED)
        for name in [*folders, *sorted(files)]:
            path = Path(folder) / name
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            shown = str(path.relative_to(source))
            if not stat.S_ISREG(mode):
                raise _refused(f"“{_short(shown)}” is a link or a device. A plugin has plain files only.")
            with path.open("rb") as content:
                writer.file(shown, content)
    return _root(target)


class _Writer:
    """Writes entries below a folder and counts; refuses the first that breaks a bound."""

    def __init__(self, target: Path, bounds: Bounds, packed_bytes: int) -> None:
        self._target = target
        self.bounds = bounds
        self._packed_bytes = packed_bytes
        self._entries = 0
        self._unpacked_bytes = 0
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def folder(self, name: str) -> None:
        """Note a folder; empty ones are not made."""
        self._count()
        if parts := self._parts(name):
            self._claim_folders(parts)

    def file(self, name: str, content: IO[bytes]) -> None:
        """Write one file, readable and nothing more."""
        self._count()
        parts = self._parts(name)
        if not parts:
            raise _refused("The archive has a file without a name.")
        self._claim_folders(parts[:-1])
        key = "/".join(parts).casefold()
        if key in self._files or key in self._folders:
            raise _refused(f"“{_short(name)}” is in the archive twice.")
        self._files.add(key)
        is_kept = not _IGNORED & set(parts) and not parts[-1].endswith(".pyc")
        path = self._target.joinpath(*parts)
        if is_kept:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") if is_kept else io.BytesIO() as file:
            self._pour(name, content, file)
        if is_kept:
            path.chmod(0o644)

    def _pour(self, name: str, content: IO[bytes], file: Any) -> None:
        written = 0
        while piece := content.read(_PIECE):
            written += len(piece)
            self._unpacked_bytes += len(piece)
            if written > self.bounds.file_bytes:
                raise _refused(f"“{_short(name)}” is larger than {self.bounds.file_bytes // MIB} MiB.")
            if self._unpacked_bytes > self.bounds.unpacked_bytes:
                raise _refused(f"Unpacked, this is larger than {self.bounds.unpacked_bytes // MIB} MiB.")
            self.check_ratio(self._unpacked_bytes)
            file.write(piece)

    def check_ratio(self, unpacked_bytes: int) -> None:
        """Refuse what is packed tighter than programs and texts ever are."""
        if self._packed_bytes and unpacked_bytes > max(MIB, self._packed_bytes * self.bounds.ratio):
            raise _refused(f"The archive unpacks to over {self.bounds.ratio} times its size, as no plugin does.")

    def _count(self) -> None:
        self._entries += 1
        if self._entries > self.bounds.entries:
            raise _refused(f"There are more than {self.bounds.entries} files.")

    def _claim_folders(self, parts: list[str]) -> None:
        for number in range(len(parts)):
            key = "/".join(parts[: number + 1]).casefold()
            if key in self._files:
                raise _refused(f"“{_short('/'.join(parts))}” is both a file and a folder.")
            self._folders.add(key)

    def _parts(self, name: str) -> list[str]:
        """Take a name apart; nothing that could lead out of the folder, or be two files in one, passes."""
        if name.startswith("/") or "\\" in name or ":" in name:
            raise _refused(f"“{_short(name)}” is not a plain relative name.")
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if ".." in parts:
            raise _refused(f"“{_short(name)}” leads out of the plugin's folder.")
        if len(name) > self.bounds.name_length or len(parts) > self.bounds.depth:
            raise _refused(f"“{_short(name)}” is too long or lies too deep.")
        if any(unicodedata.category(letter)[0] == "C" for letter in name) or not unicodedata.is_normalized("NFC", name):
            raise _refused(f"“{_short(name)}” has characters that file names should not have.")
        if any(part != part.strip() or part.endswith(".") for part in parts):
            raise _refused(f"“{_short(name)}” begins or ends with a space or a dot where no name should.")
        return parts


class _Bounded:
    """A stream that ends a decompression bomb while it goes off."""

    def __init__(self, stream: IO[bytes], writer: _Writer) -> None:
        self._stream = stream
        self._writer = writer
        # Headers and padding of the archive come on top of what is in its files.
        self._most = writer.bounds.unpacked_bytes + (writer.bounds.entries + 20) * 2048
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        """Read; refuse beyond the bounds."""
        piece = self._stream.read(size if size >= 0 else _PIECE)
        self._count += len(piece)
        if self._count > self._most:
            raise _refused(f"Unpacked, this is larger than {self._writer.bounds.unpacked_bytes // MIB} MiB.")
        self._writer.check_ratio(self._count)
        return piece


def _unpack_tar(archive: Path, writer: _Writer) -> None:
    with gzip.open(archive, "rb") as plain:
        bounded: Any = _Bounded(plain, writer)  # type: ignore[arg-type]
        with tarfile.open(fileobj=bounded, mode="r|") as entries:
            for entry in entries:
                if entry.isdir():
                    writer.folder(entry.name)
                    continue
                content = entries.extractfile(entry) if entry.type in {tarfile.REGTYPE, tarfile.AREGTYPE} else None
                if content is None or entry.sparse is not None:
                    raise _refused(f"“{_short(entry.name)}” is a link or a device. A plugin has plain files only.")
                writer.file(entry.name, content)


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    _check_directory_size(archive, writer.bounds)
    with zipfile.ZipFile(archive) as entries:
        for entry in entries.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _refused(f"“{_short(entry.filename)}” is a link or a device. A plugin has plain files only.")
            if entry.flag_bits & 1:
                raise _refused("The archive is encrypted.")
            if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise _refused("The archive uses an unusual compression. Pack it again as a plain .zip.")
            if entry.orig_filename.endswith("/"):
                writer.folder(entry.orig_filename)
                continue
            with entries.open(entry) as content:
                writer.file(entry.orig_filename, content)


def _check_directory_size(archive: Path, bounds: Bounds) -> None:
    """Refuse a table of contents beyond the bounds before it is read into memory."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - 65_557))
        tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise _refused("The archive is damaged: it has no table of contents.")
    count, size = struct.unpack_from("<HI", tail, place + 10)
    if count > bounds.entries or size > bounds.entries * (bounds.name_length + 200):
        raise _refused(f"There are more than {bounds.entries} files.")


def _root(target: Path) -> Path:
    if (target / MANIFEST_NAME).is_file():
        return target
    inside = list(_visible(target))
    if len(inside) == 1 and (inside[0] / MANIFEST_NAME).is_file():
        return inside[0]
    raise _refused(f"There is no {MANIFEST_NAME} at the top. Pack the plugin's folder.")


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name not in _IGNORED)


def _short(name: str) -> str:
    shown = name.encode("ascii", "backslashreplace").decode() if not name.isprintable() else name
    return shown if len(shown) <= 80 else f"{shown[:79]}…"


def _refused(words: str) -> ValidationError:
    return ValidationError({"archive": words})
