"""Whether this installation can do its work: database, Redis, workers that consume, the clock.

A worker counts as alive when it has lately *taken a task from its queue*, not because a process exists:
workers have been seen that live and no longer consume. Every task that a worker starts leaves the time
in Redis; where nothing is due, a heartbeat task goes through the same queue, sent by beat and by whoever
asks for readiness. No check takes longer than `LIMIT_S`, whatever hangs.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from celery import shared_task
from celery.signals import task_prerun
from django.conf import settings
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

LIMIT_S = 2.0
STALE_S = 25.0
HEARTBEAT_S = 10.0
ASK_AGAIN_S = 2.0
WORKERS = {"worker": "default", "plugin-worker": "plugins"}
_PREFIX = "ce:health"


@dataclass(frozen=True)
class Check:
    """One part and how it is."""

    ok: bool
    detail: str


def readiness() -> dict[str, Check]:
    """Look at every part. Takes at most about `LIMIT_S`."""
    database, parts = _bounded("database", _database), _bounded("redis", _redis_and_reports)
    found = {**database(), **parts()}
    unknown = Check(False, "unknown while Redis does not answer")
    return {name: found.get(name, unknown) for name in ("database", "redis", *WORKERS, "beat")}


@shared_task(name="kernel.heartbeat", ignore_result=True, acks_late=False)
def heartbeat() -> None:
    """Nothing: that a worker took it from the queue is the message (see `_note_consumption`)."""


def note_beat() -> None:
    """Record that beat ticks, and keep the queues' heartbeats going. Called by the scheduler at every tick."""
    client = _client()
    client.set(f"{_PREFIX}:beat", time.time())
    for queue in WORKERS.values():
        if _age(client.get(_consumed(queue))) > HEARTBEAT_S:
            _ask(client, queue)


_noted: dict[str, float] = {}


@task_prerun.connect(weak=False)
def _note_consumption(task: Any = None, **_: Any) -> None:
    """In a worker: remember that this queue is being consumed, at most once a second."""
    queue = (task.request.delivery_info or {}).get("routing_key") if task is not None else None
    if not queue or time.monotonic() - _noted.get(queue, -ASK_AGAIN_S) < 1:
        return
    try:
        _client().set(_consumed(queue), time.time())
        _noted[queue] = time.monotonic()
    except redis.RedisError as error:
        logger.warning("the heartbeat of queue %s could not be noted: %s", queue, error)


def _database() -> dict[str, Check]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return {"database": Check(True, "answers")}
    except DatabaseError as error:
        logger.warning("readiness: the database does not answer: %s", error)
        return {"database": Check(False, "does not answer")}
    finally:
        connection.close()  # a new connection each time, which is what a request would need


def _redis_and_reports() -> dict[str, Check]:
    client = _client()
    try:
        disk_fails = client.info("persistence").get("aof_last_write_status") == "err"
        beat_age = _age(client.get(f"{_PREFIX}:beat"))
        ages = {name: _age(client.get(_consumed(queue))) for name, queue in WORKERS.items()}
        for name, age in ages.items():
            if age > HEARTBEAT_S / 2:
                _ask(client, WORKERS[name])
    except (redis.RedisError, OperationalError) as error:
        logger.warning("readiness: Redis does not answer: %s", error)
        return {"redis": Check(False, "does not answer")}
    parts = {"redis": Check(not disk_fails, "cannot write to its disk" if disk_fails else "answers")}
    for name, age in ages.items():
        queue = WORKERS[name]
        seen = "has not taken a task yet" if age == float("inf") else f"took its last task {age:.0f} s ago"
        parts[name] = Check(age <= STALE_S, f"queue {queue}: {seen}")
    ticked = "has not ticked yet" if beat_age == float("inf") else f"ticked {beat_age:.0f} s ago"
    parts["beat"] = Check(beat_age <= STALE_S, ticked)
    return parts


def _ask(client: redis.Redis, queue: str) -> None:
    """Send a heartbeat through a queue, unless one has just been sent."""
    if client.set(f"{_PREFIX}:asked:{queue}", "1", nx=True, px=int(ASK_AGAIN_S * 1000)):
        heartbeat.apply_async(queue=queue, expires=STALE_S, retry=False)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


# Threads of their own, because a connection attempt cannot be interrupted. While one hangs, later checks
# queue behind it and are answered by their own limit.
_threads = {"database": ThreadPoolExecutor(1, "health-database"), "redis": ThreadPoolExecutor(1, "health-redis")}


def _bounded(name: str, look: Callable[[], dict[str, Check]]) -> Callable[[], dict[str, Check]]:
    future = _threads[name].submit(look)
    deadline = time.monotonic() + LIMIT_S

    def answer() -> dict[str, Check]:
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except NoAnswer:
            future.cancel()
            return {name: Check(False, f"gave no answer within {LIMIT_S:g} s")}

    return answer


def _consumed(queue: str) -> str:
    return f"{_PREFIX}:consumed:{queue}"


def _age(stamp: bytes | str | None) -> float:
    return max(0.0, time.time() - float(stamp)) if stamp else float("inf")
