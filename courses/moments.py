"""Times as people say them, made once per row in Python: template filters cost more than the query."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.functional import cached_property  # functools locks all objects of a class while one is asked

# As `strftime` says them, which takes longer than all the rest of a line.
_DAYS, _LONG_DAYS = tuple(calendar.day_abbr), tuple(calendar.day_name)
_MONTHS, _LONG_MONTHS = tuple(calendar.month_abbr), tuple(calendar.month_name)


@dataclass(frozen=True)
class Clock:
    """Now, in a student's zone, with the days that a plan is made of. Weeks begin on Monday."""

    now: datetime
    zone: ZoneInfo

    @cached_property
    def local(self) -> datetime:
        return self.now.astimezone(self.zone)

    @cached_property
    def today(self) -> date:
        return self.local.date()

    @cached_property
    def next_monday(self) -> date:
        return self.today + timedelta(days=7 - self.today.weekday())

    def midnight(self, day: date) -> datetime:
        """The moment at which a day begins in the student's zone."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


@dataclass(slots=True)
class Moment:
    """A due date in words: `main` is what matters ("in 6 h", "Wed"), `detail` the rest ("17:00")."""

    main: str
    detail: str
    iso: str
    exact: str

    @property
    def within(self) -> str:
        """`main` as it stands within a sentence: "tomorrow"."""
        return in_sentence(self.main)


FIRST_YEAR, LAST_YEAR = 1971, 2199
"""Beyond them midnights and weeks run out of the calendar somewhere."""


def day_of_text(text: str | None) -> date | None:
    """Read a day of an address, such as 2026-11-30; None for anything else, and for years that no page shows."""
    try:
        day = date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def day_name(day: date, today: date) -> str:
    """ "Today", "Yesterday", "Wed" within six days, "3 Dec", or "3 Dec 2027" in another year."""
    distance = (day - today).days
    if -1 <= distance <= 1:
        return ("Yesterday", "Today", "Tomorrow")[distance + 1]
    if 1 < distance < 7:
        return weekday(day)
    return short_date(day) if day.year == today.year else f"{short_date(day)} {day.year}"


def in_sentence(name: str) -> str:
    """A day's name within a sentence: "today", and "Wed" as it is."""
    return name.lower() if name in ("Today", "Tomorrow", "Yesterday") else name


def weekday(day: date) -> str:
    """ "Mon"."""
    return _DAYS[day.weekday()]


def short_date(day: date) -> str:
    """ "3 Dec"."""
    return f"{day.day} {_MONTHS[day.month]}"


def long_date(day: date) -> str:
    """ "Monday 30 November"."""
    return f"{long_weekday(day)} {day.day} {_LONG_MONTHS[day.month]}"


def long_weekday(day: date) -> str:
    """ "Monday"."""
    return _LONG_DAYS[day.weekday()]


def wall_time(local: datetime) -> str:
    """ "09:05"."""
    return f"{local.hour:02}:{local.minute:02}"


def span_of_days(first: date, last: date) -> str:
    """ "24 – 29 Nov", "30 Nov – 6 Dec", "Sun 29 Nov"."""
    if first == last:
        return f"{weekday(first)} {short_date(first)}"
    if first.month == last.month:
        return f"{first.day} – {short_date(last)}"
    return f"{short_date(first)} – {short_date(last)}"


def moment(when: datetime, clock: Clock) -> Moment:
    """Say when something is due, as seen from now in the student's zone."""
    local = when.astimezone(clock.zone)
    day = local.date()
    time = wall_time(local)
    exact = f"{weekday(day)} {short_date(day)} {day.year}, {time} {local.tzname()}"
    if day == clock.today and when >= clock.now:
        ahead = (when - clock.now).total_seconds()
        main = f"in {int(ahead // 60)} min" if ahead < 3600 else f"in {round(ahead / 3600)} h"
        return Moment(main, time, local.isoformat(), exact)
    far = abs((day - clock.today).days) >= 7
    detail = f"{weekday(day)} {time}" if far else time
    return Moment(day_name(day, clock.today), detail, local.isoformat(), exact)


def ago(when: datetime, now: datetime) -> str:
    """ "just now", "4 min ago", "3 h ago", "2 d ago"."""
    seconds = max(0, int((now - when).total_seconds()))
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600} h ago"
    return f"{seconds // 86_400} d ago"


WORDS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"]


def counted(count: int, thing: str, things: str = "") -> str:
    """ "Three things", "One thing", "14 things": a number as a sentence begins with it."""
    number = WORDS[count] if 0 <= count < len(WORDS) else str(count)
    return f"{number} {thing if count == 1 else things or thing + 's'}"
