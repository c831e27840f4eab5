"""Bytes named by their content."""

import io
from datetime import timedelta

import pytest
from django.utils import timezone

from coreengine.kernel.blobs import blob_storage, hold, open_blob, release, store, sweep_blobs
from coreengine.kernel.errors import TooLarge
from coreengine.kernel.models import Blob

pytestmark = pytest.mark.django_db


def test_equal_bytes_are_stored_once() -> None:
    first = store(b"hello", content_type="text/plain")
    second = store(io.BytesIO(b"hello"))

    assert first.pk == second.pk and first.size_bytes == 5
    assert open_blob(first).read() == b"hello"


def test_chunks_are_joined() -> None:
    blob = store(iter([b"a" * 300_000, b"b" * 300_000]))

    assert blob.size_bytes == 600_000 and open_blob(blob).read()[299_999:300_001] == b"ab"


def test_too_many_bytes_leave_nothing_behind() -> None:
    with pytest.raises(TooLarge):
        store(iter([b"x" * 1024] * 2048), max_bytes=1024 * 1024)

    assert not Blob.objects.exists()


def test_the_sweep_takes_only_what_nobody_has_held_for_a_day() -> None:
    held, fresh, old = store(b"held"), store(b"fresh"), store(b"old")
    hold(held)
    Blob.objects.filter(pk__in=[held.pk, old.pk]).update(created_at=timezone.now() - timedelta(days=2))

    removed = sweep_blobs()

    assert removed == 1 and set(Blob.objects.all()) == {held, fresh}
    assert not blob_storage().exists(old.path)


def test_a_released_blob_stays_for_a_day() -> None:
    blob = store(b"bytes")
    hold(blob)
    Blob.objects.filter(pk=blob.pk).update(created_at=timezone.now() - timedelta(days=2))

    release(blob)

    assert sweep_blobs() == 0
    blob.refresh_from_db()
    assert blob.holds == 0
