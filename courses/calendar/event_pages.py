"""What the page of one event says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from coreengine.accounts.models import User
from courses.calendar.entries import Entry
from courses.calendar.rules import REPEATS, repeats_of
from courses.calendar.same import twins_of
from courses.calendar.words import KnownCourse, course_time, when_words
from courses.calendar.zones import known_zone
from courses.models import Assignment, CalendarEvent, CalendarOccurrence
from courses.moments import Clock

NEXT_TIMES = 5


@dataclass(frozen=True)
class EventPage:
    when: str
    course_time: str
    next_times: list[str]
    repeats: str
    same_name: str
    same_url: str
    is_over: bool


def event_page(event: CalendarEvent, owner: User, clock: Clock) -> EventPage:
    """Gather an event: its next times and what else it stands for; three queries at most."""
    course = event.course or (event.source.course if event.source else None)
    known = KnownCourse(course.pk, course.title, course.hue, known_zone(course.time_zone or "-")) if course else None
    rows = CalendarOccurrence.objects.visible_to(owner).filter(event=event, ends_at__gte=clock.now)
    times = [(row.starts_at, row.ends_at) for row in rows.order_by("starts_at")[:NEXT_TIMES]]
    shown = _entry(event, *(times[0] if times else (event.starts_at, event.ends_at)), clock)
    twins = twins_of(owner, [event], event.starts_at, event.starts_at)
    twin = twins.of(event) or twins.named_alike(event.title, event.starts_at) if event.source_id else None
    is_repeated = bool(event.rrule or event.rdates)
    return EventPage(
        when=when_words(shown, clock),
        course_time=course_time(shown, clock, known),
        next_times=[when_words(_entry(event, *time, clock), clock) for time in times[1:]] if is_repeated else [],
        repeats=repeat_words(event.rrule) if is_repeated else "",
        same_name=str(twin) if twin else "",
        same_url=f"/assignments/{twin.pk}/" if isinstance(twin, Assignment) else getattr(twin, "html_url", ""),
        is_over=not times,
    )


def repeat_words(rrule: str) -> str:
    """ "Every week until 12 Feb 2027"; for rules that no form here makes, "Repeats"."""
    name, until = repeats_of(rrule)
    words = dict(REPEATS).get(name, "") if name else "Repeats"
    return f"{words} until {until.day} {until:%b %Y}" if until else words


def _entry(event: CalendarEvent, starts_at: datetime, ends_at: datetime, clock: Clock) -> Entry:
    if event.is_all_day:
        starts_at, ends_at = (moment.replace(tzinfo=clock.zone) for moment in (starts_at, ends_at))
    lasts = ends_at - starts_at > timedelta(0)
    return Entry("", "event", event.title, starts_at, ends_at if lasts else None, is_all_day=event.is_all_day)
