"""The triggers of a workflow as rows, kept in step with the definition of its current version."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction

from coreengine.kernel.clock_of_database import database_now
from workflows.models import Workflow, WorkflowTrigger
from workflows.trigger_models import ScheduleSlot
from workflows.triggers.slots import next_slot

Kind = WorkflowTrigger.Kind


@transaction.atomic
def set_triggers(workflow: Workflow, triggers: Iterable[Mapping[str, Any]], *, now: datetime | None = None) -> None:
    """Make these, as they stand in a definition, the triggers of a workflow.

    Equal ones keep their row: a webhook its address, a schedule its place in time. Those that are no longer there
    are retired, and come back with their address when a later version has them again.
    """
    now = now or database_now()
    known = {trigger.key: trigger for trigger in WorkflowTrigger.with_retired.filter(workflow=workflow)}
    wanted = _by_key(workflow, triggers)
    for position, (key, config) in enumerate(wanted.items()):
        trigger = known.get(key) or WorkflowTrigger(workflow=workflow, key=key, kind=config["type"], created_at=now)
        is_new = trigger.pk is None or trigger.retired_at is not None
        trigger.position, trigger.config, trigger.retired_at = position, config, None
        if trigger.kind == Kind.SCHEDULE:
            trigger.cron, trigger.time_zone = config["cron"], config["time_zone"]
            if is_new:
                trigger.decided_until = now
            trigger.next_at = _next(trigger) if workflow.is_active and workflow.removed_at is None else None
        elif trigger.kind == Kind.WEBHOOK and not trigger.secret_hash:
            give_secret(trigger)
        trigger.save()
    for key, trigger in known.items():
        if key not in wanted and trigger.retired_at is None:
            trigger.retired_at, trigger.next_at = now, None
            trigger.save(update_fields=["retired_at", "next_at"])
            _drop_queue(trigger, "The schedule was taken out of the workflow.")


@transaction.atomic
def pause_schedules(workflow: Workflow, is_paused: bool, *, now: datetime | None = None) -> None:
    """Let the schedules of a workflow rest, or tick again. What falls into the rest is not missed: it never was due."""
    now = now or database_now()
    for trigger in WorkflowTrigger.objects.filter(workflow=workflow, kind=Kind.SCHEDULE).select_for_update():
        if is_paused:
            trigger.next_at = None
            _drop_queue(trigger, "The workflow was switched off.")
        elif trigger.next_at is None:
            trigger.decided_until = now
            trigger.next_at = _next(trigger)
        trigger.save(update_fields=["decided_until", "next_at"])


def give_secret(trigger: WorkflowTrigger) -> None:
    """Give a webhook a new address; the caller saves. Only its digest is looked up, the secret itself is encrypted."""
    secret = secrets.token_urlsafe(32)
    trigger.secret, trigger.secret_hash = secret, digest_of(secret)


def digest_of(secret: str) -> str:
    """What a secret is looked up by."""
    return sha256(secret.encode()).hexdigest()


def _by_key(workflow: Workflow, triggers: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for given in triggers:
        config = dict(given)
        match config["type"]:
            case Kind.SCHEDULE:
                config["cron"] = " ".join(config["cron"].split())
                config["time_zone"] = config.get("time_zone") or workflow.owner.time_zone or "UTC"
                key = f"schedule:{config['cron']}:{config['time_zone']}"
            case Kind.WEBHOOK:
                key = f"webhook:{config['name']}"
            case Kind.EVENT:
                key = f"event:{config['event']}:{digest_of(config.get('filter') or '')[:16]}"
            case _:
                continue  # a person starts it: nothing to keep
        number, first = 2, key
        while key in found:
            key, number = f"{first}:{number}", number + 1
        found[key] = config
    return found


def _next(trigger: WorkflowTrigger) -> datetime | None:
    return next_slot(trigger.cron, trigger.time_zone, trigger.decided_until)


def _drop_queue(trigger: WorkflowTrigger, reason: str) -> None:
    queued = trigger.slots.filter(outcome=ScheduleSlot.Outcome.QUEUED)
    queued.update(outcome=ScheduleSlot.Outcome.SKIPPED, reason=reason)
