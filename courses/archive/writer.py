"""Writing one ZIP piece by piece, with the checksum of everything in it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import IO, Any

CHUNK = 256 * 1024
# Packing these again costs time and saves nothing.
_PACKED = (
    *("image/png", "image/jpeg", "image/webp", "image/gif", "application/zip", "application/gzip", "application/pdf"),
    *("audio/", "video/", "application/vnd.openxmlformats"),
)


class ZipWriter:
    """Adds entries to a ZIP. Never holds more of a file than a piece in memory."""

    def __init__(self, target: IO[bytes], *, now: datetime) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._date = max((1980, 1, 1, 0, 0, 0), now.timetuple()[:6])
        self.sums: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, *raised: object) -> None:
        """Let go of the ZIP, finished or not, while the file under it is still open."""
        self._zip.close()

    def text(self, path: str, content: str) -> None:
        """Add a text as UTF-8."""
        self.pieces(path, [content.encode()])

    def data(self, path: str, content: Any) -> None:
        """Add JSON that people can read."""
        self.text(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")

    def pieces(
        self, path: str, source: Iterable[bytes], *, content_type: str = "", on_piece: Callable[[], None] | None = None
    ) -> None:
        """Add bytes as they come."""
        entry = zipfile.ZipInfo(path, self._date)
        entry.external_attr = 0o644 << 16
        packed = content_type.startswith(_PACKED)
        entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        digest, size = hashlib.sha256(), 0
        with self._zip.open(entry, "w", force_zip64=True) as out:
            for piece in source:
                out.write(piece)
                digest.update(piece)
                size += len(piece)
                if on_piece is not None:
                    on_piece()
        self.sums[path] = (digest.hexdigest(), size)

    def close(self, manifest: dict[str, Any]) -> None:
        """Add the manifest and the list of checksums, and finish the ZIP."""
        files = [{"path": path, "sha256": sha, "bytes": size} for path, (sha, size) in self.sums.items()]
        self.data("manifest.json", {**manifest, "files": files})
        sums = "".join(f"{sha}  {path}\n" for path, (sha, _) in self.sums.items())
        self.text("SHA256SUMS", sums)
        self._zip.close()


def read_pieces(file: IO[bytes]) -> Iterable[bytes]:
    """The bytes of a file, piece by piece."""
    while piece := file.read(CHUNK):
        yield piece
