"""Names inside a ZIP that every system can unpack: no way out of its folder, none twice, none too long."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST_BYTES = 120
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
# Windows opens devices under these names, whatever the suffix.
_DEVICES = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


def safe_name(name: str, *, fallback: str = "untitled") -> str:
    """Make one part of a path out of any text. Letters of every script stay; the suffix survives cutting."""
    clean = _FORBIDDEN.sub("-", unicodedata.normalize("NFC", name))
    clean = " ".join(clean.split()).strip(" .")
    clean = clean.lstrip("-") or fallback if not clean.strip("-. ") else clean
    if _DEVICES.match(clean):
        clean = f"_{clean}"
    return _cut(clean or fallback, LONGEST_BYTES)


def _cut(name: str, most: int) -> str:
    if len(name.encode()) <= most:
        return name
    suffix = PurePosixPath(name).suffix
    suffix = suffix if 1 < len(suffix.encode()) <= 12 else ""
    stem = name[: len(name) - len(suffix)] if suffix else name
    room = most - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + suffix


class Names:
    """Gives out paths in one archive; two things never get the same one, whatever the case of letters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def path(self, *parts: str) -> str:
        """Join parts to a path that nobody has yet; the last one gets a number where it is taken."""
        folder = "/".join(safe_name(part) for part in parts[:-1])
        name = safe_name(parts[-1])
        for number in range(1, 100_000):
            tried = name if number == 1 else self._numbered(name, number)
            path = f"{folder}/{tried}" if folder else tried
            if path.casefold() not in self._taken:
                self._taken.add(path.casefold())
                return path
        raise ValueError(f"no free name for {name!r}")

    @staticmethod
    def _numbered(name: str, number: int) -> str:
        suffix = PurePosixPath(name).suffix
        stem = name[: len(name) - len(suffix)] if suffix else name
        mark = f" ({number})"
        return _cut(stem, LONGEST_BYTES - len(mark) - len(suffix.encode())) + mark + suffix
