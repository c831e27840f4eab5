"""From bytes to text: which encoding, and what is too large or no text at all."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import PurePath

from django.core.exceptions import ValidationError

# What Polish, Czech and Hungarian letters look like when they are taken for western ones.
_SIGNS_IN_WORDS = re.compile(r"[A-Za-zó][¹³¿¼¾£¥ª¢\xb5\x8c\x9c\x8f\x9f][a-z]|[a-z][³¹¿æê]\b|\b[¯¿¦¶][a-z]")
_ODD_PAIRS = re.compile(r"[øìùè][íáý]|[a-z][øìù][a-z]|[õû]\b")
MOST_BYTES = 2 * 1024 * 1024
MOST_CHARACTERS = 500_000
TEXT_TYPES = (".csv", ".tsv", ".txt", ".md", ".markdown", ".text")
READ_BY_THE_VAULT = (".pdf", ".docx", ".pptx", ".html", ".htm")
_MARKS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
NAMES = {"utf-8-sig": "UTF-8", "utf_8": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "ascii": "UTF-8"}


@dataclass(frozen=True)
class Read:
    """A text and the encoding it was in, as people name it."""

    text: str
    encoding: str


def read_bytes(data: bytes, name: str) -> Read:
    """Decode an uploaded text: by its mark, as UTF-8, else by a statistical guess.

    Raises:
        ValidationError: at `file`: too large, empty, or no text.
    """
    if len(data) > MOST_BYTES:
        raise ValidationError({"file": f"“{name}” is larger than {MOST_BYTES // 1024 // 1024} MB. Split it."})
    if not data.strip():
        raise ValidationError({"file": f"“{name}” is empty."})
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")
    if not encoding and b"\x00" in data[:4096]:
        raise ValidationError({"file": f"“{name}” is no text. Save it as CSV or plain text and choose it again."})
    if not encoding:
        try:
            return _checked(data.decode("utf-8"), "UTF-8", name)
        except UnicodeDecodeError:
            encoding = _guess(data)
    return _checked(data.decode(encoding, errors="replace"), NAMES.get(encoding, encoding.replace("_", "-")), name)


def _guess(data: bytes) -> str:
    """Guess among the encodings that spreadsheets write.

    Western and central European Windows differ in a few letters only, which a short text need not have: the western
    one is taken unless it makes signs out of letters.
    """
    from charset_normalizer import from_bytes

    likely = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5"]
    best = from_bytes(data[:65536], cp_isolation=likely).best()
    guess = best.encoding if best is not None else "cp1252"
    if guess in ("cp1252", "cp1250", "cp1254"):
        western = data[:65536].decode("cp1252", errors="replace")
        return "cp1250" if _SIGNS_IN_WORDS.search(western) or _ODD_PAIRS.search(western) else "cp1252"
    return guess


def _checked(text: str, encoding: str, name: str) -> Read:
    return Read(check_text(text, field="file", name=name), encoding)


def check_text(text: str, *, field: str = "text", name: str = "The text") -> str:
    """Give a text without odd line ends and null characters.

    Raises:
        ValidationError: it is empty or too long.
    """
    clean = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").lstrip("\ufeff")
    if not clean.strip():
        raise ValidationError({field: "Paste a text, or choose a file."})
    if len(clean) > MOST_CHARACTERS:
        raise ValidationError({field: f"{name} has {len(clean):,} characters; at most {MOST_CHARACTERS:,} are read."})
    return clean


def is_table(text: str, name: str) -> bool:
    """Tell a table from prose: by the file's name, else by lines that divide alike."""
    suffix = PurePath(name.lower()).suffix
    if suffix in (".csv", ".tsv"):
        return True
    if suffix:
        return False
    lines = [line for line in text.split("\n") if line.strip()][:20]
    if len(lines) < 2:
        return False
    return any(
        lines[0].count(mark) >= 1 and all(line.count(mark) == lines[0].count(mark) for line in lines)
        for mark in ("\t", ";", ",")
        if mark != "," or "," in lines[0]
    )
