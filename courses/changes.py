"""What changed at the sources lately, said from the event log: due dates moved, work graded, news posted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.models import Event
from coreengine.kernel.statuses import Status
from courses.moments import Clock, ago, day_name, short_date, wall_time, weekday

WINDOW = timedelta(days=7)
TYPES = [
    "assignment.created",
    "assignment.missing",
    "assignment.updated",
    "course.created",
    "course.missing",
    "course.updated",
    "event.created",
    "event.removed",
    "event.updated",
    "file.added",
    "file.replaced",
    "module.created",
    "module.unlocked",
    "module.updated",
    "planner_item.created",
    "planner_item.missing",
    "planner_item.updated",
    "repository.ci_changed",
    "submission.graded",
    "submission.updated",
]
PLACES = {
    "courses.assignment": "assignments",
    "courses.calendarevent": "calendar/events",
    "courses.course": "courses",
    "resources.repository": "vault/repositories",
    "resources.resource": "vault",
}
SIFTED = [
    "assignment.updated",
    "course.updated",
    "event.updated",
    "module.updated",
    "planner_item.updated",
    "repository.ci_changed",
    "submission.updated",
]
"""Of these, not every event is worth telling."""
GRADES = ("submission.graded", "grade.posted", "grade.changed")
# A change in any other field is too small to interrupt someone for.
TOLD_FIELDS = ("missing_since", "due_at", "points_possible", "description_html", "name")


@dataclass(slots=True)
class Change:
    """One line: `name` did what; `new` and `old` are shown strong and struck through."""

    icon: str
    name: str
    url: str
    verb: str
    new: str
    old: str
    when: str
    event: int = 0


def recent_events(user: User, since: datetime) -> QuerySet[Event]:
    """Choose the events worth telling that were noted from `since` on (of `WINDOW`, say), newest first.

    Left out: what the first import of a source brought (it is all new to us, and none of it is news), and what
    the student did by hand.
    """
    told = Q(type="assignment.updated") & Q(data__changes__has_any_keys=list(TOLD_FIELDS))
    told |= Q(type="event.updated", data__changes__has_any_keys=["starts_at", "location"])
    told |= Q(type="module.updated", data__has_key="added") | ~Q(type__in=SIFTED)
    # That CI is queued, runs and passes is what follows every push.
    told |= Q(type="repository.ci_changed", data__after=Status.FAILED.value)
    told |= Q(type="course.updated", data__changes__has_key="missing_since")
    told |= Q(type="planner_item.updated", data__changes__has_key="starts_at")
    # A grade that was there and hidden: only its posting changes.
    told |= Q(type="submission.updated", data__changes__has_key="posted_at") & ~Q(data__score=None)
    return (
        Event.objects.filter(owner_id=user.pk, type__in=TYPES, time__gte=since)
        .filter(told)
        # `contains` and not a comparison of the key: where the key is absent that would be NULL, and no row's NOT.
        .filter(~Q(data__contains={"baseline": True}), ~Q(data__contains={"by_hand": True}))
        .order_by("-id")
    )


def read_recent(user: User, since: datetime, *, limit: int, with_grades: bool = True) -> list[Event]:
    """Read the latest of what `recent_events` chooses; one query."""
    found: list[Event] = _RECENT.objects(owner=user.pk, since=since, limit=limit, with_grades=with_grades)
    return found


def _recent(owner: int, since: datetime, limit: int, with_grades: bool) -> QuerySet[Event]:
    rows = recent_events(owner_with(owner), since)
    return (rows if with_grades else rows.exclude(type__in=GRADES))[:limit]


_RECENT = KeptQuery(_recent, owner=int, since=datetime)


def changes_of(events: list[Event], clock: Clock) -> list[Change]:
    """Say events in words. One thing that changed twice is told once, by its latest change.

    What two sources say of one thing in the same words is told once as well.
    """
    seen: set[tuple[str, ...]] = set()
    found: list[Change] = []
    for event in events:
        key = (event.type, event.subject_type, event.subject_id)
        if key in seen:
            continue
        change = change_of(event, clock)
        words = (change.name, change.verb, change.new)
        if words not in seen:
            found.append(change)
        seen |= {key, words}
    return found


def change_of(event: Event, clock: Clock) -> Change:
    """Say one event in words."""
    data: dict[str, Any] = event.data
    icon, verb, new, old = _words(event.type, data, clock)
    url = f"/{PLACES.get(event.subject_type, 'courses')}/{event.subject_id}/"
    if event.subject_type == "courses.module":
        url = f"/courses/{data.get('course')}/?part=modules#module-{event.subject_id}"
    if event.subject_type == "courses.planneritem":
        url = "/planner/"
    return Change(icon, str(data.get("name", "")), url, verb, new, old, ago(event.time, clock.now), event.pk)


def _words(type: str, data: dict[str, Any], clock: Clock) -> tuple[str, str, str, str]:
    if type == "submission.graded":
        before, after = (data.get("changes") or {}).get("score") or (None, None)
        if before is not None and after is not None:
            return "award", "has a new grade", _score(data), f"{before:g}"
        return "award", "was graded", _score(data), ""
    if type == "submission.updated":
        is_posted = (data.get("changes") or {}).get("posted_at", [None, None])[1] is not None
        return (
            ("award", "has its grade shown now", _score(data), "")
            if is_posted
            else ("eye-off", "has its grade hidden", "", "")
        )
    if type == "course.updated":
        return "link", "is back at its source", "", ""
    if type == "planner_item.created":
        return "calendar-plus", "is a new event", "", ""
    if type == "planner_item.updated":
        was, now = (_day(moment, clock) for moment in data["changes"]["starts_at"])
        return ("calendar-clock", "begins", now, was) if now else ("calendar-clock", "has no time any more", "", was)
    if type.startswith("event."):
        return _event_words(type, data, clock)
    if type.endswith(".missing"):
        return "unlink", "is no longer at its source", "", ""
    if type == "module.created":
        return "layers", "is a new module", "", ""
    if type == "module.unlocked":
        return "lock-open", "is open now", "", ""
    if type == "module.updated":
        names, count = data.get("added") or [], data.get("added_count") or 0
        return "layers", "has something new:" if count == 1 else f"has {count} new items, first", *names[:1], ""
    if type == "course.created":
        return "book-plus", "is a new course", "", ""
    if type == "repository.ci_changed":
        return "circle-x", "fails its CI", "", ""
    if type == "file.added":
        return "file-plus", "is a new file", "", ""
    if type == "file.replaced":
        return "file-text", "was replaced", "", ""
    if type == "assignment.created":
        due = _day(data.get("due_at"), clock)
        return "file-plus", "is new, due" if due else "is new", due, ""
    changes = data.get("changes", {})
    if "missing_since" in changes and changes["missing_since"][1] is None:
        return "link", "is back at its source", "", ""
    if "due_at" in changes:
        old, new = (_day(moment, clock) for moment in changes["due_at"])
        return ("calendar-clock", "is due" if new else "has no due date any more", new, old)
    if "points_possible" in changes:
        old, new = (f"{value:g} points" if value is not None else "" for value in changes["points_possible"])
        return "hash", "is worth" if new else "has no points any more", new, old
    if "name" in changes:
        return "pencil", "has a new name, was", "", str(changes["name"][0])
    return "file-pen", "has a new description", "", ""


def _event_words(type: str, data: dict[str, Any], clock: Clock) -> tuple[str, str, str, str]:
    if type == "event.removed":
        return "calendar-x", f"is no longer in {data.get('calendar_name') or 'its calendar'}", "", ""
    if type == "event.created":
        return "calendar-plus", "is a new event,", _day(data.get("starts_at"), clock), ""
    changes = data.get("changes", {})
    if "starts_at" in changes:
        old, new = (_day(moment, clock) for moment in changes["starts_at"])
        return "calendar-clock", "is now at", new, old
    old, new = (str(place or "") for place in changes.get("location", ["", ""]))
    return "map-pin", "takes place in" if new else "has no place any more", new, old


def _score(data: dict[str, Any]) -> str:
    score, possible = data.get("score"), data.get("points_possible")
    if score is None:
        return str(data.get("grade") or "")
    return f"{score:g} of {possible:g}" if possible else f"{score:g}"


def _day(moment: str | None, clock: Clock) -> str:
    """Say an event's time as a day: "Wed 25 Nov", "today"."""
    if not moment:
        return ""
    local = datetime.fromisoformat(moment).astimezone(clock.zone)
    name = day_name(local.date(), clock.today)
    if name in ("Today", "Tomorrow", "Yesterday"):
        return f"{name.lower()} {wall_time(local)}"
    return f"{weekday(local)} {short_date(local)}, {wall_time(local)}"
