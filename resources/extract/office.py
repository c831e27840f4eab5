"""What Word and PowerPoint files share: they are zip archives of XML."""

import zipfile
from typing import BinaryIO

from resources.extract.result import UnreadableFile

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 200 * 1024 * 1024


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip whose declared sizes are within reason; nothing is ever unpacked to disk.

    `zipfile` stops reading an entry at its declared size, so an archive cannot lie its way past the sum.

    Raises:
        UnreadableFile: it is no sound archive, or a bomb, or protected with a password.
    """
    try:
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as problem:
        if _is_protected_office_file(file):
            raise UnreadableFile(
                "The document is protected with a password. Save a copy without one and upload that."
            ) from problem
        raise UnreadableFile("The document is damaged and could not be opened.") from problem
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise UnreadableFile("The document is protected with a password. Save a copy without one and upload that.")
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise UnreadableFile(
            f"The document unpacks to more than {MAX_UNPACKED_BYTES // 1024 // 1024} MB, so it was not read."
        )
    return archive


def _is_protected_office_file(file: BinaryIO) -> bool:
    """Office files with a password are wrapped in an OLE container instead of a zip."""
    file.seek(0)
    return file.read(8) == bytes.fromhex("d0cf11e0a1b11ae1")
