"""Leads and moments of reminders in words, and when digests come: plain functions of times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from coreengine.kernel.quiet import local_moment
from courses.moments import Clock, day_name

MORNING = time(8, 0)
UNITS = (("week", 7 * 24 * 60), ("day", 24 * 60), ("hour", 60), ("minute", 1))
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SNOOZES = {"10m": "10 minutes", "1h": "1 hour", "tomorrow": "Tomorrow morning"}


def length_words(minutes: int) -> str:
    """ "2 hours", "1 day", "90 minutes": the largest unit that divides it."""
    name, size = next((name, size) for name, size in UNITS if minutes % size == 0)
    count = minutes // size
    return f"{count} {name}{'' if count == 1 else 's'}"


def lead_words(minutes: int) -> str:
    """ "1 day before", "at the time", "2 hours after"."""
    if minutes == 0:
        return "at the time"
    return f"{length_words(abs(minutes))} {'before' if minutes > 0 else 'after'}"


def exact_words(moment: datetime, clock: Clock) -> str:
    """ "today at 14:00", "Fri at 18:00", "3 Dec at 18:00": for what is read at another time than it is written."""
    day = day_name(clock.day_of(moment), clock.today)
    return (
        f"{day.lower() if day in ('Today', 'Tomorrow', 'Yesterday') else day} at {moment.astimezone(clock.zone):%H:%M}"
    )


def left_words(seconds: float) -> str:
    """ "in 45 minutes", "in 2 hours", "in 3 days"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "now"
    if minutes < 90:
        return f"in {minutes} minute{'' if minutes == 1 else 's'}"
    hours = round(minutes / 60)
    if hours < 36:
        return f"in {hours} hours"
    return f"in {round(hours / 24)} days"


def snooze_end(choice: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Give the moment to which a snooze puts off: a length from now, or eight o'clock tomorrow in the zone.

    Raises:
        KeyError: there is no such choice.
    """
    if choice == "tomorrow":
        return local_moment(now.astimezone(zone) + timedelta(days=1), MORNING, zone)
    return now + {"10m": timedelta(minutes=10), "1h": timedelta(hours=1)}[choice]


def next_slot(
    after: datetime, at: time, days: Sequence[int], zone: ZoneInfo, *, not_on: date | None = None
) -> datetime:
    """Give the first moment after `after` at which it is `at` on one of the weekdays (0 is Monday) in the zone.

    `not_on` is a day that had its slot already. Clocks that change: see `local_moment`.
    """
    today = after.astimezone(zone)
    for distance in range(15):
        day = today + timedelta(days=distance)
        moment = local_moment(day, at, zone)
        if day.weekday() in days and moment > after and day.date() != not_on:
            return moment
    raise ValueError("a digest needs a weekday")


def last_slot(until: datetime, at: time, days: Sequence[int], zone: ZoneInfo) -> datetime:
    """Give the last such moment that is not after `until`."""
    today = until.astimezone(zone)
    for distance in range(15):
        day = today - timedelta(days=distance)
        moment = local_moment(day, at, zone)
        if day.weekday() in days and moment <= until:
            return moment
    raise ValueError("a digest needs a weekday")
