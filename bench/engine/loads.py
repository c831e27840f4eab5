"""The loads of the engine and of raw Celery, as the process that starts them sees it."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import redis
from celery import chain, chord
from celery import group as celery_group
from django.conf import settings
from django.db import transaction

from bench.engine import raw, worker
from bench.engine.site import until
from coreengine.accounts.models import User
from workflows.models import Execution, Workflow
from workflows.services import start_execution
from workflows.versions import create_workflow

assert worker.app  # registers the benchmark's action and hints in this process

OUTSIDE = {"plugin": "canvas-integration", "action": "get_courses"}
INLINE = {"action": "bench.nothing", "params": {}}
ALONE = {"action": "bench.alone", "params": {}}
Definition = dict[str, Any]


def step(name: str, *after: str, outside: bool = False, alone: bool = False) -> Definition:
    """A step that does nothing; one that is in line shares its transaction unless it is `alone`."""
    kind, config = ("plugin_action", OUTSIDE) if outside else ("system_action", ALONE if alone else INLINE)
    return {"name": name, "type": kind, "depends_on": list(after), "config": config}


def chain_of(length: int, *, alone: bool = False) -> Definition:
    """In-line steps one after the other."""
    return {
        "name": f"Chain of {length}{' alone' if alone else ''}",
        "timeout": 86_400,
        "steps": [step(f"s{n}", *([f"s{n - 1}"] if n else []), alone=alone) for n in range(length)],
    }


def fan_of(width: int) -> Definition:
    """Outside steps side by side, and one that waits for all of them."""
    names = [f"s{n}" for n in range(width)]
    return {
        "name": f"Fan of {width}",
        "steps": [*(step(name, outside=True) for name in names), step("join", *names)],
    }


def rounds_of(items: int) -> Definition:
    """A loop of two in-line steps an item: many steps in one execution."""
    body = [step("first"), step("second", "first")]
    config = {"items": list(range(items)), "max_iterations": 10_000, "steps": body}
    loop = {"name": "each", "type": "loop", "timeout": 86_400, "config": config}
    return {"name": f"Rounds of {items}", "timeout": 86_400, "steps": [loop]}


class Ours:
    """Starts workflows and waits for their ends."""

    def __init__(self) -> None:
        self.owner = User.objects.create_user("bench@example.edu", None)
        self.watch = psycopg.connect(settings.DATABASE_URL, autocommit=True, prepare_threshold=1)

    def workflow(self, definition: Definition) -> Workflow:
        """Keep a workflow."""
        return create_workflow(self.owner, by=self.owner, definition=definition)

    def run(self, workflow: Workflow) -> Execution:
        """Start it once and wait for its end."""
        execution = start_execution(workflow, by=self.owner)
        self.wait([execution.pk])
        return execution

    def run_many(self, workflow: Workflow, count: int) -> float:
        """Submit that many at once, which is one commit, and wait for the last; seconds from the commit on."""
        with transaction.atomic():
            numbers = [start_execution(workflow, by=self.owner).pk for _ in range(count)]
            began = time.perf_counter()
        self.wait(numbers, every_s=0.02)
        return time.perf_counter() - began

    def wait(self, numbers: list[int], *, every_s: float = 0.002) -> None:
        """Wait until all of these are over, and well."""
        query = "SELECT count(*) FROM workflows_execution WHERE id = ANY(%s) AND status IN ('pending', 'running')"
        until(
            lambda: self.watch.execute(query, [numbers]).fetchone() == (0,),
            "an execution",
            every_s=every_s,
            limit_s=600,
        )
        query = "SELECT count(*) FROM workflows_execution WHERE id = ANY(%s) AND status <> 'completed'"
        assert self.watch.execute(query, [numbers]).fetchone() == (0,), "an execution did not end well"

    def seconds_inside(self, workflow: Workflow) -> float:
        """Run it and say how long it took by the database's clock, from its first step to its last."""
        execution = self.run(workflow)
        execution.refresh_from_db()
        assert execution.duration_s is not None
        return execution.duration_s

    def start_to_started(self, workflow: Workflow) -> float:
        """Seconds from the return of the start call to the event that says that the first step has begun."""
        execution = start_execution(workflow, by=self.owner)
        returned = time.time()
        self.wait([execution.pk])
        row = self.watch.execute(
            "SELECT extract(epoch FROM min(time)) FROM kernel_event WHERE subject_type = 'workflows.execution' "
            "AND subject_id = %s AND type = 'workflow.step.started'",
            [str(execution.pk)],
        ).fetchone()
        assert row is not None
        return max(float(row[0]) - returned, 0.0)


class Raw:
    """Raw Celery, through the same Redis."""

    def __init__(self) -> None:
        self.redis = redis.Redis.from_url(settings.REDIS_URL)

    def fan(self, width: int) -> None:
        """A chord."""
        chord([raw.nothing.si() for _ in range(width)], raw.nothing.si()).apply_async().get(timeout=60)

    def chains(self, count: int, length: int) -> float:
        """Chains sent at once; seconds until the last has ended."""
        self.redis.delete("bench:count")
        links = [raw.nothing.si().set(ignore_result=True) for _ in range(length - 1)]
        work = [chain(*links, raw.count.si("bench:count")) for _ in range(count)]
        began = time.perf_counter()
        for one in work:
            one.apply_async()
        until(lambda: int(self.redis.get("bench:count") or 0) >= count, "the chains", every_s=0.005)
        return time.perf_counter() - began

    def start(self) -> float:
        """Seconds from the return of the send to the beginning of the task."""
        answer = raw.began.delay()
        returned = time.time()
        return max(float(answer.get(timeout=60)) - returned, 0.0)

    def warm(self) -> None:
        """See that the workers are there."""
        celery_group([raw.nothing.si() for _ in range(20)]).apply_async().get(timeout=60)
