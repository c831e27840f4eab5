"""The solver and the free time it works in: what it may never do, whatever it is asked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courses.workplan.free import Rhythm, free_spans, seats, working_spans
from courses.workplan.solver import Job, Solution, solve

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
OFFICE = ((time(9), time(17)),) * 5 + (None, None)
RHYTHM = Rhythm(hours=OFFICE, latest=time(21))


def job(number: int, minutes: int, days: float, **fields) -> Job:
    due = MONDAY + timedelta(days=days)
    return Job(("assignment", number), minutes, due, fields.pop("wanted_by", due), **fields)


def planned(jobs: list[Job], *, rhythm: Rhythm = RHYTHM, taken=(), start: datetime = MONDAY, zone=BERLIN) -> Solution:
    end = max((job.due_at for job in jobs), default=start) + timedelta(days=1)
    cuts = [moment for job in jobs for moment in (job.due_at, job.wanted_by)]
    stretches = seats(free_spans(start, end, rhythm, zone, taken), rhythm, cuts)
    return solve(jobs, stretches, {seat.day: rhythm.most_per_day for seat in stretches}, shortest=rhythm.shortest)


def test_all_of_it_is_placed_where_there_is_room() -> None:
    solution = planned([job(1, 180, 4), job(2, 60, 2)])

    assert not solution.unplaced
    assert sum(block.minutes for block in solution.blocks if block.key[1] == 1) == 180


def test_nothing_to_do_gives_no_blocks() -> None:
    assert planned([]).blocks == []


def test_what_does_not_fit_is_said_by_how_much_and_the_rest_is_planned() -> None:
    solution = planned([job(1, 600, 1)])  # one day of 240 minutes at most, less what Tuesday has before nine

    assert solution.unplaced == {("assignment", 1): 360}
    assert sum(block.minutes for block in solution.blocks) == 240


def test_of_too_little_time_what_weighs_more_gets_more_and_nothing_is_dropped_whole() -> None:
    solution = planned([job(1, 240, 0.9, weight=1), job(2, 240, 0.9, weight=3)])

    light, heavy = solution.unplaced[("assignment", 1)], solution.unplaced[("assignment", 2)]
    assert light + heavy == 240
    assert heavy < light < 240


def test_a_deadline_is_met_with_time_to_spare_where_that_is_possible() -> None:
    wanted_by = MONDAY + timedelta(days=2)
    solution = planned([job(1, 240, 4, wanted_by=wanted_by)])

    assert all(block.ends_at <= wanted_by and not block.is_in_buffer for block in solution.blocks)


def test_the_time_to_spare_is_used_before_work_is_left_over() -> None:
    solution = planned([job(1, 400, 3, wanted_by=MONDAY + timedelta(hours=2))])

    assert not solution.unplaced
    assert any(block.is_in_buffer for block in solution.blocks)


def test_work_is_not_broken_into_more_blocks_than_needed() -> None:
    assert len(planned([job(1, 90, 4)]).blocks) == 1


def test_a_small_piece_of_work_is_one_block_below_the_shortest() -> None:
    assert [block.minutes for block in planned([job(1, 20, 3)]).blocks] == [20]


def test_work_does_not_begin_before_it_opens() -> None:
    opens_at = MONDAY + timedelta(days=2)

    assert all(block.starts_at >= opens_at for block in planned([job(1, 120, 4, opens_at=opens_at)]).blocks)


def test_load_is_spread_over_days() -> None:
    solution = planned([job(number, 60, 4.5) for number in range(8)])

    days = {block.starts_at.date() for block in solution.blocks}
    assert len(days) >= 4


def test_the_same_question_gives_the_same_answer() -> None:
    jobs = [job(number, 45 + 30 * number, 2 + number % 3) for number in range(6)]

    assert planned(jobs).blocks == planned(jobs).blocks


def test_two_small_things_share_a_stretch_without_lying_upon_each_other() -> None:
    one_stretch = Rhythm(hours=((time(9), time(10)),) + (None,) * 6, latest=time(21))
    solution = planned([job(1, 30, 1), job(2, 30, 1)], rhythm=one_stretch)

    assert [(block.starts_at.minute, block.minutes) for block in solution.blocks] == [(0, 30), (30, 30)]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(datetime(2026, 3, 29, tzinfo=UTC), 7), (datetime(2026, 10, 25, tzinfo=UTC), 9), (MONDAY, 8)],
    ids=["spring: the clock jumps an hour ahead", "autumn: an hour comes twice", "any other day"],
)
def test_working_hours_follow_the_clock_of_the_student(day: datetime, hours: int) -> None:
    night = Rhythm(hours=((time(0), time(8)),) * 7, latest=time(21))
    start = day.replace(hour=0) - timedelta(hours=2)

    spans = dict(working_spans(start, start + timedelta(days=2), night, BERLIN))

    first, last = spans[day.date()]
    assert (last - first) == timedelta(hours=hours)


hours_of_a_day = st.none() | st.tuples(st.integers(0, 21), st.integers(1, 3)).map(
    lambda pair: (time(pair[0]), time(min(23, pair[0] + 2 * pair[1])))
)
rhythms = st.builds(
    Rhythm,
    hours=st.tuples(*[hours_of_a_day] * 7),
    latest=st.sampled_from([time(18), time(21), time(23, 30)]),
    shortest=st.sampled_from([15, 30, 45]),
    longest=st.sampled_from([45, 60, 90, 120]),
    pause=st.sampled_from([0, 10, 15]),
    most_per_day=st.sampled_from([60, 240, 600]),
)
# Around both changes of the clock, and an ordinary week.
starts = st.sampled_from(
    [
        datetime(2026, 3, 27, 7, 13, tzinfo=UTC),
        datetime(2026, 10, 23, 20, 41, tzinfo=UTC),
        datetime(2026, 11, 30, 8, 0, tzinfo=UTC),
    ]
)
jobs_strategy = st.lists(
    st.tuples(st.integers(5, 500), st.integers(1, 7 * 24 * 4), st.integers(0, 48), st.integers(1, 3)), max_size=6
)
busy = st.lists(st.tuples(st.integers(0, 7 * 24 * 60), st.integers(1, 600)), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rhythm=rhythms, start=starts, raw=jobs_strategy, taken=busy)
def test_a_plan_keeps_every_promise(rhythm: Rhythm, start: datetime, raw: list, taken: list) -> None:
    busy_spans = [(start + timedelta(minutes=a), start + timedelta(minutes=a + b)) for a, b in taken]
    jobs = []
    for number, (minutes, quarters, spare, weight) in enumerate(raw):
        due = start + timedelta(minutes=15 * quarters)
        jobs.append(Job(("task", number), minutes, due, max(start, due - timedelta(hours=spare)), None, weight))

    solution = planned(jobs, rhythm=rhythm, taken=busy_spans, start=start)

    dues = {job.key: job for job in jobs}
    spans = [(block.starts_at, block.ends_at) for block in solution.blocks]
    working = [span for _, span in working_spans(start, start + timedelta(days=9), rhythm, BERLIN)]
    by_day: dict = {}
    placed: dict = {}
    for first, last in zip(spans, spans[1:], strict=False):
        assert first[1] <= last[0], "blocks lie upon each other"
    for block in solution.blocks:
        job = dues[block.key]
        assert start <= block.starts_at < block.ends_at <= job.due_at
        assert block.is_in_buffer == (block.ends_at > job.wanted_by)
        assert any(a <= block.starts_at and block.ends_at <= b for a, b in working), "outside working hours"
        assert not any(a < block.ends_at and block.starts_at < b for a, b in busy_spans), "upon busy time"
        assert min(rhythm.shortest, job.minutes) <= block.minutes + 4 and block.minutes <= rhythm.longest
        day = block.starts_at.astimezone(BERLIN).date()
        by_day[day] = by_day.get(day, 0) + block.minutes
        placed[block.key] = placed.get(block.key, 0) + block.minutes
    assert all(minutes <= rhythm.most_per_day for minutes in by_day.values())
    for key, job in dues.items():
        assert placed.get(key, 0) + solution.unplaced.get(key, 0) == job.minutes
