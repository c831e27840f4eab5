"""Put work into free time before deadlines: a model for OR-tools' CP-SAT, with plain data in and out.

A stretch between two breaks (`free.Seat`) may hold several pieces of work, one after the other in the order of their
deadlines. What is decided is how many minutes of which work go into which stretch. Sought, in this order: everything
is placed; before the deadline with time to spare; in few blocks; with days of about the same load; what weighs much
early. That not all of it fits is a normal answer.

The same question always gives the same answer: one worker, a fixed seed, and a limit that counts work, not seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from courses.workplan.effort import STEP
from courses.workplan.free import Seat

Key = tuple[str, int]

WORK_LIMIT = 5.0
"""In CP-SAT's deterministic units, of about a second each."""
TIME_LIMIT_S = 20.0
"""Only a machine that is very busy comes to this one."""
LEAST_SHARE = 12
"""An even load of less than an hour a day is no aim."""

# What five minutes cost that are not placed, lie in the time to spare, or above the even load.
UNPLACED, IN_BUFFER, ABOVE_EVEN, FAR_ABOVE = 1_000, 250, 30, 60
A_BLOCK = 500


@dataclass(frozen=True)
class Job:
    """Work to place: minutes before `due_at`, better before `wanted_by`; `weight` 1 to 3 says how much hangs on it."""

    key: Key
    minutes: int
    due_at: datetime
    wanted_by: datetime
    opens_at: datetime | None = None
    weight: int = 1


@dataclass(frozen=True)
class Placed:
    """A block that is proposed."""

    key: Key
    starts_at: datetime
    ends_at: datetime
    is_in_buffer: bool

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at) / timedelta(minutes=1))


@dataclass
class Solution:
    """Blocks in order of time; minutes of each job that found no place; how the solver ended."""

    blocks: list[Placed] = field(default_factory=list)
    unplaced: dict[Key, int] = field(default_factory=dict)
    status: str = "optimal"


@dataclass(frozen=True)
class _Seating:
    """The units (five minutes) of every job in every seat: (job, seat) → units."""

    jobs: Sequence[Job]
    seats: Sequence[Seat]
    least: Sequence[int]
    options: Mapping[tuple[int, int], int]
    """(job, seat) → most units; only pairs that may be."""
    day_units: Mapping[date, int]


def solve(jobs: Sequence[Job], seats: Sequence[Seat], room: Mapping[date, int], *, shortest: int) -> Solution:
    """Place the jobs; `room` has the minutes that may still be worked on each day, `shortest` the shortest block."""
    seating = _seating(jobs, seats, room, shortest)
    first = _by_deadline(seating)
    units, status = _improved(seating, first) if first else (first, "optimal")
    return _solution(seating, units, status)


def _seating(jobs: Sequence[Job], seats: Sequence[Seat], room: Mapping[date, int], shortest: int) -> _Seating:
    least, options = [], {}
    for j, job in enumerate(jobs):
        total = _units(job.minutes)
        least.append(max(1, min(_units(shortest), total)))
        fitting = [s for s, seat in enumerate(seats) if _fits(job, seat)]
        near = [s for s in fitting if seats[s].starts_at >= job.due_at - _lead(job)]
        # Twice the time that is needed; where the last days have less, all days before as well.
        for s in near if sum(seats[s].minutes for s in near) >= 2 * job.minutes else fitting:
            if min(seats[s].minutes // STEP, total) >= least[j]:
                options[j, s] = min(seats[s].minutes // STEP, total)
    return _Seating(jobs, seats, least, options, {day: minutes // STEP for day, minutes in room.items()})


def _lead(job: Job) -> timedelta:
    """How long before its deadline one begins with a thing, where there is time enough: a week to three."""
    return timedelta(days=min(21, 6 + job.minutes // 40)) + (job.due_at - job.wanted_by)


def _fits(job: Job, seat: Seat) -> bool:
    return seat.ends_at <= job.due_at and (job.opens_at is None or seat.starts_at >= job.opens_at)


def _units(minutes: int) -> int:
    return -(-minutes // STEP)


def _by_deadline(seating: _Seating) -> dict[tuple[int, int], int]:
    """A first answer: each job in turn, the nearest deadline first, into the earliest stretches with room."""
    left = [seat.minutes // STEP for seat in seating.seats]
    room = dict(seating.day_units)
    found: dict[tuple[int, int], int] = {}
    for j, job in sorted(enumerate(seating.jobs), key=lambda item: (item[1].due_at, item[1].key)):
        todo = _units(job.minutes)
        for s in (s for one, s in seating.options if one == j):
            day = seating.seats[s].day
            take = min(todo, left[s], room.get(day, 0))
            if 0 < todo - take < seating.least[j]:
                take = min(take, todo - seating.least[j])
            if take < seating.least[j]:
                continue
            found[j, s] = take
            left[s] -= take
            room[day] -= take
            todo -= take
    return found


def _improved(seating: _Seating, first: Mapping[tuple[int, int], int]) -> tuple[dict[tuple[int, int], int], str]:
    from ortools.sat.python import cp_model  # a second and 80 MB: only who plans pays for it

    model: Any = cp_model.CpModel()
    units, used = {}, {}
    for pair, most in seating.options.items():
        j, s = pair
        units[pair] = model.new_int_var(0, most, f"units_{j}_{s}")
        used[pair] = model.new_bool_var(f"used_{j}_{s}")
        model.add(units[pair] <= most * used[pair])
        model.add(units[pair] >= seating.least[j] * used[pair])
        model.add_hint(units[pair], first.get(pair, 0))
        model.add_hint(used[pair], pair in first)
    cost = [A_BLOCK * one for one in used.values()]
    by_job, by_seat, by_day = _grouped(seating, units)
    for j, job in enumerate(seating.jobs):
        total = _units(job.minutes)
        left = total - sum(count for (one, _), count in first.items() if one == j)
        cost += _missing(model, total, sum(by_job[j]), left, UNPLACED * (3 + job.weight))
    for s, terms in by_seat.items():
        if len(terms) > 1:
            model.add(sum(terms) <= seating.seats[s].minutes // STEP)
    cost += _load(model, seating, by_day, first)
    today = seating.seats[0].day
    for (j, s), term in units.items():
        job, seat = seating.jobs[j], seating.seats[s]
        late = IN_BUFFER if seat.ends_at > job.wanted_by else 0
        cost.append((late + job.weight * (seat.day - today).days) * term)
    model.minimize(sum(cost))
    solver: Any = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 7
    solver.parameters.max_deterministic_time = WORK_LIMIT
    solver.parameters.max_time_in_seconds = TIME_LIMIT_S
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return dict(first), "first answer"
    found = {pair: value for pair, term in units.items() if (value := int(solver.value(term)))}
    return found, "optimal" if status == cp_model.OPTIMAL else "good"


def _missing(model: Any, total: int, placed: Any, left: int, price: int) -> list[Any]:
    """What is missing of a job costs more the less is left of it: ten things cut short are better than three undone.

    `left` is what the first answer leaves over. A hint that says all of it is an answer that the solver can keep.
    """
    missing = model.new_int_var(0, total, "")
    model.add(placed + missing == total)
    model.add_hint(missing, left)
    cost = [price * missing]
    for part in (4, 2):
        deep = model.new_int_var(0, total, "")
        model.add(deep >= missing - total // part)
        model.add_hint(deep, max(0, left - total // part))
        cost.append(price * deep)
    return cost


def _grouped(seating: _Seating, units: Mapping[tuple[int, int], Any]) -> tuple[dict, dict, dict]:
    by_job: dict[int, list[Any]] = defaultdict(list)
    by_seat: dict[int, list[Any]] = defaultdict(list)
    by_day: dict[date, list[Any]] = defaultdict(list)
    for (j, s), term in units.items():
        by_job[j].append(term)
        by_seat[s].append(term)
        by_day[seating.seats[s].day].append(term)
    return by_job, by_seat, by_day


def _load(
    model: Any, seating: _Seating, by_day: Mapping[date, list[Any]], first: Mapping[tuple[int, int], int]
) -> list[Any]:
    """Hold every day to what may be worked on it; what lies above an even load costs, far above costs more."""
    even = max(LEAST_SHARE, _units(sum(job.minutes for job in seating.jobs)) // max(1, len(by_day)))
    cost = []
    for day, terms in by_day.items():
        room = max(0, seating.day_units.get(day, 0))
        load = sum(terms)
        at_first = sum(count for (_, s), count in first.items() if seating.seats[s].day == day)
        model.add(load <= room)
        for level, price in ((even, ABOVE_EVEN), (2 * even, FAR_ABOVE)):
            if room > level:
                above = model.new_int_var(0, room - level, f"above_{day}_{level}")
                model.add(above >= load - level)
                model.add_hint(above, max(0, at_first - level))
                cost.append(price * above)
    return cost


def _solution(seating: _Seating, units: Mapping[tuple[int, int], int], status: str) -> Solution:
    at = {s: seat.starts_at for s, seat in enumerate(seating.seats)}
    placed: dict[int, int] = defaultdict(int)
    blocks = []
    for (j, s), count in sorted(units.items(), key=lambda item: (seating.jobs[item[0][0]].due_at, item[0])):
        job = seating.jobs[j]
        # Minutes beyond the last whole unit were rounded up; they are left off the last block.
        minutes = min(count * STEP, job.minutes - placed[j])
        ends_at = at[s] + timedelta(minutes=minutes)
        blocks.append(Placed(job.key, at[s], ends_at, ends_at > job.wanted_by))
        at[s] += timedelta(minutes=count * STEP)
        placed[j] += minutes
    blocks.sort(key=lambda block: (block.starts_at, block.key))
    left = {job.key: job.minutes - placed[j] for j, job in enumerate(seating.jobs) if job.minutes > placed[j]}
    return Solution(blocks, left, status)
