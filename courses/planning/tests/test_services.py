"""Own tasks: what is kept, and how they repeat."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.kernel.models import Event
from courses.errors import TaskDoesNotRepeat
from courses.models import OwnTask
from courses.planning import services
from courses.planning.recurrence import Pattern
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory
from courses.tests.factories_planning import OwnTaskFactory

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 23)
DAILY = Pattern("DAILY")


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def berliner(owner: Any) -> Any:
    owner.time_zone = "Europe/Berlin"
    owner.save()
    return owner


def daily(owner: Any, **values: Any) -> OwnTask:
    repeat = values.pop("repeat", DAILY)
    return services.create_task(owner, by=owner, title="Read", repeat=repeat, **{"due_on": MONDAY, **values})


def open_of(owner: Any) -> OwnTask:
    return OwnTask.objects.whole_of(owner).open().get()


def fresh(task: OwnTask) -> OwnTask:
    return OwnTask.objects.get(pk=task.pk)


class TestKeeping:
    def test_an_assignment_brings_its_course_along(self, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner))
        task = services.create_task(owner, by=owner, title=" Draft ", assignment=work)
        assert (task.title, task.course) == ("Draft", work.course)
        assert Event.objects.filter(type="task.created", subject_id=str(task.pk)).exists()

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"title": " "}, "title"),
            ({"title": "x" * 256}, "title"),
            ({"estimate_minutes": 0}, "estimate_minutes"),
            ({"due_on": date(1, 1, 1)}, "due_on"),
            ({"due_on": MONDAY, "due_at": NOW}, "due_on"),
            ({"repeat": DAILY}, "due"),
            ({"due_on": MONDAY, "repeat": Pattern("DAILY", until=date(2026, 11, 1))}, "repeat_until"),
            ({"due_on": MONDAY, "repeat": Pattern("DAILY", interval=0)}, "repeat_interval"),
            ({"due_on": MONDAY, "repeat": Pattern("DAILY", times=0)}, "repeat_times"),
            ({"due_on": MONDAY, "repeat": Pattern("DAILY", times=2, until=MONDAY)}, "repeat_until"),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_field(self, owner: Any, values: dict[str, Any], field: str) -> None:
        with pytest.raises(ValidationError) as refusal:
            services.create_task(owner, by=owner, **{"title": "Read", **values})
        assert set(refusal.value.message_dict) == {field}
        assert not OwnTask.objects.exists()

    def test_what_is_another_students_is_unknown(self, owner: Any, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)
        for values in ({"course": course}, {"assignment": AssignmentFactory(course=course)}):
            with pytest.raises(ValidationError):
                services.create_task(owner, by=owner, title="Read", **values)
        with pytest.raises(ValidationError):
            services.create_task(owner, by=owner, title="Read", parent=OwnTaskFactory(owner=stranger))

    def test_subtasks_have_one_level_and_no_date(self, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner)
        part = services.create_task(owner, by=owner, title="Part", parent=task)
        for values in ({"parent": part}, {"parent": task, "due_on": MONDAY}):
            with pytest.raises(ValidationError):
                services.create_task(owner, by=owner, title="Deeper", **values)
        with pytest.raises(ValidationError):
            services.update_task(part, by=owner, changes={"due_on": MONDAY})
        [row] = OwnTask.objects.whole_of(owner).for_list()
        assert (row.subtask_count, row.subtask_done_count) == (1, 0)

    def test_a_day_puts_a_time_out(self, owner: Any) -> None:
        task = services.create_task(owner, by=owner, title="Read", due_at=NOW)
        task = services.update_task(task, by=owner, changes={"due_on": MONDAY})
        assert (task.due_on, task.due_at) == (MONDAY, None)
        event = Event.objects.filter(type="task.updated").get()
        assert event.data["changes"]["due_on"] == [None, "2026-11-23"]

    def test_deleting_takes_the_subtasks_along_and_can_be_taken_back(self, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner)
        services.create_task(owner, by=owner, title="Part", parent=task)
        services.delete_task(task, by=owner)
        assert not OwnTask.objects.visible_to(owner).exists()
        services.restore_task(task, by=owner)
        assert OwnTask.objects.visible_to(owner).count() == 2


class TestRepeating:
    def test_finishing_one_makes_the_next_once(self, owner: Any) -> None:
        task = daily(owner)
        services.create_task(owner, by=owner, title="Part", parent=task)
        for _ in range(2):
            services.complete_task(task, by=owner)
        following = open_of(owner)
        assert (following.title, following.due_on) == ("Read", date(2026, 11, 24))
        assert [part.title for part in following.subtasks.all()] == ["Part"]

    def test_taking_the_tick_back_takes_the_next_away_and_a_new_tick_brings_it_back(self, owner: Any) -> None:
        task = daily(owner)
        services.complete_task(task, by=owner)
        following = services.update_task(open_of(owner), by=owner, changes={"notes": "mine"})
        services.reopen_task(task, by=owner)
        assert open_of(owner).pk == task.pk
        services.complete_task(task, by=owner)
        assert (open_of(owner).pk, open_of(owner).notes) == (following.pk, "mine")

    def test_a_next_one_that_is_done_stays_when_the_tick_is_taken_back(self, owner: Any) -> None:
        task = daily(owner)
        services.complete_task(task, by=owner)
        services.complete_task(open_of(owner), by=owner)
        services.reopen_task(task, by=owner)
        assert OwnTask.objects.visible_to(owner).count() == 3

    def test_skipping_goes_on_without_a_tick(self, owner: Any) -> None:
        task = daily(owner)
        services.skip_task(task, by=owner)
        assert (fresh(task).done_at, open_of(owner).due_on) == (None, date(2026, 11, 24))
        services.return_task(task, by=owner)
        assert open_of(owner).pk == task.pk
        with pytest.raises(TaskDoesNotRepeat):
            services.skip_task(OwnTaskFactory(owner=owner), by=owner)

    def test_days_that_went_by_are_passed_over(self, owner: Any) -> None:
        task = daily(owner, due_on=date(2026, 11, 18))
        services.complete_task(task, by=owner)
        assert open_of(owner).due_on == MONDAY
        assert Event.objects.filter(type="task.created").order_by("-id")[0].data["passed_over"] == 4

    def test_it_ends_after_its_number_of_times(self, owner: Any) -> None:
        services.complete_task(daily(owner, repeat=Pattern("DAILY", times=2)), by=owner)
        services.complete_task(open_of(owner), by=owner)
        assert not OwnTask.objects.visible_to(owner).open().exists()

    def test_nine_o_clock_stays_nine_o_clock_when_the_clocks_change(self, berliner: Any) -> None:
        # The clocks go forward on 28 March 2027.
        task = daily(berliner, due_on=None, due_at=datetime(2027, 3, 27, 8, tzinfo=UTC))
        services.complete_task(task, by=berliner)
        assert open_of(berliner).due_at == datetime(2027, 3, 28, 7, tzinfo=UTC)

    def test_a_time_that_is_leapt_over_comes_after_the_leap_and_is_itself_again_the_day_after(
        self, berliner: Any
    ) -> None:
        task = daily(berliner, due_on=None, due_at=datetime(2027, 3, 27, 1, 30, tzinfo=UTC))
        services.complete_task(task, by=berliner)
        assert open_of(berliner).due_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)  # 03:30, there is no 02:30
        services.complete_task(open_of(berliner), by=berliner)
        assert open_of(berliner).due_at == datetime(2027, 3, 29, 0, 30, tzinfo=UTC)  # 02:30 again

    def test_this_one_alone_may_change(self, owner: Any) -> None:
        task = daily(owner)
        services.update_task(task, by=owner, changes={"title": "Skim", "due_on": date(2026, 11, 25)})
        services.complete_task(task, by=owner)
        assert (open_of(owner).title, open_of(owner).due_on) == ("Read", date(2026, 11, 24))

    def test_this_and_the_following_may_change(self, owner: Any) -> None:
        task = daily(owner, repeat=Pattern("DAILY", times=5))
        services.complete_task(task, by=owner)
        changes = {"title": "Skim", "due_on": date(2026, 11, 26)}
        services.update_task(open_of(owner), by=owner, changes=changes, following=True)
        assert services.repeats_as(open_of(owner)) == Pattern("DAILY", times=4)
        services.complete_task(open_of(owner), by=owner)
        assert (open_of(owner).title, open_of(owner).due_on) == ("Skim", date(2026, 11, 27))
        assert fresh(task).title == "Read"

    def test_another_pattern_holds_from_this_one_on_and_none_ends_it(self, owner: Any) -> None:
        task = daily(owner)
        services.update_task(task, by=owner, changes={"repeat": Pattern("WEEKLY", weekdays=(0, 3))})
        services.complete_task(task, by=owner)
        assert open_of(owner).due_on == date(2026, 11, 26)
        services.update_task(open_of(owner), by=owner, changes={"repeat": None})
        services.complete_task(open_of(owner), by=owner)
        assert not OwnTask.objects.visible_to(owner).open().exists()

    def test_a_task_begins_to_repeat(self, owner: Any) -> None:
        task = services.create_task(owner, by=owner, title="Read", due_on=MONDAY)
        services.update_task(task, by=owner, changes={"repeat": DAILY})
        services.complete_task(task, by=owner)
        assert open_of(owner).due_on == date(2026, 11, 24)
