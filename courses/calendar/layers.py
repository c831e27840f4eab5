"""The layers of this part: deadlines, what the sources' planners list beside them, and events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, DateField, DateTimeField, F, Func, Q, QuerySet, RowRange, Value, When, Window
from django.db.models.functions import Cast, Collate, RowNumber
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.calendar.entries import Entry, Layer, register_layer
from courses.calendar.querysets import widened
from courses.calendar.same import twins_of
from courses.calendar.words import KnownCourse
from courses.models import Assignment, CalendarOccurrence, PlannerItem
from courses.rows import SETTLED

_COURSE_FIELDS = ("course__name", "course__nickname", "course__hue")
_OF_DEADLINE = ("pk", "name", "due_at", "updated_at", "work_state", "course_id")
_SETTLED = {str(state) for state in SETTLED}


def _assignments(owner: int, now: datetime, start: datetime, end: datetime) -> QuerySet[Any]:
    rows = Assignment.objects.visible_to(owner_with(owner)).present().in_active_courses(now)
    rows = rows.due_between(start, end).with_work_state(now).order_by()
    return rows.values_list(*_OF_DEADLINE, *_COURSE_FIELDS)


def _first_assignments(
    owner: int, courses: int, now: datetime, start: datetime, end: datetime, zone: str, count: int, whole: date
) -> QuerySet[Any]:
    local = Cast(Func(Value(zone), F("due_at"), function="timezone", output_field=DateTimeField()), DateField())
    rows = Assignment.objects.in_known_courses(owner_with(owner), courses).present()
    rows = rows.due_between(start, end).with_work_state(now).annotate(day=local)
    # In the order of code points, as entries are sorted. One window for both, which PostgreSQL goes through once.
    of_day: dict[str, Any] = {"partition_by": "day", "order_by": ["due_at", Collate("name", "C"), "pk"]}
    of_day["frame"] = RowRange(start=None, end=None)
    rows = rows.annotate(place=Window(RowNumber(), **of_day), total=Window(Count("pk"), **of_day))
    return rows.filter(Q(place__lte=count) | Q(day=whole)).order_by().values_list("day", "total", *_OF_DEADLINE)


_ASSIGNMENTS = KeptQuery(_assignments, owner=int, now=datetime, start=datetime, end=datetime)
_FIRST_ASSIGNMENTS = KeptQuery(
    _first_assignments, owner=int, courses=int, now=datetime, start=datetime, end=datetime, zone=str, count=int,
    whole=date,
)  # fmt: skip


def read_assignments(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """What is due in courses that go on; what is settled is marked as done."""
    rows = _ASSIGNMENTS.rows(owner=owner.pk, now=timezone.now(), start=start, end=end)
    return [_deadline(*row) for row in rows]


def _nth_assignment(owner: int, now: datetime, start: datetime, end: datetime, count: int) -> QuerySet[Any]:
    rows = Assignment.objects.visible_to(owner_with(owner)).present().in_active_courses(now)
    return rows.due_between(start, end).order_by("due_at").values_list("due_at")[count - 1 : count]


_NTH_ASSIGNMENT = KeptQuery(_nth_assignment, owner=int, now=datetime, start=datetime, end=datetime)


def when_so_many_are_due(owner: User, start: datetime, end: datetime, count: int) -> datetime | None:
    """When the last of so many deadlines of a span is; None where it has fewer. One query."""
    found = _NTH_ASSIGNMENT.rows(owner=owner.pk, now=timezone.now(), start=start, end=end, count=count)
    return found[0][0] if found else None


def read_first_assignments(
    owner: User, start: datetime, end: datetime, count: int, whole: date, courses: Mapping[int, KnownCourse]
) -> tuple[list[Entry], dict[date, int]]:
    """The first of each day that are due, all of one day, and how many more there are."""
    going_on = [pk for pk, course in courses.items() if course.goes_on]
    values = {"owner": owner.pk, "courses": going_on, "now": timezone.now(), "start": start, "end": end}
    rows = _FIRST_ASSIGNMENTS.rows(**values, zone=owner.zone.key, count=count, whole=whole)
    left = {row[0]: row[1] - count for row in rows if row[1] > count and row[0] != whole}
    known = {pk: (courses[pk].title, "", courses[pk].hue) for pk in going_on}
    return [_deadline(*row[2:], *known[row[7]]) for row in rows], left


def _deadline(
    pk: int,
    title: str,
    due_at: datetime,
    updated_at: datetime,
    state: str,
    course_id: int,
    name: str,
    nickname: str,
    hue: int,
) -> Entry:
    # Positions and no names: a calendar feed has thousands of these.
    return Entry(
        *(f"assignment:{pk}", "assignment", title, due_at, None, False, False, state in _SETTLED),
        *(f"/assignments/{pk}/", "", course_id, nickname or name, hue, updated_at),
    )


def _planner_items(owner: int, start: datetime, end: datetime) -> QuerySet[Any]:
    rows = PlannerItem.objects.visible_to(owner_with(owner)).present().beside_assignments()
    rows = rows.filter(Q(course__isnull=True) | Q(course__is_hidden=False), dismissed_at=None)
    rows = rows.filter(Q(starts_at__gte=start) | Q(ends_at__gt=start), starts_at__lt=end)
    columns = ("pk", "kind", "title", "starts_at", "ends_at", "is_all_day", "location", "html_url", "done_at")
    return rows.values_list(*columns, "updated_at", "course_id", *_COURSE_FIELDS)


_PLANNER_ITEMS = KeptQuery(_planner_items, owner=int, start=datetime, end=datetime)


def read_planner_items(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """What the sources' planners have beside assignments: events, notes, pages to read."""
    zone, found = owner.zone, []
    for row in _PLANNER_ITEMS.rows(owner=owner.pk, start=start, end=end):
        pk, kind, title, starts_at, ends_at, is_all_day, location, url, done_at, updated_at, course_id, *course = row
        name, nickname, hue = course
        ends_at = _end_of_item(starts_at, ends_at, is_all_day, zone)
        is_busy = kind == "calendar_event" and not is_all_day
        url = url or (f"/courses/{course_id}/" if course_id else "")
        # Positions and no names, as of deadlines.
        found.append(
            Entry(
                *(f"planner-item:{pk}", kind, title, starts_at, ends_at, is_all_day, is_busy, done_at is not None),
                *(url, location, course_id, nickname or name or "", hue, updated_at),
            )
        )
    return found


def _end_of_item(starts_at: datetime, ends_at: datetime | None, is_all_day: bool, zone: ZoneInfo) -> datetime | None:
    if is_all_day:
        first = starts_at.astimezone(zone)
        return (first.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    return ends_at if ends_at != starts_at else None


class EventTime(NamedTuple):
    """One time of an event, with what an entry says of it."""

    key: str
    starts_at: datetime
    ends_at: datetime
    event_id: int
    title: str
    location: str
    url: str
    uid: str
    is_all_day: bool
    is_busy: bool
    updated_at: datetime
    source_id: int | None
    source: str | None
    source_hue: int | None
    source_is_busy: bool | None
    course_id: int | None
    course: str | None
    course_nickname: str | None
    course_hue: int | None


def _event_times(owner: int, start: datetime, end: datetime) -> QuerySet[Any]:
    rows = CalendarOccurrence.objects.visible_to(owner_with(owner)).overlapping(start, end)
    of_event = ("title", "location", "url", "uid", "is_all_day", "is_busy", "updated_at", "source_id")
    of_course = ("id", "name", "nickname", "hue")
    return rows.order_by(F("event__source_id").asc(nulls_first=True), "event_id", "starts_at").values_list(
        *("key", "starts_at", "ends_at", "event_id"),
        *(f"event__{name}" for name in of_event),
        *(f"event__source__{name}" for name in ("name", "hue", "is_busy")),
        # The event's own course, else its calendar's.
        *(
            Case(
                When(event__course__isnull=False, then=F(f"event__course__{name}")),
                default=F(f"event__source__course__{name}"),
            )
            for name in of_course
        ),
    )


_EVENT_TIMES = KeptQuery(_event_times, owner=int, start=datetime, end=datetime)


def read_events(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """Events by hand and of calendars; what a source or another calendar has as well is left out."""
    first, last = widened(start, end)
    found = [EventTime(*row) for row in _EVENT_TIMES.rows(owner=owner.pk, start=first, end=last)]
    twins = twins_of(owner, found, start, end)
    zone = owner.zone
    entries: list[Entry] = []
    seen: dict[tuple, int | None] = {}
    for time in found:
        entry = _entry(time, zone)
        if entry.starts_at >= end or (entry.ends_at or entry.starts_at) < start or entry.ends_at == start:
            continue
        names: list[tuple] = [("title", entry.title.casefold(), entry.starts_at, entry.ends_at)]
        if time.uid:
            names.append(("uid", time.uid, entry.starts_at))
        if time.source_id is not None:
            twin = twins.of(time) or twins.named_alike(time.title, entry.starts_at)
            if (
                twins.is_own(time)
                or twin is not None
                or any(seen.get(name, time.source_id) != time.source_id for name in names)
            ):
                continue
        for name in names:
            seen.setdefault(name, time.source_id)
        entries.append(entry)
    return entries


def _entry(time: EventTime, zone: ZoneInfo) -> Entry:
    starts_at, ends_at = time.starts_at, time.ends_at
    if time.is_all_day:  # stored as days of UTC: they are the student's days, wherever the student is
        starts_at, ends_at = (moment.replace(tzinfo=zone) for moment in (starts_at, ends_at))
    is_busy = time.is_busy and time.source_is_busy is not False
    if time.course_id is not None:
        course, hue = time.course_nickname or time.course or "", time.course_hue
    else:
        course, hue = time.source or "", time.source_hue
    ends = ends_at if ends_at > starts_at else None
    # Positions and no names, as of deadlines.
    return Entry(
        *(f"event:{time.event_id}@{time.key}", "event", time.title, starts_at, ends, time.is_all_day, is_busy, False),
        *(f"/calendar/events/{time.event_id}/", time.location, time.course_id, course, hue, time.updated_at),
        time.source_id is None,
    )


def event_of(key: str) -> int:
    """The id of the event that an entry's key names; 0 for another kind of entry."""
    kind, _, rest = key.partition(":")
    return int(rest.partition("@")[0]) if kind == "event" else 0


def register() -> None:
    """Add the layers; called once, when the app is ready."""
    deadlines = {"takes_time": False, "read_first": read_first_assignments}
    register_layer(Layer("assignments", "Deadlines", "list-todo", read_assignments, 10, **deadlines))
    register_layer(Layer("planner-items", "Course events", "graduation-cap", read_planner_items, 25))
    register_layer(Layer("events", "Events", "calendar", read_events, 30))
