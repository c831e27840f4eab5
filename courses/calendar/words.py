"""What is said of an entry on a page: its time in short, and in full with the course's own time where it differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, QuerySet, When
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.calendar.entries import Entry
from courses.calendar.zones import known_zone
from courses.models import Course
from courses.moments import Clock, short_date, wall_time, weekday
from courses.querysets import CourseQuerySet

CLASSES = {"assignment": "is-deadline", "event": "is-event", "task": "is-task", "block": "is-block"}


@dataclass(frozen=True)
class KnownCourse:
    """What the calendar needs of a course."""

    pk: int
    title: str
    hue: int
    zone: ZoneInfo | None
    same_as: int | None = None
    """The course that is shown for this one, which another source has too."""
    goes_on: bool = True
    position: int | None = None

    def get_absolute_url(self) -> str:
        return f"/courses/{self.pk}/"


def known_courses(owner: User) -> dict[int, KnownCourse]:
    """The student's courses by id but for hidden ones, in the order of their names; one query."""
    rows = _KNOWN.rows(owner=owner.pk, now=timezone.now())
    return {
        pk: KnownCourse(pk, nickname or name, hue, known_zone(zone or "-"), same_as, goes_on, position)
        for pk, name, nickname, hue, zone, same_as, goes_on, position in rows
    }


def _known(owner: int, now: datetime) -> QuerySet[Any]:
    goes_on = Case(When(CourseQuerySet.concluded_rule(now), then=False), default=True)
    rows = Course.objects.visible_to(owner_with(owner)).filter(is_hidden=False).annotate(goes_on=goes_on).by_name()
    return rows.values_list("pk", "name", "nickname", "hue", "time_zone", "same_as_id", "goes_on", "position")


_KNOWN = KeptQuery(_known, owner=int, now=datetime)


@dataclass(slots=True)
class Item:
    """One entry as a page shows it. `told` is all of it in one sentence."""

    key: str
    title: str
    url: str
    time: str
    told: str
    css: str
    course: str
    course_css: str
    location: str
    course_time: str
    is_done: bool
    is_all_day: bool


def item_of(entry: Entry, clock: Clock, courses: dict[int, KnownCourse]) -> Item:
    """Word an entry in the student's time."""
    course = courses.get(entry.course_id or 0)
    local = entry.starts_at.astimezone(clock.zone)
    theirs = _course_time(entry, local, course)
    tint = f"hue-{entry.hue % 12}" if entry.hue is not None else "no-hue"
    css = f"{CLASSES.get(entry.kind, 'is-other')} {tint}"
    if entry.is_done:
        css += " is-done"
    if not entry.is_busy and entry.ends_at is not None:
        css += " is-free"
    told = (
        entry.title,
        _when_words(entry, local, clock),
        entry.location,
        entry.course,
        theirs,
        entry.is_done and "done",
    )
    # Positions and no names: a week has hundreds of these.
    return Item(
        *(entry.key, entry.title, entry.url, "" if entry.is_all_day else wall_time(local)),
        *(" · ".join(filter(None, told)), css, entry.course, tint, entry.location, theirs),
        *(entry.is_done, entry.is_all_day),
    )


def when_words(entry: Entry, clock: Clock) -> str:
    """ "due Mon 30 Nov, 23:59", "Mon 30 Nov, 09:00 – 11:00", "30 Nov – 2 Dec", "Mon 30 Nov, all day"."""
    return _when_words(entry, entry.starts_at.astimezone(clock.zone), clock)


def _when_words(entry: Entry, starts_at: datetime, clock: Clock) -> str:
    day = starts_at.date()
    first = _day_words(day)
    if entry.is_all_day:
        last = last_day(entry, clock)
        return f"{first}, all day" if last == day else f"{first} – {_day_words(last)}"
    if entry.ends_at is None:
        return f"{'due ' if entry.kind == 'assignment' else ''}{first}, {wall_time(starts_at)}"
    ends_at = entry.ends_at.astimezone(clock.zone)
    until = "" if ends_at.date() == day else f"{_day_words(ends_at.date())}, "
    return f"{first}, {wall_time(starts_at)} – {until}{wall_time(ends_at)}"


@lru_cache(maxsize=1_000)
def _day_words(day: date) -> str:
    return f"{weekday(day)} {short_date(day)}"


def last_day(entry: Entry, clock: Clock) -> date:
    """The last day on which something of an entry lies, in the student's zone."""
    if entry.ends_at is None:
        return clock.day_of(entry.starts_at)
    return clock.day_of(max(entry.starts_at, entry.ends_at - timedelta(microseconds=1)))


def course_time(entry: Entry, clock: Clock, course: KnownCourse | None) -> str:
    """ "18:00 – 19:00 in Europe/Helsinki, the course's time" where its clock shows another time; else nothing."""
    return _course_time(entry, entry.starts_at.astimezone(clock.zone), course)


def _course_time(entry: Entry, here: datetime, course: KnownCourse | None) -> str:
    if course is None or course.zone is None or course.zone is here.tzinfo or entry.is_all_day:
        return ""
    there = entry.starts_at.astimezone(course.zone)
    if here.utcoffset() == there.utcoffset():
        return ""
    day = "" if here.date() == there.date() else f"{weekday(there)} "
    until = f" – {wall_time(entry.ends_at.astimezone(course.zone))}" if entry.ends_at else ""
    return f"{day}{wall_time(there)}{until} in {course.zone.key.replace('_', ' ')}, the course’s time"
