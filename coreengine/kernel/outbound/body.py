"""Reading an answer's body: decompressed with bounds, masked, within its size and time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from coreengine.kernel.outbound.errors import RequestFailed

PIECE_BYTES = 64 * 1024


class Mask(Protocol):
    """Takes secrets out of a stream, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return what is safe to pass on."""

    def end(self) -> bytes:
        """Return what was held back."""


class NoMask:
    """Passes everything on."""

    def feed(self, data: bytes) -> bytes:
        """Pass a piece on."""
        return data

    def end(self) -> bytes:
        """Nothing was held back."""
        return b""


def read_pieces(
    raw: Iterable[bytes], *, encoding: str, max_bytes: int, deadline: float, mask: Mask, host: str
) -> Iterator[bytes]:
    """Yield an answer's content in pieces.

    `max_bytes` counts what comes out of the decompression, so a small bomb is stopped as early as a large body.

    Raises:
        RequestFailed: too_large, timeout, or invalid_answer (an unknown or broken encoding).
    """
    total = 0
    for data in _decompressed(raw, encoding, host):
        if time.monotonic() > deadline:
            raise RequestFailed("timeout", f"{host} kept sending and did not come to an end in time.", retryable=True)
        total += len(data)
        if total > max_bytes:
            raise RequestFailed("too_large", f"{host} sent more than {_size(max_bytes)}; the rest was not read.")
        if piece := mask.feed(data):
            yield piece
    if rest := mask.end():
        yield rest


def _decompressed(raw: Iterable[bytes], encoding: str, host: str) -> Iterator[bytes]:
    if encoding in {"", "identity"}:
        yield from raw
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise RequestFailed(
            "invalid_answer", f'{host} answered in the encoding "{encoding[:40]}", which was not asked.'
        )
    reader = zlib.decompressobj(47 if "gzip" in encoding else zlib.MAX_WBITS)
    for data in raw:
        while data:
            try:
                yield reader.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise RequestFailed("invalid_answer", f"{host} sent a compressed answer that is broken.") from error
            data = reader.unconsumed_tail
    while piece := reader.decompress(reader.unconsumed_tail, PIECE_BYTES):
        yield piece


def _size(size_bytes: int) -> str:
    return f"{size_bytes // 2**20} MiB" if size_bytes >= 2**20 else f"{size_bytes} bytes"
