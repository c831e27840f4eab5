"""When an event that repeats takes place: its rule worked out in local time, with what was changed or left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from courses.calendar.zones import moment_of

MOST_REPEATS = 1_000
"""Of one event within the window; a daily one has 732 in two years."""
MOST_STEPS = 20_000
BACK, AHEAD = timedelta(days=366), timedelta(days=732)
"""How far around today repeats are worked out. The window moves on by itself."""
_UNTIL = re.compile(r";?UNTIL=([0-9TZ]+)", re.IGNORECASE)
_FREQUENCY = re.compile(r"FREQ=(\w+)", re.IGNORECASE)
FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}


class Repeating(Protocol):
    """What is asked of an event here; a row and a record just read both have it."""

    recurrence_key: str
    is_onwards: bool
    starts_at: datetime
    ends_at: datetime
    is_all_day: bool
    time_zone: str
    rrule: str
    exdates: list[str]
    rdates: list[str]


@dataclass(frozen=True)
class Time:
    """One time at which an event takes place; `event` is the row whose words hold for it."""

    event: Any
    key: str
    starts_at: datetime
    ends_at: datetime


class RuleNotUnderstood(ValueError):
    """A rule that cannot be worked out, in words."""


def key_of(moment: datetime, *, is_all_day: bool) -> str:
    """Name one repeat by the time that it had at first."""
    return f"{moment:%Y%m%d}" if is_all_day else f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def window(now: datetime) -> tuple[datetime, datetime]:
    """The span in which repeats are worked out."""
    return now - BACK, now + AHEAD


def times_of(group: Sequence[Repeating], start: datetime, end: datetime) -> tuple[list[Time], bool]:
    """Work out an event and its changed repeats; the second value says whether repeats come after `end`.

    `group` has the event itself (no `recurrence_key`), or only changed repeats where a calendar gives no more. What
    does not repeat is given whenever it is; repeats only from `start` to `end`, at most MOST_REPEATS of them.

    Raises:
        RuleNotUnderstood: the rule is broken or repeats by the hour.
    """
    master = next((event for event in group if not event.recurrence_key), None)
    changed = {event.recurrence_key: event for event in group if event.recurrence_key}
    if master is None:
        return [Time(event, key, event.starts_at, event.ends_at) for key, event in changed.items()], False
    if not master.rrule and not master.rdates:
        return [
            Time(master, key_of(master.starts_at, is_all_day=master.is_all_day), master.starts_at, master.ends_at)
        ], False
    onwards = sorted((key, event) for key, event in changed.items() if event.is_onwards)
    left_out, found, seen = set(master.exdates), [], set()
    moments, has_more = _moments(master, start, end)
    for moment in moments:
        key = key_of(moment, is_all_day=master.is_all_day)
        if key in seen:
            continue
        seen.add(key)
        if key in changed:
            event = changed[key]
            found.append(Time(event, key, event.starts_at, event.ends_at))
        elif key not in left_out:
            found.append(_time(master, key, moment, onwards))
    # A repeat that was moved into the window from outside of it, or whose place the rule no longer has.
    found += [
        Time(event, key, event.starts_at, event.ends_at)
        for key, event in changed.items()
        if key not in seen and start <= event.ends_at and event.starts_at < end
    ]
    return found, has_more


def _time(master: Repeating, key: str, moment: datetime, onwards: list[tuple[str, Any]]) -> Time:
    """One repeat, as it is or as the last change of all that follow says."""
    ruling = next((event for since, event in reversed(onwards) if since <= key), None)
    if ruling is None:
        return Time(master, key, moment, moment + (master.ends_at - master.starts_at))
    shift = ruling.starts_at - _parsed(ruling.recurrence_key)
    return Time(ruling, key, moment + shift, moment + shift + (ruling.ends_at - ruling.starts_at))


def _parsed(key: str) -> datetime:
    return datetime.strptime(key, "%Y%m%dT%H%M%SZ" if "T" in key else "%Y%m%d").replace(tzinfo=UTC)


def _moments(event: Repeating, start: datetime, end: datetime) -> tuple[list[datetime], bool]:
    """The times of the rule and the dates beside it, in order, in the window."""
    zone = ZoneInfo("UTC" if event.is_all_day else event.time_zone or "UTC")
    first = event.starts_at.astimezone(zone).replace(tzinfo=None)
    local_start, local_end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end))
    moments = {moment for key in event.rdates if start <= (moment := _parsed(key)) < end}
    if start <= event.starts_at < end:
        moments.add(event.starts_at)
    has_more = False
    if event.rrule:
        rule = parsed_rule(event.rrule, first, zone)
        rule = _nearer(rule, first, local_start)
        steps = islice(rule, MOST_STEPS)
        for local in steps:
            if local >= local_end or len(moments) >= MOST_REPEATS:
                has_more = True
                break
            if local >= local_start:
                moments.add(moment_of(local, zone))
    return sorted(moments), has_more


def parsed_rule(text: str, first: datetime, zone: ZoneInfo) -> rrule:
    """Read a rule for an event that begins at a local time.

    Raises:
        RuleNotUnderstood: it is broken, or repeats more often than daily.
    """
    frequency = _FREQUENCY.search(text)
    if frequency is None or frequency[1].upper() not in FREQUENCIES:
        raise RuleNotUnderstood("only daily, weekly, monthly and yearly repeats are understood")
    until = _UNTIL.search(text)
    try:
        rule = rrulestr(_UNTIL.sub("", text).strip(";"), dtstart=first)
        if until is not None:
            rule = rule.replace(until=_local_until(until[1], zone))
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise RuleNotUnderstood("the rule of its repeats cannot be read") from error
    if not isinstance(rule, rrule):
        raise RuleNotUnderstood("several rules at once are not understood")
    return rule


def _local_until(text: str, zone: ZoneInfo) -> datetime:
    """The end of a rule in local time; a day counts whole."""
    if "T" not in text.upper():
        return datetime.strptime(text, "%Y%m%d").replace(hour=23, minute=59, second=59)  # noqa: DTZ007
    local = datetime.strptime(text.rstrip("Zz"), "%Y%m%dT%H%M%S")  # noqa: DTZ007
    return local.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if text[-1] in "Zz" else local


def _nearer(rule: Any, first: datetime, start: datetime) -> rrule:
    """Begin a rule that is not counted shortly before the window: it may have begun centuries ago."""
    days = {3: 1, 2: 7}.get(rule._freq)  # daily, weekly
    if days is None or rule._count is not None or first >= start:
        return rule
    period = days * rule._interval
    skipped = max(0, (start - first).days // period - 1) * period
    return rule.replace(dtstart=first + timedelta(days=skipped)) if skipped else rule


def has_repeats(events: Iterable[Repeating]) -> bool:
    return any(event.rrule or event.rdates for event in events)
