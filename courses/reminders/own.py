"""Own tasks and events of the calendar as things to be reminded of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.calendar.layers import event_of, read_events
from courses.models import CalendarEvent, CalendarOccurrence, Course, OwnTask
from courses.moments import Clock
from courses.reminders.targets import Target, TargetKind, register_target
from courses.reminders.work import MORNING

JUST_BEGUN = timedelta(hours=1)
"""So long after its begin an event that repeats is still this one; then it is its next time."""
COURSE_FIELDS = [f"course__{name}" for name in ("name", "nickname", "hue", "deleted_at")]


def _tasks(owner: Any) -> QuerySet[OwnTask]:
    rows = OwnTask.objects.whole_of(owner).select_related("course")
    return rows.only("title", "due_on", "due_at", "done_at", "dismissed_at", "owner_id", *COURSE_FIELDS)


def _of_tasks(rows: Iterable[OwnTask], clock: Clock) -> Iterator[Target]:
    for task in rows:
        course = task.course if task.course and task.course.deleted_at is None else None
        yield Target(
            kind="task",
            pk=task.pk,
            title=task.title,
            at=clock.midnight(task.due_on) + MORNING if task.due_on else task.due_at,
            url=task.get_absolute_url(),
            is_open=not task.is_settled,
            rule_kind="task",
            course_id=course.pk if course else None,
            course=course.title if course else "",
            is_all_day=task.due_on is not None,
        )


def read_tasks(owner: User, ids: Iterable[int]) -> Iterator[Target]:
    return _of_tasks(_TASKS.objects(owner=owner.pk, ids=list(ids)), Clock(timezone.now(), owner.zone))


_TASKS = KeptQuery(lambda owner, ids: _tasks(owner_with(owner)).filter(pk__any_of=ids), owner=int, ids=int)


def target_of_task(owner: User, task: OwnTask) -> Target | None:
    """A task as it was read for its own page, its course joined. A subtask has no time."""
    if task.parent_id is not None:
        return None
    return next(_of_tasks([task], Clock(timezone.now(), owner.zone)))


def tasks_ahead(owner: User, start: datetime, end: datetime) -> Iterator[Target]:
    rows = _tasks(owner).open().filter(Q(course__isnull=True) | Q(course__is_hidden=False))
    rows = rows.due_between(start - MORNING, end, owner.zone)
    targets = _of_tasks(rows, Clock(start, owner.zone))
    return (target for target in targets if target.at is not None and start <= target.at < end)


def read_own_events(owner: User, ids: Iterable[int]) -> Iterator[Target]:
    """Each event at its next time; one that is over, at its last. Two queries."""
    found = {event.pk: event for event in _EVENTS.objects(owner=owner.pk, ids=list(ids))}
    begins = dict(_TIMES.rows(ids=list(found), since=timezone.now() - JUST_BEGUN)) if found else {}
    for event in found.values():
        course = event.course or (event.source.course if event.source else None)
        at = begins.get(event.pk, event.starts_at)
        yield Target(
            kind="event",
            pk=event.pk,
            title=event.title,
            at=at.replace(tzinfo=owner.zone) + MORNING if event.is_all_day else at,
            url=event.get_absolute_url(),
            is_open=event.missing_since is None,
            rule_kind="event",
            course_id=course.pk if course else None,
            course=course.title if course else "",
            is_all_day=event.is_all_day,
            facts=tuple(filter(None, [event.location])),
        )


def _events(owner: int, ids: int) -> QuerySet[CalendarEvent]:
    rows = CalendarEvent.objects.visible_to(owner_with(owner)).filter(pk__any_of=ids)
    rows = rows.select_related("course", "source__course").order_by()
    columns = ("title", "starts_at", "is_all_day", "missing_since", "location")
    return rows.only("owner_id", *columns, *COURSE_FIELDS, *(f"source__{name}" for name in COURSE_FIELDS))


def _next_times(ids: int, since: datetime) -> QuerySet[Any]:
    is_ahead = Case(When(starts_at__gte=since, then=Value(0)), default=Value(1))
    times = CalendarOccurrence.objects.filter(event__pk__any_of=ids).order_by("event_id", is_ahead, "starts_at")
    return times.distinct("event_id").values_list("event_id", "starts_at")


_EVENTS = KeptQuery(_events, owner=int, ids=int)
_TIMES = KeptQuery(_next_times, ids=int, since=datetime)


def event_times(owner: User, ids: Iterable[int], start: datetime, end: datetime) -> dict[int, dict[str, datetime]]:
    """The times of events that lie in a span, by the event and the time's name. One query."""
    span = (start - timedelta(days=2), end + timedelta(days=2))  # the days of UTC that stand for days of any zone
    rows = _TIMES_BETWEEN.rows(owner=owner.pk, ids=list(ids), start=span[0], end=span[1])
    found: dict[int, dict[str, datetime]] = {}
    for pk, key, at, is_all_day in rows:
        found.setdefault(pk, {})[key] = at.replace(tzinfo=owner.zone) + MORNING if is_all_day else at
    return found


def _times_between(owner: int, ids: int, start: datetime, end: datetime) -> QuerySet[Any]:
    rows = CalendarOccurrence.objects.filter(owner_id=owner, event__pk__any_of=ids)
    rows = rows.filter(starts_at__gte=start, starts_at__lte=end).order_by()
    return rows.values_list("event_id", "key", "starts_at", "event__is_all_day")


_TIMES_BETWEEN = KeptQuery(_times_between, owner=int, ids=int, start=datetime, end=datetime)


def own_events_ahead(owner: User, start: datetime, end: datetime) -> Iterator[Target]:
    """What the calendar shows as events, each time they take place, and each once, whatever calendars have it."""
    entries = read_events(owner, start - MORNING, end)
    if not entries:
        return
    hidden = set(Course.objects.visible_to(owner).hidden().values_list("pk", flat=True))
    repeating = set(CalendarEvent.objects.visible_to(owner).repeating().order_by().values_list("pk", flat=True))
    for entry in entries:
        at = entry.starts_at + MORNING if entry.is_all_day else entry.starts_at
        if not start <= at < end or entry.course_id in hidden:
            continue
        pk = event_of(entry.key)
        yield Target(
            kind="event",
            pk=pk,
            time_key=entry.key.rpartition("@")[2] if pk in repeating else "",
            title=entry.title,
            at=at,
            url=entry.url,
            rule_kind="event",
            course_id=entry.course_id,
            course=entry.course,
            is_all_day=entry.is_all_day,
            facts=tuple(filter(None, [entry.location])),
        )


def register() -> None:
    """Add both kinds; called once, when the app is ready."""
    register_target(TargetKind("task", "Own task", "is due", "was due", read_tasks, tasks_ahead, of_row=target_of_task))
    register_target(
        TargetKind("event", "Calendar event", "begins", "began", read_own_events, own_events_ahead, event_times)
    )
