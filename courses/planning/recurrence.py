"""How tasks repeat: a few patterns that people use, kept as RFC 5545 rules. Days only; the time of day is no part.

The rule text is read and walked by python-dateutil; what it could say beyond these patterns is refused with a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import count as counting
from typing import Any

from dateutil.rrule import rrulestr
from django.core.exceptions import ValidationError

from courses.moments import short_date

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAY_WORDS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY")
UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month"}
MOST_TIMES = 500
LONGEST_INTERVAL = 52
LAST_YEAR = 2200
NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}


@dataclass(frozen=True)
class Pattern:
    """How often, on which days, and when it ends (`until` is included; `times` counts from the first).

    `weekdays` (0 is Monday) belong to weeks. A month repeats on the first occurrence's day, or the last day where it
    has none such; with `nth`, on the nth of its weekday (-1: the last).
    """

    frequency: str
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    nth: int | None = None
    until: date | None = None
    times: int | None = None

    def check(self, first: date | None) -> None:
        """Refuse what cannot be.

        Raises:
            ValidationError: by field, in words for the form.
        """
        errors: dict[str, str] = {}
        if not 1 <= self.interval <= LONGEST_INTERVAL:
            errors["repeat_interval"] = f"Repeat every 1 to {LONGEST_INTERVAL} {UNITS[self.frequency]}s."
        if self.times is not None and not 1 <= self.times <= MOST_TIMES:
            errors["repeat_times"] = f"A task can repeat 1 to {MOST_TIMES} times."
        if self.until is not None and self.times is not None:
            errors["repeat_until"] = "Say either a last day or a number of times, not both."
        if first is None:
            errors["due"] = "A task that repeats needs a first day: say when it is due."
        elif self.until is not None and self.until < first:
            errors["repeat_until"] = "It would never take place: the last day is before the first."
        elif self.until is not None and self.until.year > LAST_YEAR:
            errors["repeat_until"] = f"Choose a last day before the year {LAST_YEAR}."
        if errors:
            raise ValidationError(errors)

    def rule(self, first: date) -> str:
        """The rule as RFC 5545 has it."""
        parts = [f"FREQ={self.frequency}"]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.frequency == "WEEKLY" and self.weekdays:
            parts.append("BYDAY=" + ",".join(DAYS[day] for day in sorted(self.weekdays)))
        if self.frequency == "MONTHLY" and self.nth is not None:
            parts.append(f"BYDAY={self.nth}{DAYS[first.weekday()]}")
        elif self.frequency == "MONTHLY":
            # "The 31st" means the last day where a month is shorter; the bare rule would leave such months out.
            days = range(28, first.day + 1) if first.day > 28 else [first.day]
            parts.append("BYMONTHDAY=" + ("-1" if first.day == 31 else ",".join(map(str, days))))
            parts += ["BYSETPOS=-1"] if 28 < first.day < 31 else []
        if self.times is not None:
            parts.append(f"COUNT={self.times}")
        elif self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%d}")
        return ";".join(parts)

    def words(self) -> str:
        """ "every week on Mon, Wed", "every 2 days, 5 times", "every month until 3 Mar 2027"."""
        unit = UNITS[self.frequency]
        text = f"every {unit}" if self.interval == 1 else f"every {self.interval} {unit}s"
        if self.frequency == "WEEKLY" and self.weekdays:
            weekdays = tuple(sorted(self.weekdays))
            if weekdays == (0, 1, 2, 3, 4) and self.interval == 1:
                text = "every weekday"
            else:
                text += " on " + ", ".join(DAY_WORDS[day] for day in weekdays)
        if self.nth is not None:
            text += f" on the {NTH[self.nth]} such weekday"
        if self.times is not None:
            text += ", once" if self.times == 1 else f", {self.times} times"
        elif self.until is not None:
            text += f" until {short_date(self.until)} {self.until.year}"
        return text


def read_rule(text: str) -> Pattern:
    """Read a rule that a program or this module wrote.

    Raises:
        ValidationError: at `rule`: it is no rule, or one that tasks cannot have.
    """
    parts: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").rstrip(";").upper().split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in parts:
            raise ValidationError({"rule": f"“{text[:80]}” is no recurrence rule. One is FREQ=WEEKLY;BYDAY=MO,WE."})
        parts[name] = value
    frequency = parts.pop("FREQ", "")
    if frequency not in FREQUENCIES:
        raise ValidationError({"rule": "A task repeats by day, week or month: FREQ is DAILY, WEEKLY or MONTHLY."})
    parts.pop("WKST", None)
    try:
        pattern = Pattern(
            frequency,
            interval=int(parts.pop("INTERVAL", "1")),
            until=_day(parts.pop("UNTIL")) if "UNTIL" in parts else None,
            times=int(parts.pop("COUNT")) if "COUNT" in parts else None,
        )
        by_day = parts.pop("BYDAY", "")
        if frequency == "WEEKLY" and by_day:
            pattern = replace(pattern, weekdays=tuple(sorted({DAYS.index(day) for day in by_day.split(",")})))
        elif frequency == "MONTHLY" and by_day:
            nth = int(by_day[:-2] or "0")
            if by_day[-2:] not in DAYS or nth not in NTH:
                raise ValueError
            pattern = replace(pattern, nth=nth)
        elif by_day:
            raise ValueError
        if frequency == "MONTHLY":
            parts.pop("BYMONTHDAY", None)
            parts.pop("BYSETPOS", None)
        if parts:
            raise ValueError
    except ValueError:
        raise ValidationError(
            {"rule": f"“{text[:80]}” says more than a task can repeat by. Use INTERVAL, BYDAY, COUNT and UNTIL."}
        ) from None
    return pattern


def _day(text: str) -> date:
    return datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007  (a day, in no zone)


def days_of(rule: str, first: date) -> Iterator[date]:
    """Walk the days of a rule from its first, which counts whatever day it is; endless where the rule is."""
    pattern = read_rule(rule)
    endless = replace(pattern, times=None, until=None).rule(first)
    walked: Any = rrulestr(endless, dtstart=datetime.combine(first, time()))
    yield first
    numbers = counting(2) if pattern.times is None else range(2, pattern.times + 1)
    later = (day.date() for day in walked if day.date() > first)
    for _, day in zip(numbers, later, strict=False):
        if (pattern.until and day > pattern.until) or day.year > LAST_YEAR:
            return
        yield day


def next_day(rule: str, first: date, *, after: date, not_before: date) -> tuple[date | None, int]:
    """The day after one occurrence that is not over yet, with how many were passed over; None when the rule ends."""
    passed = 0
    for day in days_of(rule, first):
        if day <= after:
            continue
        if day >= not_before:
            return day, passed
        passed += 1
    return None, passed


def days_between(rule: str, first: date, *, after: date, until: date) -> list[date]:
    """The days on which a task will be due again: after one occurrence, up to a day (left out)."""
    return [day for day in _until(rule, first, until) if day > after]


def rest_of(rule: str, first: date, *, at: date) -> Pattern:
    """The pattern as it stands from one occurrence on: a number of times counts only what is left."""
    pattern = read_rule(rule)
    if pattern.times is None:
        return pattern
    before = sum(1 for day in _until(rule, first, at) if day < at)
    return replace(pattern, times=max(1, pattern.times - before))


def _until(rule: str, first: date, last: date) -> Iterator[date]:
    for day in days_of(rule, first):
        if day >= last:
            return
        yield day
