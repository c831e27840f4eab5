"""Grades of courses: what is read, what-if, scenarios, goals, averages, through pages, API and workflows."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from coreengine.kernel.actions import ActionContext, run_action
from courses.grading.averages import average
from courses.grading.courses import grades_of
from courses.grading.history import history_of
from courses.models import AssignmentGroup, Course, CourseGrading, GradeScenario
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory, SubmissionFactory, TermFactory, UserFactory
from courses.tests.factories_grades import graded

pytestmark = pytest.mark.django_db


@pytest.fixture
def student() -> Any:
    return UserFactory()


@pytest.fixture
def course(student: Any) -> Course:
    """Homework 40 %, of which the lowest is dropped, and a final of 60 % that is to come."""
    course = CourseFactory(owner=student, imported=True, name="Algorithms", current_score=85.0)
    homework = AssignmentGroup.objects.create(course=course, name="Homework", weight=40, drop_lowest=1, position=1)
    final = AssignmentGroup.objects.create(course=course, name="Final", weight=60, position=2)
    for at, score in enumerate([8.0, 9.0, 2.0]):
        graded(course, homework, f"Sheet {at + 1}", score, 10, days=at)
    AssignmentFactory(course=course, imported=True, group=final, name="Final exam", points_possible=100)
    return course


def work_named(course: Course, name: str) -> int:
    return course.assignments.get(name=name).pk


class TestReading:
    def test_the_score_is_the_sources_own(self, course: Course) -> None:
        [grades] = grades_of([course])

        assert grades.percent == 85.0 and grades.difference is None
        assert grades.letter is not None and grades.letter.name == "B"
        assert grades.final.percent == pytest.approx(0.4 * 85)
        assert [work.name for work in grades.works if work.id in grades.current.dropped] == ["Sheet 3"]

    def test_a_difference_to_the_source_is_told(self, course: Course) -> None:
        course.current_score = 86.5
        [grades] = grades_of([course])

        assert grades.difference == 1.5

    def test_excused_ungraded_omitted_and_waiting_work_does_not_count(self, course: Course) -> None:
        group = course.groups.get(name="Homework")
        graded(course, group, "Excused", 0.0, 10, excused=True)
        graded(course, group, "Waiting", 1.0, 10, state="pending_review")
        graded(course, group, "Unposted", None, 10)
        omitted = graded(course, group, "Omitted", 0.0, 10)
        omitted.omit_from_final_grade = True
        omitted.save()
        plain = graded(course, group, "Attendance", 0.0, 10)
        plain.grading_type = "not_graded"
        plain.save()
        gone = graded(course, group, "Gone", 0.0, 10)
        gone.missing_since = NOW
        gone.save()

        assert grades_of([course])[0].percent == 85.0

    def test_never_dropped_work_is_named_by_the_sources_id(self, course: Course) -> None:
        group = course.groups.get(name="Homework")
        group.never_drop = [course.assignments.get(name="Sheet 3").external_id]
        group.save()

        assert grades_of([course])[0].percent == 55.0

    def test_the_score_moves_with_each_grade(self, course: Course) -> None:
        assert [point.percent for point in history_of(grades_of([course])[0])] == [80.0, 90.0, 85.0]

    def test_forty_courses_cost_three_queries_and_less_than_50_ms(
        self, student: Any, django_assert_num_queries: Any
    ) -> None:
        courses = [CourseFactory(owner=student, imported=True) for _ in range(40)]
        for course in courses:
            group = AssignmentGroup.objects.create(course=course, name="All", weight=100, drop_lowest=2)
            rows = [
                AssignmentFactory.build(
                    course=course, owner=student, imported=True, group=group, points_possible=10 + n
                )
                for n in range(75)
            ]
            made = type(rows[0]).objects.bulk_create(rows)
            submissions = [
                SubmissionFactory.build(assignment=row, state="graded", score=n % 10, graded_at=NOW)
                for n, row in enumerate(made)
            ]
            type(submissions[0]).objects.bulk_create(submissions)
        with django_assert_num_queries(3):
            found = grades_of(courses)
        took = []
        for _ in range(5):
            fresh = [each.with_changes({}) for each in found]
            began = time.process_time()
            assert all(each.percent is not None for each in fresh)
            took.append(time.process_time() - began)

        assert min(took) < 0.05


class TestWhatIf:
    def test_other_scores_and_left_out_work_give_another_grade(self, course: Course) -> None:
        [grades] = grades_of([course])
        exam, sheet = work_named(course, "Final exam"), work_named(course, "Sheet 1")

        assert grades.with_changes({exam: {"score": 90.0}}).percent == 88.0
        assert grades.with_changes({sheet: {"left_out": True}}).percent == 90.0
        assert grades.percent == 85.0


class TestAverage:
    def test_courses_count_by_their_credits_and_own_scales(self, student: Any, course: Course) -> None:
        other = CourseFactory(owner=student, imported=True, current_grade="A", current_score=95)
        left_out = CourseFactory(owner=student, imported=True, current_grade="F", current_score=10)
        CourseGrading.objects.create(course=course, owner=student, credits=3, scale=[["1,3", 80, 1.3], ["5,0", 0, 5.0]])
        CourseGrading.objects.create(course=other, owner=student, credits=1)
        CourseGrading.objects.create(course=left_out, owner=student, counts_in_average=False)

        assert average(grades_of([course, other, left_out])) == (round((3 * 1.3 + 4.0) / 4, 2), 4.0)
        assert average([]) == (None, 0.0)


class TestPages:
    @pytest.fixture
    def page(self, student: Any, client: Client) -> Client:
        client.force_login(student)
        return client

    def test_the_page_shows_work_drops_chart_and_goal(self, page: Client, course: Course) -> None:
        CourseGrading.objects.create(course=course, owner=course.owner, goal=90)
        text = page.get(reverse("courses:grades", args=[course.pk])).content.decode()

        for words in ("85 %", "Homework", "40 % of the grade", "dropped", "How it moved", "Your goal", "90 %"):
            assert words in text

    def test_what_if_answers_with_the_card_alone(self, page: Client, course: Course) -> None:
        exam = work_named(course, "Final exam")
        answer = page.post(
            reverse("courses:what-if", args=[course.pk]),
            {f"score-{exam}": "90", "work": exam, "goal": "A"},
            headers={"HX-Request": "true", "HX-Target": "grade-standing"},
        )
        text = answer.content.decode()

        assert "88 %" in text and "+3 points" in text and "<html" not in text
        assert "98.33 of 100 points (98.3 %) on “Final exam” give A (93 %)." in text

    def test_what_is_no_score_is_kept_and_told_at_its_field(self, page: Client, course: Course) -> None:
        exam, sheet = work_named(course, "Final exam"), work_named(course, "Sheet 1")
        answer = page.post(
            reverse("courses:what-if", args=[course.pk]), {f"score-{exam}": "lots", f"score-{sheet}": "10"}
        )
        text = answer.content.decode()

        assert answer.status_code == 422
        assert "Final exam: “lots” is not a number." in text and 'value="lots"' in text and "95 %" in text
        assert not GradeScenario.objects.exists()

    def test_a_scenario_is_kept_opened_replaced_and_deleted(self, page: Client, course: Course) -> None:
        exam = work_named(course, "Final exam")
        url = reverse("courses:what-if", args=[course.pk])
        for score in ("80", "70"):
            page.post(url, {f"score-{exam}": score, "name": "If it goes well", "save": "1"})
        [scenario] = GradeScenario.objects.all()
        text = page.get(f"{reverse('courses:grades', args=[course.pk])}?scenario={scenario.pk}").content.decode()
        page.post(reverse("courses:delete-scenario", args=[course.pk, scenario.pk]))

        assert scenario.changes == {str(exam): {"score": 70.0}}
        assert 'value="70"' in text and "76 %" in text
        assert not GradeScenario.objects.visible_to(course.owner).exists()

    def test_a_scale_with_a_gap_is_refused_and_what_was_typed_stays(self, page: Client, course: Course) -> None:
        url = reverse("courses:grading-rules", args=[course.pk])
        own = {"own_scale": "1", "counts_in_average": "on"}
        refused = page.post(url, {**own, "letter": ["1,0", "2,0"], "least": ["93", "70"], "points": ["", "x"]})
        gap = page.post(url, {**own, "letter": ["1,0", "2,0"], "least": ["93", "70"], "points": ["", ""]})
        kept = page.post(
            url, {**own, "letter": ["1,0", "5,0"], "least": ["93 %", "0"], "points": ["1,0", ""], "credits": "6"}
        )

        assert (refused.status_code, gap.status_code, kept.status_code) == (422, 422, 302)
        assert "Row 2: the points of “2,0” is not a number" in refused.content.decode()
        assert 'value="x"' in refused.content.decode()
        assert "There is a gap: below 70 %" in gap.content.decode() and 'value="2,0"' in gap.content.decode()
        assert CourseGrading.objects.get().scale == [["1,0", 93.0, 1.0], ["5,0", 0.0, None]]

    def test_the_overview_lists_courses_by_term_with_their_average(self, page: Client, course: Course) -> None:
        course.term = TermFactory(owner=course.owner, name="Fall 2026")
        course.save()
        text = page.get(reverse("courses:all-grades")).content.decode()

        assert "Fall 2026" in text and "Grade point average" in text and "3.00" in text

    def test_another_students_grades_and_scenarios_are_not_there(self, client: Client, course: Course) -> None:
        scenario = GradeScenario.objects.create(owner=course.owner, course=course, name="x")
        stranger = UserFactory()
        own = CourseFactory(owner=stranger)
        client.force_login(stranger)
        addresses = [
            client.get(reverse("courses:grades", args=[course.pk])),
            client.post(reverse("courses:what-if", args=[course.pk])),
            client.get(reverse("courses:grading-rules", args=[course.pk])),
            client.get(f"{reverse('courses:grades', args=[own.pk])}?scenario={scenario.pk}"),
            client.post(reverse("courses:delete-scenario", args=[own.pk, scenario.pk])),
        ]

        assert {answer.status_code for answer in addresses} == {404}


class TestApi:
    @pytest.fixture
    def api(self, student: Any) -> APIClient:
        client = APIClient()
        client.force_authenticate(student)
        return client

    def test_grades_of_all_and_of_one(self, api: APIClient, course: Course) -> None:
        everything = api.get("/api/v1/grades/").json()
        one = api.get(f"/api/v1/courses/{course.pk}/grades/").json()

        assert everything["average"] == 3.0 and everything["courses"][0]["percent"] == 85.0
        assert [group["percent"] for group in one["groups"]] == [85.0, None]
        assert [work["name"] for work in one["works"] if work["is_dropped"]] == ["Sheet 3"]

    def test_what_if_with_what_is_needed(self, api: APIClient, course: Course) -> None:
        exam, sheet = work_named(course, "Final exam"), work_named(course, "Sheet 1")
        body = {"changes": {str(sheet): {"left_out": True}}, "needed_on": exam, "goal": 90}
        answer = api.post(f"/api/v1/courses/{course.pk}/grades/what-if/", body, format="json").json()

        assert answer["percent"] == 90.0
        assert {name: answer["needed"][name] for name in ("kind", "score", "best", "goal", "count")} == {
            "kind": "reachable",
            "score": 90.0,
            "best": 96.0,
            "goal": 90.0,
            "count": 1,
        }

    def test_other_peoples_ids_and_bad_numbers_are_refused_by_their_path(self, api: APIClient, course: Course) -> None:
        foreign = AssignmentFactory(imported=True).pk
        exam = work_named(course, "Final exam")
        url = f"/api/v1/courses/{course.pk}/grades/what-if/"
        answers = [
            api.post(url, {"changes": {str(foreign): {"score": 1}}}, format="json"),
            api.post(url, {"changes": {str(exam): {"score": "NaN"}}}, format="json"),
            api.post(url, {"changes": {str(exam): {"points": 1}}}, format="json"),
            api.post(url, {"needed_on": foreign, "goal": 90}, format="json"),
            api.post(url, {"goal": 90}, format="json"),
        ]

        assert {answer.status_code for answer in answers} == {422}

    def test_rules_and_scenarios_can_be_changed(self, api: APIClient, course: Course) -> None:
        exam = work_named(course, "Final exam")
        rules = api.patch(
            f"/api/v1/courses/{course.pk}/grades/", {"goal": 91, "scale": [["P", 50], ["F", 0]]}, format="json"
        )
        body = {"course": course.pk, "name": "Well", "changes": {str(exam): {"score": 90}}}
        made = api.post("/api/v1/grade-scenarios/", body, format="json")
        url = f"/api/v1/grade-scenarios/{made.json()['id']}/"
        changed = api.patch(url, {"name": "Very well"}, format="json")
        api.post("/api/v1/grade-scenarios/", body, format="json")
        taken = api.patch(url, {"name": "Well"}, format="json")

        assert (rules.json()["letter"], rules.json()["goal"]) == ("P", 91)
        assert made.status_code == 201 and made.json()["percent"] == 88.0
        assert changed.json()["name"] == "Very well" and taken.status_code == 422
        assert api.delete(url).status_code == 204

    def test_a_scenario_for_anothers_course_is_refused(self, api: APIClient) -> None:
        foreign = CourseFactory()
        answer = api.post("/api/v1/grade-scenarios/", {"course": foreign.pk, "name": "x", "changes": {}}, format="json")

        assert answer.status_code == 422 and not GradeScenario.objects.exists()


def test_workflows_can_read_grades(course: Course) -> None:
    course.state = "available"
    course.save()
    found = run_action("grades.list", ActionContext(owner=course.owner, actor=course.owner), {})

    assert found["text"] == "- **Algorithms**: 85 % (B)"
    assert found["courses"][0]["percent"] == 85.0
