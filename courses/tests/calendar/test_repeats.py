"""When events that repeat take place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from courses.calendar.reading import read_calendar
from courses.calendar.repeats import MOST_REPEATS, Time, times_of, window
from courses.tests.factories_calendar import vcalendar, vevent

NOW = datetime(2026, 10, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
FIRST = "DTSTART;TZID=Europe/Berlin:20261012T100000"
HOUR = "DURATION:PT1H"


def times(*events: str) -> list[Time]:
    found = read_calendar(vcalendar(*events), zone=BERLIN, now=NOW)
    assert found.problems == []
    return sorted(times_of(found.events, *window(NOW))[0], key=lambda time: time.starts_at)


def starts(*events: str) -> list[str]:
    return [time.starts_at.strftime("%m-%d %H:%M") for time in times(*events)]


def lecture(*lines: str) -> str:
    return vevent("UID:1", "SUMMARY:Lecture", FIRST, HOUR, *lines)


def test_a_weekly_lecture_keeps_its_local_hour_when_the_clocks_change() -> None:
    assert starts(lecture("RRULE:FREQ=WEEKLY;COUNT=3")) == ["10-12 08:00", "10-19 08:00", "10-26 09:00"]


def test_what_is_left_out_is_left_out_and_dates_beside_the_rule_are_added() -> None:
    left_out = "EXDATE;TZID=Europe/Berlin:20261019T100000"
    added = "RDATE;TZID=Europe/Berlin:20261020T140000"

    assert starts(lecture("RRULE:FREQ=WEEKLY;COUNT=3", left_out, added)) == [
        "10-12 08:00",
        "10-20 12:00",
        "10-26 09:00",
    ]


def test_a_changed_repeat_stands_in_place_of_its_own() -> None:
    moved = vevent(
        "UID:1", "SUMMARY:Moved", "RECURRENCE-ID;TZID=Europe/Berlin:20261019T100000",
        "DTSTART;TZID=Europe/Berlin:20261021T160000", HOUR,
    )  # fmt: skip

    found = times(lecture("RRULE:FREQ=WEEKLY;COUNT=3"), moved)

    assert [(time.event.title, time.starts_at.day) for time in found] == [
        ("Lecture", 12), ("Moved", 21), ("Lecture", 26),
    ]  # fmt: skip


def test_a_cancelled_repeat_is_gone() -> None:
    gone = vevent("UID:1", "RECURRENCE-ID;TZID=Europe/Berlin:20261019T100000", "STATUS:CANCELLED", FIRST)

    assert starts(lecture("RRULE:FREQ=WEEKLY;COUNT=3"), gone) == ["10-12 08:00", "10-26 09:00"]


def test_a_change_of_all_that_follow_moves_them_too() -> None:
    later = vevent(
        "UID:1", "SUMMARY:Later", "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261019T100000",
        "DTSTART;TZID=Europe/Berlin:20261019T120000", "DURATION:PT2H",
    )  # fmt: skip

    found = times(lecture("RRULE:FREQ=WEEKLY;COUNT=3"), later)

    assert [(time.event.title, time.starts_at.hour) for time in found] == [("Lecture", 8), ("Later", 10), ("Later", 11)]
    assert found[2].ends_at - found[2].starts_at == timedelta(hours=2)


@pytest.mark.parametrize(
    ("until", "count"), [("20261026T090000Z", 3), ("20261026T085959Z", 2), ("20261026", 3), ("20261026T095959", 2)]
)
def test_a_rule_ends_at_its_last_moment_in_local_time(until: str, count: int) -> None:
    assert len(starts(lecture(f"RRULE:FREQ=WEEKLY;UNTIL={until}"))) == count


def test_a_rule_without_end_stops_at_the_window_and_says_that_more_come() -> None:
    event = read_calendar(vcalendar(lecture("RRULE:FREQ=WEEKLY")), zone=BERLIN, now=NOW).events

    found, has_more = times_of(event, *window(NOW))

    assert has_more
    assert found[-1].starts_at < NOW + timedelta(days=732)
    assert len(found) == 103  # two years of weeks, less those before the first


def test_a_daily_rule_from_centuries_ago_is_worked_out_near_the_window_and_at_the_right_days() -> None:
    old = vevent("UID:1", "DTSTART;TZID=Europe/Berlin:19700105T100000", "RRULE:FREQ=DAILY;INTERVAL=3")

    found = times(old)

    days = {(time.starts_at.astimezone(BERLIN).date() - datetime(1970, 1, 5).date()).days % 3 for time in found}  # noqa: DTZ001
    assert days == {0}
    assert 360 < len(found) <= MOST_REPEATS


def test_a_repeat_in_the_hour_that_the_clocks_skip_counts_on() -> None:
    nightly = vevent("UID:1", "DTSTART;TZID=Europe/Berlin:20270327T023000", "RRULE:FREQ=DAILY;COUNT=3")

    assert starts(nightly) == ["03-27 01:30", "03-28 01:30", "03-29 00:30"]


def test_a_rule_that_never_comes_true_gives_its_first_time_and_ends() -> None:
    odd = vevent("UID:1", "DTSTART:20261012T100000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")

    assert starts(odd) == ["10-12 10:00"]
