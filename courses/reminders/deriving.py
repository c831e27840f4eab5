"""Keeping reminders in step with the work that they are of.

Rules are not asked at each tick: what they say of the coming weeks stands in rows with the moment at which each is
due, so that one index finds those. The rows are made anew, as a comparison of what is with what should be, whenever
the log tells of a change (`courses.reminders.following`), and by a sweep now and then, which heals whatever was
missed. The tick looks at each thing once more before it sends, so a row that is behind by seconds does no harm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.models import Course, DueSignal, Reminder, ReminderRule, ReminderSettings
from courses.reminders.targets import Target, targets_ahead, targets_of

HORIZON = timedelta(days=75)
"""How far ahead rows are made: the longest lead, and some days in which the sweep may fail."""
BATCH = 1000
FIELDS = ["target_at", "fire_at", "state", "reason", "snoozed_until", "failures"]

Ahead = Mapping[tuple[str, int, str], Target]
State = Reminder.State


@transaction.atomic
def derive(owner: User, *, now: datetime | None = None) -> None:
    """Bring a student's reminders and signals in step; as many queries for ten things as for ten thousand.

    What would have come before the last time this was done comes no more: a rule that is new, or work that is imported
    late, changes the future only. What should have come since then does come, late.
    """
    now = now or timezone.now()
    row = ReminderSettings.objects.select_for_update().filter(owner=owner).first()
    if row is None:
        return
    since = min(row.derived_at or now, now)
    ahead = targets_ahead(owner, since, now + HORIZON)
    derived, own = _reminders(owner, since, now)
    _follow_rules(owner, derived, ahead, since, now)
    _follow_own(owner, own, ahead, now)
    _signal_deadlines(owner, row, ahead, since, now)
    _note_concluded(owner, since, now)
    ReminderSettings.objects.filter(owner=owner).update(derived_at=now, is_stale=False)


def move(reminder: Reminder, at: datetime, now: datetime) -> None:
    """Let a reminder follow its thing to another time. Does not save.

    One that was sent comes again for a later time, unless it was sent for this very time before.
    """
    reminder.target_at = at
    if reminder.lead_minutes is None or reminder.state == State.DISMISSED:
        return
    fire_at = at - timedelta(minutes=reminder.lead_minutes)
    if reminder.state == State.SCHEDULED:
        # Its thing came closer than the lead: that is worth knowing at once.
        reminder.fire_at, reminder.snoozed_until = max(fire_at, now), None
        if reminder.sent_for == at:
            reminder.state = State.SENT
    elif fire_at > now and reminder.sent_for != at:
        reminder.state, reminder.reason, reminder.fire_at, reminder.failures = State.SCHEDULED, "", fire_at, 0
    elif reminder.sent_for == at:
        reminder.state = State.SENT


def _reminders(owner: User, since: datetime, now: datetime) -> tuple[list[Reminder], list[Reminder]]:
    """Read what may have to follow its thing: what rules made, and what the student set before or after a thing."""
    is_none_wanted = Q(state=State.DISMISSED, target_key="")
    derived = Q(Q(state=State.SCHEDULED) | Q(target_at__gte=since) | is_none_wanted, is_derived=True)
    lately = Q(state=State.SCHEDULED) | Q(target_at__gte=now - timedelta(days=30))
    rows = Reminder.objects.filter(derived | Q(lately, is_derived=False, lead_minutes__isnull=False), owner=owner)
    found: tuple[list[Reminder], list[Reminder]] = ([], [])
    for row in rows:
        found[0 if row.is_derived else 1].append(row)
    return found


def _follow_rules(owner: User, rows: list[Reminder], ahead: Ahead, since: datetime, now: datetime) -> None:
    """Make, move and remove the reminders that rules ask for: of a thing that repeats, one for each time."""
    rules = _rules_by_kind(owner)
    shown = _shown_courses(owner) if any(course for _, course in rules) else {}
    wanted = {
        (target.kind, target.pk, target.time_key, rule.pk): (target, rule)
        for target in ahead.values()
        for rule in rules_for(target, rules, shown)
    }
    known = {_key_of(row): row for row in rows}
    unwanted = {key for key, row in known.items() if row.state == State.DISMISSED and not row.target_key}
    wanted = {key: asked for key, asked in wanted.items() if not key[2] or (*key[:2], "", key[3]) not in unwanted}
    # What was sent for a time long gone, and moved ahead again, is known by its thing only.
    missing = {pk for _, pk, time, rule in wanted if not time and (_, pk, time, rule) not in known}
    if missing:
        old = Reminder.objects.filter(owner=owner, is_derived=True, target_key="", target_at__lt=since)
        for row in old.exclude(state=State.SCHEDULED).filter(target_id__in=missing):
            known.setdefault(_key_of(row), row)

    created, changed = [], []
    for key, (target, rule) in wanted.items():
        assert target.at is not None and rule.lead_minutes is not None
        fire_at = target.at - timedelta(minutes=rule.lead_minutes)
        row = known.get(key)
        if row is None:
            if fire_at > max(since, rule.changed_at):
                created.append(
                    Reminder(
                        owner=owner,
                        target_kind=target.kind,
                        target_id=target.pk,
                        target_key=target.time_key,
                        rule=rule,
                        is_derived=True,
                        lead_minutes=rule.lead_minutes,
                        target_at=target.at,
                        fire_at=fire_at,
                    )
                )
        elif _keep(row, target.at, rule, now):
            changed.append(row)
    Reminder.objects.bulk_create(created, batch_size=BATCH, ignore_conflicts=True)
    Reminder.objects.bulk_update(changed, [*FIELDS, "lead_minutes"], batch_size=BATCH)
    # Those that are due already are the tick's: it says why it does not send them.
    gone = [
        row.pk
        for key, row in known.items()
        if key not in wanted and row.state == State.SCHEDULED and row.fire_at > now and row.snoozed_until is None
    ]
    if gone:
        Reminder.objects.filter(pk__in=gone, state=State.SCHEDULED).delete()


def _keep(row: Reminder, at: datetime, rule: ReminderRule, now: datetime) -> bool:
    """Bring one row in step with its thing and its rule; say whether that changed it."""
    has_other_lead = row.lead_minutes != rule.lead_minutes
    if has_other_lead:
        row.lead_minutes = rule.lead_minutes
    if row.target_at != at:
        move(row, at, now)
        return True
    if has_other_lead and row.state == State.SCHEDULED and row.snoozed_until is None:
        row.fire_at = at - timedelta(minutes=row.lead_minutes or 0)
        if row.fire_at <= now:
            row.state, row.reason = State.SKIPPED, "The rule was changed after its time."
    return has_other_lead


def _follow_own(owner: User, rows: list[Reminder], ahead: Ahead, now: datetime) -> None:
    """Let the reminders that a student set before or after a thing follow it.

    Of a thing that repeats there is one row, which goes on to the next time that it can still come before.
    """
    targets = targets_of(owner, {(row.target_kind, row.target_id) for row in rows})
    times: dict[tuple[str, int], list[datetime]] = defaultdict(list)
    for target in ahead.values():
        if target.time_key and target.at is not None:
            times[target.key].append(target.at)
    changed = []
    for row in rows:
        key = row.target_kind, row.target_id
        target = targets.get(key)
        if target is None:
            continue
        at = _next_time(row, sorted(times[key]), now) if key in times else target.at
        if at is not None and at != row.target_at:
            move(row, at, now)
            changed.append(row)
    Reminder.objects.bulk_update(changed, FIELDS, batch_size=BATCH)


def _next_time(row: Reminder, times: list[datetime], now: datetime) -> datetime | None:
    """The time of a thing that repeats which a reminder is for next; the one it has while that is to be told still."""
    if row.state == State.SCHEDULED and row.fire_at <= now:
        return row.target_at
    lead = timedelta(minutes=row.lead_minutes or 0)
    return next((at for at in times if at - lead > now), row.target_at)


def _key_of(row: Reminder) -> tuple[str, int, str, int | None]:
    return row.target_kind, row.target_id, row.target_key, row.rule_id


def _rules_by_kind(owner: User) -> dict[tuple[str, int | None], list[ReminderRule]]:
    rules: dict[tuple[str, int | None], list[ReminderRule]] = {}
    for rule in ReminderRule.objects.filter(owner=owner):
        rules.setdefault((rule.kind, rule.course_id), []).append(rule)
    return rules


def _shown_courses(owner: User) -> dict[int, int]:
    """The course that is shown for each that is the same from another source."""
    rows = Course.objects.visible_to(owner).filter(same_as__isnull=False)
    return dict(rows.order_by().values_list("pk", "same_as_id"))


def rules_for(
    target: Target, rules: dict[tuple[str, int | None], list[ReminderRule]], shown: Mapping[int, int]
) -> list[ReminderRule]:
    """Choose the rules that a thing follows: its course's own for the kind, where there are any, else the general.

    `shown` are the courses that stand for those of other sources: what was said of one holds for all of them.
    """
    found = None
    if target.course_id is not None:
        course = shown.get(target.course_id, target.course_id)
        found = rules.get((target.rule_kind, course)) or rules.get((target.rule_kind, target.course_id))
    chosen = found if found is not None else rules.get((target.rule_kind, None), [])
    return [rule for rule in chosen if rule.lead_minutes is not None]


# --- What workflows are told --------------------------------------------------------------------------------


def _signal_deadlines(owner: User, row: ReminderSettings, ahead: Ahead, since: datetime, now: datetime) -> None:
    """Make, and take back, the rows from which `assignment.due_soon` and `assignment.overdue` are recorded."""
    wanted = {}
    for target in ahead.values():
        if target.kind == "assignment" and target.at is not None:
            for signal in signals_for(owner, target.pk, target.at, row.soon_hours):
                wanted[(signal.assignment_id, signal.type, signal.due_at, signal.lead_hours)] = signal
    waiting = DueSignal.objects.filter(owner=owner, fired_at=None)
    known = {(one.assignment_id, one.type, one.due_at, one.lead_hours): one for one in waiting}
    gone = [one.pk for key, one in known.items() if key not in wanted and one.fire_at > now]
    if gone:
        DueSignal.objects.filter(pk__in=gone, fired_at=None).delete()
    new = [one for key, one in wanted.items() if key not in known and one.fire_at > since]
    DueSignal.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)


def signals_for(owner: User, assignment: int, due_at: datetime, soon_hours: int) -> list[DueSignal]:
    """Make the two signals of one deadline; saves nothing."""
    about = {"owner": owner, "assignment_id": assignment, "due_at": due_at}
    soon = due_at - timedelta(hours=soon_hours)
    return [
        DueSignal(**about, type=DueSignal.Type.DUE_SOON, lead_hours=soon_hours, fire_at=soon),
        DueSignal(**about, type=DueSignal.Type.OVERDUE, fire_at=due_at),
    ]


def signal_soon(owner: User, assignment: int, due_at: datetime, now: datetime) -> None:
    """Tell at once of work that was new, or moved, into the time that counts as soon. Needs a transaction."""
    row = ReminderSettings.objects.filter(owner=owner).first()
    if row is None or not now < due_at <= now + timedelta(hours=row.soon_hours):
        return
    soon = signals_for(owner, assignment, due_at, row.soon_hours)[0]
    soon.fire_at = now
    DueSignal.objects.bulk_create([soon], ignore_conflicts=True)


def _note_concluded(owner: User, since: datetime, now: datetime) -> None:
    """Record that courses ended by their dates; those that the source concludes are recorded by their import."""
    ended = Q(ends_at__gt=since, ends_at__lte=now) | Q(
        ends_at__isnull=True, term__ends_at__gt=since, term__ends_at__lte=now
    )
    rows = Course.objects.visible_to(owner).filter(ended, missing_since=None)
    for course in rows.exclude(state=Course.State.COMPLETED).only("name", "nickname", "owner_id"):
        data = {"name": course.name, "course": course.pk, "by": "date"}
        record("course.concluded", actor=None, subject=course, owner=owner, data=data)


def derive_stale(*, now: datetime | None = None, limit: int = 200) -> int:
    """Bring in step whoever's work changed; return how many students."""
    return _derive_all(ReminderSettings.objects.filter(is_stale=True).values_list("owner_id", flat=True)[:limit], now)


def derive_everyone(*, now: datetime | None = None) -> int:
    """Bring everyone in step, also those whose changes nobody told; return how many students."""
    from courses.reminders.services import settings_of

    for user in User.objects.filter(courses__isnull=False, reminder_settings__isnull=True).distinct():
        settings_of(user)
    active = ReminderSettings.objects.filter(owner__is_active=True)
    return _derive_all(active.values_list("owner_id", flat=True), now)


def _derive_all(owners: Iterable[int], now: datetime | None) -> int:
    users = list(User.objects.filter(pk__in=list(owners)))
    for user in users:
        derive(user, now=now)
    return len(users)
