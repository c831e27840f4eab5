"""The tick: what is due is claimed, told and marked as told, in one transaction for each student.

1. One index finds the students who have something due.
2. Their settings row is locked, or they are skipped: another tick is at them. So a late tick and a new one, or two
   servers, never share out one student's reminders.
3. Their due rows are read under lock. What is done or gone is not told; what moved is put off.
4. The line in the bell, the mail in the outbox and the push are rows of the same transaction as the new state. A
   worker that dies before the commit has told nothing; one that dies after it leaves nothing to tell.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import channels_for, notify, quiet_end
from courses.models import DueSignal, Reminder, ReminderSettings
from courses.moments import Clock
from courses.reminders.deriving import move
from courses.reminders.targets import Target, target_kind, targets_of_reminders
from courses.reminders.times import SNOOZES, exact_words, left_words
from courses.work_state import OUTSTANDING

logger = logging.getLogger(__name__)

KIND = "reminder"
LATE = timedelta(minutes=10)
"""What comes later than this says when it should have come."""
FOLD_FROM = 4
"""So many late things at once are told in one line."""
AT_A_TIME = 500
TRIES = 5
RETRY = timedelta(minutes=5)

State = Reminder.State


@dataclass
class Due:
    """What is told of one thing now: the latest of its reminders, and the others that it stands for."""

    target: Target
    first: Reminder
    others: list[Reminder] = field(default_factory=list)

    @property
    def all(self) -> list[Reminder]:
        return [self.first, *self.others]

    def is_late(self, now: datetime) -> bool:
        return now - self.first.fire_at > LATE


def send_reminders(*, now: datetime | None = None) -> int:
    """Send what is due to everyone; return how many reminders were sent, folded ones included."""
    now, sent = now or timezone.now(), 0
    due = Reminder.objects.due(now).order_by()
    for owner_id in due.values_list("owner_id", flat=True).distinct()[:AT_A_TIME]:
        try:
            sent += send_reminders_of(owner_id, now=now)
        except Exception:
            # One student's fault must not keep everyone else's reminders.
            logger.exception("the reminders of %s could not be sent", owner_id)
            _try_later(owner_id, now)
    return sent


@transaction.atomic
def send_reminders_of(owner_id: int, *, now: datetime) -> int:
    """Send what is due to one student; 0 where another tick is at it."""
    row = ReminderSettings.objects.select_for_update(skip_locked=True, of=("self",)).select_related("owner")
    settings = row.filter(owner_id=owner_id).first()
    if settings is None:
        return 0
    owner = settings.owner
    rows = list(
        Reminder.objects.due(now)
        .filter(owner_id=owner_id)
        .select_related("rule")
        .select_for_update(skip_locked=True, of=("self",))[:AT_A_TIME]
    )
    targets = targets_of_reminders(owner, rows)
    found = _sift(rows, targets, now)
    clock = Clock(now, owner.zone)
    late = [due for due in found if due.is_late(now)]
    if len(late) >= FOLD_FROM:
        _send_folded(owner, late, clock)
        found = [due for due in found if due not in late]
    for due in found:
        _send(owner, due, clock)
    return sum(1 for one in rows if one.state == State.SENT)


def _sift(rows: list[Reminder], targets: dict[int, Target], now: datetime) -> list[Due]:
    """Settle what is not to be told, and gather the rest by thing, the latest reminder of each first."""
    found: dict[tuple[str, int, str], Due] = {}
    for row in rows:
        target = targets.get(row.pk)
        reason = _reason_against(row, target)
        if reason or target is None:
            row.state, row.reason = State.SKIPPED, reason
            row.save(update_fields=["state", "reason"])
            continue
        if target.at is not None and target.at != row.target_at and row.snoozed_until is None:
            move(row, target.at, now)
            row.save()
            if row.state != State.SCHEDULED or row.fire_at > now:
                continue
        due = found.get(target.shown_key)
        if due is None:
            found[target.shown_key] = Due(target, row)
        else:  # rows come the earliest first
            due.others.append(due.first)
            due.first = row
    return list(found.values())


def _reason_against(row: Reminder, target: Target | None) -> str:
    if target is None:
        return "It is gone."
    if not target.is_open:
        return "It was done by then."
    if target.at is None and row.lead_minutes is not None:
        return "It has no date any more."
    return ""


def _send(owner: User, due: Due, clock: Clock) -> None:
    target, first = due.target, due.first
    title, content, is_past = told(due, clock)
    channels = _channels(owner, due.all)
    held = quiet_end(owner, clock.now) if {"mail", "push"} & set(channels) else None
    is_urgent = held is not None and target.at is not None and clock.now <= target.at <= held
    notification = notify(
        owner,
        title=title,
        content=content,
        priority="urgent" if is_urgent else "high" if is_past else "medium",
        url=target.url,
        kind=KIND,
        group=f"Reminders of {target.course}" if target.course else "Reminders",
        channels=channels,
        actions=_actions(first),
        now=clock.now,
    )
    _mark_sent(owner, due, notification, clock.now)


def told(due: Due, clock: Clock) -> tuple[str, str, bool]:
    """Say a reminder: its title, its text, and whether it comes after the thing's time though it was to come before."""
    target, kind = due.target, target_kind(due.target.kind)
    is_past = False
    if target.at is None:
        title = f"Reminder: {target.title}"
    elif target.at < clock.now:
        title = f"{target.title} {kind.came} {exact_words(target.at, clock)}"
        is_past = due.first.fire_at <= target.at
    elif target.is_all_day:
        title = f"{target.title}: {exact_words(target.at, clock).partition(' at ')[0]}"
    else:
        title = f"{target.title} {kind.comes} {left_words((target.at - clock.now).total_seconds())}"
    lines = [" · ".join(filter(None, [target.course, *target.facts]))]
    if target.at is not None and target.at >= clock.now and not target.is_all_day:
        lines[0] = " · ".join(filter(None, [exact_words(target.at, clock).capitalize(), lines[0]]))
    if due.is_late(clock.now):
        came = f"This reminder was meant for {exact_words(due.first.fire_at, clock)} and comes late"
        lines.append(f"{came}: the service was away{', and the time has passed meanwhile' if is_past else ''}.")
    return title[:200], "\n\n".join(filter(None, lines)), is_past


def _send_folded(owner: User, dues: list[Due], clock: Clock) -> None:
    """Tell many late things in one line: after the service was away, nobody wants thirty."""
    dues.sort(key=lambda due: (due.target.at is None, due.target.at or clock.now, due.target.title))
    lines = [f"- [{_plain(due.target.title)}]({due.target.url}), {_when(due.target, clock)}" for due in dues]
    earliest = min(due.first.fire_at for due in dues)
    notification = notify(
        owner,
        title=f"{len(dues)} reminders come late",
        content=f"The service was away since {exact_words(earliest, clock)} or longer. These should have come:\n\n"
        + "\n".join(lines),
        priority="high",
        url="/assignments/",
        kind=KIND,
        channels=_channels(owner, [row for due in dues for row in due.all]),
        now=clock.now,
    )
    for due in dues:
        _mark_sent(owner, due, notification, clock.now, is_folded=True)


def _when(target: Target, clock: Clock) -> str:
    if target.at is None:
        return "no date"
    kind = target_kind(target.kind)
    return f"{kind.came if target.at < clock.now else kind.comes} {exact_words(target.at, clock)}"


def _plain(title: str) -> str:
    """A title as the text of a link in Markdown."""
    return " ".join(title.replace("[", "(").replace("]", ")").split())


def _mark_sent(owner: User, due: Due, notification: Notification, now: datetime, *, is_folded: bool = False) -> None:
    for row in due.all:
        row.state, row.sent_at, row.sent_for, row.notification = State.SENT, now, due.target.at, notification
        row.snoozed_until = None
        row.reason = "" if row is due.first and not is_folded else "Told together with others."
        row.save(update_fields=["state", "sent_at", "sent_for", "notification", "snoozed_until", "reason"])
    data = {
        "kind": due.target.kind,
        "id": due.target.pk,
        "name": due.target.title,
        "reminders": [row.pk for row in due.all],
        "notification": notification.pk,
    }
    record("reminder.sent", actor=None, subject=due.first, owner=owner, data=data)


def _channels(owner: User, rows: list[Reminder]) -> list[str]:
    """The channels of all of them together; one that names none takes the student's choice for reminders."""
    chosen = [row.channels or (row.rule.channels if row.rule else []) for row in rows]
    usual = channels_for(owner, KIND) if any(not channels for channels in chosen) else ()
    return sorted({channel for channels in chosen for channel in (channels or usual)})


def _actions(reminder: Reminder) -> list[dict[str, str]]:
    """What the bell offers beside the line."""
    snooze = reverse("courses:snooze-reminder", args=[reminder.pk])
    return [
        *({"label": label, "url": f"{snooze}?for={key}", "icon": "alarm-clock"} for key, label in SNOOZES.items()),
        {"label": "Dismiss", "url": reverse("courses:dismiss-reminder", args=[reminder.pk]), "icon": "bell-off"},
    ]


def _try_later(owner_id: int, now: datetime) -> None:
    """Put off what could not be sent; after some tries it is given up, and says so."""
    for row in Reminder.objects.due(now).filter(owner_id=owner_id):
        row.failures += 1
        row.fire_at = now + RETRY
        if row.failures >= TRIES:
            row.state, row.reason = State.SKIPPED, "It could not be sent; the server's log says why."
        row.save(update_fields=["failures", "fire_at", "state", "reason"])


# --- What workflows are told --------------------------------------------------------------------------------


@transaction.atomic
def record_signals(*, now: datetime | None = None, limit: int = AT_A_TIME) -> int:
    """Record the deadlines that came close or passed; return how many. Each is recorded once, whoever ticks."""
    now, told = now or timezone.now(), 0
    rows = (
        DueSignal.objects.due(now)
        .select_related("assignment__course", "assignment__submission", "owner")
        .select_for_update(skip_locked=True, of=("self",))[:limit]
    )
    for signal in rows:
        work = signal.assignment
        is_meant = work.due_at == signal.due_at and work.deleted_at is None and work.state_at(now) in OUTSTANDING
        is_passed = signal.due_at <= now and signal.type == DueSignal.Type.DUE_SOON
        if is_meant and not is_passed and work.course.deleted_at is None:
            record(signal.type, actor=None, subject=work, owner=signal.owner, data=_signal_data(signal, now))
            told += 1
        signal.fired_at = now
        signal.save(update_fields=["fired_at"])
    return told


def _signal_data(signal: DueSignal, now: datetime) -> dict[str, Any]:
    work = signal.assignment
    data: dict[str, Any] = {
        "assignment": work.pk,
        "name": work.name,
        "course": work.course_id,
        "course_name": work.course.title,
        "due_at": signal.due_at.isoformat().replace("+00:00", "Z"),
        "points_possible": work.points_possible,
        "url": work.get_absolute_url(),
    }
    if signal.type == DueSignal.Type.DUE_SOON:
        data["lead_hours"] = signal.lead_hours
        data["hours_left"] = round((signal.due_at - now).total_seconds() / 3600, 1)
    return data
