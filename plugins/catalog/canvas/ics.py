"""Read iCalendar text (RFC 5545) with the standard library: the events of a calendar, and when they are.

Long lines are unfolded, quoted parameters and escaped texts are read, times come out in UTC and days as days.
What is malformed is passed over: a calendar with one broken event still has the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

UTC = timezone.utc  # noqa: UP017, plugins run on Python 3.9 too

MAX_EVENTS = 20_000
_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^;:,"]*)((?:,(?:"[^"]*"|[^;:,"]*))*)')
_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?$")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass
class Property:
    """One line: `NAME;PARAMETER=value:text`. Of a parameter that is given twice, the last counts."""

    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value as text, without its escapes."""
        return unescape(self.value)


@dataclass
class Event:
    """A VEVENT. `start` and `end` are moments in UTC, or days where the event is all day long."""

    uid: str = ""
    summary: str = ""
    description: str = ""
    description_html: str = ""
    location: str = ""
    url: str = ""
    status: str = ""
    start: datetime | date | None = None
    end: datetime | date | None = None


@dataclass
class Calendar:
    name: str = ""
    events: list[Event] = field(default_factory=list)


@dataclass
class _Observance:
    """A part of a time zone: from `start` on, each year by `rule`, clocks are `offset` ahead of UTC."""

    start: datetime
    offset: timedelta
    rule: dict[str, str] = field(default_factory=dict)
    dates: list[datetime] = field(default_factory=list)

    def last_before(self, local: datetime) -> datetime | None:
        """The last time it began, up to a local time."""
        begins = [moment for moment in (self.start, *self.dates) if moment <= local]
        if self.rule.get("FREQ") == "YEARLY":
            until = _until(self.rule, self.offset)
            for year in (local.year, local.year - 1):
                moment = _of_year(self.rule, self.start, year)
                if moment and self.start <= moment <= local and (until is None or moment <= until):
                    begins.append(moment)
        return max(begins, default=None)


class NotACalendar(ValueError):
    """The text has no VCALENDAR in it."""


def read_calendar(text: str) -> Calendar:
    """Read a calendar.

    Raises:
        NotACalendar: this is something else.
    """
    text = text.lstrip("\ufeff \t\r\n")
    if not text[:15].upper().startswith("BEGIN:VCALENDAR"):
        raise NotACalendar
    found = Calendar()
    zones = _zones(text)
    event: Event | None = None
    inside: list[str] = []
    for line in properties(text):
        if line.name == "BEGIN":
            inside.append(line.value.upper())
            if inside[-1] == "VEVENT":
                event = Event()
        elif line.name == "END":
            if inside and inside[-1] == "VEVENT" and event is not None:
                found.events.append(event)
                event = None
                if len(found.events) >= MAX_EVENTS:
                    break
            if inside:
                inside.pop()
        elif event is not None and inside and inside[-1] == "VEVENT":
            _take(event, line, zones)
        elif line.name == "X-WR-CALNAME" and not found.name:
            found.name = line.text
    return found


def properties(text: str) -> Iterator[Property]:
    """Every line of a calendar, unfolded; what is no property is passed over."""
    for line in unfold(text):
        found = parse_line(line)
        if found is not None:
            yield found


def unfold(text: str) -> list[str]:
    """The lines of a calendar, each in one piece again."""
    # Not str.splitlines: that also cuts at characters that may stand within a text (U+2028, form feeds).
    return [line for line in re.split(r"\r\n|\n|\r", _FOLD.sub("", text)) if line]


def parse_line(line: str) -> Property | None:
    """One unfolded line; None where it has no name or no value."""
    match = re.match(r"[A-Za-z0-9-]+", line)
    if match is None:
        return None
    at, parameters = match.end(), {}
    while at < len(line) and line[at] == ";":
        parameter = _PARAMETER.match(line, at)
        if parameter is None:
            return None
        parameters[parameter[1].upper()] = parameter[2].strip('"')
        at = parameter.end()
    if at >= len(line) or line[at] != ":":
        return None
    return Property(match[0].upper(), parameters, line[at + 1 :])


def unescape(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def _take(event: Event, line: Property, zones: dict[str, list[_Observance]]) -> None:
    if line.name in ("UID", "URL", "STATUS"):
        setattr(event, line.name.lower(), line.text.strip())
    elif line.name in ("SUMMARY", "DESCRIPTION", "LOCATION"):
        setattr(event, line.name.lower(), line.text)
    elif line.name == "X-ALT-DESC" and line.parameters.get("FMTTYPE", "").lower() == "text/html":
        event.description_html = line.text
    elif line.name in ("DTSTART", "DTEND"):
        when = read_time(line, zones)
        if line.name == "DTSTART":
            event.start = when
        else:
            event.end = when


# Times. Local ones have no zone until their offset is known, hence the exemptions.


def read_time(line: Property, zones: dict[str, list[_Observance]] | None = None) -> datetime | date | None:
    """A moment in UTC or a day. A time of no zone, which means "wherever you are", is taken as UTC."""
    match = _STAMP.match(line.value.strip())
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
        if match[4] is None:
            return day
        # A leap second is written as 60 and known to no clock here.
        local = datetime(day.year, day.month, day.day, int(match[4]), int(match[5]), min(int(match[6]), 59))  # noqa: DTZ001
        if match[7]:
            return local.replace(tzinfo=UTC)
        return _in_zone(local, line.parameters.get("TZID", ""), zones or {})
    except (ValueError, OverflowError):
        return None


def _in_zone(local: datetime, name: str, zones: dict[str, list[_Observance]]) -> datetime:
    """A local time of a zone in UTC: by the zone's name, else by the rules that the calendar brings along."""
    if not name:
        return local.replace(tzinfo=UTC)
    try:
        from zoneinfo import ZoneInfo  # not in every Python's standard installation, and not needed by most feeds

        return local.replace(tzinfo=ZoneInfo(name.lstrip("/"))).astimezone(UTC)
    except (ImportError, KeyError, ValueError, OSError):
        pass  # an Outlook name, or no time zone data in here: the calendar's own rules are next
    begun = [(begin, part) for part in zones.get(name, []) if (begin := part.last_before(local)) is not None]
    if begun:
        offset = max(begun, key=lambda pair: pair[0])[1].offset
    else:
        offset = zones[name][0].offset if zones.get(name) else timedelta(0)
    return (local - offset).replace(tzinfo=UTC)


def _zones(text: str) -> dict[str, list[_Observance]]:
    """The time zones that a calendar describes itself, by name."""
    if "BEGIN:VTIMEZONE" not in text:
        return {}
    zones: dict[str, list[_Observance]] = {}
    inside = name = ""
    current: dict[str, Property] = {}
    parts: list[dict[str, Property]] = []
    for line in properties(text):
        kind = line.value.upper() if line.name in ("BEGIN", "END") else ""
        if line.name == "BEGIN" and kind in ("VTIMEZONE", "STANDARD", "DAYLIGHT"):
            inside, current = kind, {}
            if kind == "VTIMEZONE":
                name, parts = "", []
        elif line.name == "END" and kind in ("STANDARD", "DAYLIGHT"):
            parts.append(current)
            inside = "VTIMEZONE"
        elif line.name == "END" and kind == "VTIMEZONE":
            zones[name] = [part for part in map(_observance, parts) if part is not None]
            inside = ""
        elif inside == "VTIMEZONE" and line.name == "TZID":
            name = line.value.strip()
        elif inside:
            current[line.name] = line
    return {name: sorted(parts, key=lambda part: part.start) for name, parts in zones.items()}


def _observance(lines: dict[str, Property]) -> _Observance | None:
    offset = _OFFSET.match(lines["TZOFFSETTO"].value.strip()) if "TZOFFSETTO" in lines else None
    start = _local(lines["DTSTART"].value) if "DTSTART" in lines else None
    if offset is None or start is None:
        return None
    ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]), seconds=int(offset[4] or 0))
    written = lines["RRULE"].value.upper().split(";") if "RRULE" in lines else []
    rule = dict(part.split("=", 1) for part in written if "=" in part)
    dates = [_local(part) for part in lines["RDATE"].value.split(",")] if "RDATE" in lines else []
    return _Observance(start, -ahead if offset[1] == "-" else ahead, rule, [day for day in dates if day is not None])


def _local(value: str) -> datetime | None:
    match = _STAMP.match(value.strip())
    if match is None or match[4] is None:
        return None
    try:
        return datetime(*(int(match[part]) for part in range(1, 7)))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None


def _until(rule: dict[str, str], offset: timedelta) -> datetime | None:
    until = _local(rule.get("UNTIL", ""))
    return until + offset if until is not None else None


def _of_year(rule: dict[str, str], start: datetime, year: int) -> datetime | None:
    """When a yearly rule comes true in a year: "the second Sunday of March" (BYDAY=2SU;BYMONTH=3)."""
    month = int(rule["BYMONTH"]) if rule.get("BYMONTH", "").isdecimal() else start.month
    match = re.match(r"([+-]?\d)?([A-Z]{2})$", rule.get("BYDAY", ""))
    try:
        if match is None or match[2] not in _WEEKDAYS:
            return start.replace(year=year, month=month)
        weekday, nth = _WEEKDAYS.index(match[2]), int(match[1] or 1)
        if nth > 0:
            first = datetime(year, month, 1, start.hour, start.minute, start.second)  # noqa: DTZ001
            return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
        following = datetime(year + month // 12, month % 12 + 1, 1, start.hour, start.minute, start.second)  # noqa: DTZ001
        last = following - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7 + 7 * (-nth - 1))
    except ValueError:
        return None
