"""PowerPoint slides, one page per slide."""

import re
import zipfile
from typing import BinaryIO

from resources.extract.clean import clean_text
from resources.extract.office import open_archive
from resources.extract.result import Extraction, NothingToRead, Page, UnreadableFile

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDE = re.compile(r"ppt/slides/slide(\d{1,5})\.xml")


def extract(file: BinaryIO, *, max_characters: int) -> Extraction:
    from lxml import etree

    archive = open_archive(file)
    # Slides are numbered by file name; moving slides about in PowerPoint renumbers them on save.
    names = sorted((int(match[1]), name) for name in archive.namelist() if (match := _SLIDE.fullmatch(name)))
    if not names:
        raise UnreadableFile("The presentation is damaged: no slides were found in it.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    pages: list[Page] = []
    length = 0
    for number, name in names:
        try:
            root = etree.fromstring(archive.read(name), parser=parser)
        except (etree.XMLSyntaxError, zipfile.BadZipFile, KeyError, ValueError) as problem:
            raise UnreadableFile(f"The presentation is damaged at slide {number}.") from problem
        lines = ["".join(t.text or "" for t in p.iter(f"{_A}t")) for p in root.iter(f"{_A}p")]
        text = clean_text("\n".join(line for line in lines if line.strip()))[: max_characters - length]
        if text:
            pages.append(Page(text, number))
            length += len(text)
        if length >= max_characters:
            break
    if not pages:
        raise NothingToRead("The slides have no text in them.")
    return Extraction(pages=pages, page_count=len(names))
