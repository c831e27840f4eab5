"""What is wrong with a manifest, said at the field it is wrong at."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: `path` is the field as written (`spec.endpoints[0].path`), "" for the whole file."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ManifestFaulty(Exception):
    """A manifest was refused; `faults` has every reason, never empty."""

    def __init__(self, faults: Iterable[Fault], *, source: str = "") -> None:
        self.faults = tuple(faults)
        self.source = source
        super().__init__("; ".join(str(fault) for fault in self.faults))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the words of `known` closest to a mistyped one, or "" when none is close."""
    found = difflib.get_close_matches(str(word), [str(item) for item in known], n=1, cutoff=0.6)
    return found[0] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean "x"?' or ""."""
    found = nearest(word, known)
    return f'; did you mean "{found}"?' if found else ""


def join_path(parts: Iterable[str | int]) -> str:
    """Write a path the way a person reads it: `spec.endpoints[0].path`."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text
