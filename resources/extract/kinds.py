"""Which file types there are: told from the bytes, never from what the sender says."""

from pathlib import PurePosixPath

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML = "text/html"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
UNKNOWN = "application/octet-stream"

# content type -> (module, libraries that the child imports before it is confined)
_EXTRACTORS = {
    PDF: (
        "pdf",
        ("pypdf", "pypdf.generic", "pypdf._text_extraction", "cryptography.hazmat.primitives.ciphers"),
    ),
    DOCX: ("docx", ("docx", "lxml.etree", "zipfile")),
    PPTX: ("pptx", ("lxml.etree", "zipfile")),
    HTML: ("html", ("lxml.html", "charset_normalizer")),
    MARKDOWN: ("text", ("charset_normalizer",)),
    TEXT: ("text", ("charset_normalizer",)),
}
_MARKDOWN_ENDINGS = {".md", ".markdown", ".mdown", ".mkd"}
_HTML_ENDINGS = {".html", ".htm", ".xhtml"}
_MAGIC = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/x-msdownload"),
    (b"%!PS", "application/postscript"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
]
HEAD_BYTES = 4096
TAIL_BYTES = 65536

# Types a browser may be shown inside a page of ours: they cannot carry script.
SAFE_IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}


def extractor_module(content_type: str) -> str | None:
    """The module that reads this type, or None where its text cannot be read."""
    entry = _EXTRACTORS.get(content_type)
    return f"resources.extract.{entry[0]}" if entry else None


def libraries(content_type: str) -> tuple[str, ...]:
    entry = _EXTRACTORS.get(content_type)
    return entry[1] if entry else ()


def is_readable(content_type: str) -> bool:
    """Whether text can be taken out of files of this type."""
    return content_type in _EXTRACTORS


def sniff(head: bytes, tail: bytes, name: str) -> str:
    """Tell the content type from the first 4 KB and the last 64 KB.

    The name only chooses between kinds of text (Markdown, HTML, plain), and never makes anything more
    than text of bytes that are not: a script named photo.png is text, a page named notes.txt is text.
    """
    if head[:1024].lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"%PDF-"):
        return PDF
    for magic, content_type in _MAGIC:
        if head.startswith(magic):
            return content_type
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(head, tail)
    if _looks_like_text(head):
        return _text_kind(head, name)
    return UNKNOWN


def _zip_kind(head: bytes, tail: bytes) -> str:
    # The list of names is at the end of a zip; reading it as bytes costs nothing and trusts nothing.
    listing = head + tail
    for mark, content_type in (
        (b"word/document.xml", DOCX),
        (b"ppt/presentation.xml", PPTX),
        (b"xl/workbook.xml", XLSX),
    ):
        if mark in listing:
            return content_type
    if head[30:58] == b"mimetypeapplication/epub+zip":
        return "application/epub+zip"
    if head[30:].startswith(b"mimetypeapplication/vnd.oasis.opendocument.text"):
        return "application/vnd.oasis.opendocument.text"
    return "application/zip"


def _looks_like_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    if b"\x00" in head:
        return False
    control = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    return control <= len(head) // 100


def _text_kind(head: bytes, name: str) -> str:
    ending = PurePosixPath(name.lower()).suffix
    if ending in _MARKDOWN_ENDINGS:
        return MARKDOWN
    start = head.lstrip(b"\xef\xbb\xbf\r\n\t ").lower()
    if start.startswith((b"<!doctype html", b"<html")) or (ending in _HTML_ENDINGS and b"<" in start):
        return HTML
    return TEXT


# What people call the types.
LABELS = {
    PDF: "PDF",
    DOCX: "Word document",
    PPTX: "Slides",
    XLSX: "Spreadsheet",
    HTML: "Web page",
    MARKDOWN: "Markdown",
    TEXT: "Text",
    UNKNOWN: "File",
    "application/zip": "Archive",
    "application/gzip": "Archive",
    "application/x-7z-compressed": "Archive",
    "application/vnd.rar": "Archive",
    "application/epub+zip": "Book",
    "application/vnd.oasis.opendocument.text": "Document",
    "application/x-ole-storage": "Older Office document",
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    "application/x-executable": "Program",
    "application/x-msdownload": "Program",
    "application/postscript": "PostScript",
    "application/vnd.sqlite3": "SQLite database",
}
