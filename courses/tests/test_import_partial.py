"""A source that knows a part, such as a calendar feed, fills in what is missing and takes nothing away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from coreengine.kernel.actions import ActionContext, run_action
from courses.handmade.services import order_courses
from courses.importing.courses import hue_angle, wanted_hue
from courses.models import Assignment, AssignmentGroup, Course, Submission
from courses.models.courses import HUE_ANGLES
from courses.services import update_course
from courses.tests.factories import NOW, SOURCE, assignment_record, course_record
from courses.work_state import WorkState

pytestmark = pytest.mark.django_db

FEED_COURSE = {"id": "101", "is_partial": True, "name": "CS 101", "course_code": "CS 101"}
FEED_WORK = {
    "id": "1",
    "is_partial": True,
    "course_id": "101",
    "name": "Problem set 1",
    "submission_types": ["not_reported"],
}


@pytest.fixture
def act(owner: Any) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda name, **params: run_action(name, context, {"source": SOURCE, **params})


@pytest.fixture
def known(act: Any) -> Assignment:
    """What the full API brought in before."""
    act("courses.import", courses=[course_record("101"), course_record("102")])
    act("assignments.import", course_id="101", assignments=[assignment_record("1"), assignment_record("2")])
    return Assignment.objects.get(external_id="1")


def test_a_feed_after_the_api_takes_nothing_away(act: Any, known: Assignment) -> None:
    act("courses.import", courses=[FEED_COURSE], is_complete=False)
    moved = {**FEED_WORK, "due_at": "2026-12-09T10:00:00Z"}
    result = act("assignments.import", course_id="101", assignments=[moved], is_complete=False)

    assert (result["created"], result["changed"], result["missing"]) == (0, 1, 0)
    course, work = Course.objects.get(external_id="101"), Assignment.objects.get(external_id="1")
    assert (course.name, course.code, course.teachers) == ("Operating Systems 101", "CS 101", ["Ada Lovelace"])
    assert course.current_score == 91.5 and course.term is not None
    assert work.due_at == datetime(2026, 12, 9, 10, tzinfo=UTC)
    assert (work.points_possible, work.submission_types, work.group) == (
        40,
        ["online_upload"],
        AssignmentGroup.objects.get(),
    )
    assert Submission.objects.count() == 2 and work.description_html == "<p>Solve it.</p>"
    assert not Course.objects.filter(missing_since__isnull=False).exists()


def test_the_api_after_a_feed_fills_everything_in_and_doubles_nothing(act: Any) -> None:
    act("courses.import", courses=[FEED_COURSE], is_complete=False)
    act("assignments.import", course_id="101", assignments=[{**FEED_WORK, "due_on": "2026-12-09"}], is_complete=False)
    assert Course.objects.get().name == "CS 101"

    act("courses.import", courses=[course_record("101")])
    act("assignments.import", course_id="101", assignments=[assignment_record("1")])
    assert Course.objects.get().name == "Operating Systems 101"
    work = Assignment.objects.get()
    assert work.points_possible == 40 and work.submission_types == ["online_upload"] and work.submission is not None


def test_a_day_without_an_hour_ends_in_the_courses_time_zone(act: Any) -> None:
    act("courses.import", courses=[course_record("101", time_zone="America/New_York")])
    act("assignments.import", course_id="101", assignments=[{**FEED_WORK, "due_on": "2026-12-09"}], is_complete=False)
    assert Assignment.objects.get().due_at == datetime(2026, 12, 10, 4, 59, 59, tzinfo=UTC)


def test_the_same_day_without_an_hour_keeps_the_hour(act: Any, known: Assignment) -> None:
    day = {**FEED_WORK, "due_on": known.due_at.date().isoformat()}
    result = act("assignments.import", course_id="101", assignments=[day], is_complete=False)
    assert result["unchanged"] == 1 and Assignment.objects.get(pk=known.pk).due_at == known.due_at


def test_work_of_which_no_submission_is_known_is_past_and_not_overdue(act: Any) -> None:
    act("courses.import", courses=[FEED_COURSE], is_complete=False)
    old = {**FEED_WORK, "due_at": "2026-11-01T10:00:00Z"}
    act("assignments.import", course_id="101", assignments=[old], is_complete=False)
    assert Assignment.objects.get().state_at(NOW) == WorkState.PAST
    assert Assignment.objects.with_work_state(NOW).get().work_state == "past"


def test_an_empty_part_marks_nothing_missing(act: Any, known: Assignment) -> None:
    assert act("courses.import", courses=[], is_complete=False)["missing"] == 0
    assert act("assignments.import", course_id="101", assignments=[], is_complete=False)["missing"] == 0


class TestWhatTheStudentSetAtTheSource:
    def test_name_colour_and_place_follow_the_source_until_the_student_chooses(self, act: Any) -> None:
        record = course_record("101", nickname="OS", color="#3b6fd4", position=3, is_favorite=True)
        act("courses.import", courses=[record])
        course = Course.objects.get()
        assert (course.nickname, course.hue, course.position, course.is_favorite) == ("OS", 0, 3, True)
        changed = {**record, "nickname": "Systems", "color": "#00ff00", "position": 1}
        act("courses.import", courses=[changed])
        course.refresh_from_db()
        assert (course.nickname, course.hue, course.position) == ("Systems", 1, 1)

        update_course(course, by=course.owner, changes={"nickname": "Kernel", "hue": 7})
        order_courses(course.owner, [course.pk], by=course.owner)
        act("courses.import", courses=[{**record, "nickname": "Again", "position": 5}])
        course.refresh_from_db()
        assert (course.nickname, course.hue, course.position) == ("Kernel", 7, 0)

    def test_a_student_who_empties_the_nickname_keeps_it_empty(self, act: Any) -> None:
        act("courses.import", courses=[course_record("101", nickname="OS")])
        update_course(Course.objects.get(), by=Course.objects.get().owner, changes={"nickname": ""})
        act("courses.import", courses=[course_record("101", nickname="Systems")])
        assert Course.objects.get().nickname == ""

    def test_the_same_colour_chosen_by_hand_is_the_students_all_the_same(self, act: Any) -> None:
        act("courses.import", courses=[course_record("101", color="#3b6fd4")])
        update_course(Course.objects.get(), by=Course.objects.get().owner, changes={"hue": 0})
        act("courses.import", courses=[course_record("101", color="#00ff00")])
        assert Course.objects.get().hue == 0

    def test_two_courses_of_one_colour_differ(self, act: Any) -> None:
        act("courses.import", courses=[course_record("1", color="#3b6fd4"), course_record("2", color="#3b6fd4")])
        assert len(set(Course.objects.values_list("hue", flat=True))) == 2

    @pytest.mark.parametrize("color", ["", "red", "#123", "#777777", "javascript:1"])
    def test_what_is_no_colour_gives_a_free_one(self, color: str) -> None:
        from collections import Counter

        assert hue_angle(color) is None
        assert wanted_hue(color, Counter({0: 1})) == 1

    def test_the_angles_are_those_of_the_style_sheet(self) -> None:
        tokens = (Path(settings.BASE_DIR) / "static" / "css" / "tokens.css").read_text()
        for hue, angle in enumerate(HUE_ANGLES):
            assert f".hue-{hue} {{ --course-hue: {angle}; }}" in tokens

    def test_the_grade_of_the_grading_period_is_kept(self, act: Any) -> None:
        act("courses.import", courses=[course_record("1", period_title="Half 1", period_score=77.5, period_grade="C+")])
        assert Course.objects.get().period_text == "C+ (77.5 %)"
