"""What pages show of reminders: those of one thing, the rules, and when the next digests come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.notifications import CHANNELS
from courses.models import Course, Reminder, ReminderRule, ReminderSettings
from courses.models.reminders import Channel, DigestSlot
from courses.moments import Clock, ago
from courses.reminders.targets import Target, target_kind, targets_of_reminders
from courses.reminders.times import WEEKDAYS, exact_words, lead_words, length_words

PRESETS = (10, 30, 60, 120, 24 * 60, 2 * 24 * 60, 7 * 24 * 60)
RULE_LEADS = (0, 10, 30, 60, 120, 6 * 60, 24 * 60, 2 * 24 * 60, 3 * 24 * 60, 7 * 24 * 60, 14 * 24 * 60)
ICONS = {"scheduled": "alarm-clock", "sent": "bell-ring", "skipped": "bell-minus", "dismissed": "bell-off"}
LISTED, LATELY = 100, 20

State = Reminder.State


@dataclass(slots=True)
class ReminderLine:
    """One reminder in words: when it comes or came, why, and by which channels."""

    pk: int
    icon: str
    words: str
    when: str
    iso: str
    note: str
    is_coming: bool
    title: str = ""
    url: str = ""


def line_of(reminder: Reminder, clock: Clock, target: Target | None = None) -> ReminderLine:
    """Say one reminder; reads nothing where its rule is joined."""
    is_coming = reminder.state == State.SCHEDULED
    if reminder.snoozed_until is not None:
        words = "Snoozed"
    elif reminder.lead_minutes is None:
        words = "At a time"
    else:
        words = lead_words(reminder.lead_minutes).capitalize()
    channels = reminder.channels or (reminder.rule.channels if reminder.rule else [])
    notes = [
        "by default" if reminder.is_derived and is_coming else "",
        "and each time after" if reminder.target_key and is_coming else "",
        reminder.reason,
        f"sent {ago(reminder.sent_at, clock.now)}" if reminder.state == State.SENT and reminder.sent_at else "",
        channel_words(channels) if channels and is_coming else "",
    ]
    return ReminderLine(
        pk=reminder.pk,
        icon=ICONS[reminder.state],
        words=words,
        when=exact_words(reminder.fire_at, clock),
        iso=reminder.fire_at.isoformat(),
        note=" · ".join(filter(None, notes)),
        is_coming=is_coming,
        title=target.title if target else "",
        url=target.url if target else "",
    )


def channel_words(channels: Sequence[str]) -> str:
    """ "e-mail and push", or "" for none."""
    names = {"bell": "bell", "mail": "e-mail", "push": "push"}
    found = [names[channel] for channel in CHANNELS if channel in channels]
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def reminder_card(
    user: User, target: Target, clock: Clock, *, form: forms.Form | None = None, removed: Reminder | None = None
) -> dict[str, Any]:
    """What the piece with the reminders of one thing needs; one query."""
    rows = _OF_ONE.objects(owner=user.pk, kind=target.kind, pk=target.pk)
    lines = [line_of(row, clock) for row in _latest(rows)]
    presets = [
        (minutes, lead_words(minutes))
        for minutes in PRESETS
        if target.at is not None and target.at - timedelta(minutes=minutes) > clock.now
    ]
    return {
        "target": target,
        "coming": [line for line in lines if line.is_coming],
        "past": [line for line in lines if not line.is_coming],
        "presets": presets,
        "quick": [preset for preset in presets if preset[0] in (60, 24 * 60)],
        "form": form,
        "removed": line_of(removed, clock) if removed else None,
        "channels": Channel.choices,
        "comes": target_kind(target.kind).comes,
        "default_at": clock.local.replace(hour=18, minute=0).strftime("%Y-%m-%dT%H:%M")
        if clock.local.hour < 17
        else (clock.local + timedelta(days=1)).replace(hour=18, minute=0).strftime("%Y-%m-%dT%H:%M"),
    }


def _latest(rows: Iterable[Reminder]) -> list[Reminder]:
    """Of what came each time a thing took place, the last: the times before it say nothing new."""
    found: dict[Any, Reminder] = {}
    for row in rows:
        is_past = row.state != State.SCHEDULED
        found[(row.rule_id, is_past) if row.target_key else row.pk] = row
    return sorted(found.values(), key=lambda row: (row.fire_at, row.pk))


def reminder_list(user: User, clock: Clock) -> dict[str, Any]:
    """All that is to come, soonest first, and what came lately; as many queries for any number."""
    coming: list[Reminder] = _COMING.objects(owner=user.pk)
    lately: list[Reminder] = _LATELY.objects(owner=user.pk)
    targets = targets_of_reminders(user, [*coming, *lately])

    def lines(rows: list[Reminder]) -> list[ReminderLine]:
        found = ((row, targets.get(row.pk)) for row in rows)
        return [line_of(row, clock, target) for row, target in found if target is not None]

    return {"coming": lines(coming), "lately": lines(lately)}


def _own(owner: int) -> QuerySet[Reminder]:
    return Reminder.objects.visible_to(owner_with(owner)).select_related("rule")


def _of_one(owner: int, kind: str, pk: int) -> QuerySet[Reminder]:
    return _own(owner).of(kind, pk).shown().next_times().order_by("fire_at", "pk")


def _coming(owner: int) -> QuerySet[Reminder]:
    return _own(owner).filter(state=State.SCHEDULED).next_times().order_by("fire_at", "pk")[:LISTED]


def _lately(owner: int) -> QuerySet[Reminder]:
    return _own(owner).filter(state__in=[State.SENT, State.SKIPPED]).order_by("-fire_at", "-pk")[:LATELY]


_OF_ONE = KeptQuery(_of_one, owner=int, kind=str, pk=int)
_COMING, _LATELY = KeptQuery(_coming, owner=int), KeptQuery(_lately, owner=int)


@dataclass(frozen=True)
class RuleLine:
    """One default in words."""

    pk: int
    lead_minutes: int | None
    words: str
    channels: list[str]
    channel_words: str


@dataclass(frozen=True)
class RuleGroup:
    """The defaults of one kind, for all courses or for one."""

    kind: str
    title: str
    course: Course | None
    lines: list[RuleLine]


def rule_groups(user: User) -> list[RuleGroup]:
    """List the defaults by kind, the general ones first, then those of single courses; one query."""
    rows = ReminderRule.objects.visible_to(user).select_related("course").defer("course__search_vector")
    found: dict[tuple[str, int | None], RuleGroup] = {
        (kind, None): RuleGroup(kind, label, None, []) for kind, label in ReminderRule.Kind.choices
    }
    for row in rows.order_by("course__name", "-lead_minutes", "pk"):
        group = found.setdefault((row.kind, row.course_id), RuleGroup(row.kind, row.get_kind_display(), row.course, []))
        words = "never" if row.lead_minutes is None else lead_words(row.lead_minutes)
        group.lines.append(RuleLine(row.pk, row.lead_minutes, words, row.channels, channel_words(row.channels)))
    order = list(ReminderRule.Kind.values)
    return sorted(found.values(), key=lambda group: (group.course is not None, order.index(group.kind)))


def lead_choices() -> list[tuple[str, str]]:
    return [(str(minutes), lead_words(minutes)) for minutes in RULE_LEADS]


@dataclass(frozen=True)
class NextDigest:
    """When a digest comes next, in words, and what became of the last one."""

    kind: str
    when: str
    last: str


def next_digests(settings: ReminderSettings, clock: Clock) -> list[NextDigest]:
    """Say of both digests when the next comes ("" where it is off); one query."""
    slots = {}
    for slot in DigestSlot.objects.filter(owner_id=settings.owner_id).order_by("due_at", "pk"):
        slots[slot.kind] = slot
    moments = {"daily": settings.next_daily_at, "weekly": settings.next_weekly_at}
    return [
        NextDigest(kind, digest_words(moment, clock) if moment else "", _last_words(slots.get(kind), clock))
        for kind, moment in moments.items()
    ]


def digest_words(moment: datetime, clock: Clock) -> str:
    """ "Monday 30 November at 07:30"."""
    local = moment.astimezone(clock.zone)
    return f"{WEEKDAYS[local.weekday()]} {local.day} {local:%B} at {local:%H:%M}"


def _last_words(slot: DigestSlot | None, clock: Clock) -> str:
    if slot is None:
        return ""
    when = exact_words(slot.due_at, clock)
    return {
        DigestSlot.State.SENT: f"The last one was sent {when}.",
        DigestSlot.State.EMPTY: f"There was nothing to say {when}, so none was sent.",
        DigestSlot.State.FOLDED: f"The weekly digest stood for it {when}.",
    }[DigestSlot.State(slot.state)]


def soon_words(hours: int) -> str:
    return length_words(hours * 60)
