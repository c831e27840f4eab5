"""Markdown without its marks, for passages: what a reader reads, not what a writer types."""

import re

_RULES = [
    (re.compile(r"^[ \t]*\|?[ \t:|-]*--[ \t:|-]*$", re.MULTILINE), ""),  # the line under a table's head, and rules
    (re.compile(r"^[ \t]*(```|~~~).*$", re.MULTILINE), ""),
    (re.compile(r"^[ ]{0,3}#{1,6}[ \t]+", re.MULTILINE), ""),
    (re.compile(r"^[ ]{0,3}>[ ]?", re.MULTILINE), ""),
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*[^)\n]*\)"), r"\1"),
    (re.compile(r"\*\*|__|~~|`"), ""),
    (re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)"), ""),
    (re.compile(r"^[ \t]*\|[ \t]*|[ \t]*\|[ \t]*$", re.MULTILINE), ""),
    (re.compile(r"[ \t]*\|[ \t]*"), " · "),
    (re.compile(r"\n{3,}"), "\n\n"),
]


def plain_markdown(source: str) -> str:
    """Return the words of a Markdown text with its paragraphs, without emphasis, headings, tables and links' marks."""
    for pattern, replacement in _RULES:
        source = pattern.sub(replacement, source)
    return source.strip()
