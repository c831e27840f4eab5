"""The relay: a small ASGI application that passes live streams on to pages.

`GET /streams/<name>` answers with server-sent events to the stream's owner, who is known by the session
cookie or a Bearer token, and goes on after `Last-Event-ID`. Run it as `uvicorn coreengine.asgi:application`.

Page workers never hold such a connection. Here one costs a task and a few kilobytes: a single subscription
to Redis wakes the readers whose stream has something new, and no database connection is kept.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import django
import redis.asyncio
from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings

from coreengine.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module())
if not apps.ready:
    # The relay needs to know people and their sessions, nothing else: half of the start-up time is saved.
    settings.INSTALLED_APPS = [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "coreengine.accounts",
    ]
    django.setup()

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import close_old_connections, connections
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from coreengine.accounts.models import User
from coreengine.kernel import streams

logger = logging.getLogger("coreengine.relay")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HEARTBEAT_S = 15.0
# After this long a reader has to come back and show again who it is; browsers do so by themselves.
MAX_LISTENING_S = 900.0
RETRY_MS = 1500
PREFIX = "/streams/"


class Bells:
    """One subscription to Redis for all readers: each waits for its own stream's bell."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._redis: redis.asyncio.Redis | None = None
        self._listener: asyncio.Task[None] | None = None

    def redis(self) -> redis.asyncio.Redis:
        if self._redis is None:
            # A blocking pool: when one bell wakes hundreds of readers, they take turns instead of failing.
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=10, max_connections=32, timeout=20
            )
            self._redis = redis.asyncio.Redis.from_pool(pool)
        return self._redis

    @contextlib.asynccontextmanager
    async def reader(self, name: str) -> Any:
        """A bell for one reader. The listener runs while there is at least one."""
        bell = asyncio.Event()
        channel = streams.bell_channel(name)
        self._waiting[channel].add(bell)
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            yield bell
        finally:
            self._waiting[channel].discard(bell)
            if not self._waiting[channel]:
                del self._waiting[channel]

    async def _listen(self) -> None:
        pattern = streams.bell_channel("*")
        while True:
            try:
                # No timeout here: silence is normal, and readers look for themselves at every heartbeat.
                connection = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3)
                async with connection, connection.pubsub() as pubsub:
                    await pubsub.psubscribe(pattern)
                    self._ring_all()
                    async for message in pubsub.listen():
                        if message["type"] == "pmessage":
                            self._ring(message["channel"].decode())
            except redis.RedisError as error:
                logger.warning("the relay lost Redis, trying again: %s", error)
                await asyncio.sleep(1)

    def _ring(self, channel: str) -> None:
        for bell in self._waiting.get(channel, ()):
            bell.set()

    def _ring_all(self) -> None:
        for channel in list(self._waiting):
            self._ring(channel)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        if self._redis is not None:
            await self._redis.aclose()


bells = Bells()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI entry point."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        await _http(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await bells.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _http(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    cors = _cors_headers(headers)
    path = scope["path"]
    if path == "/health":
        await _answer(send, 200, {"status": "healthy"}, cors)
    elif not path.startswith(PREFIX):
        await _answer(send, 404, {"detail": "Not found."}, cors)
    elif scope["method"] == "OPTIONS":
        await _answer(send, 204 if cors else 403, None, [*cors, (b"access-control-allow-methods", b"GET")])
    elif scope["method"] != "GET":
        await _answer(send, 405, {"detail": "Only GET."}, [*cors, (b"allow", b"GET, OPTIONS")])
    elif "origin" in headers and not cors:
        await _answer(send, 403, {"detail": "This origin may not listen here."}, [])
    else:
        await _stream(path.removeprefix(PREFIX).strip("/"), headers, cors, receive, send)


async def _stream(
    name: str, headers: dict[str, str], cors: list[tuple[bytes, bytes]], receive: Receive, send: Send
) -> None:
    user_id = await sync_to_async(_user_id, thread_sensitive=False)(headers)
    if user_id is None:
        await _answer(send, 401, {"detail": "Sign in to listen."}, cors)
        return
    try:
        owner = await bells.redis().get(streams.owner_key(name))
    except ValueError:
        owner = None
    except redis.RedisError as error:
        logger.warning("the relay cannot reach Redis: %s", error)
        await _answer(send, 503, {"detail": "Streams are not available right now."}, cors)
        return
    # A stream that is not there and one of somebody else look the same.
    if owner is None or int(owner) != user_id:
        await _answer(send, 404, {"detail": "There is no such stream."}, cors)
        return
    after = headers.get("last-event-id", "")
    if not streams.is_event_id(after):
        after = "0-0"
    elif await _has_ended_before(name, after):
        # 204 is how a server tells EventSource not to come back.
        await _answer(send, 204, None, cors)
        return
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/event-stream; charset=utf-8"),
                (b"cache-control", b"no-store, no-transform"),
                (b"x-accel-buffering", b"no"),
                (b"x-content-type-options", b"nosniff"),
                *cors,
            ],
        }
    )
    await _chunk(send, f"retry: {RETRY_MS}\n\n".encode())
    relaying = asyncio.create_task(_relay(name, after, send))
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({relaying, leaving}, timeout=MAX_LISTENING_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (relaying, leaving):
            task.cancel()
        results = await asyncio.gather(relaying, leaving, return_exceptions=True)
    failure = results[0]
    if isinstance(failure, redis.RedisError):
        logger.warning("stream %s stopped, the reader will come back: %s", name, failure)
    elif isinstance(failure, Exception) and not isinstance(failure, OSError):
        logger.error("stream %s failed", name, exc_info=failure)
    with contextlib.suppress(OSError):
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _relay(name: str, after: str, send: Send) -> None:
    """Send what is there, then what comes, until the end event."""
    key = streams.stream_key(name)
    async with bells.reader(name) as bell:
        while True:
            bell.clear()
            found = await bells.redis().xread({key: after}, count=500)
            for _, entries in streams.as_pairs(found):
                events = [streams.as_event(entry) for entry in entries]
                await _chunk(send, b"".join(map(_encoded, events)))
                after = events[-1].id
                if any(event.event == streams.END for event in events):
                    return
            if found:
                continue
            try:
                await asyncio.wait_for(bell.wait(), HEARTBEAT_S)
            except TimeoutError:
                await _chunk(send, b": still here\n\n")


async def _has_ended_before(name: str, after: str) -> bool:
    last = await bells.redis().xrevrange(streams.stream_key(name), count=1)
    if not last:
        return False
    event = streams.as_event(last[0])
    return event.event == streams.END and _order(event.id) <= _order(after)


def _order(identifier: str) -> tuple[int, int]:
    milliseconds, _, sequence = identifier.partition("-")
    return int(milliseconds), int(sequence)


def _encoded(event: streams.StreamEvent) -> bytes:
    # JSON has no line breaks of its own, so one data line holds all of it.
    return f"id: {event.id}\nevent: {event.event}\ndata: {json.dumps(event.data)}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _chunk(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _answer(send: Send, status: int, value: dict[str, str] | None, extra: Iterable[tuple[bytes, bytes]]) -> None:
    body = b"" if value is None else json.dumps({"status": status, **value} if status != 200 else value).encode()
    kind = b"application/json" if status == 200 else b"application/problem+json"
    headers = [(b"cache-control", b"no-store"), *extra]
    if value is not None:
        headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _cors_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Let the site's own pages in, with their cookies: those of another port in development, and those
    of the origins that the settings name. Anything else gets no leave to read."""
    origin = headers.get("origin", "")
    if not origin:
        return []
    parts = urlsplit(origin)
    named = {*getattr(settings, "CORS_ALLOWED_ORIGINS", ()), *getattr(settings, "CSRF_TRUSTED_ORIGINS", ())}
    host = headers.get("host", "")
    is_same = parts.scheme in ("http", "https") and parts.netloc == host
    is_neighbour = settings.ENVIRONMENT != "production" and parts.hostname == urlsplit(f"//{host}").hostname
    if not (is_same or is_neighbour or origin in named):
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-headers", b"authorization, last-event-id"),
        (b"vary", b"Origin"),
    ]


def _user_id(headers: dict[str, str]) -> int | None:
    """Who asks: by Bearer token, else by session. Runs in a thread and leaves no connection behind."""
    close_old_connections()
    try:
        request = _django_request(headers)
        if "authorization" in headers:
            return _user_of_token(request)
        return _user_of_session(request)
    finally:
        connections.close_all()


def _django_request(headers: dict[str, str]) -> HttpRequest:
    request = HttpRequest()
    request.method = "GET"
    request.META = {"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "relay", "SERVER_PORT": "0"}
    if "authorization" in headers:
        request.META["HTTP_AUTHORIZATION"] = headers["authorization"]
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    request.COOKIES = {name: morsel.value for name, morsel in cookies.items()}
    return request


def _user_of_session(request: HttpRequest) -> int | None:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    # As django.contrib.auth.get_user does, without loading the sign-in backend and all that it needs.
    session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(key)
    if not str(session.get(SESSION_KEY, "")).isdigit():
        return None
    user = User.objects.filter(pk=session[SESSION_KEY], is_active=True).first()
    if user is None:
        return None
    known = session.get(HASH_SESSION_KEY, "")
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return user.pk if any(constant_time_compare(known, each) for each in hashes) else None


def _user_of_token(request: HttpRequest) -> int | None:
    from rest_framework.exceptions import APIException

    from coreengine.accounts.api.authentication import BearerTokenAuthentication

    try:
        found = BearerTokenAuthentication().authenticate(request)
    except APIException:
        return None
    return found[0].pk if found else None
