"""Plain text, Markdown and source code, in whatever encoding."""

import codecs
from typing import BinaryIO

from resources.extract.clean import clean_text
from resources.extract.result import Extraction, NothingToRead, Page, UnreadableFile

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]


def decode(data: bytes) -> str:
    """Decode bytes by their mark, else as UTF-8, else by a statistical guess over the first 64 KB."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        # A limit on how much is read may have cut the last character in two.
        if problem.start > len(data) - 4:
            return data[: problem.start].decode("utf-8")
    from charset_normalizer import from_bytes

    guess = from_bytes(data[:65536]).best()
    return data.decode(guess.encoding if guess else "cp1252", errors="replace")


def extract(file: BinaryIO, *, max_characters: int) -> Extraction:
    data = file.read(max_characters * 4 + 1)
    if b"\x00" in data[:4096] and not data.startswith(tuple(mark for mark, _ in _MARKS)):
        raise UnreadableFile("The file is named like text, but what it holds is not text.")
    text = clean_text(decode(data), keep_layout=True)
    if not text.strip():
        raise NothingToRead("The file has no text in it.")
    note = ""
    if len(text) > max_characters:
        text, note = text[:max_characters], f"Only the first {max_characters:,} characters were read."
    return Extraction(pages=[Page(text)], note=note)
