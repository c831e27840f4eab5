"""Words of leads and moments, slots of digests and quiet hours: pure functions, across clock changes too."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from coreengine.kernel.quiet import quiet_until
from courses.reminders.times import last_slot, lead_words, left_words, next_slot, snooze_end

BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "at the time"),
        (10, "10 minutes before"),
        (60, "1 hour before"),
        (90, "90 minutes before"),
        (120, "2 hours before"),
        (1440, "1 day before"),
        (2160, "36 hours before"),
        (10080, "1 week before"),
        (-60, "1 hour after"),
    ],
)
def test_leads_in_words(minutes: int, words: str) -> None:
    assert lead_words(minutes) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (10, "now"),
        (60, "in 1 minute"),
        (3600, "in 60 minutes"),
        (7200, "in 2 hours"),
        (86400, "in 24 hours"),
        (259200, "in 3 days"),
    ],
)
def test_what_is_left_in_words(seconds: int, words: str) -> None:
    assert left_words(seconds) == words


@pytest.mark.parametrize(
    ("after", "at", "expected"),
    [
        (utc(2026, 11, 23, 5, 0), time(7, 30), utc(2026, 11, 23, 6, 30)),  # winter: an hour ahead of UTC
        (utc(2026, 11, 23, 6, 30), time(7, 30), utc(2026, 11, 24, 6, 30)),  # not the very same moment again
        (utc(2026, 10, 24, 12, 0), time(7, 30), utc(2026, 10, 25, 6, 30)),  # the night in which clocks go back
        (utc(2026, 3, 28, 12, 0), time(7, 30), utc(2026, 3, 29, 5, 30)),  # the night in which they go forward
        (utc(2026, 3, 28, 12, 0), time(2, 30), utc(2026, 3, 29, 1, 30)),  # an hour that is skipped
        (utc(2026, 10, 24, 12, 0), time(2, 30), utc(2026, 10, 25, 0, 30)),  # an hour that comes twice: the first
    ],
)
def test_the_next_slot(after: datetime, at: time, expected: datetime) -> None:
    assert next_slot(after, at, range(7), BERLIN) == expected


def test_slots_keep_to_their_days() -> None:
    friday_noon = utc(2026, 11, 27, 12, 0)

    assert next_slot(friday_noon, time(7, 30), [0, 1, 2, 3, 4], BERLIN) == utc(2026, 11, 30, 6, 30)
    assert next_slot(friday_noon, time(18), [6], BERLIN, not_on=date(2026, 11, 29)) == utc(2026, 12, 6, 17, 0)
    assert last_slot(utc(2026, 11, 29, 12, 0), time(7, 30), [0, 1, 2, 3, 4], BERLIN) == utc(2026, 11, 27, 6, 30)
    assert last_slot(utc(2026, 11, 27, 6, 30), time(7, 30), [4], BERLIN) == utc(2026, 11, 27, 6, 30)


@pytest.mark.parametrize(
    ("starts", "ends", "moment", "expected"),
    [
        (time(22), time(7), utc(2026, 11, 23, 20, 59), None),
        (time(22), time(7), utc(2026, 11, 23, 21, 0), utc(2026, 11, 24, 6, 0)),
        (time(22), time(7), utc(2026, 11, 24, 5, 59), utc(2026, 11, 24, 6, 0)),
        (time(22), time(7), utc(2026, 11, 24, 6, 0), None),
        (time(12), time(14), utc(2026, 11, 23, 12, 0), utc(2026, 11, 23, 13, 0)),
        (time(12), time(14), utc(2026, 11, 23, 21, 0), None),
        (time(22), time(7), utc(2026, 10, 24, 21, 0), utc(2026, 10, 25, 6, 0)),  # ten hours: clocks go back
        (time(22), time(7), utc(2026, 3, 28, 21, 30), utc(2026, 3, 29, 5, 0)),  # eight hours: they go forward
        (time(22), time(2, 30), utc(2026, 3, 28, 23, 0), utc(2026, 3, 29, 1, 30)),  # they end in the skipped hour
    ],
)
def test_quiet_hours(starts: time, ends: time, moment: datetime, expected: datetime | None) -> None:
    assert quiet_until(starts, ends, moment, BERLIN) == expected


def test_snoozing_until_tomorrow_morning_in_a_night_without_an_hour() -> None:
    assert snooze_end("tomorrow", utc(2026, 3, 28, 22, 0), BERLIN) == utc(2026, 3, 29, 6, 0)
    assert snooze_end("1h", utc(2026, 3, 28, 22, 0), BERLIN) == utc(2026, 3, 28, 23, 0)
