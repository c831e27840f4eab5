"""One line, understood: dates, times, lengths, courses and repetitions; everything else is the title."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from courses.models import Course
from courses.moments import Clock
from courses.planning.quick import Understood, understand
from courses.planning.recurrence import Pattern

# A Monday, half past ten in Berlin.
CLOCK = Clock(datetime(2026, 11, 23, 9, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
COURSES = [
    Course(pk=1, name="Operating Systems", code="CS 240"),
    Course(pk=2, name="Algorithms II", code="CS 311"),
    Course(pk=3, name="Algebra", nickname="Linear Algebra", code="MA 101"),
]


def read(line: str) -> Understood:
    return understand(line, CLOCK, COURSES)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CLOCK.zone)  # type: ignore[misc, arg-type]


def test_the_whole_of_it() -> None:
    found = read("Essay draft tomorrow 18:00 90m #os")
    assert (found.title, found.due_at, found.minutes) == ("Essay draft", berlin(2026, 11, 24, 18), 90)
    assert found.course is not None and found.course.pk == 1
    assert [text for _, text in found.chips] == ["tomorrow, Tue 24 Nov, 18:00", "1 h 30 min"]
    assert found.notes == []


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("today", date(2026, 11, 23)),
        ("tomorrow", date(2026, 11, 24)),
        ("Fri", date(2026, 11, 27)),
        ("on friday", date(2026, 11, 27)),
        ("mon", date(2026, 11, 30)),
        ("next fri", date(2026, 12, 4)),
        ("next mon", date(2026, 11, 30)),
        ("next week", date(2026, 11, 30)),
        ("in 3 days", date(2026, 11, 26)),
        ("in 2 weeks", date(2026, 12, 7)),
        ("2026-12-01", date(2026, 12, 1)),
        ("by 30 Nov", date(2026, 11, 30)),
        ("by Nov 30th", date(2026, 11, 30)),
        ("1 February", date(2027, 2, 1)),
        ("3 Mar 2028", date(2028, 3, 3)),
        ("1.12.", date(2026, 12, 1)),
        ("24.12.2027", date(2027, 12, 24)),
    ],
)
def test_days(words: str, day: date) -> None:
    found = read(f"Read Part 4, {words}")
    assert (found.title, found.due_on, found.due_at) == ("Read Part 4", day, None)


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("18:00", berlin(2026, 11, 23, 18)),
        ("at 9:00", berlin(2026, 11, 24, 9)),
        ("6pm", berlin(2026, 11, 23, 18)),
        ("fri 12am", berlin(2026, 11, 27, 0)),
        ("fri 6:30 pm", berlin(2026, 11, 27, 18, 30)),
        ("tomorrow noon", berlin(2026, 11, 24, 12)),
        ("28 Mar 2027 02:30", berlin(2027, 3, 28, 3, 30)),
    ],
)
def test_times(words: str, moment: datetime) -> None:
    found = read(f"Read {words}")
    assert (found.title, found.due_at) == ("Read", moment)


@pytest.mark.parametrize(
    ("words", "minutes"),
    [("90m", 90), ("45 min", 45), ("2h", 120), ("1.5h", 90), ("1h30", 90), ("1h 20m", 80), ("3 hours", 180)],
)
def test_lengths(words: str, minutes: int) -> None:
    found = read(f"Read {words} today")
    assert (found.title, found.minutes) == ("Read", minutes)


@pytest.mark.parametrize(
    ("words", "pattern", "first"),
    [
        ("every day", Pattern("DAILY"), date(2026, 11, 23)),
        ("daily", Pattern("DAILY"), date(2026, 11, 23)),
        ("every 2 weeks", Pattern("WEEKLY", 2), date(2026, 11, 23)),
        ("every other day", Pattern("DAILY", 2), date(2026, 11, 23)),
        ("every tue, thu", Pattern("WEEKLY", weekdays=(1, 3)), date(2026, 11, 24)),
        ("every weekday", Pattern("WEEKLY", weekdays=(0, 1, 2, 3, 4)), date(2026, 11, 23)),
        ("every month 3 times", Pattern("MONTHLY", times=3), date(2026, 11, 23)),
        ("every week until 24 Dec", Pattern("WEEKLY", until=date(2026, 12, 24)), date(2026, 11, 23)),
        ("every day fri", Pattern("DAILY"), date(2026, 11, 27)),
    ],
)
def test_repetitions(words: str, pattern: Pattern, first: date) -> None:
    found = read(f"Review cards {words}")
    assert (found.title, found.repeat, found.due_on) == ("Review cards", pattern, first)


@pytest.mark.parametrize(
    ("tag", "pk"), [("os", 1), ("cs240", 1), ("operating", 1), ("algorithms", 2), ("linear", 3), ("MA101", 3)]
)
def test_courses(tag: str, pk: int) -> None:
    course = read(f"Read #{tag}").course
    assert course is not None and course.pk == pk


@pytest.mark.parametrize(
    "line", ["Call Mayor", "Chapter 12", "Part 2/3", "Version 1.12", "Monthly-report", "Sunlight", "C# 3h-plan"]
)
def test_what_only_looks_like_it_stays_in_the_title(line: str) -> None:
    found = read(line)
    assert (found.title, found.chips) == (line, [])


def test_what_is_not_understood_is_said_and_kept() -> None:
    assert "fits 2 courses" in read("Read #alg").notes[0]
    unknown = read("Read #chemistry 31 Feb")
    assert unknown.title == "Read #chemistry" and unknown.due_on is None
    assert [note[:12] for note in unknown.notes] == ["None of your", "There is no "]
    assert read("tomorrow").notes == ["Say what there is to do."]
    assert "clocks go forward" in read("Read 28 Mar 2027 02:30").notes[0]


def test_nothing_and_nonsense_are_harmless() -> None:
    empty: Any = read("")
    assert (empty.title, empty.notes) == ("", [])
    assert read("\x00 x " * 400).title
    assert read("every every every 99 99:99").title
