"""Saved web pages."""

from typing import BinaryIO

from resources.extract.clean import clean_text
from resources.extract.result import Extraction, NothingToRead, Page, UnreadableFile
from resources.extract.text import decode

_DROPPED = {
    "script",
    "style",
    "template",
    "noscript",
    "svg",
    "iframe",
    "object",
    "canvas",
    "head",
    "nav",
    "button",
    "select",
}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table",
    "tr", "ul",
}  # fmt: skip
_MAX_BYTES = 32 * 1024 * 1024


def extract(file: BinaryIO, *, max_characters: int) -> Extraction:
    from lxml import etree, html

    data = file.read(_MAX_BYTES + 1)
    # The declared encoding is honoured by lxml only for bytes, and it is often wrong: we decode, it parses.
    source = decode(data[:_MAX_BYTES]).encode("utf-8", errors="replace")
    try:
        root = html.document_fromstring(
            source, parser=html.HTMLParser(encoding="utf-8", remove_comments=True, no_network=True)
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as problem:
        raise UnreadableFile("The page is empty or so broken that no text could be found in it.") from problem
    title = (root.findtext(".//title") or "").strip()
    body = _visible_text(root, max_characters).strip()
    text = clean_text(f"{title}\n\n{body}" if title and not body.startswith(title) else body)
    if not text:
        raise NothingToRead("The page has no text in it.")
    cut = len(text) > max_characters or len(data) > _MAX_BYTES
    note = f"Only the first {max_characters:,} characters were read." if cut else ""
    return Extraction(pages=[Page(text[:max_characters])], note=note)


def _visible_text(root: object, max_characters: int) -> str:
    """Collect what a reader would see. Walks by events, not by recursion: a page may nest 100,000 deep."""
    from lxml import etree

    parts: list[str] = []
    length, hidden = 0, 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            hidden += tag in _DROPPED
            if not hidden and tag in _BLOCKS:
                parts.append("\n" if tag in {"br", "li", "tr", "dd"} else "\n\n")
            text = element.text if not hidden else None
            if not hidden and tag in {"td", "th"}:
                parts.append("  ")
        else:
            hidden -= tag in _DROPPED
            text = element.tail if not hidden else None
            if not hidden and tag in _BLOCKS and tag not in {"br", "li", "tr", "dd"}:
                parts.append("\n\n")
        if text:
            piece = " ".join(text.split())
            if piece:
                lead = " " if text[0].isspace() else ""
                parts.append(lead + piece + (" " if text[-1].isspace() else ""))
                length += len(piece)
        if length > max_characters:
            break
    lines = "".join(parts).split("\n")
    return "\n".join(" ".join(line.split()) for line in lines)
