"""The small grammars of a manifest: names, versions, quantities, host and address templates."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from coreengine.kernel.outbound.hosts import is_host

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
ACTION = re.compile(r"[a-z][a-z0-9_]{0,63}")
# Source: https://semver.org/spec/v2.0.0.html, the suggested expression.
SEMVER = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
CREDENTIAL_WORDS = re.compile(
    r"SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY", re.IGNORECASE
)
# Beside credentials: what steers the host's own programs, and addresses that usually hold a password.
HOST_WORDS = re.compile(
    r"(?:^|_)KEYS?(?:_|$)|AUTH|COOKIE|SESSION|DATABASE|REDIS|BROKER|DSN|^LD_|^PYTHON|^DJANGO|(?:^|_)URL(?:_|$)",
    re.IGNORECASE,
)

_BINARY = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "": 1,
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|k|M|G|T|)")
_CPU = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m?)")


def memory_bytes(quantity: str) -> int:
    """Turn a Kubernetes quantity (`128Mi`, `1G`) into bytes.

    Raises:
        ValueError: it is not one, or it is zero.
    """
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(quantity)
    try:
        value = int(Decimal(match[1]) * _BINARY[match[2]])
    except InvalidOperation as error:
        raise ValueError(quantity) from error
    if value <= 0:
        raise ValueError(quantity)
    return value


def cpu_cores(quantity: str | int | float) -> float:
    """Turn a Kubernetes CPU quantity (`100m`, `0.5`, `2`) into cores.

    Raises:
        ValueError: it is not one, or it is zero.
    """
    match = None if isinstance(quantity, bool) else _CPU.fullmatch(str(quantity))
    if match is None:
        raise ValueError(quantity)
    cores = float(match[1]) / (1000 if match[2] else 1)
    if cores <= 0:
        raise ValueError(quantity)
    return cores


def expand(template: str, values: Mapping[str, object]) -> str:
    """Put configuration values in the place of `{name}`.

    Raises:
        KeyError: a name has no value, or an empty one.
    """

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found in (None, ""):
            raise KeyError(match[1])
        return str(found)

    return PLACEHOLDER.sub(value, template)


def is_host_template(text: str) -> bool:
    """Tell whether text is a host name once its `{placeholders}` are filled with a host name or a label."""
    return is_host(PLACEHOLDER.sub("a.example", text)) or is_host(PLACEHOLDER.sub("label", text))


def is_address_template(text: str) -> bool:
    """Tell whether text is an https address whose host is a name, placeholders allowed."""
    match = re.fullmatch(r"https://([^/?#\s]+)(/[^\s]*)?", text)
    return match is not None and is_host_template(match[1])


def looks_like_credential(name: str) -> bool:
    """Tell whether a setting's name suggests a credential."""
    return CREDENTIAL_WORDS.search(name) is not None


def looks_secret(name: str) -> bool:
    """Tell whether an environment variable's name suggests that a plugin must never see it."""
    return looks_like_credential(name) or HOST_WORDS.search(name) is not None


def _is(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _parses(reader: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            reader(text)
        except (ValueError, re.error, RecursionError):
            return False
        return True

    return check


# format name of the schema: (check, what to say when it fails)
FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "plugin-name": (
        lambda text: len(text) <= 64 and NAME.fullmatch(text) is not None,
        "is not a plugin name: use at most 64 lower-case letters, digits and single hyphens, "
        "such as canvas-integration",
    ),
    "semver": (_is(SEMVER), "is not a semantic version: write three numbers such as 1.2.0"),
    "web-address": (
        _is(re.compile(r"https?://[^\s<>\"']+")),
        "is not a web address: it starts with https://",
    ),
    "action-name": (
        _is(ACTION),
        "is not a name: use lower-case letters, digits and underscores, such as get_courses",
    ),
    "endpoint-path": (
        _is(re.compile(r"(?:/(?:[A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\}))+")),
        "is not an endpoint path: it starts with / and has plain segments or {parameters}",
    ),
    "address-template": (is_address_template, "is not an https address of a named host"),
    "host-template": (
        is_host_template,
        "is not a host name: write it exactly, in lower case, without scheme, port, path or *",
    ),
    "header-name": (
        _is(re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")),
        "is not the name of a header: write it such as X-Hub-Signature-256",
    ),
    "path-prefix": (
        _is(re.compile(r"/(?!.*(?://|/\.\.?(?:/|$)))(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|\{[a-z][a-z0-9_]*\})*")),
        "is not the start of a path: it begins with / and has no %, ?, # or ..",
    ),
    "environment-name": (_is(ENVIRONMENT_NAME), "is not the name of an environment variable"),
    "memory-quantity": (
        _parses(memory_bytes),
        "is not a quantity: write a number with Ki, Mi or Gi, such as 128Mi",
    ),
    "cpu-quantity": (_parses(cpu_cores), "is not a CPU quantity: write cores or thousandths, such as 100m"),
    "pattern": (_parses(re.compile), "is not a regular expression"),
}


_EMAIL = re.compile(
    r"[^@\s<>\"',;:()\[\]\\]{1,64}@(?=.{1,255}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_WEB = re.compile(r"https?://[^\s/?#<>\"'\\]{1,255}(?:[/?#][^\s<>\"'\\]{0,2000})?", re.IGNORECASE)
_ZONED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})")


def _is_moment(text: str) -> bool:
    return _ZONED.fullmatch(text) is not None and _parses(datetime.fromisoformat)(text)


def _is_day(text: str) -> bool:
    return len(text) == 10 and _parses(date.fromisoformat)(text)


# format of a value in a schema: (check, what to write instead)
VALUE_FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "date-time": (_is_moment, "Write a moment with its zone, such as 2026-11-23T09:30:00Z."),
    "date": (_is_day, "Write a day as year, month and day, such as 2026-11-23."),
    "time": (_parses(time.fromisoformat), "Write a time of day, such as 09:30."),
    "email": (_is(_EMAIL), "Write an e-mail address, such as ada@example.edu."),
    "uri": (_is(_WEB), "Write a whole web address, such as https://example.edu/page."),
    "hostname": (
        lambda text: is_host(text.lower()),
        "Write the name of a host alone, such as files.example.edu.",
    ),
    "uuid": (_parses(uuid.UUID), "Write a UUID, with 32 hexadecimal digits."),
}
