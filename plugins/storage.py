"""The small key-value store of each connection: what a plugin keeps between two actions, such as a sync cursor.

An action reads what was there when it asked, and its own writes. They are applied in the transaction that records
its success; a failed action changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from coreengine.kernel.events import record
from coreengine.kernel.outbound.errors import RequestFailed
from plugins.models import Connection, StoredValue

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from plugins.manifest import Manifest

MAX_KEYS = 256
MAX_KEY_LENGTH = 200
MAX_VALUE_BYTES = 64 * 1024
MAX_TOTAL_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class StorageUse:
    """How much a connection's plugin keeps; sizes are bytes, keys and values together."""

    key_count: int
    size_bytes: int
    limit_bytes: int


class Storage:
    """The store of one connection as one action sees it. The connection is fixed when it is made."""

    def __init__(self, connection: Connection, manifest: Manifest) -> None:
        self._connection = connection
        self._limit_bytes = limit_bytes(manifest)
        self._sizes: dict[str, int] = {}
        self._is_loaded = False
        self._changes: dict[str, str | None] = {}

    @property
    def methods(self) -> dict[str, Callable[[dict[str, Any], float], dict[str, Any]]]:
        """The words of the protocol; each takes params and a deadline, which no word of these comes near."""
        return {
            "storage.get": lambda params, _: self.get(params),
            "storage.set": lambda params, _: self.set(params),
            "storage.delete": lambda params, _: self.delete(params),
            "storage.list": lambda params, _: self.list(params),
        }

    @property
    def has_changes(self) -> bool:
        """True if there is something for `write` to apply."""
        return bool(self._changes)

    def get(self, params: dict[str, Any]) -> dict[str, Any]:
        """{key} → {value}, null where there is none."""
        key = _key(params, {"key"})
        if key in self._changes:
            text = self._changes[key]
        else:
            row = StoredValue.objects.filter(connection=self._connection, key=key).values_list("value", flat=True)
            text = row.first()
        return {"value": None if text is None else json.loads(text)}

    def set(self, params: dict[str, Any]) -> dict[str, Any]:
        """{key, value} → {}; null removes.

        Raises:
            RequestFailed: key_too_long, value_too_large or storage_full.
        """
        key = _key(params, {"key", "value"})
        if params.get("value") is None:
            return self.delete({"key": key})
        text = _text(params["value"])
        sizes = {**self._known(), key: _size(key, text)}
        _check_room(sizes, self._limit_bytes)
        self._sizes = sizes
        self._changes[key] = text
        return {}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        """{key} → {}; harmless where there is none."""
        key = _key(params, {"key"})
        self._known().pop(key, None)
        self._changes[key] = None
        return {}

    def list(self, params: dict[str, Any]) -> dict[str, Any]:
        """{prefix} → {keys}, in order of the alphabet."""
        prefix = params.get("prefix", "")
        if set(params) - {"prefix"} or not isinstance(prefix, str):
            raise RequestFailed("invalid_request", "storage.list takes a prefix, which is text.")
        return {"keys": sorted(key for key in self._known() if key.startswith(prefix))}

    def write(self) -> None:
        """Apply the changes; the caller holds the connection's row, so no other action writes meanwhile.

        Raises:
            RequestFailed: storage_full, because another action filled the store since; then nothing is changed.
        """
        if not self._changes:
            return
        kept = {key: text for key, text in self._changes.items() if text is not None}
        mine = StoredValue.objects.filter(connection=self._connection)
        others = dict(mine.exclude(key__in=self._changes).values_list("key", "size_bytes"))
        if kept:
            _check_room({**others, **{key: _size(key, text) for key, text in kept.items()}}, self._limit_bytes)
        mine.filter(key__in=self._changes.keys() - kept.keys()).delete()
        now = timezone.now()
        StoredValue.objects.bulk_create(
            [
                StoredValue(
                    connection=self._connection, key=key, value=text, size_bytes=_size(key, text), updated_at=now
                )
                for key, text in sorted(kept.items())
            ],
            update_conflicts=True,
            unique_fields=["connection", "key"],
            update_fields=["value", "size_bytes", "updated_at"],
        )

    def _known(self) -> dict[str, int]:
        """Sizes by key, as this action sees them; asked of the database once."""
        if not self._is_loaded:
            stored = StoredValue.objects.filter(connection=self._connection)
            self._sizes = dict(stored.values_list("key", "size_bytes"))
            self._is_loaded = True
        return self._sizes


def limit_bytes(manifest: Manifest | None) -> int:
    """Return how many bytes a connection of this plugin may store."""
    return min(MAX_TOTAL_BYTES, manifest.resources.storage_bytes) if manifest else MAX_TOTAL_BYTES


def storage_use(connection: Connection) -> StorageUse:
    """Return how much a connection's plugin keeps; one query."""
    found = StoredValue.objects.filter(connection=connection).aggregate(count=Count("pk"), size=Sum("size_bytes"))
    return StorageUse(found["count"], found["size"] or 0, limit_bytes(connection.manifest))


@transaction.atomic
def forget_stored(connection: Connection, *, by: User) -> int:
    """Remove everything that a connection's plugin keeps; return how many keys went.

    The next sync starts from the beginning. An action that runs meanwhile writes only what it changed itself.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    count, _ = StoredValue.objects.filter(connection=connection).delete()
    if count:
        data = {"plugin": connection.plugin, "key_count": count}
        record("connection.storage_forgotten", actor=by, subject=connection, data=data)
    return count


def _key(params: dict[str, Any], known: set[str]) -> str:
    key = params.get("key")
    if set(params) - known:
        raise RequestFailed("invalid_request", f"The storage takes {' and '.join(sorted(known))} and nothing else.")
    if not isinstance(key, str) or not key:
        raise RequestFailed("invalid_request", "A key of the storage is text that is not empty.")
    if len(key) > MAX_KEY_LENGTH:
        raise RequestFailed(
            "key_too_long", f"The key {key[:40]}… has {len(key)} characters; {MAX_KEY_LENGTH} are allowed."
        )
    return key


def _text(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise RequestFailed("invalid_request", "A stored value holds only what JSON can say.") from error
    if len(text.encode()) > MAX_VALUE_BYTES:
        raise RequestFailed(
            "value_too_large", f"A stored value has at most {MAX_VALUE_BYTES // 1024} KiB; store less, or in parts."
        )
    return text


def _size(key: str, text: str) -> int:
    return len(key.encode()) + len(text.encode())


def _check_room(sizes: dict[str, int], limit: int) -> None:
    if len(sizes) > MAX_KEYS:
        raise RequestFailed("storage_full", f"A connection stores at most {MAX_KEYS} keys; delete one first.")
    if sum(sizes.values()) > limit:
        raise RequestFailed(
            "storage_full", f"A connection stores at most {limit // 1024} KiB in all; delete something first."
        )
