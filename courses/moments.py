"""Times as people say them, made once per row in Python: template filters cost more than the query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Clock:
    """Now, in a student's zone, with the days that a plan is made of. Weeks begin on Monday."""

    now: datetime
    zone: ZoneInfo

    @property
    def local(self) -> datetime:
        return self.now.astimezone(self.zone)

    @property
    def today(self) -> date:
        return self.local.date()

    @property
    def next_monday(self) -> date:
        return self.today + timedelta(days=7 - self.today.weekday())

    def midnight(self, day: date) -> datetime:
        """The moment at which a day begins in the student's zone."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


@dataclass(frozen=True)
class Moment:
    """A due date in words: `main` is what matters ("in 6 h", "Wed"), `detail` the rest ("17:00")."""

    main: str
    detail: str
    iso: str
    exact: str


def day_name(day: date, today: date) -> str:
    """ "Today", "Yesterday", "Wed" within six days, "3 Dec", or "3 Dec 2027" in another year."""
    distance = (day - today).days
    near = {0: "Today", 1: "Tomorrow", -1: "Yesterday"}
    if distance in near:
        return near[distance]
    if 1 < distance < 7:
        return f"{day:%a}"
    return short_date(day) if day.year == today.year else f"{short_date(day)} {day.year}"


def short_date(day: date) -> str:
    return f"{day.day} {day:%b}"


def long_date(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}"


def span_of_days(first: date, last: date) -> str:
    """ "24 – 29 Nov", "30 Nov – 6 Dec", "Sun 29 Nov"."""
    if first == last:
        return f"{first:%a} {short_date(first)}"
    if first.month == last.month:
        return f"{first.day} – {short_date(last)}"
    return f"{short_date(first)} – {short_date(last)}"


def moment(when: datetime, clock: Clock) -> Moment:
    """Say when something is due, as seen from now in the student's zone."""
    local = when.astimezone(clock.zone)
    time = f"{local:%H:%M}"
    exact = f"{local:%a} {local.day} {local:%b %Y}, {time} {local.tzname()}"
    ahead = (when - clock.now).total_seconds()
    day = local.date()
    if ahead >= 0 and day == clock.today:
        main = f"in {int(ahead // 60)} min" if ahead < 3600 else f"in {round(ahead / 3600)} h"
        return Moment(main, time, local.isoformat(), exact)
    main = day_name(day, clock.today)
    far = abs((day - clock.today).days) >= 7
    return Moment(main, f"{local:%a} {time}" if far else time, local.isoformat(), exact)


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
