"""One line that says a whole task: "Essay draft tomorrow 18:00 90m #os every week".

A small grammar of our own: the general date parsers find dates in titles ("Read May", "Chapter 12"), and a plan must
not guess. What is understood is shown before it is kept; everything else is the title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from courses.models import Course
from courses.models.planned import LONGEST_ESTIMATE
from courses.moments import Clock, short_date
from courses.planning.recurrence import DAY_WORDS, Pattern
from courses.planning.rows import minutes_words

LONGEST_LINE = 500
WEEKDAYS = (
    "mon|monday",
    "tue|tues|tuesday",
    "wed|wednesday",
    "thu|thur|thurs|thursday",
    "fri|friday",
    "sat|saturday",
    "sun|sunday",
)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAY = "|".join(WEEKDAYS)
MONTH = "|".join(f"{name}[a-z]*" for name in MONTHS)
EVERY = (
    r"every(?P<gap>\s+(?:other|\d{1,2}))?\s+(?P<what>days?|weeks?|months?|weekdays?"
    rf"|(?:{DAY})(?:\s*(?:,|and)\s*(?:{DAY}))*)|(?P<word>daily|weekly|monthly)"
)
LENGTH = (
    r"(?P<h>\d{1,3}(?:[.,]\d{1,2})?)\s?(?:h|hr|hrs|hours?)(?:\s?(?P<m>\d{1,2})\s?(?:m|min|mins|minutes?)?)?"
    r"|(?P<only>\d{1,4})\s?(?:m|min|mins|minutes?)"
)
DATES = (
    r"(?P<iso>\d{4}-\d\d-\d\d)|(?P<dots>\d{1,2}\.\d{1,2}\.(?:\d{4})?)"
    rf"|(?P<dm>\d{{1,2}}(?:st|nd|rd|th)?\s+(?:{MONTH})(?:\s+\d{{4}})?)"
    rf"|(?P<md>(?:{MONTH})\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?)"
)
TIME = (
    r"(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)\s?(?P<half>am|pm)?"
    r"|(?P<oh>1[0-2]|0?[1-9])\s?(?P<ohalf>am|pm)"
)
EDGE, END = r"(?<![\w#.:/-])", r"(?![\w:/-])"


@dataclass
class Understood:
    """What a line says. `chips` tell it in words, in the order of a form; `notes` what was not understood."""

    line: str
    title: str = ""
    due_on: date | None = None
    due_at: datetime | None = None
    minutes: int | None = None
    course: Course | None = None
    repeat: Pattern | None = None
    chips: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def values(self) -> dict[str, Any]:
        """What `create_task` takes."""
        return {
            "title": self.title,
            "due_on": self.due_on,
            "due_at": self.due_at,
            "estimate_minutes": self.minutes,
            "course": self.course,
            "repeat": self.repeat,
        }


class _Line:
    """A line from which what is understood is taken out, piece by piece."""

    def __init__(self, text: str) -> None:
        self.text = text

    def take(self, pattern: str) -> re.Match[str] | None:
        found = re.search(f"{EDGE}(?:{pattern}){END}", self.text, re.IGNORECASE)
        if found:
            # A mark stays where something was taken: words on both sides do not become neighbours.
            self.text = f"{self.text[: found.start()]} \x00 {self.text[found.end() :]}"
        return found

    @property
    def rest(self) -> str:
        words = re.sub(r"\b(?:at|on|by|due|for)\s+(?=\x00)", "", self.text, flags=re.IGNORECASE)
        return " ".join(words.replace("\x00", " ").split()).strip(" ,;-")


def understand(line: str, clock: Clock, courses: Iterable[Course]) -> Understood:
    """Read a line; `courses` are those that a `#tag` can mean."""
    result = Understood(" ".join(line[:LONGEST_LINE].replace("\x00", "").split()))
    text = _Line(result.line)
    _read_course(text, result, list(courses))
    day = _read_repeat(text, result, clock)
    _read_minutes(text, result)
    named = _read_day(text, result, clock)
    at = _read_time(text)
    _set_due(result, named or day, at, clock)
    result.title = text.rest
    if not result.title and result.line:
        result.notes.append("Say what there is to do.")
    _tell(result, clock)
    return result


def _read_course(text: _Line, result: Understood, courses: list[Course]) -> None:
    found = re.search(r"(?<!\w)#([\w.-]+)", text.text)
    if not found:
        return
    tag = _bare(found.group(1))
    fitting = [course for course in courses if tag in _names(course)]
    fitting = fitting or [course for course in courses if any(name.startswith(tag) for name in _names(course))]
    if tag and len(fitting) == 1:
        result.course = fitting[0]
        text.text = f"{text.text[: found.start()]} \x00 {text.text[found.end() :]}"
    elif fitting:
        names = ", ".join(course.title for course in fitting[:4])
        result.notes.append(f"#{found.group(1)} fits {len(fitting)} courses ({names}): write a little more of it.")
    else:
        result.notes.append(f"None of your courses is called #{found.group(1)}: it stays in the title.")


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def _names(course: Course) -> set[str]:
    """What a course may be called by: its names, code and initials, and each of its words."""
    names = {_bare(text) for text in (course.title, course.name, course.code) if text}
    words = re.findall(r"\w+", course.title)
    return names | {"".join(word[0] for word in words).lower()} | {_bare(word) for word in words if len(word) > 2}


def _read_repeat(text: _Line, result: Understood, clock: Clock) -> date | None:
    """Read "every …"; gives the first day that it names, if any."""
    found = text.take(EVERY)
    if not found:
        return None
    what = (found.group("what") or found.group("word") or "").lower()
    gap = (found.group("gap") or "1").strip().lower()
    interval = 2 if gap == "other" else int(gap)
    first: date | None = clock.today
    if what.startswith("weekday"):
        days = (0, 1, 2, 3, 4)
        pattern = Pattern("WEEKLY", interval, days)
        first = _next_of(days, clock.today)
    elif what in ("day", "days", "daily"):
        pattern = Pattern("DAILY", interval)
    elif what in ("week", "weeks", "weekly"):
        pattern = Pattern("WEEKLY", interval)
    elif what in ("month", "months", "monthly"):
        pattern = Pattern("MONTHLY", interval)
    else:
        days = tuple(sorted({_weekday(word) for word in re.findall(DAY, what)}))
        pattern = Pattern("WEEKLY", interval, days)
        first = _next_of(days, clock.today)
    if times := text.take(r"(\d{1,3})\s+times"):
        pattern = Pattern(pattern.frequency, interval, pattern.weekdays, times=int(times.group(1)))
    elif until := text.take(rf"until\s+(?P<day>{DATES})"):
        pattern = Pattern(pattern.frequency, interval, pattern.weekdays, until=_date(until, clock))
    result.repeat = pattern
    return first


def _next_of(days: tuple[int, ...], today: date) -> date:
    return next(day for day in (today + timedelta(days=n) for n in range(7)) if day.weekday() in days)


def _weekday(word: str) -> int:
    return next(number for number, names in enumerate(WEEKDAYS) if word.lower() in names.split("|"))


def _read_minutes(text: _Line, result: Understood) -> None:
    found = text.take(LENGTH)
    if not found:
        return
    hours = float((found.group("h") or "0").replace(",", "."))
    minutes = round(hours * 60) + int(found.group("m") or 0) + int(found.group("only") or 0)
    if 1 <= minutes <= LONGEST_ESTIMATE:
        result.minutes = minutes
    else:
        result.notes.append("An estimate is between a minute and a hundred hours.")


def _read_day(text: _Line, result: Understood, clock: Clock) -> date | None:
    today = clock.today
    if found := text.take(r"today|tonight|tod"):
        return today
    if found := text.take(r"tomorrow|tmrw|tmr|tom"):
        return today + timedelta(days=1)
    if found := text.take(r"in\s+(?P<n>\d{1,3})\s+(?P<unit>days?|weeks?)"):
        return today + timedelta(days=int(found.group("n")) * (7 if found.group("unit").startswith("w") else 1))
    if found := text.take(r"next\s+week"):
        return clock.next_monday
    if found := text.take(DATES):
        day = _date(found, clock)
        if day is None:
            result.notes.append(f"There is no day {found.group(0)}.")
        return day
    if found := text.take(rf"(?P<next>next\s+)?(?P<day>{DAY})"):
        ahead = (_weekday(found.group("day")) - today.weekday()) % 7 or 7
        day = today + timedelta(days=ahead)
        # "next Friday" is the one of next week, whatever today is.
        return day + timedelta(days=7) if found.group("next") and day < clock.next_monday else day
    return None


def _date(found: re.Match[str], clock: Clock) -> date | None:
    """The day of a date; one without a year is the next of its kind."""
    named = found.groupdict()
    try:
        if named.get("iso"):
            return date.fromisoformat(named["iso"])
        if named.get("dots"):
            parts = [int(part) for part in named["dots"].split(".") if part]
            day, month, year = parts[0], parts[1], parts[2] if len(parts) > 2 else None
        else:
            words = named.get("dm") or named.get("md") or ""
            day = int(re.search(r"\d{1,2}", words).group())  # type: ignore[union-attr]
            month = MONTHS.index(re.search(r"[a-z]{3,}", words.lower()).group()[:3]) + 1  # type: ignore[union-attr]
            year = int(years[-1]) if (years := re.findall(r"\d{4}", words)) else None
        if year is not None:
            return date(year, month, day)
        this_year = date(clock.today.year, month, day)
        return this_year if this_year >= clock.today else date(clock.today.year + 1, month, day)
    except ValueError:
        return None


def _read_time(text: _Line) -> time | None:
    if found := text.take(TIME):
        hour = int(found.group("h") or found.group("oh"))
        half = (found.group("half") or found.group("ohalf") or "").lower()
        if half and hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        return time(hour, int(found.group("m") or 0))
    if text.take(r"noon"):
        return time(12)
    return time(23, 59) if text.take(r"midnight") else None


def _set_due(result: Understood, day: date | None, at: time | None, clock: Clock) -> None:
    if at is None:
        result.due_on = day
        return
    if day is None:
        day = clock.today if datetime.combine(clock.today, at, tzinfo=clock.zone) > clock.now else None
        day = day or clock.today + timedelta(days=1)
    moment = datetime.combine(day, at, tzinfo=clock.zone)
    # A time that the clocks leap over is the one right after.
    result.due_at = datetime.fromtimestamp(moment.timestamp(), tz=clock.zone)
    if result.due_at.time() != at:
        result.notes.append(f"There is no {at:%H:%M} on that day: the clocks go forward. It is {result.due_at:%H:%M}.")


def _tell(result: Understood, clock: Clock) -> None:
    day = result.due_at.date() if result.due_at else result.due_on
    if day is not None:
        near = {0: "today, ", 1: "tomorrow, "}.get((day - clock.today).days, "")
        year = "" if day.year == clock.today.year else f" {day.year}"
        at = f", {result.due_at:%H:%M}" if result.due_at else ""
        result.chips.append(("calendar", f"{near}{DAY_WORDS[day.weekday()]} {short_date(day)}{year}{at}"))
    if result.repeat is not None:
        result.chips.append(("repeat", result.repeat.words()))
    if result.minutes is not None:
        result.chips.append(("timer", minutes_words(result.minutes)))
