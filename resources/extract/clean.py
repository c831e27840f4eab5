"""Make extracted text fit to store, to search and to show."""

import re
import unicodedata

# NUL cannot be stored by PostgreSQL; the others are invisible, and the direction marks can make a text
# read differently from what it says. Private-use characters are marks of our own in search results.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ue000-\uf8ff\ud800-\udfff]"
)
_LIGATURES = str.maketrans(
    {
        "ﬀ": "ff",
        "ﬁ": "fi",
        "ﬂ": "fl",
        "ﬃ": "ffi",
        "ﬄ": "ffl",
        "ﬅ": "st",
        "ﬆ": "st",
        "\u00ad": "",
        "\u00a0": " ",
    }
)
_TRAILING_SPACE = re.compile(r"[ \t]+$", re.MULTILINE)
_MANY_SPACES = re.compile(r"[ \t]{2,}")
_MANY_LINES = re.compile(r"\n{3,}")
_BROKEN_WORD = re.compile(r"([a-zà-öø-ÿ])-\n([a-zà-öø-ÿ])")


def clean_text(text: str, *, keep_layout: bool = False) -> str:
    """Normalise to composed Unicode without invisible characters, with at most one empty line in a row.

    `keep_layout` keeps runs of spaces, which mean something in code and tables.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _INVISIBLE.sub("", text).translate(_LIGATURES)
    text = unicodedata.normalize("NFC", text)
    if not keep_layout:
        text = _MANY_SPACES.sub(" ", text)
    text = _TRAILING_SPACE.sub("", text)
    return _MANY_LINES.sub("\n\n", text).strip("\n" if keep_layout else None)


def join_broken_words(text: str) -> str:
    """Undo hyphenation at line ends, so that "dead-\\nlock" is found as "deadlock"."""
    return _BROKEN_WORD.sub(r"\1\2", text)
