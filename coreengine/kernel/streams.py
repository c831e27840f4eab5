"""Live streams: producers append to Redis, the relay passes them on to pages as server-sent events.

A stream belongs to one student, is trimmed, and is forgotten an hour after its last event. It is a copy for
watching only: whatever matters is in the database as well. The event `end` closes a stream.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

PREFIX = "ce:stream"
KEEP_S = 3600
MAX_EVENTS = 20_000
END = "end"
LOOPBACK = {"127.0.0.1", "localhost"}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_ID = re.compile(r"\d{1,15}-\d{1,9}")


@dataclass(frozen=True)
class StreamEvent:
    """One entry; `id` is what a reader gives to go on after it."""

    id: str
    event: str
    data: Any


def stream_key(name: str) -> str:
    """The Redis key of a stream's events.

    Raises:
        ValueError: the name is not one of lower-case letters, digits and dashes.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a stream")
    return f"{PREFIX}:{name}"


def owner_key(name: str) -> str:
    """The Redis key that holds the id of the stream's owner."""
    return f"{stream_key(name)}:owner"


def bell_channel(name: str) -> str:
    """The channel on which readers are told that something is new."""
    return f"{PREFIX}-bell:{name}"


def is_event_id(value: str) -> bool:
    """True for an id that a reader may resume from."""
    return bool(_ID.fullmatch(value))


def open_stream(name: str, *, owner_id: int) -> None:
    """Begin a stream, empty, that its owner may read."""
    with client().pipeline(transaction=True) as pipe:
        pipe.delete(stream_key(name))
        pipe.set(owner_key(name), owner_id, ex=KEEP_S)
        pipe.execute()


def open_stream_quietly(name: str, *, owner_id: int) -> None:
    """As `open_stream`, for work that goes on when Redis is away."""
    try:
        open_stream(name, owner_id=owner_id)
    except redis.RedisError as error:
        logger.warning("stream %s was not opened: %s", name, error)


def publish(name: str, event: str, data: Any) -> str | None:
    """Append an event; return its id, or None when Redis is away.

    Nobody's work fails because nobody can watch it, so an unreachable Redis is logged and passed over.
    """
    key = stream_key(name)
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.xadd(key, {"event": event, "data": json.dumps(data)}, maxlen=MAX_EVENTS, approximate=True)
            pipe.expire(key, KEEP_S)
            pipe.expire(owner_key(name), KEEP_S)
            pipe.publish(bell_channel(name), "")
            return _text(pipe.execute()[0])
    except redis.RedisError as error:
        logger.warning("stream %s: %s was not published: %s", name, event, error)
        return None


def read(name: str, after_id: str = "0-0", *, block_s: float | None = None, count: int = 500) -> list[StreamEvent]:
    """The events after `after_id`, oldest first; waits up to `block_s` for the first one."""
    block_ms = None if block_s is None else max(1, int(block_s * 1000))
    found = client().xread({stream_key(name): after_id}, count=count, block=block_ms)
    return [event for _, entries in as_pairs(found) for event in map(as_event, entries)]


def as_pairs(found: Any) -> list[tuple[Any, Any]]:
    """XREAD's answer as pairs of key and entries, whichever protocol it came by."""
    return list(found.items()) if isinstance(found, Mapping) else list(found or [])


def as_event(entry: Any) -> StreamEvent:
    """An entry of XREAD as an event."""
    identifier, fields = entry
    values = {_text(name): _text(value) for name, value in fields.items()}
    return StreamEvent(_text(identifier), values["event"], json.loads(values["data"]))


def stream_url(request: HttpRequest, name: str) -> str:
    """The address where a page can listen to a stream."""
    base = getattr(settings, "STREAM_URL", "") or ""
    parts, host = urlsplit(base), urlsplit(f"//{request.get_host()}").hostname or ""
    if parts.hostname in LOOPBACK and host in LOOPBACK and parts.port:
        base = f"{parts.scheme}://{host}:{parts.port}"  # cookies belong to the name by which the reader came
    return f"{base.rstrip('/')}/streams/{name}"


def client() -> redis.Redis:
    """This process's connection pool to Redis."""
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=3, health_check_interval=30)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
