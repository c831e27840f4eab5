"""Schedules: which slots have come, and what becomes of each.

Beat only ticks. A look at the database finds the schedules whose next slot has come, locks each, decides on every slot
since the last decision, and keeps a row for each: (schedule, slot) is unique, so that however many beats and workers
tick, a slot starts one execution.

    A slot is on time when it is decided on within LATE_AFTER_S. Of those that come later, `missed` says:
    skip: none runs   once: only the newest of all that are due runs   all: each runs, the newest MAX_CATCH_UP at most
    While the execution of an earlier slot goes on, `overlap` says:
    skip: the slot is skipped   queue: it waits for its turn   allow: it runs beside the other
    Slots that `all` catches up with wait for their turn even where overlap says skip: else only the first would run.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from coreengine.kernel.clock_of_database import database_now
from workflows.models import WorkflowTrigger
from workflows.querysets import OPEN_STATUSES
from workflows.trigger_models import ScheduleSlot
from workflows.triggers.firing import note_problem, start_for
from workflows.triggers.slots import next_slot, slots_after

logger = logging.getLogger(__name__)

LATE_AFTER_S = 60
MAX_CATCH_UP = 100
MAX_QUEUE = 100
MAX_LOOKED_AT = 20_000
"""Slots of a schedule that were missed in one go; what is older is not even counted."""
AT_ONCE = 200
SCHEDULE = WorkflowTrigger.Kind.SCHEDULE
Outcome = ScheduleSlot.Outcome


def tick(*, now: datetime | None = None) -> int:
    """Decide on every slot that has come, and start queued ones whose turn it is; returns how many schedules."""
    moment = now or database_now()
    firing = WorkflowTrigger.objects.firing().filter(kind=SCHEDULE)
    due = firing.filter(next_at__lte=moment).order_by("next_at").values_list("pk", flat=True)[:AT_ONCE]
    waiting = firing.filter(slots__outcome=Outcome.QUEUED).distinct().order_by("pk").values_list("pk", flat=True)
    found = list(dict.fromkeys([*due, *waiting[:AT_ONCE]]))
    for number in found:
        try:
            decide(number, now=now)
        except Exception as error:
            # One schedule that cannot be decided on must not keep the others from their slots.
            logger.exception("the schedule %s cannot be decided on", number)
            note_problem(WorkflowTrigger.objects.get(pk=number), f"Its slots could not be worked out: {error}")
    return len(found)


@transaction.atomic
def decide(trigger_id: int, *, now: datetime | None = None) -> list[ScheduleSlot]:
    """Decide on the slots of one schedule that came since the last look; returns the new rows, oldest first."""
    trigger = (
        WorkflowTrigger.objects.firing()
        .filter(pk=trigger_id, kind=SCHEDULE)
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("workflow__owner")
        .first()
    )
    if trigger is None:  # gone, switched off, or another worker is at it
        return []
    now = now or database_now()
    due, skipped_count, oldest = _due(trigger, now)
    decided: list[ScheduleSlot] = []
    if skipped_count and oldest is not None:
        words = f"{skipped_count} slots were missed; the newest {len(due)} are caught up with."
        if trigger.missed != "all":
            words = f"{skipped_count} slots were missed while nobody looked."
        decided += _keep(trigger, oldest, Outcome.SKIPPED, words, count=skipped_count)
    late = now - timedelta(seconds=LATE_AFTER_S)
    for number, slot in enumerate(due):
        is_late, is_newest = slot < late, number == len(due) - 1
        if trigger.missed == "skip" and is_late:
            decided += _keep(trigger, slot, Outcome.SKIPPED, "Missed: nobody looked in time.")
        elif trigger.missed == "once" and not is_newest:
            decided += _keep(trigger, slot, Outcome.SKIPPED, "Missed: only the newest slot is made up for.")
        else:
            decided += _run(trigger, slot, may_wait=trigger.overlap == "queue" or (is_late and trigger.missed == "all"))
    if due:
        trigger.last_slot = due[-1]
    trigger.decided_until = max(now, trigger.decided_until)
    trigger.next_at = next_slot(trigger.cron, trigger.time_zone, trigger.decided_until)
    trigger.save(update_fields=["last_slot", "decided_until", "next_at"])
    _serve_queue(trigger)
    return decided


def _due(trigger: WorkflowTrigger, now: datetime) -> tuple[list[datetime], int, datetime | None]:
    """The newest slots since the last look, how many older ones there are, and the oldest of those."""
    most = MAX_CATCH_UP if trigger.missed == "all" else 1 + LATE_AFTER_S // 60
    newest: deque[datetime] = deque(maxlen=most)
    count, oldest = 0, None
    for slot in _between(trigger, trigger.decided_until, now):
        oldest = oldest or slot
        newest.append(slot)
        count += 1
        if count >= MAX_LOOKED_AT:
            newest.extend(_between(trigger, max(slot, now - timedelta(days=2)), now))
            break
    return list(newest), count - len(newest) if count > len(newest) else 0, oldest


def _between(trigger: WorkflowTrigger, after: datetime, until: datetime) -> Iterable[datetime]:
    for slot in slots_after(trigger.cron, trigger.time_zone, after):
        if slot > until:
            return
        yield slot


def _run(trigger: WorkflowTrigger, slot: datetime, *, may_wait: bool) -> list[ScheduleSlot]:
    if trigger.overlap != "allow":
        queued, other = trigger.slots.filter(outcome=Outcome.QUEUED).count(), _under_way(trigger)
        if (queued or other) and may_wait:
            if queued < MAX_QUEUE:
                return _keep(trigger, slot, Outcome.QUEUED)
            return _keep(trigger, slot, Outcome.SKIPPED, f"{MAX_QUEUE} slots wait for their turn already.")
        if queued or other:
            words = "Earlier slots wait for their turn." if queued else f"Execution {other} was still under way."
            return _keep(trigger, slot, Outcome.SKIPPED, words)
    kept = _keep(trigger, slot, Outcome.STARTED)
    for row in kept:
        _start(trigger, row)
    return kept


def _serve_queue(trigger: WorkflowTrigger) -> None:
    """Start the oldest slot that waits for its turn, once the execution before it is over."""
    first = trigger.slots.filter(outcome=Outcome.QUEUED).order_by("slot").first()
    if first is not None and (trigger.overlap == "allow" or not _under_way(trigger)):
        _start(trigger, first)


def _start(trigger: WorkflowTrigger, row: ScheduleSlot) -> None:
    facts = {
        "cron": trigger.cron,
        "time_zone": trigger.time_zone,
        "slot": row.slot.astimezone(ZoneInfo(trigger.time_zone)).isoformat(),
    }
    execution = start_for(trigger, facts, key=f"schedule:{trigger.pk}:{int(row.slot.timestamp())}")
    row.execution = execution
    row.outcome = Outcome.STARTED
    if execution.status == "failed":
        row.outcome, row.reason = Outcome.FAILED, execution.error_message[:200]
    elif execution.is_reused:
        row.outcome, row.reason = Outcome.SKIPPED, f"Execution {execution.pk} was under way already."
    row.save(update_fields=["execution", "outcome", "reason"])


def _under_way(trigger: WorkflowTrigger) -> int | None:
    """The execution of an earlier slot that is not over."""
    rows = trigger.slots.filter(execution__status__in=OPEN_STATUSES).order_by("-slot")
    return rows.values_list("execution", flat=True).first()


def _keep(
    trigger: WorkflowTrigger, slot: datetime, outcome: str, reason: str = "", *, count: int = 1
) -> list[ScheduleSlot]:
    """Keep what was decided on a slot; nothing when someone decided on it before."""
    try:
        with transaction.atomic():
            row = ScheduleSlot.objects.create(trigger=trigger, slot=slot, outcome=outcome, reason=reason, count=count)
            return [row]
    except IntegrityError:
        return []
