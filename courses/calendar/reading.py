"""Reading a calendar file (iCalendar, RFC 5545): every event that can be read, and every line that cannot, with why.

Nothing is written here. Events are read one by one, so that a broken one costs itself alone, and memory stays with
what is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coreengine.kernel.errors import DomainError
from courses.calendar.lines import Block, Line, blocks, decoded, unfolded
from courses.calendar.repeats import RuleNotUnderstood, key_of, parsed_rule
from courses.calendar.zones import known_zone, moment_of, zone_like

MOST_BYTES = 20 * 2**20
MOST_EVENTS = 20_000
MOST_PROBLEMS = 200
MOST_TEXT = 20_000
MOST_DATES = 2_000
NEEDED = {
    "UID", "DTSTART", "DTEND", "DURATION", "SUMMARY", "LOCATION", "DESCRIPTION", "URL", "RRULE", "RDATE", "EXDATE",
    "RECURRENCE-ID", "STATUS", "TRANSP", "SEQUENCE",
}  # fmt: skip
YEARS = range(1970, 2200)
NO_TITLE = "(no title)"


class NotACalendar(DomainError):
    """There is no calendar in what was given."""

    code = "not_a_calendar"
    status = 422
    title = "That is not a calendar"


@dataclass(frozen=True)
class Problem:
    """What could not be taken as it stands; `line` is its place in the file."""

    line: int
    what: str
    reason: str


@dataclass
class ReadEvent:
    """One event as the file says; the fields are those of `CalendarEvent`."""

    uid: str
    recurrence_key: str
    is_onwards: bool
    title: str
    location: str
    description: str
    url: str
    starts_at: datetime
    ends_at: datetime
    is_all_day: bool
    time_zone: str
    rrule: str
    exdates: list[str]
    rdates: list[str]
    is_busy: bool
    sequence: int = 0

    @property
    def values(self) -> dict[str, Any]:
        """What is stored of it."""
        values = asdict(self)
        del values["sequence"]
        return values

    @property
    def digest(self) -> str:
        """Equal where nothing changed."""
        return hashlib.sha256(repr(sorted(self.values.items())).encode()).hexdigest()[:32]


@dataclass
class Reading:
    """What a file holds. `unread` are the ids of events that could not be read: they are there, whatever they say."""

    name: str = ""
    events: list[ReadEvent] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    cancelled: int = 0
    left_out: int = 0
    is_complete: bool = True
    unread: set[str] = field(default_factory=set)

    def note(self, line: int, what: str, reason: str) -> None:
        """Remember a problem; beyond the first hundreds only their number."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line, what[:120], reason))

    def as_json(self) -> dict[str, Any]:
        """Say what was found, for the page: counts, the first and the next events' names, the problems."""
        begins = [event.starts_at for event in self.events]
        return {
            "name": self.name,
            "events": len(self.events),
            "repeating": sum(1 for event in self.events if event.rrule or event.rdates),
            "cancelled": self.cancelled,
            "left_out": self.left_out,
            "is_complete": self.is_complete,
            "first": min(begins).isoformat() if begins else None,
            "last": max(begins).isoformat() if begins else None,
            "problem_count": self.problem_count,
            "problems": [asdict(problem) for problem in self.problems],
        }


def read_calendar(data: bytes, *, zone: ZoneInfo, now: datetime) -> Reading:
    """Read a calendar file.

    `zone` is for times that name none (or an unknown one) where the calendar has no zone of its own either.
    Answers to what files get wrong: a local time that does not exist counts on from before the gap and one that
    exists twice is the first; an end before the start makes a moment; no end makes a moment, or one day; what is
    cancelled is left out; of more than MOST_EVENTS those nearest to now are kept.

    Raises:
        NotACalendar: there is no calendar in it.
    """
    text, oddity = decoded(data[:MOST_BYTES])
    if "BEGIN:VCALENDAR" not in text[:10_000].upper():
        raise NotACalendar(_not_a_calendar(text))
    return _Reader(zone, now, oddity, is_cut=len(data) > MOST_BYTES).read(text)


def _not_a_calendar(text: str) -> str:
    begin = text.lstrip()[:200].lower()
    if begin.startswith(("<!doctype", "<html", "<?xml")):
        return "This is a web page, not a calendar. Look for “iCal”, “ICS” or “Subscribe” there, and copy that address."
    if not begin:
        return "There is nothing in it. Export the calendar again."
    return "There is no calendar in it. A calendar file ends in .ics and begins with BEGIN:VCALENDAR."


class _Reader:
    def __init__(self, zone: ZoneInfo, now: datetime, oddity: str, *, is_cut: bool) -> None:
        self.zone, self.now = zone, now
        self.found = Reading()
        self.zones: dict[str, ZoneInfo] = {}
        self.rules: dict[str, Block] = {}
        if oddity:
            self.found.note(1, "letters", oddity)
        if is_cut:
            self.found.is_complete = False
            self.found.note(1, "size", f"Only the first {MOST_BYTES // 2**20} MB were read.")

    def read(self, text: str) -> Reading:
        events: list[Block] = []
        for block in blocks(unfolded(text)):
            if block.kind == "VTIMEZONE":
                self.rules[block.value("TZID")] = block
            elif block.kind == "VEVENT":
                events.append(block)
            elif block.kind == "VCALENDAR":
                self._head(block)
        taken: dict[tuple[str, str], ReadEvent] = {}
        gone: dict[str, list[str]] = {}
        for block in events:
            event = self._event(block, gone)
            if event is not None:
                key = (event.uid, event.recurrence_key)
                # The same event twice in one file: the later version counts, else the later place.
                if key not in taken or event.sequence >= taken[key].sequence:
                    taken[key] = event
        for event in taken.values():
            if not event.recurrence_key and event.uid in gone:
                event.exdates = sorted({*event.exdates, *gone[event.uid]})
        self.found.events = self._nearest(list(taken.values()))
        return self.found

    def _head(self, calendar: Block) -> None:
        self.found.name = _plain(calendar.value("X-WR-CALNAME") or calendar.value("NAME"))[:120]
        if not calendar.ended:
            self.found.is_complete = False
            self.found.note(calendar.number, "END:VCALENDAR", "The file breaks off before its end.")
        for line in calendar.lines:
            if not line.name:
                self.found.note(line.number, line.text, "This line is no part of a calendar; it was left out.")
            elif line.name == "X-WR-TIMEZONE" and (zone := known_zone(line.value)) is not None:
                self.zone = zone

    def _nearest(self, events: list[ReadEvent]) -> list[ReadEvent]:
        """Keep what can be kept: what repeats, and what is nearest to now."""
        self.found.left_out = max(0, len(events) - MOST_EVENTS)
        if not self.found.left_out:
            return events
        self.found.note(
            1,
            f"{len(events):,} events",
            f"Only the {MOST_EVENTS:,} nearest to today were taken; {self.found.left_out:,} were left out.",
        )
        self.found.is_complete = False
        events.sort(key=lambda event: 0 if event.rrule else abs((event.starts_at - self.now).total_seconds()))
        return events[:MOST_EVENTS]

    def _event(self, block: Block, gone: dict[str, list[str]]) -> ReadEvent | None:
        """Read one event; None, with a problem noted or counted as cancelled, where there is none to keep."""
        from icalendar import Event

        title = _plain(block.value("SUMMARY"))[:255] or NO_TITLE
        if not block.ended:
            self._unreadable(block, title, "The event begins here and has no end (END:VEVENT).")
            return None
        lines = []
        for line in block.lines:
            if not line.name:
                self.found.note(line.number, line.text, f"The line cannot be read; the rest of “{title}” was taken.")
            elif line.name in NEEDED:
                lines.append(line)
        text = "\r\n".join(["BEGIN:VEVENT", *(line.text for line in lines), "END:VEVENT"])
        try:
            raw = Event.from_ical(text)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
            self._unreadable(block, title, f"The event cannot be read: {str(error)[:100]}.")
            return None
        broken = {str(name).upper() for name, _ in raw.errors if name}
        for name in sorted(broken - {"DTSTART"}):
            line = next((line for line in lines if line.name == name), Line(block.number, name))
            self.found.note(line.number, line.text, f"{name} cannot be read; the rest of “{title}” was taken.")
        if "DTSTART" in broken or "DTSTART" not in raw:
            place = next((line.number for line in lines if line.name == "DTSTART"), block.number)
            self._unreadable(block, title, "When the event starts cannot be read.", place)
            return None
        try:
            return self._made(block, raw, title, gone)
        except (ValueError, TypeError, AttributeError, OverflowError):
            self._unreadable(block, title, "The times of the event cannot be read.")
            return None

    def _unreadable(self, block: Block, title: str, reason: str, line: int = 0) -> None:
        self.found.note(line or block.number, title, reason)
        if uid := block.value("UID"):
            self.found.unread.add(_short_uid(uid))
        else:
            self.found.is_complete = False  # which event it was cannot be told, so nothing counts as removed

    def _made(self, block: Block, raw: Any, title: str, gone: dict[str, list[str]]) -> ReadEvent | None:
        starts_at, is_all_day, zone = self._moment(_first(raw["DTSTART"]), block, title)
        if starts_at.year not in YEARS:
            raise ValueError("year")
        uid = _short_uid(str(_first(raw.get("UID")) or "")) or _made_up_uid(title, starts_at)
        changed = _first(raw.get("RECURRENCE-ID"))
        key, is_onwards = "", False
        if changed is not None:
            moment, is_day, _ = self._moment(changed, block, title)
            key = key_of(moment, is_all_day=is_day)
            is_onwards = str(changed.params.get("RANGE", "")).upper() == "THISANDFUTURE"
        if str(_first(raw.get("STATUS")) or "").upper() == "CANCELLED":
            self.found.cancelled += 1
            if key:
                gone.setdefault(uid, []).append(key)
            return None
        return ReadEvent(
            uid=uid,
            recurrence_key=key,
            is_onwards=is_onwards,
            title=_plain(str(_first(raw.get("SUMMARY")) or ""))[:255] or NO_TITLE,
            location=_plain(str(_first(raw.get("LOCATION")) or ""))[:255],
            description=str(_first(raw.get("DESCRIPTION")) or "").replace("\x00", "").strip()[:MOST_TEXT],
            url=_web_address(str(_first(raw.get("URL")) or "")),
            starts_at=starts_at,
            ends_at=self._end(raw, starts_at, is_all_day, block, title),
            is_all_day=is_all_day,
            time_zone=zone.key,
            rrule="" if key else self._rule(raw, starts_at, zone, block, title),
            exdates=[] if key else self._dates(raw.get("EXDATE"), is_all_day, block, title),
            rdates=[] if key else self._dates(raw.get("RDATE"), is_all_day, block, title),
            # Whole days that do not say so (holidays, birthdays) take no time from anyone.
            is_busy=str(_first(raw.get("TRANSP")) or ("TRANSPARENT" if is_all_day else "")).upper() != "TRANSPARENT",
            sequence=int(_first(raw.get("SEQUENCE")) or 0),
        )

    def _moment(self, found: Any, block: Block, title: str) -> tuple[datetime, bool, ZoneInfo]:
        """A time in UTC, whether it is a day, and the zone that it was said in."""
        value = found.dt
        if isinstance(value, tuple):
            value = value[0]
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), tzinfo=UTC), True, ZoneInfo("UTC")
        if not isinstance(value, datetime):
            raise ValueError("not a time")
        name = str(found.params.get("TZID", ""))
        if not name and value.tzinfo is not None:
            return value.astimezone(UTC), False, self.zone
        zone = self._zone(name, block, title) if name else self.zone
        return moment_of(value.replace(tzinfo=None), zone), False, zone

    def _zone(self, name: str, block: Block, title: str) -> ZoneInfo:
        if name not in self.zones:
            self.zones[name] = known_zone(name) or self._defined_zone(name) or self._unknown_zone(name, block, title)
        return self.zones[name]

    def _defined_zone(self, name: str) -> ZoneInfo | None:
        """The zone that goes by the rules which the file gives for a name of its own."""
        from icalendar import Timezone

        rules = self.rules.get(name)
        if rules is None:
            return None
        lines = [*rules.lines, *rules.inner]
        lines.sort(key=lambda line: line.number)
        text = "\r\n".join(["BEGIN:VTIMEZONE", *(line.text for line in lines), "END:VTIMEZONE"])
        try:
            return zone_like(Timezone.from_ical(text).to_tz(), now=self.now, first=[self.zone])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None

    def _unknown_zone(self, name: str, block: Block, title: str) -> ZoneInfo:
        line = next((line.number for line in block.lines if name in line.text), block.number)
        self.found.note(
            line, title, f"The time zone “{name[:60]}” is not known; its times were read as times of {self.zone.key}."
        )
        return self.zone

    def _end(self, raw: Any, starts_at: datetime, is_all_day: bool, block: Block, title: str) -> datetime:
        shortest = starts_at + timedelta(days=1) if is_all_day else starts_at
        end, duration = _first(raw.get("DTEND")), _first(raw.get("DURATION"))
        if end is not None:
            ends_at, _, _ = self._moment(end, block, title)
        elif duration is not None and isinstance(duration.dt, timedelta):
            ends_at = starts_at + duration.dt
        else:
            return shortest
        if ends_at < starts_at or ends_at.year not in YEARS:
            line = next((line.number for line in block.lines if line.name in ("DTEND", "DURATION")), block.number)
            self.found.note(line, title, "The event ends before it starts; only its start was taken.")
            return shortest
        return max(ends_at, shortest)

    def _rule(self, raw: Any, starts_at: datetime, zone: ZoneInfo, block: Block, title: str) -> str:
        found = raw.get("RRULE")
        if not found:
            return ""
        if isinstance(found, list):
            self.found.note(block.number, title, "It has several rules for its repeats; only the first was taken.")
            found = found[0]
        text = found.to_ical().decode()[:500]
        try:
            parsed_rule(text, starts_at.astimezone(zone).replace(tzinfo=None), zone)
        except RuleNotUnderstood as error:
            line = next((line.number for line in block.lines if line.name == "RRULE"), block.number)
            self.found.note(line, title, f"{str(error).capitalize()}; only its first time was taken.")
            return ""
        return text

    def _dates(self, found: Any, is_all_day: bool, block: Block, title: str) -> list[str]:
        keys: list[str] = []
        for dates in found if isinstance(found, list) else [found] if found is not None else []:
            for item in dates.dts[:MOST_DATES]:
                item.params.setdefault("TZID", dates.params.get("TZID", ""))
                moment, is_day, _ = self._moment(item, block, title)
                keys.append(key_of(moment, is_all_day=is_all_day or is_day))
        return sorted(set(keys))[:MOST_DATES]


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _plain(text: str) -> str:
    """One line without what no database stores."""
    text = text.replace("\\n", " ").replace("\\,", ",").replace("\\;", ";").replace("\x00", "")
    return " ".join(text.split())


def _short_uid(uid: str) -> str:
    uid = uid.replace("\x00", "").strip()
    return uid if len(uid) <= 255 else f"sha256:{hashlib.sha256(uid.encode()).hexdigest()}"


def _made_up_uid(title: str, starts_at: datetime) -> str:
    """Of an event without an id: title and time tell it apart."""
    return f"made-up:{hashlib.sha256(f'{title} {starts_at.isoformat()}'.encode()).hexdigest()}"


def _web_address(text: str) -> str:
    text = text.strip()
    return text if text.lower().startswith(("http://", "https://")) and len(text) <= 2000 else ""
