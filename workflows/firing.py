"""What happens when a schedule ticks."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.kernel.errors import DomainError
from workflows.models import Execution, WorkflowTrigger
from workflows.services import record_failed_start, start_execution
from workflows.triggers import current_slot


@transaction.atomic
def fire(trigger_id: int, *, now: datetime | None = None) -> Execution | None:
    """Start the workflow of a schedule for its newest slot, once.

    Beat may tick twice (two beats, a restart): the second tick finds the slot taken. Returns the execution, or
    None when there was nothing to do.
    """
    now = now or timezone.now()
    trigger = (
        WorkflowTrigger.objects.select_for_update(of=("self",)).select_related("workflow").filter(pk=trigger_id).first()
    )
    if trigger is None or not trigger.workflow.is_active or trigger.workflow.removed_at is not None:
        return None
    slot = current_slot(trigger.cron, trigger.time_zone, now)
    if slot < trigger.created_at or (trigger.last_slot is not None and slot <= trigger.last_slot):
        return None
    trigger.last_slot = slot
    trigger.save(update_fields=["last_slot"])
    started_by = {"type": "schedule", "cron": trigger.cron, "time_zone": trigger.time_zone, "slot": slot.isoformat()}
    try:
        return start_execution(
            trigger.workflow,
            by=trigger.workflow.owner,
            trigger=started_by,
            idempotency_key=f"schedule:{trigger.pk}:{int(slot.timestamp())}",
        )
    except (ValidationError, DomainError) as error:
        words = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        return record_failed_start(trigger.workflow, f"The schedule could not start it. {words}", trigger=started_by)
