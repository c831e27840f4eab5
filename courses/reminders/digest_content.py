"""What a digest says: what is due, what is late, and what is new since the last one. As many queries for any amount."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Window

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.models import Event
from courses.calendar.entries import Entry, entries_between
from courses.changes import WINDOW, Change, changes_of, read_recent
from courses.models import Announcement, Assignment
from courses.models.reminders import DigestSlot
from courses.moments import Clock, day_name, long_date
from courses.reminders.times import exact_words

LINES = 12
READ = 60
DAILY_AHEAD = timedelta(days=3)
WEEKLY_AHEAD = timedelta(days=8)
OWN_LAYERS = ("tasks", "events", "planner-items")
"""What lies in a student's time beside assignments, which have sections of their own."""


@dataclass(frozen=True)
class Line:
    """One line: what it is, where it leads, the time or value at its side, and the course or the like below."""

    title: str
    url: str
    side: str = ""
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One part of a digest; `more` counts the lines that are left out."""

    key: str
    title: str
    lines: list[Line]
    more: int = 0
    more_url: str = ""


@dataclass(frozen=True)
class Digest:
    """A whole digest. One without sections is never sent."""

    kind: str
    greeting: str
    subject: str
    sections: list[Section] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.sections

    @property
    def counts(self) -> dict[str, int]:
        return {section.key: len(section.lines) + section.more for section in self.sections}


def build_digest(owner: User, *, kind: str, since: datetime, clock: Clock) -> Digest:
    """Read all that a digest tells, as of the clock's now."""
    is_weekly = kind == DigestSlot.Kind.WEEKLY
    until = clock.midnight(clock.today) + (WEEKLY_AHEAD if is_weekly else DAILY_AHEAD)
    overdue = _OVERDUE.objects(owner=owner.pk, now=clock.now)
    due = _DUE.objects(owner=owner.pk, now=clock.now, until=until)
    news = _NEWS.objects(owner=owner.pk, now=clock.now, since=since)
    calendar = _calendar(owner, clock, until)
    grades, changes = _grades(owner, since), _changes(owner, since, clock)
    sections = [
        _section("overdue", "Overdue", overdue, _work_line(clock), "/assignments/?state=overdue"),
        _section("due", "Due this week" if is_weekly else "Due in the next days", due, _work_line(clock)),
        _section("calendar", "In your calendar", calendar, _entry_line(clock), "/calendar/"),
        _section("grades", "New grades", grades, _grade_line, "/grades/"),
        _section("news", "Announcements", news, _news_line, "/courses/announcements/"),
        _section("changes", "Changed", changes, _change_line, "/courses/changes/"),
    ]
    sections = [section for section in sections if section.lines]
    day = long_date(clock.today)
    title = f"Your week from {day}" if is_weekly else f"{day}"
    return Digest(
        kind=kind,
        greeting=f"Hello {owner.first_name}",
        subject=f"{title}: {_sum(sections)}" if sections else title,
        sections=sections,
    )


def _section(
    key: str, title: str, rows: Sequence[Any], line_of: Callable[[Any], Line], more_url: str = "/assignments/"
) -> Section:
    """Say the first rows; a row that was read with its `total` knows how many there are."""
    total = getattr(rows[0], "total", len(rows)) if rows else 0
    return Section(key, title, [line_of(row) for row in rows[:LINES]], max(0, total - LINES), more_url)


def _sum(sections: Sequence[Section]) -> str:
    """ "3 due, 1 overdue, 2 new grades": the subject's short form."""
    words = {
        "due": ("due", "due"),
        "overdue": ("overdue", "overdue"),
        "calendar": ("in the calendar", "in the calendar"),
        "grades": ("new grade", "new grades"),
        "news": ("announcement", "announcements"),
        "changes": ("change", "changes"),
    }
    counts = [(len(s.lines) + s.more, words[s.key]) for s in sorted(sections, key=lambda s: list(words).index(s.key))]
    return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in counts[:3])


def _first(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The first lines' rows, each with how many there are in all."""
    return rows.annotate(total=Window(Count("pk")))[:LINES]


def _work(owner: int, now: datetime) -> Any:
    return Assignment.objects.visible_to(owner_with(owner)).present().in_active_courses(now).for_list()


def _due(owner: int, now: datetime, until: datetime) -> QuerySet[Assignment]:
    return _first(_work(owner, now).outstanding(now).due_between(now, until).by_due_date())


def _overdue(owner: int, now: datetime) -> QuerySet[Assignment]:
    return _first(_work(owner, now).overdue(now).order_by("-due_at", "pk"))


def _news(owner: int, now: datetime, since: datetime) -> QuerySet[Announcement]:
    rows = Announcement.objects.visible_to(owner_with(owner)).shown_once().in_active_courses(now)
    return _first(rows.filter(posted_at__gte=since).for_list().newest_first())


def _posted(owner: int, since: datetime) -> QuerySet[Event]:
    rows = Event.objects.filter(owner_id=owner, type__in=["grade.posted", "grade.changed"], time__gte=since)
    return rows.order_by("-id")[:READ]


_DUE = KeptQuery(_due, owner=int, now=datetime, until=datetime)
_OVERDUE = KeptQuery(_overdue, owner=int, now=datetime)
_NEWS = KeptQuery(_news, owner=int, now=datetime, since=datetime)
_POSTED = KeptQuery(_posted, owner=int, since=datetime)


def _work_line(clock: Clock) -> Callable[[Assignment], Line]:
    def say(row: Assignment) -> Line:
        assert row.due_at is not None
        note = " · ".join(filter(None, [row.course.title, row.points_text]))
        return Line(row.name, row.get_absolute_url(), exact_words(row.due_at, clock), note)

    return say


def _calendar(owner: User, clock: Clock, until: datetime) -> list[Entry]:
    return [
        entry
        for entry in entries_between(owner, clock.now, until, only=OWN_LAYERS)
        if not entry.is_done and (entry.starts_at >= clock.now or entry.is_all_day)
    ]


def _entry_line(clock: Clock) -> Callable[[Entry], Line]:
    def say(entry: Entry) -> Line:
        side = day_name(clock.day_of(entry.starts_at), clock.today)
        side = side if entry.is_all_day else exact_words(entry.starts_at, clock)
        note = " · ".join(filter(None, [entry.course, entry.location]))
        return Line(entry.title, entry.url or "/calendar/", side, note)

    return say


def _grades(owner: User, since: datetime) -> list[Event]:
    """The latest of each grade."""
    found: dict[str, Event] = {}
    for event in _POSTED.objects(owner=owner.pk, since=since):
        found.setdefault(event.subject_id, event)
    return list(found.values())


def _grade_line(event: Event) -> Line:
    data: dict[str, Any] = event.data
    before = f"was {data['before']}" if event.type == "grade.changed" and data.get("before") else ""
    note = " · ".join(filter(None, [str(data.get("course_name") or ""), before]))
    return Line(str(data.get("name", "")), f"/assignments/{event.subject_id}/", str(data.get("after") or ""), note)


def _news_line(row: Announcement) -> Line:
    return Line(row.title, row.get_absolute_url(), row.course.title, row.author)


def _changes(owner: User, since: datetime, clock: Clock) -> list[Change]:
    """Grades left out: they have a section of their own."""
    return changes_of(read_recent(owner, max(since, clock.now - WINDOW), limit=READ, with_grades=False), clock)


def _change_line(change: Change) -> Line:
    words = [change.verb, change.new, change.old and f"(was {change.old})"]
    return Line(change.name, change.url, "", " ".join(filter(None, words)))
