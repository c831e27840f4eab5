"""PDF documents, page by page."""

import logging
import time
from typing import BinaryIO

from resources.extract.clean import clean_text, join_broken_words
from resources.extract.result import Extraction, NothingToRead, Page, UnreadableFile

# The child is killed at 30 s of processor time; stopping a little earlier keeps the pages read so far.
ENOUGH_CPU_S = 22
MAX_PAGES = 5_000


def extract(file: BinaryIO, *, max_characters: int) -> Extraction:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(file, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableFile("The PDF is protected with a password. Save a copy without one and upload that.")
        page_count = len(reader.pages)
    except (UnreadableFile, MemoryError):
        raise
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        OSError,
        IndexError,
    ) as problem:
        raise UnreadableFile("The PDF is damaged and could not be opened.") from problem

    pages: list[Page] = []
    length = broken = read = 0
    note = ""
    for number in range(1, page_count + 1):
        if length >= max_characters or number > MAX_PAGES or time.process_time() > ENOUGH_CPU_S:
            note = f"Only the first {read:,} of {page_count:,} pages were read; the document is very large."
            break
        read += 1
        try:
            text = reader.pages[number - 1].extract_text() or ""
        except MemoryError:
            raise
        except Exception:  # pypdf meets damaged objects with many kinds of exception; the other pages count
            broken += 1
            continue
        text = join_broken_words(clean_text(text))[: max_characters - length]
        if text:
            pages.append(Page(text, number))
            length += len(text)
    if not pages and broken:
        raise UnreadableFile("The PDF is damaged: none of its pages could be read.")
    if not pages:
        raise NothingToRead(
            "The PDF has pictures of pages but no text, as scans do. Its title and tags are searchable."
        )
    if broken and not note:
        note = f"{broken:,} of {page_count:,} pages are damaged and were left out."
    return Extraction(pages=pages, page_count=page_count, note=note)
