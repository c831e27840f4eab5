"""What a digest says: what is due, what is late, and what is new since the last one. As many queries for any amount."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from coreengine.accounts.models import User
from coreengine.kernel.models import Event
from courses.calendar.entries import entries_between
from courses.changes import WINDOW, changes_of, recent_events
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
    work = Assignment.objects.visible_to(owner).present().in_active_courses(clock.now).for_list()
    due = work.outstanding(clock.now).due_between(clock.now, until).by_due_date()[:READ]
    overdue = work.overdue(clock.now).order_by("-due_at", "pk")[:READ]
    sections = [
        _section("overdue", "Overdue", (_work_line(row, clock) for row in overdue), "/assignments/?show=overdue"),
        _section("due", "Due this week" if is_weekly else "Due in the next days", (_work_line(r, clock) for r in due)),
        _section("calendar", "In your calendar", _calendar(owner, clock, until), "/calendar/"),
        _section("grades", "New grades", _grades(owner, since), "/grades/"),
        _section("news", "Announcements", _news(owner, since, clock), "/courses/announcements/"),
        _section("changes", "Changed", _changes(owner, since, clock), "/courses/changes/"),
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


def _section(key: str, title: str, lines: Iterable[Line], more_url: str = "/assignments/") -> Section:
    found = list(lines)
    return Section(key, title, found[:LINES], max(0, len(found) - LINES), more_url)


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


def _work_line(row: Assignment, clock: Clock) -> Line:
    assert row.due_at is not None
    note = " · ".join(filter(None, [row.course.title, row.points_text]))
    return Line(row.name, row.get_absolute_url(), exact_words(row.due_at, clock), note)


def _calendar(owner: User, clock: Clock, until: datetime) -> list[Line]:
    lines = []
    for entry in entries_between(owner, clock.now, until, only=OWN_LAYERS):
        if entry.is_done or entry.starts_at < clock.now and not entry.is_all_day:
            continue
        side = day_name(clock.day_of(entry.starts_at), clock.today)
        side = side if entry.is_all_day else exact_words(entry.starts_at, clock)
        note = " · ".join(filter(None, [entry.course, entry.location]))
        lines.append(Line(entry.title, entry.url or "/calendar/", side, note))
    return lines


def _grades(owner: User, since: datetime) -> list[Line]:
    rows = Event.objects.filter(owner=owner, type__in=["grade.posted", "grade.changed"], time__gte=since)
    seen: dict[str, Line] = {}
    for event in rows.order_by("-id")[:READ]:
        data: dict[str, Any] = event.data
        before = f"was {data['before']}" if event.type == "grade.changed" and data.get("before") else ""
        note = " · ".join(filter(None, [str(data.get("course_name") or ""), before]))
        url = f"/assignments/{event.subject_id}/"
        seen.setdefault(event.subject_id, Line(str(data.get("name", "")), url, str(data.get("after") or ""), note))
    return list(seen.values())


def _news(owner: User, since: datetime, clock: Clock) -> list[Line]:
    rows = Announcement.objects.visible_to(owner).shown_once().in_active_courses(clock.now).filter(posted_at__gte=since)
    return [
        Line(row.title, row.get_absolute_url(), row.course.title, row.author)
        for row in rows.for_list().newest_first()[:READ]
    ]


def _changes(owner: User, since: datetime, clock: Clock) -> list[Line]:
    events = recent_events(owner, max(since, clock.now - WINDOW))
    events = events.exclude(type__in=["submission.graded", "grade.posted", "grade.changed"])
    return [
        Line(
            change.name,
            change.url,
            "",
            " ".join(filter(None, [change.verb, change.new, change.old and f"(was {change.old})"])),
        )
        for change in changes_of(list(events[:READ]), clock)
    ]
