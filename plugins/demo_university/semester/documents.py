"""The bytes of the course files: real PDF and DOCX documents, made from the texts in `documents/`.

The same text always gives the same bytes, so that a file that nobody replaced is never new. Both writers
know headings, paragraphs, list items and indented code, which is all that the texts use; a document library
would cost the server more start-up time than everything else together.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from .model import File

DOCUMENTS = Path(__file__).parent / "documents"

# Advance widths of Helvetica for the characters 32 to 126, in thousandths of the size (Adobe's metrics file).
_WIDTHS = """
278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556
556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778
667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556
556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584
"""
HELVETICA = [int(width) for width in _WIDTHS.split()]


def file_bytes(file: File) -> bytes:
    """What a download of this file gives."""
    return _render(file.name, file.replaced_by or _source(file.source))


@lru_cache(maxsize=64)
def _render(name: str, text: str) -> bytes:
    kind = name.rsplit(".", 1)[1]
    if kind == "pdf":
        return _pdf(text)
    if kind == "docx":
        return _docx(text)
    return text.encode()


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (DOCUMENTS / name).read_text("utf-8")


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each block, in order; kind is title, heading, item, code or text."""
    for line in text.splitlines():
        if line.startswith("# "):
            yield "title", line[2:]
        elif line.startswith("## "):
            yield "heading", line[3:]
        elif line.startswith("- "):
            yield "item", line[2:]
        elif line.startswith("    "):
            yield "code", line.strip()
        elif line.strip():
            yield "text", line.strip()


PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 595, 842, 64
STYLES = {  # font, size, space above, indent
    "title": ("F2", 18, 0, 0),
    "heading": ("F2", 12, 12, 0),
    "item": ("F1", 10.5, 3, 14),
    "code": ("F3", 9.5, 3, 14),
    "text": ("F1", 10.5, 6, 0),
}


def _pdf(text: str) -> bytes:
    pages = list(_pdf_pages(text))
    title = next((words for kind, words in _blocks(text) if kind == "title"), "Untitled")
    kids = " ".join(f"{6 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
        b" /F2 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>"
        b" /F3 << /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >> >>",
        b"<< /Title (" + _pdf_string(title) + b") /Producer (Demo University) >>",
        b"<< /Font 3 0 R >>",
    ]
    for n, content in enumerate(pages):
        stream = zlib.compress(content, 9)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}]"
            f" /Resources 5 0 R /Contents {7 + 2 * n} 0 R >>".encode()
        )
        header = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(header + stream + b"\nendstream")
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += "".join(f"{offset:010d} 00000 n \n" for offset in offsets).encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\n".encode()
    out += f"startxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _pdf_pages(text: str) -> Iterator[bytes]:
    """The drawing commands of each page, lines broken by the font's own widths."""
    commands: list[bytes] = []
    y: float = PAGE_HEIGHT - MARGIN
    for kind, words in _blocks(text):
        font, size, above, indent = STYLES[kind]
        y -= above
        for n, line in enumerate(_wrap(words, size, PAGE_WIDTH - 2 * MARGIN - indent, mono=font == "F3")):
            y -= size * 1.35
            if y < MARGIN:
                yield b"\n".join(commands)
                commands, y = [], PAGE_HEIGHT - MARGIN - size * 1.35
            if kind == "item" and n == 0:
                commands.append(f"BT /F1 {size} Tf {MARGIN} {y:.1f} Td (\\225) Tj ET".encode())
            place = f"BT /{font} {size} Tf {MARGIN + indent} {y:.1f} Td (".encode()
            commands.append(place + _pdf_string(line) + b") Tj ET")
    yield b"\n".join(commands)


def _wrap(text: str, size: float, width: float, *, mono: bool) -> Iterator[str]:
    line, used = "", 0.0
    for word in text.split(" "):
        length = _width(word, size, mono=mono)
        space = _width(" ", size, mono=mono) if line else 0.0
        if line and used + space + length > width:
            yield line
            line, used, space = "", 0.0, 0.0
        line, used = (f"{line} {word}" if line else word), used + space + length
    yield line


def _width(text: str, size: float, *, mono: bool) -> float:
    if mono:
        return 0.6 * size * len(text)
    return sum(HELVETICA[ord(char) - 32] if 32 <= ord(char) < 127 else 556 for char in text) * size / 1000


def _pdf_string(text: str) -> bytes:
    return re.sub(rb"([\\()])", rb"\\\1", text.encode("cp1252", "replace"))


_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLE_NAMES = {
    "title": "Title",
    "heading": "Heading1",
    "item": "ListBullet",
    "code": "Code",
    "text": "Normal",
}


def _docx(text: str) -> bytes:
    paragraphs = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{_STYLE_NAMES[kind]}"/></w:pPr>'
        f'<w:r><w:t xml:space="preserve">{"• " if kind == "item" else ""}{escape(words)}</w:t></w:r></w:p>'
        for kind, words in _blocks(text)
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/><w:rPr>{look}</w:rPr></w:style>'
        for key, name, look in (
            ("Normal", "Normal", '<w:sz w:val="22"/>'),
            ("Title", "Title", '<w:b/><w:sz w:val="40"/>'),
            ("Heading1", "heading 1", '<w:b/><w:sz w:val="28"/>'),
            ("ListBullet", "List Bullet", '<w:sz w:val="22"/>'),
            ("Code", "Code", '<w:rFonts w:ascii="Courier New"/><w:sz w:val="20"/>'),
        )
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_WORD_TYPE}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{_WORD_TYPE}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "word/styles.xml": f'<w:styles xmlns:w="{_WORD}">{styles}</w:styles>',
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{paragraphs}</w:body></w:document>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # A fixed date, so that the same text gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), _XML + content)
    return out.getvalue()
