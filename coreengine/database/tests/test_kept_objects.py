"""Models of a kept statement: the same as a queryset gives, with less work."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F, QuerySet

from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, Course, OwnTask
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory, SubmissionFactory

pytestmark = pytest.mark.django_db


def work_of(owner: int, now: datetime) -> QuerySet[Assignment]:
    rows = Assignment.objects.visible_to(owner_with(owner)).with_work_state(now).for_list()
    return rows.annotate(points=F("points_possible")).order_by("pk")


def tasks_of(owner: int, course: int | None, show: str) -> QuerySet[OwnTask]:
    rows = OwnTask.objects.filter(owner_id=owner, done_at__isnull=show != "done").select_related("course")
    return (rows.filter(course_id=course) if course else rows).order_by("pk")


@pytest.fixture
def course(owner: Any) -> Course:
    return CourseFactory(owner=owner)


def test_they_have_what_djangos_own_have(owner: Any, course: Course) -> None:
    SubmissionFactory(assignment=AssignmentFactory(course=course, imported=True), state="graded", score=9)
    AssignmentFactory(course=course, submission_types=["online_upload"], due_at=NOW)
    kept = KeptQuery(work_of, owner=int, now=datetime).objects(owner=owner.pk, now=NOW)
    own = list(work_of(owner.pk, NOW))

    def values(thing: Any) -> dict[str, Any]:
        return {name: value for name, value in vars(thing).items() if name != "_state"}

    assert [values(row) for row in kept] == [values(row) for row in own]
    assert kept == own and not kept[0]._state.adding and kept[0]._state.db == "default"
    assert values(kept[0].submission) == values(own[0].submission)
    assert values(kept[0].course) == values(own[0].course)


def test_what_was_joined_asks_no_query_and_what_was_left_out_is_read(
    owner: Any, course: Course, django_assert_num_queries: Any
) -> None:
    AssignmentFactory(course=course, description_html="<p>Solve it.</p>")
    AssignmentFactory(course=course)
    first, second = KeptQuery(work_of, owner=int, now=datetime).objects(owner=owner.pk, now=NOW)

    with django_assert_num_queries(0):
        assert first.course is second.course  # one object for all that point to it
        assert first.own_submission is None
    with django_assert_num_queries(1):
        assert first.description_html == "<p>Solve it.</p>"


def test_none_and_options_have_statements_of_their_own(owner: Any, course: Course) -> None:
    own = OwnTask.objects.create(owner=owner, title="Read", course=course)
    loose = OwnTask.objects.create(owner=owner, title="Print")
    done = OwnTask.objects.create(owner=owner, title="Write", done_at=NOW)
    kept = KeptQuery(tasks_of, owner=int, course=int)

    assert kept.objects(owner=owner.pk, course=None, show="") == [own, loose]
    assert kept.objects(owner=owner.pk, course=course.pk, show="") == [own]
    assert kept.objects(owner=owner.pk, course=None, show="done") == [done]
    assert kept.objects(owner=owner.pk, course=None, show="")[1].course is None
    assert len(kept.statements) == 3


def test_a_value_that_is_changed_on_its_way_is_a_fault(owner: Any) -> None:
    def soon(owner: int, now: datetime, today: date) -> QuerySet[Assignment]:
        rows = Assignment.objects.filter(owner_id=owner, due_at__lt=now + timedelta(days=1), due_at__gt=now)
        return rows.filter(planned_on=today)

    kept = KeptQuery(soon, owner=int, now=datetime, today=date)

    with pytest.raises(AssertionError, match="changed on its way"):
        kept.objects(owner=owner.pk, now=NOW, today=NOW.date())
