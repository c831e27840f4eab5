"""The layers of this part: deadlines, what the sources' planners list beside them, and events."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Q
from django.utils import timezone

from coreengine.accounts.models import User
from courses.calendar.entries import Entry, Layer, register_layer
from courses.calendar.same import twins_of
from courses.models import Assignment, CalendarEvent, CalendarOccurrence, PlannerItem
from courses.querysets import COURSE_TAG_FIELDS
from courses.rows import SETTLED

_COURSE_FIELDS = ("course__name", "course__nickname", "course__hue")
_SETTLED = {str(state) for state in SETTLED}
_EVENT_FIELDS = [
    *("key", "starts_at", "ends_at", "owner_id"),
    *(f"event__{name}" for name in ("title", "location", "url", "uid", "is_all_day", "is_busy", "updated_at")),
    *(f"event__course__{name}" for name in ("name", "nickname", "hue")),
    *(f"event__source__{name}" for name in ("name", "hue", "is_busy")),
    *(f"event__source__course__{name}" for name in ("name", "nickname", "hue")),
]


def read_assignments(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """What is due in courses that go on; what is settled is marked as done."""
    now = timezone.now()
    rows = Assignment.objects.visible_to(owner).present().in_active_courses(now).due_between(start, end)
    # Bare values and positions: a month has a thousand of these, and a model each would cost more than the page.
    columns = ("pk", "name", "due_at", "updated_at", "work_state", "course_id", *_COURSE_FIELDS)
    return [
        Entry(
            *(f"assignment:{pk}", "assignment", title, due_at, None, False, False, state in _SETTLED),
            *(f"/assignments/{pk}/", "", course_id, nickname or name, hue, updated_at),
        )
        for pk, title, due_at, updated_at, state, course_id, name, nickname, hue in rows.with_work_state(now)
        .order_by()
        .values_list(*columns)
    ]


def read_planner_items(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """What the sources' planners have beside assignments: events, notes, pages to read."""
    rows = PlannerItem.objects.visible_to(owner).present().beside_assignments().filter(dismissed_at=None)
    rows = rows.filter(Q(course__isnull=True) | Q(course__is_hidden=False))
    rows = rows.filter(Q(starts_at__gte=start) | Q(ends_at__gt=start), starts_at__lt=end).select_related("course")
    columns = ("kind", "title", "starts_at", "ends_at", "is_all_day", "location", "html_url", "done_at")
    return [
        Entry(
            key=f"planner-item:{row.pk}",
            kind=row.kind,
            title=row.title,
            starts_at=row.starts_at,
            ends_at=_end_of_item(row, owner.zone),
            is_all_day=row.is_all_day,
            is_busy=row.kind == "calendar_event" and not row.is_all_day,
            is_done=row.done_at is not None,
            url=row.html_url or (f"/courses/{row.course_id}/" if row.course_id else ""),
            location=row.location,
            course_id=row.course_id,
            course=row.course.title if row.course else "",
            hue=row.course.hue if row.course else None,
            changed_at=row.updated_at,
        )
        for row in rows.only(*columns, "updated_at", "owner_id", *COURSE_TAG_FIELDS)
        if row.starts_at is not None
    ]


def _end_of_item(item: PlannerItem, zone: ZoneInfo) -> datetime | None:
    if item.is_all_day and item.starts_at is not None:
        first = item.starts_at.astimezone(zone)
        return (first.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    return item.ends_at if item.ends_at != item.starts_at else None


def read_events(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """Events by hand and of calendars; what a source or another calendar has as well is left out."""
    rows = CalendarOccurrence.objects.visible_to(owner).touching(start, end)
    rows = rows.select_related("event__course", "event__source__course").only(*_EVENT_FIELDS)
    found = list(rows.order_by(F("event__source_id").asc(nulls_first=True), "event_id", "starts_at"))
    twins = twins_of(owner, [occurrence.event for occurrence in found], start, end)
    entries: list[Entry] = []
    seen: dict[tuple, int | None] = {}
    for occurrence in found:
        event = occurrence.event
        entry = _entry(occurrence, owner.zone)
        if entry.starts_at >= end or (entry.ends_at or entry.starts_at) < start or entry.ends_at == start:
            continue
        names: list[tuple] = [("title", entry.title.casefold(), entry.starts_at, entry.ends_at)]
        if event.uid:
            names.append(("uid", event.uid, entry.starts_at))
        if event.source_id is not None:
            twin = twins.of(event) or twins.named_alike(event.title, entry.starts_at)
            if (
                twins.is_own(event)
                or twin is not None
                or any(seen.get(name, event.source_id) != event.source_id for name in names)
            ):
                continue
        for name in names:
            seen.setdefault(name, event.source_id)
        entries.append(entry)
    return entries


def _entry(occurrence: CalendarOccurrence, zone: ZoneInfo) -> Entry:
    event = occurrence.event
    source = event.source
    course = event.course or (source.course if source is not None else None)
    starts_at, ends_at = occurrence.starts_at, occurrence.ends_at
    if event.is_all_day:  # stored as days of UTC: they are the student's days, wherever the student is
        starts_at, ends_at = (moment.replace(tzinfo=zone) for moment in (starts_at, ends_at))
    return Entry(
        key=f"event:{event.pk}@{occurrence.key}",
        kind="event",
        title=event.title,
        starts_at=starts_at,
        ends_at=ends_at if ends_at > starts_at else None,
        is_all_day=event.is_all_day,
        is_busy=event.is_busy and (source is None or source.is_busy),
        url=f"/calendar/events/{event.pk}/",
        location=event.location,
        course_id=course.pk if course else None,
        course=course.title if course else source.name if source else "",
        hue=course.hue if course else source.hue if source else None,
        changed_at=event.updated_at,
    )


def event_of(key: str) -> int:
    """The id of the event that an entry's key names; 0 for another kind of entry."""
    kind, _, rest = key.partition(":")
    return int(rest.partition("@")[0]) if kind == "event" else 0


def by_hand(owner: User, keys: list[str]) -> set[int]:
    """Which events among these entries the student made, and may move."""
    pks = [pk for pk in map(event_of, keys) if pk]
    rows = CalendarEvent.objects.visible_to(owner).by_hand().filter(pk__in=pks)
    return set(rows.values_list("pk", flat=True))


def register() -> None:
    """Add the layers; called once, when the app is ready."""
    register_layer(Layer("assignments", "Deadlines", "list-todo", read_assignments, 10, takes_time=False))
    register_layer(Layer("planner-items", "Course events", "graduation-cap", read_planner_items, 25))
    register_layer(Layer("events", "Events", "calendar", read_events, 30))
