"""Own tasks as work that is planned, and what blocks of finished work are."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from courses.calendar.entries import busy_between
from courses.models import OwnTask
from courses.moments import Clock
from courses.planning.recurrence import Pattern
from courses.planning.services import create_task, update_task
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_planning import OwnTaskFactory
from courses.tests.factories_workplan import WorkBlockFactory, block_of
from courses.workplan import proposing, services
from courses.workplan.pages import plan_page
from courses.workplan.reports import workload_of
from courses.workplan.work import preferences_of, work_to_plan
from courses.workplan.workload import workload

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def monday(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Time stands still on a Monday morning."""
    monkeypatch.setattr(timezone, "now", lambda: MONDAY)
    return MONDAY


def work_of(owner: Any) -> list[Any]:
    return work_to_plan(owner, Clock(MONDAY, owner.zone), preferences_of(owner))


def test_a_task_is_planned_by_its_estimate_and_its_block_leads_to_it(owner: Any) -> None:
    task = OwnTaskFactory(owner=owner, due_at=MONDAY + timedelta(days=4), estimate_minutes=45)
    proposal = services.propose_plan(owner, by=owner)

    proposing.solve_pending(proposal.pk)

    [block] = proposal.blocks.all()
    assert (block.kind, block.work_id, block.minutes) == ("task", task.pk, 45)
    [line] = plan_page(owner, Clock(MONDAY, owner.zone), block.starts_at.date()).days[0].lines
    assert line.url == task.get_absolute_url()


@pytest.mark.parametrize(
    ("fields", "parts", "minutes", "words"),
    [
        ({"estimate_minutes": 45}, [90], 45, "your estimate"),
        ({}, [30, 40], 70, "your estimates of its subtasks"),
        ({}, [], 60, "assumed, since it has no estimate"),
    ],
)
def test_the_effort_of_a_task(owner: Any, fields: dict, parts: list[int], minutes: int, words: str) -> None:
    task = OwnTaskFactory(owner=owner, **fields)
    for part in parts:
        OwnTaskFactory(owner=owner, parent=task, estimate_minutes=part)
    OwnTaskFactory(owner=owner, parent=task, estimate_minutes=500, done_at=MONDAY)

    [work] = work_of(owner)

    assert (work.effort.minutes, work.effort.words) == (minutes, words)


def test_a_task_of_a_day_may_be_done_until_its_last_minute_where_the_student_is(owner: Any) -> None:
    owner.time_zone = "America/New_York"
    OwnTaskFactory(owner=owner, due_on=date(2026, 12, 3))

    assert work_of(owner)[0].due_at == datetime(2026, 12, 4, 4, 59, tzinfo=UTC)


@pytest.mark.parametrize("end", [{"done_at": MONDAY}, {"dismissed_at": MONDAY}, {"deleted_at": MONDAY}])
def test_blocks_of_a_finished_task_are_stale_and_take_no_time(owner: Any, end: dict) -> None:
    task = OwnTaskFactory(owner=owner, due_at=MONDAY + timedelta(days=4))
    block = WorkBlockFactory(owner=owner, kind="task", work_id=task.pk, starts_at=MONDAY + timedelta(days=1))
    span = (MONDAY, MONDAY + timedelta(days=3))
    assert busy_between(owner, *span) == [(block.starts_at, block.ends_at)]

    OwnTask.objects.filter(pk=task.pk).update(**end)

    assert busy_between(owner, *span) == []
    [line] = plan_page(owner, Clock(MONDAY, owner.zone), block.starts_at.date()).days[0].lines
    assert line.note == "The work is done or gone: this block is free again."


def test_blocks_of_a_finished_assignment_take_no_time_either(owner: Any) -> None:
    work = AssignmentFactory(course=CourseFactory(owner=owner), due_at=MONDAY + timedelta(days=4), done_at=MONDAY)
    block_of(work, starts_at=MONDAY + timedelta(days=1))

    assert busy_between(owner, MONDAY, MONDAY + timedelta(days=3)) == []


def test_another_estimate_changes_what_is_left_to_plan(owner: Any) -> None:
    task = OwnTaskFactory(owner=owner, estimate_minutes=45)

    update_task(task, by=owner, changes={"estimate_minutes": 90})

    assert [work.remaining_minutes for work in work_of(owner)] == [90]


def test_ten_more_tasks_cost_no_query_more(owner: Any, django_assert_num_queries: Any) -> None:
    OwnTaskFactory.create_batch(3, owner=owner, due_on=date(2026, 12, 3))
    with django_assert_num_queries(4):
        work_of(owner)
    OwnTaskFactory.create_batch(10, owner=owner, due_on=date(2026, 12, 3), course=CourseFactory(owner=owner))
    with django_assert_num_queries(4):
        assert len(work_of(owner)) == 13


class TestStepsOfAnAssignment:
    """An own task towards an assignment is a part of its work: counted once, in workload and plan."""

    @pytest.fixture
    def work(self, owner: Any) -> Any:
        course = CourseFactory(owner=owner)
        return AssignmentFactory(course=course, due_at=MONDAY + timedelta(days=4), estimate_minutes=180)

    def step(self, work: Any, minutes: int | None, **fields: Any) -> OwnTask:
        return OwnTaskFactory(owner=work.owner, assignment=work, estimate_minutes=minutes, **fields)

    def left(self, work: Any) -> dict[str, int]:
        return {each.kind: each.remaining_minutes for each in work_of(work.owner)}

    @pytest.mark.parametrize(("minutes", "rest"), [(60, 120), (180, 0), (240, 0)])
    def test_what_the_task_takes_is_taken_off_the_assignment(self, work: Any, minutes: int, rest: int) -> None:
        self.step(work, minutes)
        assert self.left(work) == {"assignment": rest, "task": minutes}

    def test_a_done_task_stays_taken_off_and_is_no_work_any_more(self, work: Any) -> None:
        self.step(work, 60, done_at=MONDAY)
        assert self.left(work) == {"assignment": 120}

    def test_a_done_task_without_an_estimate_took_what_was_worked_on_it(self, work: Any) -> None:
        task = self.step(work, None, done_at=MONDAY)
        assert self.left(work) == {"assignment": 180}
        WorkBlockFactory(owner=work.owner, kind="task", work_id=task.pk, state="done", actual_minutes=50)
        assert self.left(work) == {"assignment": 130}

    def test_a_dismissed_task_takes_nothing(self, work: Any) -> None:
        self.step(work, 60, dismissed_at=MONDAY)
        assert self.left(work) == {"assignment": 180}

    def test_a_task_towards_the_same_work_of_another_source_counts_too(self, work: Any) -> None:
        twin = AssignmentFactory(course=work.course, same_as=work, imported=True)
        self.step(twin, 60)
        assert self.left(work) == {"assignment": 120, "task": 60}

    def test_the_heat_map_has_the_whole_once(self, work: Any) -> None:
        self.step(work, 60, due_at=work.due_at)
        told = workload_of(work.owner, Clock(MONDAY, work.owner.zone), weeks=1, spread="days")
        assert told["minutes"] == 180


class TestPlanIt:
    def test_the_link_of_work_opens_the_form_with_the_first_free_time(self, owner: Any, page: Any) -> None:
        work = AssignmentFactory(
            course__owner=owner, name="Essay", due_at=MONDAY + timedelta(days=4), estimate_minutes=45
        )
        assert (
            f'href="/planner/plan/?work=assignment:{work.pk}#by-hand"'
            in page.get(work.get_absolute_url()).content.decode()
        )
        opened = page.get(f"/planner/plan/?work=assignment:{work.pk}").content.decode()
        [form_url] = re.findall(r'id="by-hand-form" hx-get="([^"]+)" hx-trigger="load"', opened)
        answer = page.get(form_url.replace("&amp;", "&"))
        wanted = answer.context["wanted"]
        assert (wanted.key, wanted.minutes) == (f"assignment:{work.pk}", 45)
        html = answer.content.decode()
        assert f'value="assignment:{work.pk}" selected' in html and f'value="{wanted.starts_at}"' in html
        block = {"work": wanted.key, "starts_at": wanted.starts_at, "minutes": wanted.minutes}
        assert page.post("/planner/plan/blocks/new/", block).status_code == 302

    def test_a_task_has_it_too_and_what_is_done_says_so(self, owner: Any, page: Any) -> None:
        task = OwnTaskFactory(owner=owner, title="Read")
        assert f"/planner/plan/?work=task:{task.pk}#by-hand" in page.get(task.get_absolute_url()).content.decode()
        OwnTask.objects.update(done_at=MONDAY)
        assert "Plan it" not in page.get(task.get_absolute_url()).content.decode()
        assert "nothing left to plan" in page.get(f"/planner/plan/by-hand/?work=task:{task.pk}").content.decode()
        for said in ("task:0", "task:99999999999999999999", "cake:1", '"><script>x1', "\0"):
            answers = [page.get(f"/planner/plan/{path}", {"work": said}) for path in ("", "by-hand/")]
            assert [answer.status_code for answer in answers] == [200, 200]
            assert all("<script>x1" not in answer.content.decode() for answer in answers)


class TestWhatRepeats:
    """A task that repeats asks for its time at each of its times; planned is the open one alone."""

    def days(self, owner: Any, weeks: int = 3) -> dict[date, int]:
        clock = Clock(MONDAY, owner.zone)
        return {day.day: day.minutes for day in workload(work_of(owner), clock, weeks=weeks) if day.minutes}

    def test_each_time_lies_on_its_own_days(self, owner: Any) -> None:
        thursday = MONDAY.date() + timedelta(days=3)
        create_task(owner, by=owner, title="Read", due_on=thursday, estimate_minutes=90, repeat=Pattern("WEEKLY"))

        assert self.days(owner) == {
            day: 45
            for week in range(3)
            for day in (thursday + timedelta(days=7 * week - 1), thursday + timedelta(days=7 * week))
        }
        assert len(work_of(owner)) == 1

    def test_of_missed_times_one_is_owed(self, owner: Any) -> None:
        long_ago = MONDAY.date() - timedelta(days=10)
        create_task(owner, by=owner, title="Walk", due_on=long_ago, estimate_minutes=30, repeat=Pattern("DAILY"))

        days = self.days(owner, weeks=1)

        assert days == {MONDAY.date() + timedelta(days=number): 30 for number in range(7)}

    def test_a_time_of_the_day_is_kept_over_the_change_of_the_clock(self, owner: Any) -> None:
        owner.time_zone = "America/New_York"
        due_at = datetime(2027, 3, 9, 23, 30, tzinfo=owner.zone)
        create_task(owner, by=owner, title="Read", due_at=due_at, estimate_minutes=30, repeat=Pattern("WEEKLY"))

        [work] = work_of(owner)

        again = [each.due_at for each in work.to_come(due_at + timedelta(days=15))]
        assert [moment.astimezone(owner.zone).hour for moment in again] == [23, 23]

    def test_what_ends_asks_for_nothing_more(self, owner: Any) -> None:
        day = MONDAY.date() + timedelta(days=1)
        create_task(owner, by=owner, title="Read", due_on=day, estimate_minutes=30, repeat=Pattern("DAILY", times=2))

        assert self.days(owner) == {day: 30, day + timedelta(days=1): 30}
