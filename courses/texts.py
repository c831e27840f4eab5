"""The HTML that sources give, as plain text and as something that may stand on our pages."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from coreengine.kernel.texts import ATTRIBUTES, SCHEMES, TAGS

_BREAKS = re.compile(r"(?i)<(?:br|/p|/div|/li|/h[1-6]|/tr)\b[^>]*>")
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_WORD = re.compile(r"\w{2,}")
LOOKED_THROUGH = 50_000
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


def excerpt(source: str, words: str, length: int = 180) -> SafeString:
    """Give the part of an HTML text around the first word searched for, escaped, with <mark> around such words.

    A word counts as found by its beginning ("schedules" marks "scheduling"), much as the stemming search does.
    Nothing where none of the words stands in the text.
    """
    stems = [
        re.escape(word[: max(3, len(word) - 3)]) for word in _WORD.findall(words) if word.lower() not in ("or", "and")
    ]
    if not stems or not source:
        return SafeString("")
    pattern = re.compile(rf"\b(?:{'|'.join(stems)})\w*", re.IGNORECASE)
    text = " ".join(plain_text(source[:LOOKED_THROUGH]).split())
    first = pattern.search(text)
    if first is None:
        return SafeString("")
    start = max(0, first.start() - length // 3)
    start = text.find(" ", start) + 1 if start else 0
    end = min(len(text), start + length)
    end = text.rfind(" ", start, end) if end < len(text) and " " in text[start:end] else end
    pieces, at = ["…" if start else ""], start
    for found in pattern.finditer(text, start, max(end, first.end())):
        pieces += [escape(text[at : found.start()]), f"<mark>{escape(found.group())}</mark>"]
        at = found.end()
    pieces += [escape(text[at:end]), "…" if end < len(text) else ""]
    return mark_safe("".join(pieces))


def shown_html(source: str, base_url: str = "") -> SafeString:
    """Make HTML from a source fit for our page: nothing runs, nothing loads, and its links lead to the source.

    A relative link means a page of the source (`base_url` is one); on our page it would mean one of ours.
    """

    def absolute(tag: str, attribute: str, value: str) -> str | None:
        if attribute != "href":
            return value
        try:
            address = urljoin(base_url, value)
        except ValueError:
            return None
        return address if address.startswith(("http://", "https://", "mailto:")) else None

    clean = nh3.clean(
        source,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        attribute_filter=absolute,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)


_CELLS = re.compile(r"(?i)</t[dh]\s*>")


def syllabus_text(source: str) -> str:
    """Give the words of a syllabus, a line for each block and for each row of a table, its cells apart."""
    return plain_text(_CELLS.sub(" \t", source))
