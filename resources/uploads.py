"""Stop reading a file that is too large, instead of writing all of it to disk before refusing it."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

MAX_FILES = 50


class BoundedUploads(FileUploadHandler):
    """Drops a file of a request as soon as it passes MAX_UPLOAD_BYTES; the other files are kept.

    The names of dropped files are in `request.refused_uploads`. First in FILE_UPLOAD_HANDLERS, so that the
    handlers that store see no more of them.
    """

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.request.refused_uploads = []
        self.count = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.size = 0
        self.count += 1

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        # Not in new_file: a file skipped there closes the one before it (the handlers still hold it).
        if self.count > MAX_FILES:
            self.request.refused_uploads.append((self.file_name, f"At most {MAX_FILES} files at a time."))
            raise SkipFile
        self.size += len(raw_data)
        if self.size > settings.MAX_UPLOAD_BYTES:
            self.request.refused_uploads.append((self.file_name, too_large(self.file_name)))
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def too_large(name: str) -> str:
    """Say that a file is larger than allowed, and what to do."""
    megabytes = settings.MAX_UPLOAD_BYTES // 1024 // 1024
    return f"“{name}” is larger than the {megabytes} MB that are allowed. Split it or make it smaller."
