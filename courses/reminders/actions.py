"""What workflows can do with reminders and digests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.models import Reminder
from courses.reminders.digests import send_digest_now
from courses.reminders.services import create_reminder, dismiss_reminder, snooze_reminder
from courses.reminders.targets import targets_of_reminders

MOST_LISTED = 200


class CreateReminder(BaseModel):
    """A reminder of one thing: some time before it, or at a moment."""

    model_config = ConfigDict(extra="forbid")

    target_kind: str = Field(default="assignment", max_length=20, description="assignment, planner-item, ...")
    target_id: int = Field(ge=1, description="Its id")
    lead_minutes: int | None = Field(default=None, description="How many minutes before it; negative for after")
    remind_at: datetime | None = Field(default=None, description="Or the moment itself")
    channels: list[Literal["bell", "mail", "push"]] = Field(default_factory=list, description="None: as usual")


class ListReminders(BaseModel):
    """The reminders that are to come."""

    model_config = ConfigDict(extra="forbid")

    within_hours: int = Field(default=24 * 7, ge=1, le=24 * 365, description="How far ahead to look")


class SnoozeReminder(BaseModel):
    """A reminder that is to come again later."""

    model_config = ConfigDict(extra="forbid")

    reminder: int = Field(description="Its id")
    until: Literal["10m", "1h", "tomorrow"] = Field(default="1h", description="Ten minutes, an hour, tomorrow morning")


class DismissReminder(BaseModel):
    """A reminder that is to come no more."""

    model_config = ConfigDict(extra="forbid")

    reminder: int = Field(description="Its id")


class SendDigest(BaseModel):
    """A digest by e-mail, now."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["daily", "weekly"] = Field(default="weekly", description="What it covers: some days, or a week")


@system_action(
    "reminders.create", params=CreateReminder, writes=True, summary="Set a reminder of an assignment or an event"
)
def create_reminder_action(context: ActionContext, params: CreateReminder) -> dict[str, Any]:
    """Give `{id, fire_at}`; the same reminder again is the one there is."""
    reminder = create_reminder(context.owner, by=context.actor, **params.model_dump())
    return {"id": reminder.pk, "fire_at": reminder.fire_at.isoformat()}


@system_action(
    "reminders.list", params=ListReminders, writes=False, summary="List the reminders that are to come", is_brief=True
)
def list_reminders_action(context: ActionContext, params: ListReminders) -> dict[str, Any]:
    """Give `{count, reminders: [{id, target_kind, target_id, name, url, fire_at}]}`, soonest first."""
    until = timezone.now() + timedelta(hours=params.within_hours)
    own = Reminder.objects.visible_to(context.owner).filter(state=Reminder.State.SCHEDULED, fire_at__lte=until)
    rows = list(own.order_by("fire_at", "pk")[:MOST_LISTED])
    targets = targets_of_reminders(context.owner, rows)
    found = [
        {
            "id": row.pk,
            "target_kind": row.target_kind,
            "target_id": row.target_id,
            "name": target.title,
            "url": target.url,
            "fire_at": row.fire_at.isoformat(),
        }
        for row in rows
        if (target := targets.get(row.pk)) is not None
    ]
    return {"count": len(found), "reminders": found}


@system_action("reminders.snooze", params=SnoozeReminder, writes=True, summary="Let a reminder come again later")
def snooze_reminder_action(context: ActionContext, params: SnoozeReminder) -> dict[str, Any]:
    """Give `{id, fire_at}`."""
    reminder = snooze_reminder(_reminder(context, params.reminder), choice=params.until, by=context.actor)
    return {"id": reminder.pk, "fire_at": reminder.fire_at.isoformat()}


@system_action("reminders.dismiss", params=DismissReminder, writes=True, summary="Take a reminder away")
def dismiss_reminder_action(context: ActionContext, params: DismissReminder) -> dict[str, Any]:
    """Give `{id, state}`."""
    reminder = dismiss_reminder(_reminder(context, params.reminder), by=context.actor)
    return {"id": reminder.pk, "state": reminder.state}


def _reminder(context: ActionContext, pk: int) -> Reminder:
    reminder = Reminder.objects.editable_by(context.owner).filter(pk=pk).first()
    if reminder is None:
        raise ValidationError({"reminder": f"There is no reminder {pk} among the student's."})
    return reminder


@system_action("digest.send", params=SendDigest, writes=True, summary="Mail you a digest of what is due and new")
def send_digest_action(context: ActionContext, params: SendDigest) -> dict[str, Any]:
    """Give `{is_sent, counts}`; one with nothing to say is not sent."""
    key = f"digest:{context.idempotency_key}" if context.idempotency_key else None
    digest = send_digest_now(context.owner, kind=params.kind, by=context.actor, key=key)
    return {"is_sent": not digest.is_empty, "counts": digest.counts}
