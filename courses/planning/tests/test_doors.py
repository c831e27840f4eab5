"""Every service of the planner with two doors: pages and API give the same outcome, and a stranger gets nowhere."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.models import Assignment, OwnTask, PlannerItem
from courses.planning import services
from courses.planning.recurrence import Pattern
from courses.tests.factories import SOURCE, AssignmentFactory, CourseFactory, SubmissionFactory
from courses.tests.factories_planning import OwnTaskFactory, PlannerItemFactory
from courses.tests.test_doors import DOORS, Doors

pytestmark = pytest.mark.django_db
ACT = "/planner/act/"
DAY = date(2030, 5, 6)  # a Monday


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


def fresh(thing: Any) -> Any:
    return type(thing).objects.get(pk=thing.pk)


class TestTasks:
    def test_making_one(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        data = {"title": "Read", "due_on": "2030-05-06", "estimate_minutes": 90, "course": course.pk}
        form = {"title": "Read", "due_day": "2030-05-06", "estimate_minutes": "90", "course": course.pk}

        assert doors.send(reverse("courses:new-own-task"), "post", "own-tasks/", data, form) == 200
        task = OwnTask.objects.get()
        assert (task.owner, task.title, task.due_on, task.estimate_minutes) == (owner, "Read", DAY, 90)

    def test_making_one_that_repeats_at_a_time(self, doors: Doors, owner: Any) -> None:
        rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=5"
        data = {"title": "Read", "due_at": "2030-05-06T09:00:00Z", "recurrence": rule}
        form = {"title": "Read", "due_day": "2030-05-06", "due_time": "09:00", "repeat": "WEEKLY"}
        form |= {"repeat_interval": "2", "repeat_weekdays": ["0", "2"], "repeat_end": "times", "repeat_times": "5"}

        assert doors.send(reverse("courses:new-own-task"), "post", "own-tasks/", data, form) == 200
        task = OwnTask.objects.get()
        assert task.due_at is not None and task.due_at.hour == 9
        assert (task.series.rule, task.series.starts_on) == (rule, DAY)

    @pytest.mark.parametrize(
        ("data", "form", "fields"),
        [
            ({"title": " "}, {"title": " "}, ({"title"}, {"title"})),
            (
                {"title": "x", "recurrence": "FREQ=DAILY"},
                {"title": "x", "repeat": "DAILY"},
                ({"due_day"}, {"due_on"}),
            ),
            (
                {"title": "x", "due_on": "2030-05-06", "recurrence": "FREQ=DAILY;UNTIL=20300501"},
                {"title": "x", "due_day": "2030-05-06", "repeat": "DAILY"}
                | {"repeat_end": "until", "repeat_until": "2030-05-01"},
                ({"repeat_until"}, {"recurrence"}),
            ),
            (
                {"title": "x", "due_on": "1800-01-01"},
                {"title": "x", "due_day": "1800-01-01"},
                ({"due_day"}, {"due_on"}),
            ),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_field(self, doors: Doors, data: Any, form: Any, fields: Any) -> None:
        assert doors.send(reverse("courses:new-own-task"), "post", "own-tasks/", data, form) == 422
        assert doors.error_fields == fields[0 if doors.is_page else 1]
        assert not OwnTask.objects.exists()

    def test_another_students_course_or_assignment_is_unknown(self, doors: Doors, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)
        work = AssignmentFactory(course=course)
        for name, thing in (("course", course), ("assignment", work)):
            data = {"title": "x", name: thing.pk}
            assert doors.send(reverse("courses:new-own-task"), "post", "own-tasks/", data) == 422
            assert doors.error_fields == {name}

    def test_changing_this_one_or_those_that_follow(self, doors: Doors, owner: Any) -> None:
        task = services.create_task(owner, by=owner, title="Read", due_on=DAY, repeat=Pattern("DAILY"))
        url = reverse("courses:edit-own-task", args=[task.pk])
        form = {"title": "Skim", "due_day": "2030-05-06", "repeat": "DAILY", "repeat_interval": "1"}

        assert doors.send(url, "patch", f"own-tasks/{task.pk}/", {"title": "Skim"}, form) == 200
        assert (fresh(task).title, fresh(task.series).title) == ("Skim", "Read")
        data = {"title": "Scan", "following": True}
        form |= {"title": "Scan", "scope": "following"}
        assert doors.send(url, "patch", f"own-tasks/{task.pk}/", data, form) == 200
        assert (fresh(task).title, fresh(task.series).title) == ("Scan", "Scan")

    def test_ending_the_repetition(self, doors: Doors, owner: Any) -> None:
        task = services.create_task(owner, by=owner, title="Read", due_on=DAY, repeat=Pattern("DAILY"))
        url = reverse("courses:edit-own-task", args=[task.pk])
        form = {"title": "Read", "due_day": "2030-05-06", "repeat": ""}
        assert doors.send(url, "patch", f"own-tasks/{task.pk}/", {"recurrence": None}, form) == 200
        assert fresh(task).series is None

    def test_deleting_and_taking_it_back(self, doors: Doors, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner)
        url = reverse("courses:delete-own-task", args=[task.pk])
        assert doors.send(url, "delete", f"own-tasks/{task.pk}/", {}) == 200
        assert not OwnTask.objects.visible_to(owner).exists()
        url = reverse("courses:restore-own-task", args=[task.pk])
        assert doors.send(url, "post", f"own-tasks/{task.pk}/restore/", {}) == 200
        assert OwnTask.objects.visible_to(owner).exists()

    def test_a_subtask(self, doors: Doors, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner)
        url = reverse("courses:add-subtask", args=[task.pk])
        assert doors.send(url, "post", "own-tasks/", {"title": "Part", "parent": task.pk}) == 200
        assert task.subtasks.get().title == "Part"
        assert doors.send(url, "post", "own-tasks/", {"title": "", "parent": task.pk}) == 422

    def test_one_line(self, doors: Doors, owner: Any) -> None:
        line = {"line": "Read #os every day 30m"}
        CourseFactory(owner=owner, name="Operating Systems")
        assert doors.send(reverse("courses:quick-task"), "post", "own-tasks/quick/", line) == 200
        task = OwnTask.objects.get()
        assert (task.title, task.course.name, task.estimate_minutes) == ("Read", "Operating Systems", 30)
        assert task.series is not None

    def test_a_strangers_task_is_not_there(self, doors: Doors, stranger: Any) -> None:
        task = OwnTaskFactory(owner=stranger)
        for name, method in (("edit-own-task", "patch"), ("delete-own-task", "delete")):
            url = reverse(f"courses:{name}", args=[task.pk])
            assert doors.send(url, method, f"own-tasks/{task.pk}/", {"title": "x"}) == 404


class TestDeciding:
    @pytest.fixture(params=["task", "assignment", "item"])
    def thing(self, request: Any, owner: Any) -> Any:
        if request.param == "task":
            return OwnTaskFactory(owner=owner, due_on=DAY)
        if request.param == "assignment":
            return AssignmentFactory(
                course=CourseFactory(owner=owner), imported=True, due_at=timezone.now() + timedelta(days=30)
            )
        return PlannerItemFactory(owner=owner, source=SOURCE)

    def key(self, thing: Any) -> str:
        return {OwnTask: "task", Assignment: "assignment", PlannerItem: "item"}[type(thing)] + f":{thing.pk}"

    def decide(self, doors: Doors, thing: Any, words: str, **data: Any) -> int:
        key = self.key(thing)
        return doors.send(ACT, "patch", f"planner/{key}/", data, {"do": f"{words} {key}"})

    def test_done_and_not_done(self, doors: Doors, thing: Any) -> None:
        assert self.decide(doors, thing, "done", is_done=True) == 200
        assert fresh(thing).done_at is not None
        assert self.decide(doors, thing, "undone", is_done=False) == 200
        assert fresh(thing).done_at is None

    def test_dismissed_and_back(self, doors: Doors, thing: Any) -> None:
        assert self.decide(doors, thing, "dismiss", is_dismissed=True) == 200
        assert (fresh(thing).dismissed_at is not None, fresh(thing).done_at) == (True, None)
        assert self.decide(doors, thing, "return", is_dismissed=False) == 200
        assert fresh(thing).dismissed_at is None

    def test_into_another_column(self, doors: Doors, thing: Any) -> None:
        assert self.decide(doors, thing, "column:doing", column="doing") == 200
        assert fresh(thing).started_at is not None
        assert self.decide(doors, thing, "column:nowhere", column="nowhere") == 422
        assert self.decide(doors, thing, "column:todo", column="todo") == 200
        assert fresh(thing).started_at is None

    def test_to_another_day(self, doors: Doors, thing: Any) -> None:
        due = getattr(thing, "due_at", None)
        assert self.decide(doors, thing, "day:2030-05-09", day="2030-05-09") == 200
        moved = fresh(thing)
        assert (moved.due_on if isinstance(thing, OwnTask) else moved.planned_on) == date(2030, 5, 9)
        assert getattr(moved, "due_at", None) == due
        assert self.decide(doors, thing, "day:soon", day="soon") == 422

    def test_an_estimate(self, doors: Doors, thing: Any) -> None:
        assert self.decide(doors, thing, "estimate:90", estimate_minutes=90) == 200
        assert fresh(thing).estimate_minutes == 90
        assert self.decide(doors, thing, "estimate:0", estimate_minutes=0) == 422
        assert self.decide(doors, thing, "estimate:", estimate_minutes=None) == 200
        assert fresh(thing).estimate_minutes is None

    def test_what_is_not_there_is_404_and_so_is_a_strangers(self, doors: Doors, stranger: Any) -> None:
        theirs = OwnTaskFactory(owner=stranger)
        for key in (f"task:{theirs.pk}", "task:0", "task:x", "course:1", f"task:{'9' * 30}"):
            assert doors.send(ACT, "patch", f"planner/{key}/", {"is_done": True}, {"do": f"done {key}"}) == 404

    def test_an_event_takes_place_when_its_source_says(self, doors: Doors, owner: Any) -> None:
        event = PlannerItemFactory(owner=owner, kind="calendar_event")
        assert self.decide(doors, event, "day:2030-05-09", day="2030-05-09") == 409

    def test_work_that_is_handed_in_stays_so(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), imported=True)
        SubmissionFactory(assignment=work, state="submitted")
        assert self.decide(doors, work, "column:todo", column="todo") == 409


def test_the_order_of_a_column_is_kept(doors: Doors, owner: Any) -> None:
    first, second, third = (OwnTaskFactory(owner=owner, title=name, due_on=DAY) for name in ("a", "b", "c"))
    form = {"do": f"order task:{third.pk}", "before": f"task:{first.pk}", "next": "/planner/"}
    url = f"planner/task:{third.pk}/"
    assert doors.send(ACT, "patch", url, {"before": f"task:{first.pk}", "view": "list"}, form) == 200
    answer = doors.api.get("/api/v1/planner/").json()
    [group] = [group for group in answer["groups"] if group["items"]]
    assert [item["title"] for item in group["items"]] == ["c", "a", "b"]
    assert second.title == "b"
