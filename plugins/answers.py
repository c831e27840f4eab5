"""Earlier answers of a connection, kept in the database and written in one go at the end of an action."""

from __future__ import annotations

from django.db.models import Count, Sum
from django.utils import timezone

from plugins.conf import plugin_settings
from plugins.gateway.records import KnownAnswer
from plugins.models import CachedAnswer, Connection

HELD_BYTES = 4 * 2**20
"""An action that reads more than this writes in between, so that a worker's memory does not grow with it."""


class StoredAnswers:
    """The answers that one connection got earlier; implements `AnswerStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._new: dict[str, KnownAnswer] = {}
        self._keys: set[str] | None = None
        self._held_bytes = 0

    @property
    def has_new(self) -> bool:
        """True if there is something for `write` to keep."""
        return bool(self._new)

    def find(self, key: str) -> KnownAnswer | None:
        """Return what was answered last at an address."""
        if key in self._new:
            return self._new[key]
        if self._keys is None:
            # Most of what a first sync asks is new: one look tells, instead of one for each request.
            mine = CachedAnswer.objects.filter(connection=self._connection)
            self._keys = set(mine.values_list("key", flat=True))
        if key not in self._keys:
            return None
        row = CachedAnswer.objects.filter(connection=self._connection, key=key).first()
        return row and KnownAnswer(row.etag, row.last_modified, row.headers, bytes(row.body))

    def keep(self, key: str, answer: KnownAnswer) -> None:
        """Remember an answer until `write`."""
        self._new[key] = answer
        if self._keys is not None:
            self._keys.add(key)
        self._held_bytes += len(answer.body)
        if self._held_bytes > HELD_BYTES:
            self.write()

    def write(self) -> None:
        """Write what is new; beyond the size and number that a connection may keep, the oldest go."""
        if not self._new:
            return
        rows = [
            CachedAnswer(
                connection=self._connection,
                key=key,
                etag=answer.etag[:500],
                last_modified=answer.last_modified[:100],
                headers=answer.headers,
                body=answer.body,
                size_bytes=len(answer.body),
                stored_at=timezone.now(),
            )
            # In one order everywhere, so that two actions of a connection cannot wait for each other.
            for key, answer in sorted(self._new.items())
        ]
        CachedAnswer.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["connection", "key"],
            update_fields=["etag", "last_modified", "headers", "body", "size_bytes", "stored_at"],
        )
        self._new.clear()
        self._held_bytes = 0
        self._shrink()

    def _shrink(self) -> None:
        mine = CachedAnswer.objects.filter(connection=self._connection)
        kept = mine.aggregate(size=Sum("size_bytes"), count=Count("pk"))
        bounds = plugin_settings()
        excess_bytes = (kept["size"] or 0) - bounds.CACHE_BYTES
        excess_rows = kept["count"] - bounds.CACHE_ROWS
        if excess_bytes <= 0 and excess_rows <= 0:
            return
        doomed: list[int] = []
        for pk, size in mine.order_by("stored_at", "pk").values_list("pk", "size_bytes").iterator():
            if excess_bytes <= 0 and excess_rows <= 0:
                break
            doomed.append(pk)
            excess_bytes -= size
            excess_rows -= 1
        CachedAnswer.objects.filter(pk__in=doomed).delete()
