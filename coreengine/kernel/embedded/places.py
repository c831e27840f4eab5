"""Where an embedded server keeps its files, and as whom it runs.

Normally everything lies under `var/`. Two things can force a part of it elsewhere: a path too long for
a socket, and, for root, a checkout that an unprivileged user cannot reach. No mode of any folder above
`var/` is ever changed.
"""

import fcntl
import hashlib
import json
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coreengine.kernel.embedded.errors import EmbeddedError

SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")
# The range from which systemd takes its dynamic users: never given to a person or a package.
PRIVATE_IDS = range(61184, 65520)


@dataclass(frozen=True)
class Account:
    """The user that a server runs as."""

    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        """True when no change of user is needed."""
        return self.uid == os.geteuid()

    def popen(self) -> dict[str, object]:
        """The arguments by which `subprocess.Popen` becomes this user."""
        return {} if self.is_us else {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Places:
    """The folders of one checkout's servers."""

    var: Path
    base: Path
    sockets: Path
    account: Account

    @property
    def log(self) -> Path:
        """Logs, opened before the change of user."""
        return self.var / "log"

    @property
    def secrets(self) -> Path:
        """Passwords and locks, for us alone."""
        return self.var / "embedded"

    def owned(self, path: Path) -> Path:
        """Make a private folder that belongs to the server's user."""
        path.mkdir(mode=0o700, exist_ok=True)
        give(path, self.account)
        path.chmod(0o700)
        return path


def settle(var: Path) -> Places:
    """Decide on the folders, make them, and remember the decision in `var/embedded/place.json`."""
    account = _account(var)
    private(var / "log")
    record = var / "embedded" / "place.json"
    with (var / "embedded" / "place.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the keepers of both servers start together
        try:
            known = json.loads(record.read_text())
        except (OSError, ValueError):
            known = {}
        base = _base(var, account, known)
        sockets = _sockets(var, base, account, known)
        now = {"var": str(var), "base": str(base), "sockets": str(sockets)}
        if now != known:
            write_private(record, json.dumps(now))
    return Places(var=var, base=base, sockets=sockets, account=account)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, at once or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    follow_owner(temporary)
    os.replace(temporary, path)


def private(path: Path) -> Path:
    """Make a folder for us alone."""
    if not path.is_dir():
        path.mkdir(mode=0o700, exist_ok=True)
        follow_owner(path)
    return path


def follow_owner(path: Path) -> None:
    """What root makes in another user's folder belongs to that user, who may run the project later."""
    if os.geteuid() == 0 and (owner := path.parent.stat()).st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def give(path: Path, account: Account) -> None:
    """Hand a file or folder to the server's user."""
    if not account.is_us:
        os.chown(path, account.uid, account.gid)


def reaches(account: Account, path: Path, mode: int = os.X_OK) -> bool:
    """Whether that user can get at a path. Asked of the kernel, in a child that has become the user."""
    if account.is_us:
        return os.access(path, mode)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            code = 0 if os.access(path, mode) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _account(var: Path) -> Account:
    """Ourselves; for root the owner of the folder, else a private id that no one else has."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    owner = var.parent.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    number = int.from_bytes(hashlib.sha256(os.fsencode(var)).digest()[:4])
    for offset in range(len(PRIVATE_IDS)):
        uid = PRIVATE_IDS[(number + offset) % len(PRIVATE_IDS)]
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return Account(uid, uid)
    raise EmbeddedError("No free user id from 61184 to 65519 to run PostgreSQL as. Run as a normal user instead.")


def _base(var: Path, account: Account, known: dict[str, str]) -> Path:
    """The folder of data and binaries: `var/` itself, unless the server's user cannot get there."""
    if account.is_us:
        return var
    try:
        # The group may pass through var/, and sees nothing else of it; others stay out.
        os.chown(var, -1, account.gid)
        var.chmod(0o710)
    except PermissionError as error:
        raise EmbeddedError(f"Cannot hand files to an unprivileged user ({error}). Run as a normal user.") from None
    if reaches(account, var):
        return var
    elsewhere = Path(known.get("base", var))
    if elsewhere != var and known.get("var") == str(var) and elsewhere.is_dir():
        return elsewhere
    parent = Path("/var/lib/core-engine")
    parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    # A new name for a new var/: a fresh clone at an old path never meets the data of the one before.
    base = Path(tempfile.mkdtemp(prefix=f"{var.parent.name}-", dir=parent))
    os.chown(base, 0, account.gid)
    base.chmod(0o710)
    if not reaches(account, base):
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and an unprivileged user can reach neither {var} nor {base}. "
            "Run as a normal user, or set DATABASE_URL and REDIS_URL."
        )
    return base


def _sockets(var: Path, base: Path, account: Account, known: dict[str, str]) -> Path:
    """A private folder whose path leaves room for the name of a socket."""
    folder = base / "run"
    if len(os.fsencode(folder)) + LONGEST_SOCKET_NAME > SOCKET_PATH_LIMIT:
        remembered = Path(known.get("sockets", folder))
        if remembered != folder and known.get("var") == str(var) and _is_private(remembered, account):
            return remembered
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        parent = runtime if account.is_us and runtime and os.access(runtime, os.W_OK) else "/tmp"
        folder = Path(tempfile.mkdtemp(prefix="ce-", dir=parent))
    folder.mkdir(mode=0o700, exist_ok=True)
    give(folder, account)
    folder.chmod(0o700)
    return folder


def _is_private(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and found.st_mode & 0o077 == 0
