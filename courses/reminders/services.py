"""What a student changes: their reminders, the rules behind them, and how they are reminded at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import mark_read
from courses.models import Course, Reminder, ReminderRule, ReminderSettings
from courses.models.reminders import DigestSlot
from courses.reminders.rules import (
    MOST_PER_THING,
    MOST_RULES,
    check_channels,
    check_days,
    check_lead,
    check_reminder,
)
from courses.reminders.targets import Target, target_kind, targets_of
from courses.reminders.times import next_slot, snooze_end

DAY = 24 * 60
DEFAULTS = {
    ReminderRule.Kind.ASSIGNMENT: (DAY, 120),
    ReminderRule.Kind.EXAM: (3 * DAY, DAY),
    ReminderRule.Kind.EVENT: (30,),
    ReminderRule.Kind.TASK: (60,),
}


def settings_of(owner: User) -> ReminderSettings:
    """Give how a student is reminded; the first time with the usual rules (a day and two hours before, and so on)."""
    found = ReminderSettings.objects.filter(owner=owner).first()
    if found is not None:
        return found
    with transaction.atomic():
        found, is_new = ReminderSettings.objects.get_or_create(owner=owner, defaults={"derived_at": timezone.now()})
        if is_new:
            rules = [
                ReminderRule(owner=owner, kind=k, lead_minutes=lead) for k, leads in DEFAULTS.items() for lead in leads
            ]
            ReminderRule.objects.bulk_create(rules, ignore_conflicts=True)
    return found


def mark_stale(owner: User) -> None:
    """Say that something of a student's work changed: the next tick brings their reminders in step."""
    if not ReminderSettings.objects.filter(owner=owner).update(is_stale=True):
        settings_of(owner)


def target_for(owner: User, kind: str, pk: int) -> Target:
    """Find one of the student's own things.

    Raises:
        ValidationError: there is no such kind, or no such thing among the student's.
    """
    target_kind(kind)
    found = targets_of(owner, [(kind, pk)]).get((kind, pk))
    if found is None:
        raise ValidationError({"target_id": f"There is no such {target_kind(kind).label.lower()} among yours."})
    return found


@transaction.atomic
def create_reminder(
    owner: User,
    *,
    target_kind: str,
    target_id: int,
    by: Any,
    lead_minutes: int | None = None,
    remind_at: datetime | None = None,
    channels: list[str] | None = None,
    now: datetime | None = None,
) -> Reminder:
    """Remind of a thing, some time before it or at a moment. The same reminder again is the one there is.

    Raises:
        ValidationError: by field, in words for the form.
    """
    now = now or timezone.now()
    target = target_for(owner, target_kind, target_id)
    chosen = check_channels(channels or [])
    fire_at = check_reminder(target, lead_minutes=lead_minutes, remind_at=remind_at, now=now)
    _lock(owner)
    own = Reminder.objects.filter(owner=owner).of(target.kind, target.pk)
    if lead_minutes is not None and not chosen:
        by_default = own.filter(is_derived=True, lead_minutes=lead_minutes, state=Reminder.State.SCHEDULED).first()
        if by_default is not None:  # a second one at the same moment would say nothing new
            return by_default
    same = own.filter(is_derived=False, lead_minutes=lead_minutes, remind_at=remind_at).first()
    if same is None and own.filter(is_derived=False).shown().count() >= MOST_PER_THING:
        raise ValidationError({"target_id": f"There are {MOST_PER_THING} reminders of it already. Remove one first."})
    if same is not None and same.state == Reminder.State.SCHEDULED and same.channels == chosen:
        return same
    reminder = same or Reminder(owner=owner, target_kind=target.kind, target_id=target.pk)
    reminder.lead_minutes, reminder.remind_at, reminder.channels = lead_minutes, remind_at, chosen
    _schedule(reminder, fire_at, target)
    reminder.save()
    _tell(reminder, "reminder.created", by, title=target.title, fire_at=_iso(fire_at))
    return reminder


@transaction.atomic
def update_reminder(reminder: Reminder, *, by: Any, changes: dict[str, Any], now: datetime | None = None) -> Reminder:
    """Change when or how a reminder of one's own comes; of one from a rule only the channels.

    Raises:
        ValidationError: by field.
    """
    now = now or timezone.now()
    reminder = _locked(reminder)
    moved = {name: changes[name] for name in ("lead_minutes", "remind_at") if name in changes}
    if moved and reminder.is_derived:
        raise ValidationError({next(iter(moved)): "It follows a rule. Change the rule, or add a reminder of your own."})
    if "channels" in changes:
        reminder.channels = check_channels(changes["channels"])
    if moved:
        target = target_for(reminder.owner, reminder.target_kind, reminder.target_id)
        if set(moved) != {"lead_minutes", "remind_at"}:  # the one that is set replaces the other
            moved = {"lead_minutes": None, "remind_at": None, **moved}
        fire_at = check_reminder(target, now=now, **moved)
        reminder.lead_minutes, reminder.remind_at = moved["lead_minutes"], moved["remind_at"]
        _schedule(reminder, fire_at, target)
    try:
        with transaction.atomic():
            reminder.save()
    except IntegrityError as error:
        raise ValidationError({"lead_minutes": "There is such a reminder already."}) from error
    _tell(reminder, "reminder.updated", by, fire_at=_iso(reminder.fire_at))
    return reminder


@transaction.atomic
def dismiss_reminder(reminder: Reminder, *, by: Any) -> Reminder:
    """Take a reminder away; it comes no more, also if its thing moves. `restore_reminder` takes that back."""
    reminder = _locked(reminder)
    if reminder.state != Reminder.State.DISMISSED:
        reminder.state, reminder.snoozed_until = Reminder.State.DISMISSED, None
        reminder.save(update_fields=["state", "snoozed_until"])
        _read(reminder)
        _tell(reminder, "reminder.dismissed", by)
    return reminder


@transaction.atomic
def dismiss_every_time(reminder: Reminder, *, by: Any) -> Reminder:
    """Take away what a rule would tell of a thing that repeats, each time; of anything else, the reminder.

    `restore_reminder` of what is answered takes that back.
    """
    if not reminder.target_key or reminder.rule is None:
        return dismiss_reminder(reminder, by=by)
    _lock(reminder.owner)
    reminder = _locked(reminder)
    own = Reminder.objects.filter(owner=reminder.owner, is_derived=True, rule=reminder.rule_id)
    own = own.of(reminder.target_kind, reminder.target_id)
    own.filter(state=Reminder.State.SCHEDULED).exclude(target_key="").delete()
    copied = ("owner", "target_kind", "target_id", "rule", "lead_minutes", "target_at", "fire_at")
    row = own.filter(target_key="").first() or Reminder(is_derived=True, **{n: getattr(reminder, n) for n in copied})
    row.state, row.snoozed_until = Reminder.State.DISMISSED, None
    row.save()
    _tell(row, "reminder.dismissed", by, every_time=True)
    return row


@transaction.atomic
def restore_reminder(reminder: Reminder, *, by: Any, now: datetime | None = None) -> Reminder:
    """Take back that a reminder was removed: it comes at its time, or counts as sent where that has passed."""
    now = now or timezone.now()
    reminder = _locked(reminder)
    if reminder.state == Reminder.State.DISMISSED:
        waits = reminder.fire_at > now and reminder.sent_for is None
        reminder.state = Reminder.State.SCHEDULED if waits else Reminder.State.SENT
        reminder.save(update_fields=["state"])
        mark_stale(reminder.owner)  # of a thing that repeats, its times have to be found again
        _tell(reminder, "reminder.restored", by)
    return reminder


@transaction.atomic
def snooze_reminder(reminder: Reminder, *, choice: str, by: Any, now: datetime | None = None) -> Reminder:
    """Let a reminder come again: in ten minutes ("10m"), an hour ("1h") or tomorrow morning ("tomorrow").

    Raises:
        ValidationError: at `for`: there is no such choice.
    """
    now = now or timezone.now()
    reminder = _locked(reminder)
    try:
        until = snooze_end(choice, now, reminder.owner.zone)
    except KeyError as error:
        raise ValidationError({"for": "Snooze for 10m, 1h or until tomorrow."}) from error
    reminder.state, reminder.fire_at, reminder.snoozed_until = Reminder.State.SCHEDULED, until, until
    reminder.reason, reminder.failures = "", 0
    reminder.save(update_fields=["state", "fire_at", "snoozed_until", "reason", "failures"])
    _read(reminder)
    _tell(reminder, "reminder.snoozed", by, until=_iso(until))
    return reminder


# --- Rules -------------------------------------------------------------------------------------------------


@transaction.atomic
def create_rule(
    owner: User,
    *,
    kind: str,
    lead_minutes: int | None,
    by: Any,
    course: Course | None = None,
    channels: list[str] | None = None,
) -> ReminderRule:
    """Add a default: a kind, how long before, for all courses or for one. Without a lead: none at all for a course.

    Raises:
        ValidationError: by field.
    """
    if course is not None and course.owner_id != owner.pk:
        raise ValidationError({"course": "There is no such course among yours."})
    if lead_minutes is None and course is None:
        raise ValidationError({"lead_minutes": "Say how long before; “none” can be said for one course."})
    check_lead(lead_minutes)
    if ReminderRule.objects.filter(owner=owner).count() >= MOST_RULES:
        raise ValidationError({"kind": f"There are {MOST_RULES} rules already. Remove one first."})
    settings_of(owner)
    rule = ReminderRule(
        owner=owner, kind=kind, course=course, lead_minutes=lead_minutes, channels=check_channels(channels or [])
    )
    rule.full_clean(exclude=["owner", "course"])
    rule.save()
    mark_stale(owner)
    _tell_rule(rule, "reminder_rule.created", by)
    return rule


@transaction.atomic
def update_rule(rule: ReminderRule, *, by: Any, changes: dict[str, Any]) -> ReminderRule:
    """Change how long before, or the channels. What was sent stays sent; the future follows.

    Raises:
        ValidationError: by field.
    """
    rule = ReminderRule.objects.select_for_update(of=("self",)).select_related("owner").get(pk=rule.pk)
    if "lead_minutes" in changes:
        check_lead(changes["lead_minutes"])
        if changes["lead_minutes"] is None and rule.course_id is None:
            raise ValidationError({"lead_minutes": "Say how long before; “none” can be said for one course."})
        rule.lead_minutes = changes["lead_minutes"]
    if "channels" in changes:
        rule.channels = check_channels(changes["channels"])
    rule.full_clean(exclude=["owner", "course"])
    rule.save()
    mark_stale(rule.owner)
    _tell_rule(rule, "reminder_rule.updated", by)
    return rule


@transaction.atomic
def delete_rule(rule: ReminderRule, *, by: Any) -> None:
    """Remove a default, and what was to come of it."""
    _lock(rule.owner)  # first, as `derive` does
    rule = ReminderRule.objects.select_for_update(of=("self",)).select_related("owner").get(pk=rule.pk)
    rule.reminders.filter(state=Reminder.State.SCHEDULED, snoozed_until=None).delete()
    _tell_rule(rule, "reminder_rule.deleted", by)
    mark_stale(rule.owner)
    rule.delete()


# --- Settings ----------------------------------------------------------------------------------------------


@transaction.atomic
def update_settings(owner: User, *, by: Any, changes: dict[str, Any], now: datetime | None = None) -> ReminderSettings:
    """Change digests, and how early workflows are told that something is due.

    Raises:
        ValidationError: by field.
    """
    now = now or timezone.now()
    settings_of(owner)
    row = ReminderSettings.objects.select_for_update().get(owner=owner)
    if "daily_days" in changes:
        changes = {**changes, "daily_days": check_days(changes["daily_days"])}
    changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if not changed:
        return row
    for name, value in changed.items():
        setattr(row, name, value)
    row.full_clean(exclude=["owner"])
    row.is_stale = row.is_stale or "soon_hours" in changed
    plan_digests(row, now)
    row.save()
    record("reminder_settings.updated", actor=by, subject=row, owner=owner, data={"changed": sorted(changed)})
    return row


def plan_digests(row: ReminderSettings, now: datetime) -> None:
    """Set when the next digests come, after `now`; a day that had its digest has no second one. Does not save."""
    zone = row.owner.zone
    had = dict(
        DigestSlot.objects.filter(owner_id=row.owner_id, due_at__gt=now - timedelta(days=2)).values_list("kind", "day")
    )
    row.next_daily_at = row.next_weekly_at = None
    if row.has_daily_digest:
        row.next_daily_at = next_slot(now, row.daily_at, row.daily_days, zone, not_on=had.get("daily"))
    if row.has_weekly_digest:
        row.next_weekly_at = next_slot(now, row.weekly_at, [row.weekly_day], zone, not_on=had.get("weekly"))


def _lock(owner: User) -> ReminderSettings:
    """Hold a student's reminders: the tick and `derive` wait meanwhile."""
    settings_of(owner)
    return ReminderSettings.objects.select_for_update().get(owner=owner)


def _locked(reminder: Reminder) -> Reminder:
    return Reminder.objects.select_for_update(of=("self",)).select_related("owner", "notification").get(pk=reminder.pk)


def _schedule(reminder: Reminder, fire_at: datetime, target: Target) -> None:
    reminder.state, reminder.reason, reminder.failures = Reminder.State.SCHEDULED, "", 0
    reminder.fire_at, reminder.target_at = fire_at, target.at
    reminder.snoozed_until = reminder.sent_for = None


def _read(reminder: Reminder) -> None:
    if reminder.notification_id:
        mark_read(Notification.objects.filter(pk=reminder.notification_id))


def _tell(reminder: Reminder, type: str, by: Any, **facts: Any) -> None:
    data = {"kind": reminder.target_kind, "id": reminder.target_id, **facts}
    record(type, actor=by, subject=reminder, owner=reminder.owner, data=data)


def _tell_rule(rule: ReminderRule, type: str, by: Any) -> None:
    data = {"kind": rule.kind, "course": rule.course_id, "lead_minutes": rule.lead_minutes, "channels": rule.channels}
    record(type, actor=by, subject=rule, owner=rule.owner, data=data)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
