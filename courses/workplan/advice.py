"""What to say of work that found no place: by how much, why, and what would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from courses.models.workplan import WEEKDAYS
from courses.workplan.effort import minutes_words
from courses.workplan.free import Rhythm, Seat
from courses.workplan.solver import Job, Placed

MOST_SENSIBLE = 10 * 60
"""Nobody is told to work longer on one day."""


@dataclass(frozen=True)
class Advice:
    """Why something does not fit, and what would help."""

    why: str
    help: list[str]


def advice_for(
    job: Job,
    missing: int,
    *,
    seats: Sequence[Seat],
    blocks: Sequence[Placed],
    room: Mapping[date, int],
    rhythm: Rhythm,
    zone: ZoneInfo,
    now: datetime,
) -> Advice:
    """Look at the days between now and the deadline for what stands in the way."""
    fitting = [seat for seat in seats if seat.ends_at <= job.due_at]
    if job.opens_at is not None and job.opens_at > now:
        fitting = [seat for seat in fitting if seat.starts_at >= job.opens_at]
    free = sum(seat.minutes for seat in fitting)
    days = sorted({seat.day for seat in fitting})
    full = [day for day in days if room.get(day, 0) - _worked(blocks, day, zone) < rhythm.shortest]
    return Advice(_why(job, missing, free, days, full), _help(job, missing, days, full, rhythm, zone, now))


def _worked(blocks: Sequence[Placed], day: date, zone: ZoneInfo) -> int:
    return sum(block.minutes for block in blocks if block.starts_at.astimezone(zone).date() == day)


def _why(job: Job, missing: int, free: int, days: Sequence[date], full: Sequence[date]) -> str:
    short = f"{minutes_words(missing)} of {minutes_words(job.minutes)} do not fit"
    if not free:
        return f"{short}: there is no free working time before the deadline."
    if free < job.minutes:
        return f"{short}: only {minutes_words(free)} of working time are free before the deadline."
    if days and len(full) == len(days):
        return f"{short}: every day before the deadline has as much work as you want to do in a day."
    return f"{short}: other work with an earlier deadline, or that counts for more, takes the free time."


def _help(
    job: Job, missing: int, days: Sequence[date], full: Sequence[date], rhythm: Rhythm, zone: ZoneInfo, now: datetime
) -> list[str]:
    found = []
    ahead = _days_until(job, zone, now)
    idle = [day for day in ahead if rhythm.hours[day.weekday()] is None]
    if idle:
        names = _names(sorted({day.weekday() for day in idle}))
        free = "a day" if len(idle) == 1 else f"{len(idle)} days"
        found.append(f"Work on {names} as well: {free} before the deadline without working hours.")
    if full:
        wanted = _quarters(rhythm.most_per_day + missing / len(full))
        names = _names(sorted({day.weekday() for day in full}))
        if wanted <= MOST_SENSIBLE:
            found.append(f"Allow {minutes_words(wanted)} of work a day on {names}.")
    elif days:
        names = _names(sorted({day.weekday() for day in days}))
        found.append(f"Begin earlier or end later: {minutes_words(_quarters(missing / len(days)))} more on {names}.")
    if not ahead or not found:
        found.append("Ask for more time, or plan less for it: the estimate is yours to set.")
    return found


def _quarters(minutes: float) -> int:
    return -int(-minutes // 15) * 15


def _days_until(job: Job, zone: ZoneInfo, now: datetime) -> list[date]:
    day, last = now.astimezone(zone).date(), job.due_at.astimezone(zone).date()
    return [day + timedelta(days=number) for number in range(max(0, (last - day).days))][:28]


def _names(weekdays: Sequence[int]) -> str:
    names = [WEEKDAYS[number] for number in weekdays]
    if len(names) > 3:
        return "these days"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
