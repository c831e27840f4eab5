"""Word documents."""

import zipfile
from typing import BinaryIO

from resources.extract.clean import clean_text
from resources.extract.office import open_archive
from resources.extract.result import Extraction, NothingToRead, Page, UnreadableFile

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def extract(file: BinaryIO, *, max_characters: int) -> Extraction:
    from docx import Document
    from docx.opc.exceptions import OpcError
    from lxml import etree

    open_archive(file)
    file.seek(0)
    try:
        # python-docx parses with entities switched off, so a billion laughs stay unlaughed.
        body = Document(file).element.body
    except (
        OpcError,
        etree.XMLSyntaxError,
        KeyError,
        ValueError,
        AttributeError,
        zipfile.BadZipFile,
        OSError,
    ) as problem:
        raise UnreadableFile("The Word document is damaged and could not be opened.") from problem
    lines: list[str] = []
    length = 0
    for paragraph in body.iter(f"{_W}p"):
        line = "".join(_run_text(paragraph))
        lines.append(line)
        length += len(line) + 1
        if length > max_characters:
            break
    text = clean_text("\n".join(lines))
    if not text:
        raise NothingToRead("The Word document has no text in it.")
    note = f"Only the first {max_characters:,} characters were read." if length > max_characters else ""
    return Extraction(pages=[Page(text[:max_characters])], note=note)


def _run_text(paragraph: object) -> list[str]:
    parts = []
    for node in paragraph.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr"):  # type: ignore[attr-defined]
        parts.append(node.text or "" if node.tag == f"{_W}t" else " " if node.tag == f"{_W}tab" else "\n")
    return parts
