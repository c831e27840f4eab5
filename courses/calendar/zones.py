"""Time zones as calendars name them, and local times as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError

PREFERRED = (
    "Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
"""Which name a zone gets that is known by its offsets alone, where several would do."""


def known_zone(name: str) -> ZoneInfo | None:
    """Find a zone by the name that a calendar gives it, or None.

    Understood are names of the IANA data base, those that Windows uses ("W. Europe Standard Time"), and names with
    something before them ("/citadel.org/20210210_1/Europe/Berlin").
    """
    return _known(name.strip().strip('"'))


@lru_cache(maxsize=1024)
def _known(name: str) -> ZoneInfo | None:
    if name.upper() in {"UTC", "GMT", "Z", "ETC/UTC"}:
        return ZoneInfo("UTC")
    parts = name.strip("/").split("/")
    for count in range(min(3, len(parts)), 0, -1):
        if (found := _iana("/".join(parts[-count:]))) is not None:
            return found
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return _iana(WINDOWS_TO_OLSON.get(name, ""))


def _iana(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in _names() else None


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_like(rules: tzinfo, *, now: datetime, first: Iterable[ZoneInfo] = ()) -> ZoneInfo | None:
    """Find a zone whose clock agrees with these rules in every month of this year and the next; None if none does."""
    months = [datetime(now.year + month // 12, month % 12 + 1, 15, 12) for month in range(24)]  # noqa: DTZ001

    def offsets(zone: tzinfo) -> list[timedelta | None]:
        return [month.replace(tzinfo=zone).utcoffset() for month in months]

    wanted = offsets(rules)
    names = [*PREFERRED, *sorted(name for name in _names() if "/" in name and not name.startswith("Etc/"))]
    candidates = [*first, *(ZoneInfo(name) for name in names)]
    return next((zone for zone in candidates if offsets(zone) == wanted), None)


def is_skipped(local: datetime, zone: ZoneInfo) -> bool:
    """Tell whether a local time (without a zone) does not exist there, since the clocks jump over it."""
    moment = local.replace(tzinfo=zone)
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local


def moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the moment of a local time. One that exists twice is the first; one that is skipped counts on.

    Source: RFC 5545, 3.3.5, "FORM #3": the first of two, and the offset before a gap.
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def typed_moment(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the moment that a person typed.

    Raises:
        ValidationError: there is no such time, since the clocks go forward; it names the nearest.
    """
    if is_skipped(local, zone):
        after = moment_of(local, zone).astimezone(zone)
        raise ValidationError(
            f"There is no {local:%H:%M} on {local.day} {local:%B %Y} in {zone.key}: the clocks go forward then. "
            f"Write {after:%H:%M}."
        )
    return moment_of(local, zone)
