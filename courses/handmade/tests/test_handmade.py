"""Groups, results, order and copies: the pages and the API do the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from courses.grading.courses import grades_of
from courses.handmade.rules import weights_note
from courses.handmade.services import duplicate_course, order_courses, set_result
from courses.models import Assignment, AssignmentGroup, Course, Submission
from courses.tests.factories import AssignmentFactory, CourseFactory, SubmissionFactory
from courses.tests.factories_extras import GroupFactory
from courses.tests.test_doors import DOORS, Doors

pytestmark = pytest.mark.django_db


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


class TestGroups:
    def test_adding_one(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        data = {"course": course.pk, "name": "Homework", "weight": 40, "drop_lowest": 1}
        url = reverse("courses:create-group", args=[course.pk])
        assert doors.send(url, "post", "assignment-groups/", data) == 200
        group = course.groups.get()
        assert (group.name, group.weight, group.drop_lowest, group.drop_highest) == ("Homework", 40, 1, 0)

    @pytest.mark.parametrize("data", [{"name": " "}, {"name": "homework"}, {"name": "X", "weight": -1}])
    def test_what_is_wrong_is_said_at_the_field(self, doors: Doors, owner: Any, data: dict[str, Any]) -> None:
        course = CourseFactory(owner=owner)
        GroupFactory(course=course, name="Homework")
        url = reverse("courses:create-group", args=[course.pk])
        assert doors.send(url, "post", "assignment-groups/", {"course": course.pk, **data}) == 422
        assert doors.error_fields == {"weight" if "weight" in data else "name"}
        assert course.groups.count() == 1

    def test_a_course_from_a_source_takes_none(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        url = reverse("courses:create-group", args=[course.pk])
        data = {"course": course.pk, "name": "Homework"}
        assert doors.send(url, "post", "assignment-groups/", data) == 422
        assert not AssignmentGroup.objects.exists()

    def test_deleting_leaves_the_work_and_can_be_undone(self, doors: Doors, owner: Any) -> None:
        from coreengine.kernel.models import Event

        group = GroupFactory(course=CourseFactory(owner=owner), name="Labs", weight=60)
        work = AssignmentFactory(course=group.course, group=group)
        url = reverse("courses:delete-group", args=[group.pk])
        assert doors.send(url, "delete", f"assignment-groups/{group.pk}/", {}) == 200
        work.refresh_from_db()
        assert work.group is None
        event = Event.objects.get(type="course.group_deleted").pk
        url = reverse("courses:restore-group", args=[group.course.pk])
        assert doors.send(url, "post", f"courses/{group.course.pk}/undo/", {"event": event, "undo": event}) == 200
        work.refresh_from_db()
        assert (work.group.name, work.group.weight) == ("Labs", 60)

    def test_a_strangers_group_is_not_there(self, doors: Doors, stranger: Any) -> None:
        group = GroupFactory(course=CourseFactory(owner=stranger))
        for name, method in [("courses:edit-group", "patch"), ("courses:delete-group", "delete")]:
            url = reverse(name, args=[group.pk])
            assert doors.send(url, method, f"assignment-groups/{group.pk}/", {"name": "x"}) == 404

    def test_weights_that_do_not_add_up_are_told_and_not_refused(self) -> None:
        half = [GroupFactory.build(name="A", weight=50), GroupFactory.build(name="B", weight=None)]
        assert weights_note(half).startswith("The weights add up to 50 %, not to 100 %. B has none.")
        assert weights_note([GroupFactory.build(weight=33.3), GroupFactory.build(weight=66.7)]) == ""
        assert weights_note([GroupFactory.build(weight=None)]) == ""

    def test_the_group_of_another_course_is_refused(self, doors: Doors, owner: Any, stranger: Any) -> None:
        course, other = CourseFactory(owner=owner), GroupFactory(course=CourseFactory(owner=owner))
        foreign = GroupFactory(course=CourseFactory(owner=stranger))
        url = reverse("courses:create-assignment", args=[course.pk])
        for group in (other.pk, foreign.pk):
            data = {"course": course.pk, "name": "X", "group_id": group}
            assert doors.send(url, "post", "assignments/", data, {"name": "X", "group": group}) == 422
        assert not Assignment.objects.exists()


class TestResults:
    def test_a_score_makes_it_graded_and_counts(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), points_possible=20)
        url = reverse("courses:result", args=[work.pk])
        assert doors.send(url, "patch", f"assignments/{work.pk}/result/", {"score": 15}) == 200
        assert work.submission.state == Submission.State.GRADED
        assert grades_of([work.course])[0].percent == 75

    def test_emptying_it_takes_the_grade_back(self, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), points_possible=20)
        set_result(work, by=owner, changes={"score": 15})
        result = set_result(work, by=owner, changes={"score": None})
        assert (result.state, result.graded_at) == (Submission.State.UNSUBMITTED, None)
        assert grades_of([work.course])[0].percent is None

    def test_a_source_has_the_say_where_there_is_one(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        for work in (AssignmentFactory(course=course, imported=True), AssignmentFactory(course=course)):
            url = reverse("courses:result", args=[work.pk])
            assert doors.send(url, "patch", f"assignments/{work.pk}/result/", {"score": 15}) == 422
        assert not Submission.objects.exists()

    def test_a_negative_score_is_refused_at_the_field(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner))
        url = reverse("courses:result", args=[work.pk])
        assert doors.send(url, "patch", f"assignments/{work.pk}/result/", {"score": -1}) == 422
        assert doors.error_fields == {"score"}


class TestOrder:
    def test_lists_follow_it_and_a_strangers_course_is_left_alone(self, api: Any, owner: Any, stranger: Any) -> None:
        first, second = CourseFactory(owner=owner, name="A"), CourseFactory(owner=owner, name="B")
        foreign = CourseFactory(owner=stranger)
        answer = api.put("/api/v1/courses/order/", {"courses": [foreign.pk, second.pk, first.pk]}, format="json")
        assert answer.json() == {"courses": [first.pk, second.pk]}
        assert list(Course.objects.visible_to(owner).in_own_order()) == [second, first]
        foreign.refresh_from_db()
        assert foreign.position is None

    def test_moving_one_down_and_undoing_it(self, page: Any, owner: Any) -> None:
        courses = [CourseFactory(owner=owner, name=name) for name in "ABC"]
        page.post(reverse("courses:order"), {"course": courses[0].pk, "move": "down"})
        assert [c.name for c in Course.objects.visible_to(owner).in_own_order()] == ["B", "A", "C"]
        answer = page.get(reverse("courses:list"))
        page.post(reverse("courses:order"), {"course": answer.context["order_before"], "undo": "1"})
        assert [c.name for c in Course.objects.visible_to(owner).in_own_order()] == ["A", "B", "C"]

    def test_a_concluded_course_in_between_is_stepped_over(self, page: Any, owner: Any) -> None:
        for name, state in [("A", "available"), ("B", "completed"), ("C", "available")]:
            CourseFactory(owner=owner, name=name, state=state)
        page.post(reverse("courses:order"), {"course": Course.objects.get(name="C").pk, "move": "up"})
        active = Course.objects.visible_to(owner).exclude(state="completed").in_own_order()
        assert [c.name for c in active] == ["C", "A"]

    def test_the_same_order_again_changes_nothing(self, owner: Any, django_assert_max_num_queries: Any) -> None:
        numbers = [CourseFactory(owner=owner).pk for _ in range(3)]
        order_courses(owner, numbers, by=owner)
        with django_assert_max_num_queries(4):
            order_courses(owner, numbers, by=owner)


class TestCopies:
    def test_dates_move_by_whole_days_and_keep_their_hour_over_daylight_saving(self, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        course = CourseFactory(owner=owner, imported=True, starts_at=datetime(2026, 8, 31, 22, tzinfo=UTC))
        group = GroupFactory(course=course, external_id="g", name="Labs", weight=50)
        work = AssignmentFactory(
            course=course, imported=True, group=group, due_at=datetime(2026, 10, 1, 21, 59, tzinfo=UTC)
        )
        SubmissionFactory(assignment=work, score=10)
        made = duplicate_course(
            course, by=owner, name="Again", term_name="Spring", first_day=datetime(2027, 1, 31, 23, tzinfo=UTC)
        )
        copy = Assignment.objects.get(course=made)
        assert copy.due_at == datetime(2027, 3, 3, 22, 59, tzinfo=UTC)
        assert (copy.group.weight, copy.source, copy.own_submission) == (50, "", None)

    def test_both_doors_copy_and_a_strangers_course_is_not_there(self, doors: Doors, owner: Any, stranger: Any) -> None:
        course, foreign = CourseFactory(owner=owner), CourseFactory(owner=stranger)
        AssignmentFactory(course=course)
        url = reverse("courses:duplicate", args=[course.pk])
        assert doors.send(url, "post", f"courses/{course.pk}/duplicate/", {"name": "Again"}) == 200
        assert Course.objects.get(name="Again").assignments.get().due_at is None
        url = reverse("courses:duplicate", args=[foreign.pk])
        assert doors.send(url, "post", f"courses/{foreign.pk}/duplicate/", {"name": "Mine"}) == 404
