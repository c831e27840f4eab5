"""`modules.import`: order, requirements and items of a course, compared and never doubled."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses.errors import CourseNotImported
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.models import Assignment, Course, Module, ModuleItem
from courses.tests.factories import SOURCE, assignment_record, course_record, item_record, module_record

pytestmark = pytest.mark.django_db

BIG = "90071992547409931"


@pytest.fixture
def course(owner: Any) -> Course:
    import_courses(owner, source=SOURCE, courses=[course_record("101"), course_record("102")], by=owner)
    import_assignments(owner, source=SOURCE, course_id="101", assignments=[assignment_record("1")], by=owner)
    return Course.objects.get(external_id="101")


@pytest.fixture
def run(owner: Any, course: Course) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda *records, course_id="101": run_action(
        "modules.import", context, {"source": SOURCE, "course_id": course_id, "modules": list(records)}
    )


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["created"], result["changed"], result["unchanged"], result["missing"]


def events(*types: str) -> list[Event]:
    return list(Event.objects.filter(type__in=types).order_by("id"))


def test_modules_come_with_order_requirements_and_items(run: Any, course: Course) -> None:
    first = module_record(BIG, position=1, items=[item_record(BIG, content_id="1", planner_ids=["assignment:1"])])
    second = module_record(
        "2",
        position=2,
        state="locked",
        unlock_at="2026-12-01T08:00:00Z",
        is_sequential=True,
        requirement_type="one",
        prerequisite_ids=[BIG],
        items=[
            item_record("7", kind="subheader", requirement=None, planner_ids=[], title="Read"),
            item_record("8", kind="quiz", requirement={"type": "min_score", "min_score": 7, "completed": True}),
        ],
    )

    assert counts(run(first, second)) == (2, 0, 0, 0)
    one, two = Module.objects.in_order()
    assert one.external_id == BIG and one.items.get().assignment == Assignment.objects.get()
    assert (two.state, two.is_sequential, two.requirement_type) == ("locked", True, "one")
    assert two.prerequisite_ids == [BIG] and two.unlock_at.isoformat() == "2026-12-01T08:00:00+00:00"
    heading, quiz = two.items.in_order()
    assert (heading.kind, heading.is_required, heading.is_completed) == ("subheader", False, None)
    assert (quiz.requirement_type, quiz.min_score, quiz.is_completed) == ("min_score", 7, True)


def test_the_same_again_changes_nothing_and_says_nothing(run: Any) -> None:
    records = [module_record("1", items=[item_record("1")]), module_record("2", position=2)]
    run(*records)
    before = Event.objects.count()

    assert counts(run(*records)) == (0, 0, 2, 0)
    assert Event.objects.count() == before


def test_what_changed_is_told_once_a_module(run: Any) -> None:
    run(module_record("1", state="locked", items=[item_record("1")]))
    result = run(
        module_record(
            "1", state="unlocked", items=[item_record("1", title="New name"), item_record("2"), item_record("3")]
        )
    )

    assert counts(result) == (0, 1, 0, 0)
    [unlocked] = events("module.unlocked", "module.updated")
    assert unlocked.type == "module.unlocked"
    assert unlocked.data["added"] == ["Step 2", "Step 3"] and unlocked.data["added_count"] == 2
    assert ModuleItem.objects.get(external_id="1").title == "New name"


def test_the_first_import_is_a_baseline_and_later_modules_are_news(run: Any) -> None:
    run(module_record("1"))
    run(module_record("1"), module_record("2"))

    assert [event.data["baseline"] for event in events("module.created")] == [True, False]


def test_what_vanished_is_marked_and_comes_back(run: Any) -> None:
    run(module_record("1", items=[item_record("1"), item_record("2")]), module_record("2"))
    assert counts(run(module_record("1", items=[item_record("2")]))) == (0, 1, 0, 1)
    assert Module.objects.present().get().external_id == "1"
    assert ModuleItem.objects.present().get().external_id == "2"

    assert counts(run(module_record("1", items=[item_record("1"), item_record("2")]), module_record("2")))[3] == 0
    assert Module.objects.present().count() == 2 and ModuleItem.objects.present().count() == 2


def test_items_that_could_not_be_read_stay_as_they_are(run: Any) -> None:
    run(module_record("1", items=[item_record("1")]))
    run(module_record("1", items=None, name="Renamed"))

    assert ModuleItem.objects.present().count() == 1
    assert Module.objects.get().name == "Renamed"


def test_a_module_that_moved_to_another_course_is_moved_and_not_doubled(run: Any) -> None:
    run(module_record("1"))
    run(module_record("1", course_id="102"), course_id="102")

    assert Module.objects.get().course.external_id == "102"


def test_a_quiz_item_finds_its_assignment_by_the_planners_name(run: Any, owner: Any, course: Course) -> None:
    records = [assignment_record("1"), assignment_record("2", planner_id="quiz:55")]
    import_assignments(owner, source=SOURCE, course_id="101", assignments=records, by=owner)
    run(module_record("1", items=[item_record("9", kind="quiz", content_id="55", planner_ids=["quiz:55"])]))

    assert ModuleItem.objects.get().assignment.external_id == "2"


def test_a_broken_record_is_reported_and_the_others_come(run: Any) -> None:
    result = run("nonsense", module_record("2", items=[item_record("1"), {"id": "2"}]))

    assert counts(result) == (1, 0, 0, 0)
    assert [problem["reason"] for problem in result["problems"]] == [
        "a record is an object, this is str",
        "item of Week 2: title: Field required",
    ]


def test_an_unknown_course_is_refused(run: Any) -> None:
    with pytest.raises(CourseNotImported):
        run(module_record("1"), course_id="999")


def test_another_students_modules_are_out_of_sight(run: Any, stranger: Any, owner: Any) -> None:
    run(module_record("1", items=[item_record("1")]))

    assert Module.objects.visible_to(stranger).count() == 0 and Module.objects.visible_to(owner).count() == 1
    assert ModuleItem.objects.visible_to(stranger).count() == 0 and ModuleItem.objects.visible_to(owner).count() == 1


def test_many_modules_take_few_statements(run: Any, django_assert_max_num_queries: Any) -> None:
    records = [module_record(str(n), position=n, items=[item_record(f"{n}-{k}") for k in range(10)]) for n in range(40)]
    with django_assert_max_num_queries(22):
        run(*records)
    with django_assert_max_num_queries(14):
        run(*records)
