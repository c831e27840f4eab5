"""Quiet hours: whether a moment lies in them, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def local_moment(day: datetime, at: time, zone: ZoneInfo) -> datetime:
    """Give the moment at which a local day's clock shows `at`.

    A time that the clocks skip is the moment at which they jump plus what is past it; of one that comes twice the
    first is meant.
    """
    return datetime.combine(day.date(), at, tzinfo=zone).astimezone(UTC)


def quiet_until(starts_at: time, ends_at: time, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """Give the end of the quiet hours that `moment` lies in, None outside of them. They may cross midnight."""
    today = moment.astimezone(zone)
    for day in (today - timedelta(days=1), today):
        starts = local_moment(day, starts_at, zone)
        ends = local_moment(day if starts_at < ends_at else day + timedelta(days=1), ends_at, zone)
        if starts <= moment < ends:
            return ends
    return None
