"""Who is at work, what lies in the queues and what is overdue, for the admin's page."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from kombu.exceptions import OperationalError
from kombu.transport.redis import PRIORITY_STEPS, Channel

from coreengine.kernel.health import Check, readiness
from workflows.models import Execution, StepExecution
from workflows.querysets import OPEN_STATUSES

logger = logging.getLogger(__name__)

QUEUES = ("default", "agents", "plugins")
ASK_S = 1.0


@dataclass(frozen=True)
class Worker:
    """A worker that answered."""

    name: str
    pool: str
    processes: int
    tasks_done: int
    now: list[str]


@dataclass(frozen=True)
class Queue:
    """A queue and how many messages wait in it; None when Redis did not say."""

    name: str
    waiting: int | None


@dataclass(frozen=True)
class Depth:
    """How much of one student is under way and how much queues."""

    owner_id: int
    email: str
    in_progress: int
    queued: int
    oldest_queued: datetime | None


@dataclass
class WorkInHand:
    """Everything the page shows."""

    checks: dict[str, Check]
    workers: list[Worker] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    unacknowledged: int | None = None
    executions: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    depths: list[Depth] = field(default_factory=list)


def work_in_hand() -> WorkInHand:
    """Ask everyone, none of them for longer than a second or two."""
    work = WorkInHand(checks=readiness())
    work.workers = _workers()
    work.queues, work.unacknowledged = _queues()
    rows = Execution.objects.open().order_by().values("status").annotate(count=Count("pk"))
    work.executions = {row["status"]: row["count"] for row in rows}
    now = timezone.now()
    work.steps = StepExecution.objects.filter(status__in=OPEN_STATUSES).aggregate(
        running=Count("pk", filter=Q(status="running")),
        ready=Count("pk", filter=Q(status="pending", waiting_for=0)),
        waiting_for_retry=Count("pk", filter=Q(status="waiting", reason="")),
        lost=Count("pk", filter=Q(status="running", lease_until__lt=now)),
    )
    work.depths = queue_depths()
    return work


def queue_depths(*, limit: int = 20) -> list[Depth]:
    """The students with the most executions that are not over, the deepest queue first."""
    queued = Q(admitted_at=None, status="pending")
    rows = (
        Execution.objects.open()
        .order_by()
        .values("owner_id", "owner__email")
        .annotate(
            queued=Count("pk", filter=queued),
            in_progress=Count("pk", filter=~queued),
            oldest=Min("created_at", filter=queued),
        )
        .order_by("-queued", "-in_progress", "owner_id")[:limit]
    )
    return [
        Depth(row["owner_id"], row["owner__email"], row["in_progress"], row["queued"], row["oldest"]) for row in rows
    ]


def _workers() -> list[Worker]:
    try:
        inspect = current_app.control.inspect(timeout=ASK_S)
        stats: dict[str, Any] = inspect.stats() or {}
        active: dict[str, list[dict[str, Any]]] = (inspect.active() if stats else None) or {}
    except (OperationalError, redis.RedisError, OSError) as error:
        logger.warning("workers could not be asked: %s", error)
        return []
    return [
        Worker(
            name=name,
            pool=str(told.get("pool", {}).get("implementation", "")).rpartition(".")[2].removesuffix("Pool"),
            processes=int(told.get("pool", {}).get("max-concurrency") or 0),
            tasks_done=sum((told.get("total") or {}).values()),
            now=[f"{task.get('name')}{task.get('args')}" for task in active.get(name, [])],
        )
        for name, told in sorted(stats.items())
    ]


def _queues() -> tuple[list[Queue], int | None]:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=ASK_S, socket_connect_timeout=ASK_S)
    try:
        found = [Queue(name, sum(int(client.llen(key)) for key in lists_of(name))) for name in QUEUES]  # type: ignore[arg-type]
        return found, int(client.hlen("unacked"))  # type: ignore[arg-type]
    except redis.RedisError as error:
        logger.warning("queues could not be read: %s", error)
        return [Queue(name, None) for name in QUEUES], None
    finally:
        client.close()


def lists_of(queue: str) -> list[str]:
    """The lists in which Redis keeps a queue, one for each priority."""
    return [f"{queue}{Channel.sep}{step}" if step else queue for step in PRIORITY_STEPS]
