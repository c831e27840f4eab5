"""What a student keeps about grades, by page and API alike: scenarios, scales, groups, scores of own courses."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses.grading.courses import grades_of
from courses.models import AssignmentGroup, Course, CourseGrading, GradeScenario
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory
from courses.tests.factories_grades import graded

pytestmark = pytest.mark.django_db


class Doors:
    """One call by either door; gives the status, a redirect or a creation being 200."""

    def __init__(self, kind: str, page: Any, api: Any) -> None:
        self.is_page, self.page, self.api = kind == "page", page, api

    def send(self, address: str, form: dict[str, Any], method: str, url: str, body: Any) -> int:
        if self.is_page:
            self.answer = self.page.post(address, form)
        else:
            self.answer = getattr(self.api, method)(f"/api/v1/{url}", body, format="json")
        return 200 if self.answer.status_code in (201, 204, 302) else self.answer.status_code


@pytest.fixture(params=["page", "api"])
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


@pytest.fixture
def course(owner: Any) -> Course:
    course = CourseFactory(owner=owner, imported=True, name="Algorithms")
    group = AssignmentGroup.objects.create(course=course, name="Homework", weight=100)
    graded(course, group, "Sheet 1", 6.0, 10)
    AssignmentFactory(course=course, imported=True, group=group, name="Sheet 2", points_possible=10)
    return course


@pytest.fixture
def own_course(owner: Any) -> Course:
    course = CourseFactory(owner=owner, name="Guitar")
    for name in ("Scales", "Song"):
        AssignmentFactory(course=course, name=name, points_possible=10, due_at=NOW)
    return course


def scenario_of(course: Course, **fields: Any) -> GradeScenario:
    return GradeScenario.objects.create(**{"course": course, "owner": course.owner, "name": "Well", **fields})


class TestScenarios:
    @pytest.mark.parametrize(("counts", "percent"), [("replace", 40.0), ("better", 60.0), ("mean", 50.0)])
    def test_a_retake_counts_as_asked(self, doors: Doors, course: Course, counts: str, percent: float) -> None:
        sheet = course.assignments.get(name="Sheet 1").pk
        form = {f"score-{sheet}": "4", f"counts-{sheet}": counts, "name": "Again", "save": "1"}
        change = {"score": 4, "counts": counts}
        body = {"course": course.pk, "name": "Again", "changes": {str(sheet): change}}
        status = doors.send(reverse("courses:what-if", args=[course.pk]), form, "post", "grade-scenarios/", body)

        kept = GradeScenario.objects.get()
        assert status == 200
        assert grades_of([course])[0].with_changes({sheet: kept.changes[str(sheet)]}).percent == percent

    def test_work_that_may_come_is_kept(self, doors: Doors, course: Course) -> None:
        group = course.groups.get().pk
        names = {"name": "Bonus", "group": str(group), "score": "10", "points": "10"}
        form = {f"extra-{name}": value for name, value in names.items()} | {"name": "More", "save": "1"}
        body = {"course": course.pk, "name": "More", "extra": [{**names, "group": group, "score": 10}]}
        status = doors.send(reverse("courses:what-if", args=[course.pk]), form, "post", "grade-scenarios/", body)

        kept = GradeScenario.objects.get()
        assert status == 200
        assert kept.extra == [{"name": "Bonus", "group": group, "score": 10.0, "points": 10.0}]
        assert grades_of([course])[0].with_changes({}, kept.extra).percent == 80.0

    @pytest.mark.parametrize("row", [{"points": ""}, {"points": "many"}, {"group": "9999999"}])
    def test_work_that_cannot_come_is_refused(self, doors: Doors, course: Course, row: dict[str, str]) -> None:
        names = {"name": "Bonus", "group": "", "score": "10", "points": "10", **row}
        form = {f"extra-{name}": value for name, value in names.items()} | {"name": "More", "save": "1"}
        body = {"course": course.pk, "name": "More", "extra": [names]}
        status = doors.send(reverse("courses:what-if", args=[course.pk]), form, "post", "grade-scenarios/", body)

        assert status == 422 and not GradeScenario.objects.exists()
        assert "Bonus: " in doors.answer.content.decode()

    def test_a_scenario_is_renamed_and_a_name_is_taken_once(self, doors: Doors, course: Course) -> None:
        first, second = scenario_of(course), scenario_of(course, name="Badly")

        def rename(scenario: GradeScenario, name: str) -> int:
            address = reverse("courses:rename-scenario", args=[course.pk, scenario.pk])
            return doors.send(address, {"name": name}, "patch", f"grade-scenarios/{scenario.pk}/", {"name": name})

        assert rename(first, "Very well") == 200 and rename(second, "Very well") == 422
        assert list(GradeScenario.objects.values_list("name", flat=True)) == ["Badly", "Very well"]

    def test_a_scenario_is_copied_deleted_and_had_back(self, doors: Doors, course: Course, owner: Any) -> None:
        scenario = scenario_of(course, changes={"1": {"left_out": True}})

        def call(what: str, method: str = "post") -> int:
            url = f"grade-scenarios/{scenario.pk}/" + ("" if what == "delete" else f"{what}/")
            address = reverse(f"courses:{what}-scenario", args=[course.pk, scenario.pk])
            return doors.send(address, {}, method, url, {})

        own = GradeScenario.objects.visible_to(owner)
        assert call("copy") == 200 and call("delete", "delete") == 200
        assert [(each.name, each.changes) for each in own] == [("Well (copy)", scenario.changes)]
        assert call("restore") == 200 and own.filter(pk=scenario.pk).exists()

    def test_scenarios_stand_side_by_side(self, page: Any, course: Course) -> None:
        sheet = course.assignments.get(name="Sheet 2").pk
        scenario_of(course, changes={str(sheet): {"score": 10.0}})
        scenario_of(course, name="Bonus", extra=[{"name": "Essay", "group": None, "score": 1.0, "points": 2.0}])
        text = page.get(reverse("courses:compare-scenarios", args=[course.pk])).content.decode()

        for words in ("As it is", "<b>60 %</b>", "<b>80 %</b>", "+20", "Essay (may come)", "1 of 2"):
            assert words in text

    def test_the_list_of_scenarios_costs_the_same_for_any_number(
        self, api: Any, owner: Any, course: Course, django_assert_max_num_queries: Any, django_assert_num_queries: Any
    ) -> None:
        for at in range(3):
            scenario_of(course, name=f"s{at}")
        api.get("/api/v1/grade-scenarios/")
        with django_assert_max_num_queries(12) as captured:
            api.get("/api/v1/grade-scenarios/")
        counted = len(captured)
        for at in range(10):
            scenario_of(CourseFactory(owner=owner, imported=True), name=f"t{at}")
        with django_assert_num_queries(counted):
            assert len(api.get("/api/v1/grade-scenarios/").json()["results"]) == 13


class TestRules:
    def test_a_scale_for_all_courses_holds_where_a_course_has_none(
        self, doors: Doors, owner: Any, course: Course
    ) -> None:
        rows = [["Pass", 50, 1], ["Fail", 0, 0]]
        form = {name: [row[at] for row in rows] for at, name in enumerate(("letter", "least", "points"))}
        assert doors.send(reverse("courses:own-scale"), form, "put", "grades/scale/", {"scale": rows}) == 200

        [grades] = grades_of([course])
        assert (grades.letter.name, grades.scale_from) == ("Pass", "student")  # type: ignore[union-attr]

    def test_a_scale_for_all_courses_with_a_gap_is_refused(self, doors: Doors) -> None:
        form = {"letter": ["A", "B"], "least": ["90", "80"], "points": ["", ""]}
        body = {"scale": [["A", 90], ["B", 80]]}

        assert doors.send(reverse("courses:own-scale"), form, "put", "grades/scale/", body) == 422
        assert "below 80 % no letter applies" in doors.answer.content.decode()
        assert not CourseGrading.objects.exclude(scale=None).exists()

    def test_a_known_scale_is_filled_in_and_nothing_is_saved(self, page: Any, course: Course) -> None:
        answer = page.post(
            reverse("courses:grading-rules", args=[course.pk]), {"fill": "1", "preset": "german", "goal": "87"}
        )
        text = answer.content.decode()

        assert 'value="1.3"' in text and 'value="87"' in text and 'value="1" required' not in text
        assert not CourseGrading.objects.exists()

    def test_the_sources_scale_comes_before_the_common_one(self, course: Course) -> None:
        course.source_scale = [["Bestanden", 50.0], ["Nicht bestanden", 0.0]]

        assert grades_of([course])[0].letter.name == "Bestanden"  # type: ignore[union-attr]

    def test_late_work_costs_only_in_a_course_made_by_hand(
        self, doors: Doors, course: Course, own_course: Course
    ) -> None:
        policy = {"percent_per_day": 10, "least_percent": 0, "grace_hours": 0, "missing_percent": None}

        def send(to: Course) -> int:
            address = reverse("courses:grading-rules", args=[to.pk])
            form = {name: "" if value is None else value for name, value in policy.items()}
            return doors.send(address, form, "patch", f"courses/{to.pk}/grades/", {"late_policy": policy})

        assert (
            send(own_course) == 200
            and CourseGrading.objects.get(course=own_course).late_policy["percent_per_day"] == 10
        )
        if not doors.is_page:  # the page does not even ask
            assert send(course) == 422


class TestOwnCourses:
    def groups(self, doors: Doors, course: Course, rows: list[dict[str, Any]]) -> int:
        names = ("id", "name", "weight", "drop_lowest", "drop_highest")
        form = {name: [row.get(name, "") for row in rows] for name in names}
        address = reverse("courses:grading-groups", args=[course.pk])
        return doors.send(address, form, "put", f"courses/{course.pk}/grades/groups/", {"groups": rows})

    def test_groups_are_made_changed_and_removed(self, doors: Doors, own_course: Course) -> None:
        assert self.groups(doors, own_course, [{"name": "Practice", "weight": "30"}, {"name": "Concert"}]) == 200
        practice = own_course.groups.get(name="Practice")
        rows = [{"id": practice.pk, "name": "Exercise", "weight": 40, "drop_lowest": 1}]
        assert self.groups(doors, own_course, rows) == 200

        assert [(g.pk, g.name, g.weight, g.drop_lowest) for g in own_course.groups.all()] == [
            (practice.pk, "Exercise", 40.0, 1)
        ]

    @pytest.mark.parametrize(
        "row", [{"name": "", "weight": 3}, {"name": "A", "weight": "much"}, {"name": "A", "drop_lowest": 1.5}]
    )
    def test_what_is_no_group_is_refused_and_nothing_changes(
        self, doors: Doors, own_course: Course, row: dict[str, Any]
    ) -> None:
        assert self.groups(doors, own_course, [{"name": "Good"}, row]) == 422
        assert not own_course.groups.exists()

    def test_the_groups_of_a_source_are_left_alone(self, doors: Doors, course: Course) -> None:
        assert self.groups(doors, course, [{"name": "Mine"}]) == 409
        assert [group.name for group in course.groups.all()] == ["Homework"]

    def test_weights_that_do_not_give_100_are_kept_and_said(self, page: Any, api: Any, own_course: Course) -> None:
        AssignmentGroup.objects.create(course=own_course, name="Practice", weight=60)
        words = "The weights give 60 % together, not 100 %"

        assert words in api.get(f"/api/v1/courses/{own_course.pk}/grades/").json()["weight_note"]
        assert words in page.get(reverse("courses:grades", args=[own_course.pk])).content.decode()

    def grade(self, doors: Doors, course: Course, **given: Any) -> int:
        work = course.assignments.get(name="Song")
        address = reverse("courses:own-grade", args=[course.pk, work.pk])
        form = {name: value for name, value in given.items() if value is not None}
        return doors.send(address, form, "patch", f"courses/{course.pk}/grades/work/{work.pk}/", given)

    def test_own_work_gets_its_score_and_events_know_before_and_after(self, doors: Doors, own_course: Course) -> None:
        assert self.grade(doors, own_course, score=8) == 200 and self.grade(doors, own_course, score=9) == 200

        assert grades_of([own_course])[0].percent == 90.0
        changes = [
            event.data["changes"]["score"]
            for event in Event.objects.filter(type="submission.graded").order_by("sequence")
        ]
        assert changes == [[None, 8.0], [8.0, 9.0]]

    def test_a_score_that_is_none_is_refused(self, doors: Doors, own_course: Course) -> None:
        assert self.grade(doors, own_course, score=-1) == 422
        assert self.grade(doors, own_course, submitted_at="2999-01-01T10:00") == 422

    def test_what_a_source_grades_is_left_alone(self, api: Any, page: Any, course: Course) -> None:
        work = course.assignments.first().pk

        assert api.patch(f"/api/v1/courses/{course.pk}/grades/work/{work}/", {"score": 10}).status_code == 409
        assert page.post(reverse("courses:own-grade", args=[course.pk, work]), {"score": 10}).status_code == 404

    def test_never_dropped_work_is_ticked_on_the_page(self, page: Any, own_course: Course) -> None:
        group = AssignmentGroup.objects.create(course=own_course, name="All", drop_lowest=1)
        own_course.assignments.update(group=group)
        song = own_course.assignments.get(name="Song").pk
        row = {"id": group.pk, "name": "All", "weight": "", "drop_lowest": "1", "drop_highest": ""}
        page.post(reverse("courses:grading-groups", args=[own_course.pk]), {**row, "never_drop": [song]})

        group.refresh_from_db()
        assert group.never_drop == [str(song)]


class TestActions:
    def run(self, action: str, course: Course, /, **params: Any) -> dict[str, Any]:
        context = ActionContext(owner=course.owner, actor=course.owner)
        return run_action(action, context, {"course": course.pk, **params})

    def test_workflows_read_ask_and_keep(self, course: Course) -> None:
        open_work = str(course.assignments.get(name="Sheet 2").pk)

        assert self.run("grades.course", course)["percent"] == 60.0
        assert self.run("grades.what_if", course, changes={open_work: {"score": 10}})["percent"] == 80.0
        assert self.run("grades.needed", course, goal="80")["text"].startswith(
            "99.99 % on the piece of work that is left"
        )
        kept = self.run("grades.save_scenario", course, name="Well", changes={open_work: {"score": 10}})
        assert GradeScenario.objects.get().pk == kept["id"] and kept["percent"] == 80.0

    def test_another_students_course_is_not_there(self, course: Course) -> None:
        stranger = CourseFactory().owner
        with pytest.raises(Exception, match="There is no course"):
            run_action("grades.course", ActionContext(owner=stranger, actor=stranger), {"course": course.pk})


@pytest.mark.parametrize("name", ["rename", "copy", "delete", "restore"])
def test_a_strangers_scenario_is_not_there(page: Any, api: Any, name: str) -> None:
    other = scenario_of(CourseFactory(imported=True))
    address = reverse(f"courses:{name}-scenario", args=[other.course_id, other.pk])

    assert page.post(address, {"name": "x"}).status_code == 404
    assert api.patch(f"/api/v1/grade-scenarios/{other.pk}/", {"name": "x"}).status_code == 404
