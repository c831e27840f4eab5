"""What an extractor gives back: plain values that travel as JSON from the child to its parent."""

from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

MAX_CHARACTERS = 1_000_000


class UnreadableFile(Exception):
    """The file cannot be read, and the message says why in words for a person."""


class NothingToRead(Exception):
    """The file is sound but has no text in it; the message says so in words for a person."""


@dataclass(frozen=True)
class Page:
    """A piece of the document in reading order. `number` counts from 1 where the format has pages, else None."""

    text: str
    number: int | None = None


@dataclass(frozen=True)
class Extraction:
    """The text of one file. `note` tells what is missing from it, in words, or is empty."""

    pages: list[Page] = field(default_factory=list)
    page_count: int | None = None
    note: str = ""


class Extractor(Protocol):
    def __call__(self, file: BinaryIO, *, max_characters: int) -> Extraction: ...
