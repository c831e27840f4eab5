"""Writing a student's calendar as a calendar file (iCalendar, RFC 5545) that Google, Apple and Outlook show right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from django.conf import settings

from courses.calendar.entries import Entry, entries_between
from courses.calendar.same import feed_mark
from courses.models import CalendarFeed, Course
from courses.moments import Clock

BACK, AHEAD = timedelta(days=90), timedelta(days=400)
MOST_ENTRIES = 8_000
DEADLINE = timedelta(minutes=15)
"""How long a deadline is in calendars, which show nothing of what has no length. It ends when the work is due."""
SEQUENCE_SINCE = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Written:
    """A feed's file and the tag that tells whether it is the one a reader has."""

    content: bytes
    etag: str


def write_feed(feed: CalendarFeed, clock: Clock) -> Written:
    """Write what a feed holds: every layer it names, or all; one course's, or all.

    The same calendar gives the same bytes for the length of a day, so that readers can be told that nothing changed.
    Each entry is an event of its own with a lasting id; a repeat keeps its id as long as it is there.
    """
    today = clock.midnight(clock.today)
    entries = entries_between(feed.owner, today - BACK, today + AHEAD, only=feed.layers or None)
    if feed.course_id is not None:
        same = set(Course.objects.same_ids(feed.course_id))
        entries = [entry for entry in entries if entry.course_id in same]
    content = write_calendar(entries[:MOST_ENTRIES], feed, clock)
    return Written(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def write_calendar(entries: list[Entry], feed: CalendarFeed, clock: Clock) -> bytes:
    """Write entries as one file, with the rules of the student's time zone."""
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", "-//Core Engine//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", feed.name)
    calendar.add("x-wr-timezone", clock.zone.key)
    calendar.add("refresh-interval;value=duration", "PT1H")
    calendar.add("x-published-ttl", "PT1H")
    mark = feed_mark(feed.owner)
    for entry in entries:
        calendar.add_component(_event(entry, feed, clock, mark))
    if entries and clock.zone.key != "UTC":
        calendar.subcomponents.insert(0, _zone(clock))
    return calendar.to_ical()


def _zone(clock: Clock) -> Any:
    """The rules of the zone for the years that the feed spans: one part for each time that its clocks change.

    Written here, since the library's own dates the step forward an hour late (icalendar 6.3).
    """
    from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

    zone = Timezone()
    zone.add("tzid", clock.zone.key)
    first = datetime((clock.today - BACK).year, 1, 1, tzinfo=UTC)
    offset = _offset(first, clock.zone)
    changes = [(first, offset), *_changes(first, clock.midnight(clock.today) + AHEAD, clock.zone)]
    for moment, before in changes:
        local = moment.astimezone(clock.zone)
        part = TimezoneDaylight() if local.dst() else TimezoneStandard()
        part.add("dtstart", moment.replace(tzinfo=None) + before)
        part.add("tzoffsetfrom", before)
        part.add("tzoffsetto", _offset(moment, clock.zone))
        part.add("tzname", local.tzname())
        zone.add_component(part)
    return zone


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _changes(start: datetime, end: datetime, zone: ZoneInfo) -> list[tuple[datetime, timedelta]]:
    """When the clocks of a zone change, in UTC, each with the offset before."""
    found = []
    while start < end:
        following = start + timedelta(days=1)
        before = _offset(start, zone)
        if _offset(following, zone) != before:
            low, high = start, following
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
            found.append(((high + timedelta(seconds=30)).replace(second=0, microsecond=0), before))
        start = following
    return found


def _event(entry: Entry, feed: CalendarFeed, clock: Clock, mark: str):
    from icalendar import Event

    changed_at = (entry.changed_at or feed.created_at).astimezone(UTC).replace(microsecond=0)
    starts_at, ends_at = entry.starts_at, entry.ends_at
    event = Event()
    event.add("uid", f"{entry.key.replace(':', '-').replace('@', '-')}{mark}")
    event.add("dtstamp", changed_at)
    event.add("last-modified", changed_at)
    # It only has to grow with every change: minutes since a day in the past do.
    event.add("sequence", max(0, int((changed_at - SEQUENCE_SINCE).total_seconds() // 60)))
    event.add("summary", f"{'✓ ' if entry.is_done else ''}{entry.title}")
    if entry.is_all_day:
        first = clock.day_of(starts_at)
        event.add("dtstart", first)
        event.add("dtend", max(clock.day_of(ends_at) if ends_at else first, first + timedelta(days=1)))
    else:
        if ends_at is None:
            starts_at, ends_at = starts_at - DEADLINE, starts_at
        event.add("dtstart", starts_at.astimezone(clock.zone))
        event.add("dtend", ends_at.astimezone(clock.zone))
    if entry.location:
        event.add("location", entry.location)
    address = urljoin(settings.SITE_URL, entry.url) if entry.url else ""
    told = [entry.course, _due(entry, clock), address]
    event.add("description", "\n".join(filter(None, told)))
    if address:
        event.add("url", address)
    if entry.course:
        event.add("categories", [entry.course])
    event.add("transp", "OPAQUE" if entry.is_busy else "TRANSPARENT")
    minutes = feed.alarms.get(_layer_of(entry))
    if minutes is not None and not entry.is_done:
        event.add_component(_alarm(entry, int(minutes)))
    return event


def _due(entry: Entry, clock: Clock) -> str:
    return f"Due {entry.starts_at.astimezone(clock.zone):%H:%M}" if entry.kind == "assignment" else ""


def _layer_of(entry: Entry) -> str:
    """The layer that an entry's key begins with: "assignment:12" is of "assignments"."""
    return f"{entry.key.partition(':')[0]}s"


def _alarm(entry: Entry, minutes: int):
    from icalendar import Alarm

    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", entry.title)
    # Of a deadline the moment that counts is its end.
    related = {"RELATED": "END"} if entry.ends_at is None else {}
    alarm.add("trigger", timedelta(minutes=-minutes), parameters=related)
    return alarm
