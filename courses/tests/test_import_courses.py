"""`courses.import`: compare, report, never overwrite what the student wrote."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses.models import Course, Term
from courses.tests.factories import SOURCE, CourseFactory, course_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(owner: Any) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda *records, source=SOURCE: run_action(
        "courses.import", context, {"source": source, "courses": list(records)}
    )


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["created"], result["changed"], result["unchanged"], result["missing"]


class TestImportingCourses:
    def test_how_the_source_grades_comes_along(self, run: Any, owner: Any) -> None:
        scheme = [["A", 90.0], ["F", 0], ["B", 80]]
        run(course_record("1", weighs_groups=False, hides_total=True, grading_scheme=scheme))
        run(course_record("2", weighs_groups="perhaps", grading_scheme=[["A", "high"]]))

        first, second = Course.objects.order_by("external_id")
        assert (first.weighs_groups, first.hides_total) == (False, True)
        assert first.source_scale == [["A", 90.0], ["B", 80.0], ["F", 0.0]]
        assert (second.weighs_groups, second.hides_total, second.source_scale) == (None, False, None)

    def test_a_first_import_makes_the_courses_and_their_term(self, run: Any, owner: Any) -> None:
        result = run(course_record("101"), course_record("102"))

        assert counts(result) == (2, 0, 0, 0)
        course = Course.objects.get(pk=result["ids"]["101"])
        assert (course.owner, course.name, course.term.name) == (owner, "Operating Systems 101", "Autumn 2026")
        assert Term.objects.count() == 1

    def test_the_same_import_again_changes_nothing(self, run: Any) -> None:
        run(course_record("101"))
        events = Event.objects.count()

        assert counts(run(course_record("101"))) == (0, 0, 1, 0)
        assert Event.objects.count() == events

    def test_a_changed_field_is_written_and_told(self, run: Any) -> None:
        run(course_record("101"))

        assert counts(run(course_record("101", name="Systems", current_score=92))) == (0, 1, 0, 0)
        event = Event.objects.filter(type="course.updated").get()
        assert event.data["changes"] == {"name": ["Operating Systems 101", "Systems"], "current_score": [91.5, 92.0]}

    def test_a_vanished_course_is_marked_and_kept(self, run: Any) -> None:
        run(course_record("101"), course_record("102"))

        assert counts(run(course_record("101"))) == (0, 0, 1, 1)
        assert Course.objects.get(external_id="102").missing_since is not None
        assert counts(run(course_record("101"))) == (0, 0, 1, 0)

    def test_a_course_that_comes_back_is_healed(self, run: Any) -> None:
        run(course_record("101"))
        run()

        assert counts(run(course_record("101"))) == (0, 1, 0, 0)
        assert Course.objects.get().missing_since is None

    def test_what_the_student_wrote_stays(self, run: Any) -> None:
        run(course_record("101"))
        own = {"nickname": "OS", "notes": "bring the book", "hue": 7, "is_hidden": True}
        Course.objects.update(**own)

        run(course_record("101", name="Another name"))

        assert Course.objects.values(*own).get() == own

    def test_a_malformed_record_is_reported_and_the_others_are_imported(self, run: Any) -> None:
        result = run(course_record("101"), course_record("102", start_at="soon"), "nonsense", {"name": "no id"})

        assert result["created"] == 1
        assert [(problem["index"], problem["id"]) for problem in result["problems"]] == [(1, "102"), (2, ""), (3, "")]
        assert "start_at" in result["problems"][0]["reason"]

    def test_a_malformed_record_does_not_make_its_course_missing(self, run: Any) -> None:
        run(course_record("101"))

        assert counts(run(course_record("101", current_score="very good"))) == (0, 0, 0, 0)
        assert Course.objects.get().missing_since is None

    def test_a_stub_of_a_restricted_course_wipes_nothing(self, run: Any) -> None:
        run(course_record("101"))

        run({"id": "101", "is_restricted": True})

        course = Course.objects.get()
        assert (course.name, course.is_restricted, course.current_grade) == ("Operating Systems 101", True, "A-")

    def test_an_id_may_be_a_number_and_is_kept_as_text(self, run: Any) -> None:
        run({**course_record(), "id": 9007199254740993})

        assert Course.objects.get().external_id == "9007199254740993"

    @pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//", "https://["])
    def test_an_address_that_no_browser_should_follow_is_dropped(self, run: Any, address: str) -> None:
        run(course_record("101", html_url=address))

        assert Course.objects.get().html_url == ""

    def test_text_that_no_database_takes_is_cleaned(self, run: Any) -> None:
        run(course_record("101", name="a\x00b"), course_record("102", name="half \ud800 pair"))

        assert list(Course.objects.order_by("pk").values_list("name", flat=True)) == ["ab", "half ? pair"]

    def test_of_two_records_with_one_id_the_later_counts(self, run: Any) -> None:
        result = run(course_record("101"), course_record("101", name="Later"))

        assert (result["created"], len(result["problems"])) == (1, 1)
        assert Course.objects.get().name == "Later"

    def test_two_sources_may_use_one_id(self, run: Any) -> None:
        run(course_record("101"))
        run(course_record("101"), source="connection:2")

        assert Course.objects.count() == 2

    def test_a_course_made_by_hand_is_left_alone(self, run: Any, owner: Any) -> None:
        by_hand = CourseFactory(owner=owner)

        run(course_record("101"))

        by_hand.refresh_from_db()
        assert by_hand.missing_since is None

    def test_another_students_courses_are_left_alone(self, run: Any, stranger: Any) -> None:
        theirs = CourseFactory(owner=stranger, source=SOURCE, external_id="101", name="Theirs")

        run(course_record("101"))

        theirs.refresh_from_db()
        assert (theirs.name, theirs.missing_since) == ("Theirs", None)

    def test_every_course_of_a_semester_has_its_own_colour(self, run: Any) -> None:
        run(*[course_record(str(number)) for number in range(6)])

        assert len(set(Course.objects.values_list("hue", flat=True))) == 6

    def test_the_first_import_is_the_silent_baseline(self, run: Any) -> None:
        run(course_record("101"))
        run(course_record("101"), course_record("102"))

        events = Event.objects.filter(type="course.created").order_by("id")
        assert [event.data["baseline"] for event in events] == [True, False]

    def test_an_unknown_parameter_is_refused(self, owner: Any) -> None:
        with pytest.raises(ValidationError, match="courses"):
            run_action("courses.import", ActionContext(owner=owner, actor=owner), {"source": SOURCE, "courses": 5})
