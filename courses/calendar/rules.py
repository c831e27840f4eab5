"""Checks of what a person says about events, calendars and feeds; form and API share them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from coreengine.kernel.outbound.address import read_address
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.fetching import check_target
from courses.calendar.entries import layers
from courses.models import CalendarEvent
from courses.rules import LONGEST_NOTES, check_year

REPEATS = [
    ("", "Does not repeat"),
    ("daily", "Every day"),
    ("weekly", "Every week"),
    ("fortnightly", "Every two weeks"),
    ("monthly", "Every month"),
    ("yearly", "Every year"),
]
_RULES = {
    "daily": "FREQ=DAILY",
    "weekly": "FREQ=WEEKLY",
    "fortnightly": "FREQ=WEEKLY;INTERVAL=2",
    "monthly": "FREQ=MONTHLY",
    "yearly": "FREQ=YEARLY",
}
EVENT_FIELDS = {
    "title", "location", "course", "is_busy", "is_all_day", "starts_at", "ends_at", "starts_on", "ends_on", "repeats",
    "repeats_until", "notes",
}  # fmt: skip
LONGEST_DAYS = 366
MOST_ALARM_MINUTES = 60 * 24 * 28


def check_event(values: dict[str, Any]) -> None:
    """Check what a person wrote about an event, as far as it is given."""
    errors: dict[str, str] = {}
    if "title" in values and not (values["title"] or "").strip():
        errors["title"] = "Say what it is."
    if len(values.get("notes") or "") > LONGEST_NOTES:
        errors["notes"] = f"Notes hold {LONGEST_NOTES:,} characters at most."
    if errors:
        raise ValidationError(errors)


def check_event_changes(event: CalendarEvent, changes: dict[str, Any]) -> None:
    """Refuse changes to what a calendar brought: the next reading would undo them without a word."""
    if event.is_by_hand:
        return
    if refused := sorted(set(changes) - {"notes"}):
        reason = "This comes from a calendar that is kept in step. Change it there; your notes are yours."
        raise ValidationError(dict.fromkeys(refused, reason))


def event_times(values: dict[str, Any]) -> tuple[datetime, datetime]:
    """Give start and end as they are stored, from `starts_on` and `ends_on` (the last day) or the two times.

    Raises:
        ValidationError: by field.
    """
    if values.get("is_all_day"):
        first: date | None = values.get("starts_on")
        if first is None:
            raise ValidationError({"starts_on": "Say on which day it begins."})
        last: date = values.get("ends_on") or first
        check_year(first, "starts_on")
        check_year(last, "ends_on")
        if last < first:
            raise ValidationError({"ends_on": "It ends before it begins: check both days."})
        if (last - first).days >= LONGEST_DAYS:
            raise ValidationError({"ends_on": "An event lasts a year at most."})
        return _midnight(first), _midnight(last + timedelta(days=1))
    starts_at: datetime | None = values.get("starts_at")
    if starts_at is None:
        raise ValidationError({"starts_at": "Say when it begins."})
    check_year(starts_at, "starts_at")
    ends_at: datetime = values.get("ends_at") or starts_at + timedelta(hours=1)
    check_year(ends_at, "ends_at")
    if ends_at < starts_at:
        raise ValidationError({"ends_at": "It ends before it begins: check both times."})
    if ends_at - starts_at > timedelta(days=LONGEST_DAYS):
        raise ValidationError({"ends_at": "An event lasts a year at most."})
    return starts_at, ends_at


def rule_of(repeats: str, until: date | None) -> str:
    """Write a choice of repeats as a rule of iCalendar."""
    if not repeats:
        return ""
    return _RULES[repeats] + (f";UNTIL={until:%Y%m%d}" if until else "")


def repeats_of(rrule: str) -> tuple[str, date | None]:
    """Read back what `rule_of` wrote; ("", None) for any other rule."""
    rule, _, until = rrule.partition(";UNTIL=")
    name = next((name for name, text in _RULES.items() if text == rule), "")
    return name, datetime.strptime(until, "%Y%m%d").date() if name and until else None  # noqa: DTZ007


def check_repeats(values: dict[str, Any], starts_at: datetime) -> None:
    until = values.get("repeats_until")
    if until is not None and until < starts_at.date() - timedelta(days=1):
        raise ValidationError({"repeats_until": "The repeats end before the event begins: check both days."})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def calendar_address(text: str) -> str:
    """Read the address of a calendar: webcal:// and https:// are the same; nothing else may be asked.

    Raises:
        ValidationError: at `address`, in words.
    """
    text = (text or "").strip()
    scheme, mark, rest = text.partition("://")
    if mark and scheme.lower() in {"webcal", "webcals"}:
        text = f"https://{rest}"
    elif not mark and text and not text.startswith("/"):
        text = f"https://{text}"
    try:
        target = read_address(text, home="")
        check_target(target)
    except RequestFailed as error:
        raise ValidationError({"address": str(error) if text else "Paste the address of the calendar."}) from error
    return target.url


def shown_address(address: str) -> str:
    """Show of an address what tells it apart; the rest may be a secret."""
    parts = urlsplit(address)
    return f"{parts.hostname}/…{address[-4:]}" if len(parts.path) + len(parts.query) > 8 else str(parts.hostname)


def check_source(values: dict[str, Any]) -> None:
    if "name" in values and not (values["name"] or "").strip():
        raise ValidationError({"name": "Give the calendar a name."})


def check_feed(values: dict[str, Any]) -> None:
    """Check a feed: a name, layers that exist, alarms that a calendar understands."""
    known = {layer.key for layer in layers()}
    errors: dict[str, str] = {}
    if "name" in values and not (values["name"] or "").strip():
        errors["name"] = "Give it a name, such as the program that reads it."
    if unknown := sorted(set(values.get("layers") or []) - known):
        errors["layers"] = f"There is no kind of entries “{unknown[0]}”. There are: {', '.join(sorted(known))}."
    alarms = values.get("alarms")
    if alarms is not None and not (
        isinstance(alarms, dict)
        and set(alarms) <= known
        and all(
            isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= MOST_ALARM_MINUTES for n in alarms.values()
        )
    ):
        errors["alarms"] = "Alarms are minutes before, by kind of entry, up to four weeks: {“assignments”: 1440}."
    if errors:
        raise ValidationError(errors)


def _is_alarm(minutes: Any) -> bool:
    return isinstance(minutes, int) and not isinstance(minutes, bool) and 0 <= minutes <= MOST_ALARM_MINUTES
