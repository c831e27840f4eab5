"""Event triggers: what happens to a student's things starts workflows of the same student.

The log is read behind a durable cursor, in the order of commits. An event starts one execution for each trigger that
fits it; the cursor moves in the same transaction. Steps of executions are left out: they are the engine's own breath.

A workflow may start itself through what it does. Every event knows the execution that made it, every execution how
many others led to it; beyond MAX_DEPTH nothing is started, and a failed execution says so once.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from coreengine.kernel.event_types import recorded_type
from coreengine.kernel.events import subscriber, type_matches
from coreengine.kernel.expressions import ExpressionError, condition
from coreengine.kernel.models import Event
from workflows.engine.trigger_checks import SILENT_EVENTS
from workflows.models import Execution, WorkflowTrigger
from workflows.services import made_for
from workflows.triggers.firing import fail_for, note_problem, start_for

logger = logging.getLogger(__name__)

MAX_DEPTH = 5
"""How many executions may have led to one that is started. With one more it is stopped."""
NEVER = tuple(f"{prefix}*" for prefix in SILENT_EVENTS)
"""Events that start nothing: there are many in every execution, and the execution's own events tell of it."""
MAX_CHAINED_AN_HOUR = 500
"""How often a workflow may be started by a chain of executions: depth alone would let a chain grow wide."""
HOUR = timedelta(hours=1)


@subscriber("workflow triggers", types=["*"], without=NEVER)
def start_workflows_of(event: Event) -> None:
    """Start every workflow that waits for this event."""
    if event.owner_id is None:
        return
    candidates = (
        WorkflowTrigger.objects.firing()
        .filter(kind=WorkflowTrigger.Kind.EVENT, workflow__owner_id=event.owner_id, created_at__lte=event.time)
        .select_related("workflow__owner")
    )
    fitting = [trigger for trigger in candidates if type_matches(event.type, recorded_type(trigger.config["event"]))]
    if not fitting:
        return
    depth = depth_of(event)
    facts = {"event": facts_of(event)}
    for trigger in fitting:
        try:
            with transaction.atomic():
                _offer(trigger, event, facts, depth)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the cursor stays, and the event comes again
        except Exception:
            # One trigger that breaks must not keep the log from everyone else's.
            logger.exception("trigger %s failed at event %s", trigger.pk, event.pk)
            _complain(trigger, f"Something unexpected went wrong at “{event.type}”; the server's log says what.", facts)


def _offer(trigger: WorkflowTrigger, event: Event, facts: dict[str, Any], depth: int) -> None:
    wanted = trigger.config.get("filter") or ""
    try:
        fits = not wanted or condition(wanted, {"trigger": {"type": "event", **made_for(trigger.workflow), **facts}})
    except ExpressionError as error:
        _complain(trigger, f"The filter cannot be worked out for “{event.type}”. {error}", facts)
        return
    if not fits:
        return
    if depth > MAX_DEPTH:
        words = (
            f"It was stopped from starting itself: {depth} executions led to one another up to this "
            f"“{event.type}”, and {MAX_DEPTH} is the most. Let the filter leave out what the workflow itself changes."
        )
        if depth == MAX_DEPTH + 1:
            _complain(trigger, words, facts)
        else:
            note_problem(trigger, words)  # the failed execution's own events would go on for ever
        return
    if depth > 1 and _chained(trigger) >= MAX_CHAINED_AN_HOUR:
        words = (
            f"It was stopped: executions that events had started have started it {MAX_CHAINED_AN_HOUR} times within an "
            "hour. Let the filter leave out what the workflow itself changes."
        )
        _complain(trigger, words, facts)
        return
    start_for(trigger, facts, key=f"event:{trigger.pk}:{event.pk}", depth=depth)


def _complain(trigger: WorkflowTrigger, words: str, facts: dict[str, Any]) -> None:
    """Leave a failed execution, but not one for each of a thousand events with the same fault."""
    lately = Execution.objects.filter(workflow=trigger.workflow, created_at__gt=timezone.now() - HOUR)
    if lately.filter(depth__gt=MAX_DEPTH, trigger__id=trigger.pk).exists():
        note_problem(trigger, words)
    else:
        fail_for(trigger, words, facts, depth=MAX_DEPTH + 1)


def _chained(trigger: WorkflowTrigger) -> int:
    """How often the workflow was started of late by what executions did that were themselves started so."""
    lately = Execution.objects.filter(workflow=trigger.workflow, created_at__gt=timezone.now() - HOUR)
    return len(lately.filter(depth__gt=1).order_by("-pk").values_list("pk", flat=True)[:MAX_CHAINED_AN_HOUR])


def facts_of(event: Event) -> dict[str, Any]:
    """What expressions see of an event: `trigger.event`."""
    return {
        "id": event.pk,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": {"type": event.subject_type, "id": event.subject_id},
        "data": event.data,
    }


def depth_of(event: Event) -> int:
    """How many executions led to an event, the one that made it included; 0 for what no execution did."""
    number = event.cause
    if event.subject_type == "workflows.execution":
        number = int(event.subject_id)
    if number is None:
        return 0
    depth = Execution.objects.filter(pk=number).values_list("depth", flat=True).first()
    return 0 if depth is None else depth + 1
