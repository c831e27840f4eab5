"""Plain text out of the HTML that sources give."""

from __future__ import annotations

import html
import re

import nh3

_BREAKS = re.compile(r"(?i)<(?:br|/p|/div|/li|/h[1-6]|/tr)\b[^>]*>")
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_LINES = re.compile(r"\s*\n\s*")


def plain_text(source: str) -> str:
    """Give the words of an HTML text, one line for each block, without scripts and styles."""
    bare = nh3.clean(_BREAKS.sub("\n", source), tags=set(), clean_content_tags={"script", "style"})
    return _LINES.sub("\n", _SPACES.sub(" ", html.unescape(bare))).strip()


def one_line(source: str, length: int) -> str:
    """Give the beginning of an HTML text as one line of at most `length` characters, cut at a word."""
    # Lists show many of these: look at no more of a long text than a line can need.
    text = " ".join(plain_text(source[: length * 20]).split())
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(".,;: ") + "…"
