"""Cut a document into passages: the unit that is highlighted, cited by page and given to an agent."""

import re
from collections.abc import Iterable, Iterator

from resources.extract.result import Page

PASSAGE_CHARACTERS = 1_600
MAX_PASSAGES = 1_500
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?。！？])\s"), re.compile(r"\s"))


def split_passages(pages: Iterable[Page]) -> Iterator[Page]:
    """Give pieces of at most 1,600 characters, each within one page, ending where a paragraph, a line,
    a sentence or at least a word ends in its last half. At most 1,500 pieces."""
    count = 0
    for page in pages:
        rest = page.text.strip()
        while rest:
            piece, rest = _first_piece(rest)
            if piece:
                yield Page(piece, page.number)
                count += 1
            if count >= MAX_PASSAGES:
                return


def _first_piece(text: str) -> tuple[str, str]:
    if len(text) <= PASSAGE_CHARACTERS:
        return text.strip(), ""
    window = text[:PASSAGE_CHARACTERS]
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(window, PASSAGE_CHARACTERS // 2)]
        if ends:
            return window[: ends[-1]].strip(), text[ends[-1] :].lstrip()
    return window, text[PASSAGE_CHARACTERS:]
