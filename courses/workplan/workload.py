"""How much work lies on each of the coming days.

The rule: the minutes still to be worked lie evenly on the days before a deadline, about an hour a day and the due day
included, on at most ten days and none before today. With `ON_DUE_DAY` all of it lies on the due day. What is overdue
lies on today. What is due at midnight is due on the evening before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.functional import cached_property

from courses.moments import Clock
from courses.workplan.work import PlannableWork

SPREAD, ON_DUE_DAY = "days", "due"
MOST_DAYS = 10
A_DAY = 60
STEPS = (30, 90, 180, 300)
"""A day of up to half an hour is the first step of the scale, above five hours the fifth."""


@dataclass(slots=True)
class Share:
    """What one piece of work asks of one day."""

    work: PlannableWork
    minutes: int
    due_on: date


@dataclass
class Day:
    """One day of the heat map."""

    day: date
    shares: list[Share] = field(default_factory=list)

    @cached_property
    def minutes(self) -> int:
        """All of them, once the day has its shares."""
        return sum([share.minutes for share in self.shares])

    @property
    def step(self) -> int:
        """0 for a free day, 1 to 5 for how full it is."""
        return step_of(self.minutes)

    @property
    def due(self) -> list[Share]:
        return [share for share in self.shares if share.due_on == self.day]


def step_of(minutes: int) -> int:
    """The step of the scale that so many minutes reach."""
    return 0 if minutes <= 0 else 1 + sum(minutes > step for step in STEPS)


def workload(works: Iterable[PlannableWork], clock: Clock, *, weeks: int, spread: str = SPREAD) -> list[Day]:
    """Lay the work out over whole weeks, from this week's Monday on; days that are over stay empty.

    What repeats asks for its time again at each of its times.
    """
    today = clock.today
    monday = today - timedelta(days=today.weekday())
    days = {monday + timedelta(days=number): Day(monday + timedelta(days=number)) for number in range(7 * weeks)}
    # What is due soon after the last week begins within it.
    end = clock.midnight(monday + timedelta(days=7 * weeks + MOST_DAYS))
    found = list(works)
    for work in (*found, *(again for each in found for again in each.to_come(end))):
        if work.due_at is None or work.due_at >= end or not (remaining := work.remaining_minutes):
            continue
        due_on = due_day(work, clock)
        for day, minutes in shares(remaining, due_on, today, spread=spread):
            if day in days:
                days[day].shares.append(Share(work, minutes, due_on))
    return list(days.values())


def due_day(work: PlannableWork, clock: Clock) -> date:
    """The day whose work it is: midnight belongs to the day that ends then."""
    assert work.due_at is not None
    return clock.day_of(work.due_at - timedelta(seconds=1))


def shares(minutes: int, due_on: date, today: date, *, spread: str = SPREAD) -> list[tuple[date, int]]:
    """Divide minutes over days, earliest first; the parts add up to the whole and differ by a minute at most."""
    last = max(due_on, today)
    if spread == ON_DUE_DAY:
        return [(last, minutes)]
    count = min(MOST_DAYS, -(-minutes // A_DAY), (last - today).days + 1)
    each, rest = divmod(minutes, count)
    first = last - timedelta(days=count - 1)
    return [(first + timedelta(days=number), each + (number < rest)) for number in range(count)]
