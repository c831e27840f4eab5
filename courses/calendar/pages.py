"""The calendar's pages, gathered in few queries: what to show, how to move on, what to leave out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from coreengine.accounts.models import User
from courses.calendar.entries import Entry, entries_between, first_between, layers
from courses.calendar.item_html import course_options, day_lines, month_row, week_column
from courses.calendar.layers import when_so_many_are_due
from courses.calendar.month import SHOWN, Month, build_month, month_days
from courses.calendar.week import Week, WeekDay, build_week, week_days
from courses.calendar.words import Item, KnownCourse, item_of, known_courses, last_day
from courses.moments import Clock, day_name, day_of_text, long_date, short_date, span_of_days, wall_time, weekday

VIEWS = [("month", "Month", "m"), ("week", "Week", "w"), ("agenda", "Agenda", "a")]
AGENDA_DAYS = 30
ENOUGH_IN_AGENDA = 100
"""With so many entries the agenda ends at the end of a day, and goes on from there on another page."""
LINES_UNOPENED = 10
"""Entries of the month's own day that a phone lists below the month, as long as no day was opened."""


@dataclass(frozen=True)
class Choice:
    """What the address says: which view of which day, and what is shown."""

    view: str
    day: date
    opened: date | None
    layers: list[str]
    course: int
    is_whole: bool

    @property
    def is_filtered(self) -> bool:
        return bool(self.layers or self.course)

    def query(self, **changes: Any) -> str:
        """The address of this page with something changed."""
        values: dict[str, Any] = {
            "view": self.view,
            "date": self.day.isoformat(),
            "layer": self.layers,
            "course": self.course or "",
            "hours": "all" if self.is_whole else "",
            **changes,
        }
        return "?" + urlencode({name: value for name, value in values.items() if value}, doseq=True)


def choice_of(query: Any, clock: Clock) -> Choice:
    """Read a query string; what makes no sense is as if it were not there."""
    known = {layer.key for layer in layers()}
    course = query.get("course", "")
    view = query.get("view", "")
    return Choice(
        view=view if view in {key for key, _, _ in VIEWS} else "month",
        day=day_of_text(query.get("date")) or clock.today,
        opened=day_of_text(query.get("day")),
        layers=[key for key in query.getlist("layer") if key in known],
        course=int(course) if course.isdecimal() and len(course) < 19 else 0,
        is_whole=query.get("hours") == "all",
    )


@dataclass(frozen=True)
class AgendaDay:
    day: date
    title: str
    detail: str
    is_today: bool
    items: list[Item]

    @property
    def iso(self) -> str:
        return self.day.isoformat()

    @property
    def lines(self) -> SafeString:
        return day_lines(self.items)


@dataclass
class CalendarPage:
    """One view of the calendar, ready to print."""

    choice: Choice
    title: str
    previous: str
    today: str
    following: str
    previous_label: str
    following_label: str
    views: list[tuple[str, str, str, str, bool]]
    layers: list[tuple[str, str, bool]]
    courses: list[KnownCourse]
    zone: str
    zone_key: str
    zone_note: str
    month: Month | None = None
    week: Week | None = None
    agenda: list[AgendaDay] = field(default_factory=list)
    opened: AgendaDay | None = None
    opened_more: int = 0
    """How many entries of that day are not listed, since it was not opened."""
    more_label: str = f"The next {AGENDA_DAYS} days"
    count: int = 0
    has_anything: bool = True
    whole_url: str = ""

    def month_rows(self) -> list[SafeString]:
        """The weeks of the month as rows of its table."""
        return [month_row(week, self.choice.opened) for week in self.month.weeks] if self.month else []

    def week_columns(self) -> list[tuple[WeekDay, SafeString]]:
        """The days of the week with what stands in their columns."""
        return [(day, week_column(day, self.week.hours)) for day in self.week.days] if self.week else []

    @property
    def opened_url(self) -> str:
        """The address of this month with all of the listed day."""
        return self.choice.query(day=self.opened.iso) if self.opened else ""

    def course_options(self) -> SafeString:
        return course_options(self.courses, self.choice.course)


def calendar_page(user: User, choice: Choice, clock: Clock) -> CalendarPage:
    """Build a view: one query for the courses and those of the layers."""
    courses = known_courses(user)
    first, end = _span(choice)
    until = _full_by(user, choice, clock, first, end) if choice.view == "agenda" else end
    # In UTC, as nearly all entries are: moments of two zones take ten times as long to compare.
    entries, left = _entries(user, choice, *(clock.midnight(day).astimezone(UTC) for day in (first, until)), courses)
    page = CalendarPage(
        choice=choice,
        title=_title(choice, first, end),
        previous=choice.query(date=_moved(choice, -1).isoformat(), day=""),
        today=choice.query(date=clock.today.isoformat(), day=""),
        following=choice.query(date=_moved(choice, 1).isoformat(), day=""),
        previous_label=f"Previous {_unit(choice)}",
        following_label=f"Next {_unit(choice)}",
        views=[
            (key, label, letter, choice.query(view=key, day=""), key == choice.view) for key, label, letter in VIEWS
        ],
        layers=[(layer.key, layer.label, not choice.layers or layer.key in choice.layers) for layer in layers()],
        courses=[course for course in courses.values() if course.same_as is None],
        zone=clock.zone.key.replace("_", " "),
        zone_key=clock.zone.key,
        zone_note=_zone_note(clock, first, end),
        count=len(entries) + sum(left.values()),
        whole_url=choice.query(hours="" if choice.is_whole else "all"),
    )
    if choice.view == "month":
        page.month = build_month(choice.day, entries, clock, courses, left)
        day = choice.opened or choice.day
        own = page.month.entries_on(day)
        listed = own if choice.opened else own[:LINES_UNOPENED]
        page.opened, page.opened_more = _agenda_day(day, listed, clock, courses), len(own) - len(listed)
    elif choice.view == "week":
        page.week = build_week(choice.day, entries, clock, courses, is_whole=choice.is_whole)
    else:
        page.agenda, stop = _agenda(first, until, entries, clock, courses)
        if stop < end:
            page.title = _title(choice, first, stop)
            page.following = choice.query(date=stop.isoformat(), day="")
            page.following_label = page.more_label = f"On from {long_date(stop)}"
    return page


def _full_by(user: User, choice: Choice, clock: Clock, first: date, end: date) -> date:
    """The day before which deadlines alone fill the agenda: what comes from there on is not even read."""
    if choice.course or (choice.layers and "assignments" not in choice.layers):
        return end
    full = when_so_many_are_due(user, clock.midnight(first), clock.midnight(end), ENOUGH_IN_AGENDA)
    return end if full is None else min(end, clock.day_of(full) + timedelta(days=1))


def _entries(
    user: User, choice: Choice, start: datetime, end: datetime, courses: dict[int, KnownCourse]
) -> tuple[list[Entry], dict[date, int]]:
    """What a view shows; a month reads no more of a full day than it has place for."""
    only = choice.layers or None
    if not choice.course:
        if choice.view == "month":
            whole = choice.opened or choice.day
            return first_between(user, start, end, SHOWN, whole=whole, courses=courses, only=only)
        return entries_between(user, start, end, only=only), {}
    same = {choice.course, *(course.pk for course in courses.values() if course.same_as == choice.course)}
    return [entry for entry in entries_between(user, start, end, only=only) if entry.course_id in same], {}


def _span(choice: Choice) -> tuple[date, date]:
    if choice.view == "month":
        return month_days(choice.day)
    if choice.view == "week":
        return week_days(choice.day)
    return choice.day, choice.day + timedelta(days=AGENDA_DAYS)


def _moved(choice: Choice, by: int) -> date:
    if choice.view == "month":
        first = choice.day.replace(day=1)
        return (first + timedelta(days=31)).replace(day=1) if by > 0 else (first - timedelta(days=1)).replace(day=1)
    return choice.day + timedelta(days=by * (7 if choice.view == "week" else AGENDA_DAYS))


def _unit(choice: Choice) -> str:
    return {"month": "month", "week": "week"}.get(choice.view, f"{AGENDA_DAYS} days")


def _title(choice: Choice, first: date, end: date) -> str:
    if choice.view == "month":
        return f"{choice.day:%B %Y}"
    words = f"{span_of_days(first, end - timedelta(days=1))} {(end - timedelta(days=1)).year}"
    return f"{words}, week {first.isocalendar().week}" if choice.view == "week" else words


def _zone_note(clock: Clock, first: date, end: date) -> str:
    """Tell of the day on which the clocks change, if it is on the page."""
    before, after = clock.midnight(first).utcoffset(), clock.midnight(end).utcoffset()
    if before is None or after is None or before == after:
        return ""
    days = (first + timedelta(days=n) for n in range((end - first).days))
    day = next(day for day in days if clock.midnight(day + timedelta(days=1)).utcoffset() != before)
    return f"The clocks go {'forward' if after > before else 'back'} on {long_date(day)}."


def _agenda(
    first: date, end: date, entries: list[Entry], clock: Clock, courses: dict[int, KnownCourse]
) -> tuple[list[AgendaDay], date]:
    """Each day with something, and the day before which they end; what spans days is told on the first one shown."""
    found: dict[date, list[Entry]] = {}
    for entry in entries:
        found.setdefault(max(clock.day_of(entry.starts_at), first), []).append(entry)
    days, count = [], 0
    for day, own in sorted(found.items()):
        if day >= end or count >= ENOUGH_IN_AGENDA:
            return days, min(day, end)
        days.append(_agenda_day(day, own, clock, courses))
        count += len(own)
    return days, end


def _agenda_day(day: date, own: list[Entry], clock: Clock, courses: dict[int, KnownCourse]) -> AgendaDay:
    return _day_of(day, [_item_on(day, entry, clock, courses) for entry in own], clock)


def _item_on(day: date, entry: Entry, clock: Clock, courses: dict[int, KnownCourse]) -> Item:
    """An entry as a day sees it: of what began before, when it ends."""
    item = item_of(entry, clock, courses)
    if entry.is_all_day or entry.ends_at is None or clock.day_of(entry.starts_at) == day:
        return item
    if last_day(entry, clock) > day:
        return replace(item, time="", is_all_day=True)
    return replace(item, time=f"– {wall_time(entry.ends_at.astimezone(clock.zone))}")


def _day_of(day: date, items: list[Item], clock: Clock) -> AgendaDay:
    name = day_name(day, clock.today)
    near = name in ("Today", "Tomorrow", "Yesterday")
    title = name if near else f"{day:%A}"
    detail = f"{weekday(day)} {short_date(day)}" if near else short_date(day)
    return AgendaDay(
        day, title, detail if day.year == clock.today.year else f"{detail} {day.year}", day == clock.today, items
    )
