"""Dates as people write them in tables and syllabi.

Own code, and not a library that guesses: what may be read in two ways has to be asked about, and a year that is not
written follows from the course's term.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "january jan januar jän",
            "february feb februar",
            "march mar märz maerz mär mrz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ],
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_PATTERNS = [
    ("iso", re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?!\d)")),
    ("dots", re.compile(rf"(?<![\d.])(?P<d>{_DAY})\.(?P<m>0?[1-9]|1[0-2])\.(?P<y>\d{{4}}|\d{{2}})?(?!\d)")),
    ("slashes", re.compile(r"(?<![\d/])(?P<a>\d{1,2})/(?P<b>\d{1,2})(?:/(?P<y>\d{4}|\d{2}))?(?![\d/])")),
    (
        "month first",
        re.compile(
            rf"\b(?P<month>{_MONTH})\.?\s+(?P<d>{_DAY})(?:st|nd|rd|th)?\b(?![:.]\d)(?:,?\s+(?P<y>20\d\d)\b)?", re.I
        ),
    ),
    (
        "day first",
        re.compile(
            rf"(?<!\d)(?P<d>{_DAY})(?:st|nd|rd|th|\.)?\s+(?P<month>{_MONTH})\b\.?(?:,?\s+(?P<y>20\d\d)\b)?", re.I
        ),
    ),
]
_TIME = re.compile(
    r"(?:\bat\s+|\bum\s+|\bby\s+|T|(?<=\s)|^)(?:(?P<h>[01]?\d|2[0-3])[:.](?P<min>[0-5]\d)(?::[0-5]\d)?\s*(?P<half>[ap]\.?m\.?)?"
    r"|(?P<h12>1[0-2]|0?[1-9])\s*(?P<half12>[ap]\.?m\b\.?)|(?P<word>noon|midnight))(?![\d/])(?:\s*uhr)?",
    re.I,
)


@dataclass(frozen=True)
class Term:
    """When a course goes on, as far as known; it tells the year of a date without one."""

    starts_on: date | None = None
    ends_on: date | None = None
    today: date = date(2026, 1, 1)


@dataclass(frozen=True)
class Found:
    """A date in a text. `at` is None where no time is written; `span` is what was read, from and to."""

    day: date
    at: time | None
    span: tuple[int, int]
    is_ambiguous: bool = False
    other: date | None = None


class NotADate(ValueError):
    """There is no such day, or it cannot be read; the message is for the student."""


def order_of(texts: Iterable[str]) -> str:
    """Say how dates with slashes are meant, as far as the texts themselves tell.

    "dmy" or "mdy" where one of them can be read in one way only; "ask" where all can be read in both, or some in one
    and others in the other; "" where there are none.
    """
    orders: set[str] = set()
    for text in texts:
        for found in _PATTERNS[2][1].finditer(text):
            first, second = int(found["a"]), int(found["b"])
            if first > 12 >= second:
                orders.add("dmy")
            elif second > 12 >= first:
                orders.add("mdy")
            elif first != second and first <= 12:
                orders.add("ask")
    sure = orders - {"ask"}
    if len(sure) == 1:
        return sure.pop()
    return "ask" if orders else ""


def find_dates(text: str, *, order: str, term: Term) -> list[Found]:
    """Find the dates in a line, in their order; `order` is "dmy", "mdy", or anything else for unknown."""
    found: list[Found] = []
    taken: list[tuple[int, int]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            read = _read(kind, match, order, term)
            if read is not None:
                taken.append(match.span())
                found.append(read)
    found.sort(key=lambda each: each.span)
    return _with_times(text, found)


def read_date(text: str, *, order: str, term: Term) -> Found:
    """Read a cell that is a date, with or without a time.

    Raises:
        NotADate: it is none, there is no such day, or it can be read in two ways and `order` does not say.
    """
    cell = " ".join(text.split())
    found = find_dates(cell, order=order, term=term)
    if not found:
        for _, pattern in _PATTERNS:
            if match := pattern.search(cell):
                raise NotADate(f"There is no day “{match.group()}” in the calendar.")
        raise NotADate(f"“{cell[:40]}” is not a date. Write it like 2026-11-30 or 30 Nov 2026.")
    if found[0].is_ambiguous:
        raise NotADate(f"“{cell[:40]}” can be read in two ways. Say above which comes first, day or month.")
    return found[0]


def _read(kind: str, match: re.Match[str], order: str, term: Term) -> Found | None:
    parts = match.groupdict()
    other = None
    is_ambiguous = False
    if kind == "slashes":
        first, second = int(parts["a"]), int(parts["b"])
        if order == "dmy" or first > 12:
            day, month = first, second
        else:
            day, month = second, first
        if order not in ("dmy", "mdy") and first <= 12 and second <= 12 and first != second:
            is_ambiguous = True
    else:
        day = int(parts["d"])
        month = MONTHS[parts["month"].lower()] if parts.get("month") else int(parts["m"])
    year = int(parts["y"]) if parts.get("y") else None
    if year is not None and year < 100:
        year += 2000
    read = _day(year, month, day, term)
    if read is None:
        return None
    if is_ambiguous:
        other = _day(year, day, month, term)
    return Found(read, None, match.span(), is_ambiguous, other)


def _day(year: int | None, month: int, day: int, term: Term) -> date | None:
    try:
        if year is not None:
            return date(year, month, day) if 1970 <= year <= 2200 else None
        return _in_term(month, day, term)
    except ValueError:
        return None


def _in_term(month: int, day: int, term: Term) -> date | None:
    """Choose the year in which a day lies in the term, else nearest to it, else within the coming months."""
    start = term.starts_on or term.today - timedelta(days=60)
    end = term.ends_on or start + timedelta(days=300)
    middle = start + (end - start) / 2
    days = []
    for year in (start.year - 1, start.year, start.year + 1):
        try:
            days.append(date(year, month, day))
        except ValueError:
            continue
    return min(days, key=lambda each: abs((each - middle).days), default=None)


def _with_times(text: str, found: list[Found]) -> list[Found]:
    """Give each date the time that follows it before the next date; the only date also one that precedes it."""
    result = []
    for n, each in enumerate(found):
        until = found[n + 1].span[0] if n + 1 < len(found) else len(text)
        at, span = _time_in(text, each.span[1], until)
        if at is None and len(found) == 1:
            at, span = _time_in(text, 0, each.span[0])
        end = max(each.span[1], span[1]) if span and span[0] >= each.span[1] else each.span[1]
        start = min(each.span[0], span[0]) if span and span[1] <= each.span[0] else each.span[0]
        result.append(Found(each.day, at, (start, end), each.is_ambiguous, each.other))
    return result


def _time_in(text: str, start: int, end: int) -> tuple[time | None, tuple[int, int] | None]:
    match = _TIME.search(text, start, end)
    if match is None:
        return None, None
    if match["word"]:
        # Midnight of a deadline is the end of its day.
        return (time(12, 0) if match["word"].lower() == "noon" else time(23, 59)), match.span()
    half = (match["half"] or match["half12"] or "").lower().replace(".", "")
    hour, minute = int(match["h"] or match["h12"]), int(match["min"] or 0)
    if half:
        if hour > 12:
            return None, None
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute), match.span()


def local_text(found: Found, default: time) -> str:
    """The date as a form's control has it: 2026-11-30T23:59."""
    return datetime.combine(found.day, found.at or default).strftime("%Y-%m-%dT%H:%M")
