"""Run a workflow without any effect, and tell what would happen."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from agents.budgets import budget_of
from coreengine.accounts.models import User
from coreengine.kernel.models import Notification, OutgoingEmail
from workflows.dry_run.doubles import Doubles, NoLeases
from workflows.dry_run.report import MOST_STEPS, DryRun, dry_steps, total
from workflows.dry_run.stand_ins import StandIns
from workflows.dry_run.unknowns import needed_results, with_placeholders
from workflows.engine.memory import MemoryStore
from workflows.engine.pauses import APPROVED, REJECTED
from workflows.engine.runner import Runner
from workflows.engine.states import APPROVAL, OPEN, PAUSE, WAITING
from workflows.errors import NotPublished
from workflows.models import Workflow
from workflows.rules import check_definition, check_inputs
from workflows.services import trigger_of, usual_inputs
from workflows.store import definition_of
from workflows.versions import draft_of

LONGEST_S = 5.0
STATEMENT_TIMEOUT_MS = 3_000
LOCK_TIMEOUT_MS = 1_000
MOST_NOTIFICATIONS = 20

__all__ = ["APPROVED", "REJECTED", "dry_run"]


def dry_run(
    workflow: Workflow,
    *,
    by: User,
    inputs: Mapping[str, Any] | None = None,
    stand_ins: StandIns | None = None,
    decision: str = APPROVED,
    of_draft: bool = False,
) -> DryRun:
    """Tell what an execution would write, ask and cost; nothing of it happens.

    System actions run for real in a transaction that is rolled back. Other services are not asked: their answers are
    those of `stand_ins`, and steps that cannot go on without one are told. Waits do not wait, and every approval is
    decided with `decision`. It ends after a few seconds.

    Raises:
        ValidationError: the inputs do not fit, or the draft has faults.
        NotPublished: there is neither a published version nor (asked for) a draft.
    """
    data = _data_of(workflow, of_draft)
    known = stand_ins or StandIns()
    definition = check_definition(definition=data).definition if of_draft else definition_of(workflow.version_id or 0)
    needs = needed_results(definition, known.names)
    given = check_inputs(definition, usual_inputs(workflow, definition, inputs))
    engine = _Engine(with_placeholders(data, needs), Doubles(known))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        before = _newest_ids()
        is_cut = engine.run(
            decision,
            owner_id=workflow.owner_id,
            actor_id=by.pk,
            workflow_id=workflow.pk,
            inputs=given,
            trigger=trigger_of(workflow, {"type": "manual"}),
            variables=copy.deepcopy(dict(definition.variables)),
            connection_id=workflow.connection_id,
        )
        notifications, mails = _told(workflow, before)
        # What waits for the commit (hints, messages to workers) goes with the transaction.
        transaction.set_rollback(True)
    steps = engine.steps(needs, {step.name: step.type for step in definition.by_name.values()})
    deeds = engine.doubles.deeds.values()
    execution = engine.execution
    return DryRun(
        status=execution.status,
        error=execution.error_message,
        steps=tuple(steps[:MOST_STEPS]),
        hidden_steps=max(0, len(steps) - MOST_STEPS),
        wrote=total(deeds),
        notifications=notifications,
        mails=mails,
        variables=execution.variables,
        likely_usd_micros=sum(deed.likely_usd_micros for deed in deeds),
        worst_usd_micros=sum(deed.worst_usd_micros for deed in deeds),
        budget_left_usd_micros=budget_of(workflow.owner).left_usd_micros,
        stand_ins_of=known.execution.pk if known.execution else None,
        is_cut=is_cut,
    )


def _data_of(workflow: Workflow, of_draft: bool) -> Mapping[str, Any]:
    if of_draft:
        draft = draft_of(workflow)
        if draft is None:
            raise NotPublished(f"“{workflow.name}” has no draft.")
        return check_definition(source=draft.source).data
    if workflow.version is None:
        raise NotPublished(f"“{workflow.name}” is only a draft. Try the draft, or publish it.")
    return workflow.version.definition


def _newest_ids() -> tuple[int, int]:
    return tuple(model.objects.aggregate(pk=Max("pk"))["pk"] or 0 for model in (Notification, OutgoingEmail))


def _told(workflow: Workflow, before: tuple[int, int]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The notifications and mails that came into being."""
    lines = Notification.objects.filter(owner=workflow.owner_id, pk__gt=before[0]).order_by("pk")
    mails = OutgoingEmail.objects.filter(owner=workflow.owner_id, pk__gt=before[1]).order_by("pk")
    return (
        tuple(lines.values("title", "content", "priority")[:MOST_NOTIFICATIONS]),
        tuple(mails.values("to", "subject", "body")[:MOST_NOTIFICATIONS]),
    )


class _Hints:
    """Hints of one process to itself."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, str]] = deque()

    def advance(self, execution_id: int, *, delay_s: float = 0.0, behind: bool = False) -> None:
        if not delay_s:
            self.queue.append((execution_id, ""))

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0) -> None:
        if not delay_s:
            self.queue.append((execution_id, path))


class _Engine:
    """The engine over a store in memory, driven to its end by one caller."""

    def __init__(self, definition: Any, doubles: Doubles) -> None:
        self.definition = definition
        self.doubles = doubles
        self.store = MemoryStore()
        self.hints = _Hints()
        self.runner = Runner(self.store, doubles.executors, self.hints, leases=NoLeases())  # type: ignore[arg-type]
        self.number = 0

    @property
    def execution(self) -> Any:
        """How the execution stands."""
        return self.store.execution(self.number)

    def run(self, decision: str, **fields: Any) -> bool:
        """Go through every step; true when there was no time for all of them."""
        self.number = self.store.add(self.definition, **fields)
        self.hints.advance(self.number)
        ends = time.monotonic() + LONGEST_S
        while self.execution.status in OPEN:
            if time.monotonic() > ends:
                return True
            if self.hints.queue:
                number, path = self.hints.queue.popleft()
                if path:
                    self.runner.run_step(number, path)
                else:
                    self.runner.advance(number)
            elif not self._let_time_pass(decision):
                return True
        return False

    def _let_time_pass(self, decision: str) -> bool:
        """Decide what is asked, or set the clock to the next moment at which something happens."""
        waiting = [step for step in self.store.steps(self.number).values() if step.status == WAITING]
        for step in waiting:
            if step.reason == APPROVAL:
                self.runner.decide(self.number, step.path, decision, by=None)
                return True
        moments = [step.next_attempt_at for step in waiting if step.next_attempt_at is not None]
        if not moments:
            return False
        self.store.later += max(min(moments) - self.store.now, timedelta()) + timedelta(seconds=1)
        self.runner.sweep()
        return True

    def steps(self, needs: Mapping[str, list[str]], types: Mapping[str, str]) -> list[Any]:
        """What each step came to, in the order in which they came up."""
        order: dict[str, None] = {}
        waits: dict[str, str] = {}
        for event in self.store.events(self.number):
            path = event.data.get("path")
            if path is None:
                continue
            order.setdefault(path)
            if event.type == "workflow.step.waiting" and event.data.get("reason") in (PAUSE, APPROVAL):
                waits[path] = event.data["until"]
        return dry_steps(order, self.store.steps(self.number), self.doubles.deeds, needs, types, waits)
