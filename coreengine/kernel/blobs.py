"""Content-addressed bytes on disk or S3, through Django's storage interface."""

import hashlib
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from coreengine.kernel.errors import TooLarge
from coreengine.kernel.models import Blob, BlobGrant

CHUNK = 256 * 1024


def blob_storage() -> Storage:
    """Return the storage that holds the bytes."""
    return storages["blobs"]


def _chunks(source: bytes | IO[bytes] | Iterable[bytes] | Any) -> Iterable[bytes]:
    if isinstance(source, bytes):
        yield source
    elif hasattr(source, "chunks"):
        yield from source.chunks(CHUNK)
    elif hasattr(source, "read"):
        while piece := source.read(CHUNK):
            yield piece
    else:
        yield from source


def store(source: bytes | IO[bytes] | Iterable[bytes], *, content_type: str = "", max_bytes: int | None = None) -> Blob:
    """Store bytes and return their blob; the same bytes give the same blob. Never held in memory whole.

    The blob is kept for a day without a holder; call `hold` in the transaction that refers to it.

    Raises:
        TooLarge: there are more than `max_bytes`; nothing is kept.
    """
    digest, size = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=4 * CHUNK) as spool:
        for piece in _chunks(source):
            size += len(piece)
            if max_bytes is not None and size > max_bytes:
                raise TooLarge(f"The file is larger than the {max_bytes / 1024 / 1024:.0f} MB that are allowed.")
            digest.update(piece)
            spool.write(piece)
        blob = Blob(sha256=digest.hexdigest(), size_bytes=size, content_type=content_type[:120])
        storage = blob_storage()
        if not storage.exists(blob.path):
            spool.seek(0)
            # Two writers of the same bytes: the storage gives the second another name, which is dropped.
            name = storage.save(blob.path, File(spool))
            if name != blob.path:
                storage.delete(name)
        blob, _ = Blob.objects.get_or_create(
            sha256=blob.sha256, defaults={"size_bytes": size, "content_type": blob.content_type}
        )
    # A blob that nobody held may be about to be swept: it is new again from now on.
    Blob.objects.filter(pk=blob.pk, holds=0).update(created_at=timezone.now())
    return blob


def open_blob(blob: Blob) -> IO[bytes]:
    """Open a blob for reading."""
    return blob_storage().open(blob.path, "rb")


def hold(blob: Blob) -> None:
    """Note that a row refers to this blob; call it in the transaction that writes the row."""
    Blob.objects.filter(pk=blob.pk).update(holds=F("holds") + 1)


def release(blob: Blob) -> None:
    """Note that a row no longer refers to this blob; the bytes go with the next sweep."""
    Blob.objects.filter(pk=blob.pk, holds__gt=0).update(holds=F("holds") - 1, created_at=timezone.now())


def grant(digests: Iterable[str], *, owner: Any) -> None:
    """Note that a student fetched these bytes, so that a later step may refer to them by name."""
    blobs = Blob.objects.filter(sha256__in=list(digests))
    BlobGrant.objects.bulk_create([BlobGrant(owner=owner, blob=blob) for blob in blobs], ignore_conflicts=True)


def is_granted(blob: Blob, *, owner: Any) -> bool:
    """Say whether a student fetched these bytes."""
    return BlobGrant.objects.filter(owner=owner, blob=blob).exists()


def sweep_blobs(*, older_than: timedelta = timedelta(days=1), limit: int = 500) -> int:
    """Remove blobs that nobody has held for a while; return how many."""
    removed = 0
    due = Blob.objects.filter(holds=0, created_at__lt=timezone.now() - older_than)
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            blob = due.select_for_update(skip_locked=True).filter(pk=pk).first()
            if blob is not None:
                blob_storage().delete(blob.path)
                blob.delete()
                removed += 1
    return removed
