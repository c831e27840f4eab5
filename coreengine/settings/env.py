"""Typed readers of environment variables.

Every setting that two deployments may differ in is read through one of these. A value that cannot be
understood stops the start with one line that names the variable, so that a typo never becomes a
silently different system. A reader with `secret` also accepts NAME_FILE, the path of a file that
holds the value (Docker and Kubernetes hand secrets over that way).
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
ENVIRONMENTS = {"development": "dev", "test": "test", "production": "prod"}


def read_file(path: Path) -> None:
    """Take NAME=value lines of a file as variables, where the environment has none of that name.

    The format is the one that Docker Compose reads, without its interpolation. Lines without a value are
    skipped, so that a copy of .env.example changes nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for line in lines:
        name, separator, value = line.strip().partition("=")
        name, value = name.removeprefix("export ").strip(), value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if separator and value and name.isidentifier():
            os.environ.setdefault(name, value)


# Tests must not depend on what a developer has set for running.
if os.environ.get("ENVIRONMENT") != "test" and not os.environ.get("DJANGO_SETTINGS_MODULE", "").endswith(".test"):
    read_file(Path(__file__).resolve().parents[2] / ".env")


class BadEnvironment(SystemExit):
    """A variable of the environment has a value that cannot be used; the process must not start."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Core Engine cannot start: {name} {problem}. See .env.example.")


def text(name: str, default: str | None = None, *, choices: set[str] | None = None) -> str:
    """Read a string; without a default the variable is required."""
    value = os.environ.get(name, "").strip()
    if not value:
        if default is None:
            raise BadEnvironment(name, "is not set")
        return default
    if choices and value not in choices:
        raise BadEnvironment(name, f"is {value!r}, which is not one of {', '.join(sorted(choices))}")
    return value


def flag(name: str, default: bool) -> bool:
    """Read a yes-or-no value."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise BadEnvironment(name, f"is {value!r}, which is neither true nor false")


def integer(name: str, default: int, *, least: int | None = None, most: int | None = None) -> int:
    """Read a whole number within bounds."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not re.fullmatch(r"-?\d+", value):
        raise BadEnvironment(name, f"is {value!r}, which is not a whole number")
    number = int(value)
    if least is not None and number < least:
        raise BadEnvironment(name, f"is {number}, which is below {least}")
    if most is not None and number > most:
        raise BadEnvironment(name, f"is {number}, which is above {most}")
    return number


def seconds(name: str, default: float, *, least: float = 0.0) -> float:
    """Read a duration in seconds; a suffix of s, m, h or d is understood."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", value)
    if not match:
        raise BadEnvironment(name, f"is {value!r}, which is not a duration such as 30, 30s or 5m")
    duration = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
    if duration < least:
        raise BadEnvironment(name, f"is {value!r}, which is below {least} s")
    return duration


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Read a list separated by commas."""
    value = os.environ.get(name, "").strip()
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def secret(name: str, default: str | None = None, *, min_length: int = 0) -> str:
    """Read a secret from NAME or from the file that NAME_FILE names."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadEnvironment(f"{name}_FILE", f"cannot be read ({error.strerror})") from error
    else:
        value = os.environ.get(name, "").strip()
    if not value:
        if default is None:
            raise BadEnvironment(name, "is not set (nor is its _FILE)")
        return default
    if len(value) < min_length:
        raise BadEnvironment(name, f"has {len(value)} characters; at least {min_length} are needed")
    return value


def url(name: str, default: str | None = None, *, schemes: set[str]) -> str:
    """Read an address with one of the given schemes; "" is allowed as a default."""
    value = secret(name, default)
    if value and urlsplit(value).scheme not in schemes:
        raise BadEnvironment(name, f"does not begin with one of {', '.join(sorted(s + ':' for s in schemes))}")
    return value


def mapping(name: str) -> dict[str, str]:
    """Read `key=value` pairs separated by commas."""
    pairs = {}
    for part in words(name):
        key, separator, value = part.partition("=")
        if not separator or not key.strip() or not value.strip():
            raise BadEnvironment(name, f"has the part {part!r}, which is not of the form key=value")
        pairs[key.strip()] = value.strip()
    return pairs


def environment() -> str:
    """Say which of the environments this process runs in."""
    return text("ENVIRONMENT", "development", choices=set(ENVIRONMENTS))


def settings_module() -> str:
    """Name the settings overlay of this environment."""
    return f"coreengine.settings.{ENVIRONMENTS[environment()]}"


def database(address: str) -> dict[str, object]:
    """Turn a postgresql:// address into Django's DATABASES entry.

    The host may be a percent-encoded directory, which means a unix socket.
    """
    from urllib.parse import parse_qsl, unquote

    parts = urlsplit(address)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise BadEnvironment("DATABASE_URL", "is not of the form postgresql://user:password@host:port/name")
    options = dict(parse_qsl(parts.query))
    # urlsplit lowercases .hostname, which would break the path of a socket directory.
    host_port = parts.netloc.rpartition("@")[2]
    host, _, port = (
        host_port.partition(":") if not host_port.startswith("[") else (parts.hostname, "", str(parts.port or ""))
    )
    return {
        "ENGINE": "coreengine.database",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(host or "")),
        "PORT": port,
        "OPTIONS": options,
    }
