"""What services keep that no door shows: events, the bin's end, and what the database itself refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from coreengine.kernel.models import Event
from courses import services
from courses.models import Assignment, Course, SourceImport, Term
from courses.tests.factories import NOW, SOURCE, AssignmentFactory, CourseFactory, TermFactory

pytestmark = pytest.mark.django_db


class TestTelling:
    def test_every_change_by_hand_is_recorded_once(self, owner: Any) -> None:
        course = services.create_course(owner, by=owner, name="Guitar")
        services.update_course(course, by=owner, changes={"name": "Bass"})
        services.update_course(course, by=owner, changes={"name": "Bass"})
        work = services.create_assignment(course, by=owner, name="Practise")
        for done in (True, True, False):
            services.mark_done(work, done=done, by=owner)
        services.delete_assignment(work, by=owner)
        services.delete_course(course, by=owner)
        services.delete_course(course, by=owner)

        assert list(Event.objects.filter(owner=owner).order_by("id").values_list("type", flat=True)) == [
            "course.created",
            "course.updated",
            "assignment.created",
            "assignment.done",
            "assignment.reopened",
            "assignment.deleted",
            "course.deleted",
        ]


class TestDoneMarks:
    def test_the_first_marks_time_stands(self, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), done_at=NOW)

        assert services.mark_done(work, done=True, by=owner).done_at == NOW


class TestDeleting:
    def test_what_was_deleted_long_ago_is_forgotten_with_the_next_deletion(self, owner: Any, stranger: Any) -> None:
        long_ago = timezone.now() - timedelta(days=31)
        CourseFactory(owner=owner, deleted_at=long_ago)
        recent = CourseFactory(owner=owner, deleted_at=timezone.now())
        theirs = CourseFactory(owner=stranger, deleted_at=long_ago)
        course = CourseFactory(owner=owner)

        services.delete_course(course, by=owner)

        assert set(Course.objects.all()) == {recent, theirs, course}


class TestTerms:
    def test_a_known_term_is_found_whatever_its_case(self, owner: Any) -> None:
        term = TermFactory(owner=owner, name="Autumn 2026")

        assert services.create_course(owner, by=owner, name="x", term_name="autumn 2026").term == term
        assert Term.objects.count() == 1

    def test_another_students_term_is_not_used(self, owner: Any, stranger: Any) -> None:
        TermFactory(owner=stranger, name="Autumn 2026")

        assert services.create_course(owner, by=owner, name="x", term_name="Autumn 2026").term.owner == owner


class TestWhatTheDatabaseRefuses:
    @pytest.mark.parametrize(
        "fields",
        [
            {"source": SOURCE},
            {"external_id": "1"},
            {"source": SOURCE, "external_id": "1", "deleted_at": NOW},
            {"hue": 12},
            {"starts_at": NOW, "ends_at": NOW - timedelta(days=1)},
        ],
    )
    def test_a_course_that_cannot_be(self, owner: Any, fields: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            CourseFactory(owner=owner, **fields)

    def test_one_row_for_one_thing_of_a_source(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, source=SOURCE, external_id="1")
        AssignmentFactory(course=course, source=SOURCE, external_id="1")

        with pytest.raises(IntegrityError), transaction.atomic():
            CourseFactory(owner=owner, source=SOURCE, external_id="1")
        with pytest.raises(IntegrityError), transaction.atomic():
            AssignmentFactory(course=course, source=SOURCE, external_id="1")

    def test_one_row_for_one_kind_of_import(self, owner: Any) -> None:
        kinds = {"owner": owner, "source": SOURCE, "kind": "courses", "first_at": NOW, "last_at": NOW}
        SourceImport.objects.create(**kinds)

        with pytest.raises(IntegrityError), transaction.atomic():
            SourceImport.objects.create(**kinds)

    def test_a_link_to_a_script_is_refused_by_the_service(self, owner: Any) -> None:
        with pytest.raises(ValidationError):
            services.create_assignment(CourseFactory(owner=owner), by=owner, name="x", html_url="javascript:alert(1)")
        assert not Assignment.objects.exists()


class TestAdmin:
    @pytest.mark.parametrize(
        "name",
        [
            "course",
            "assignment",
            "assignmentgroup",
            "submission",
            "announcement",
            "term",
            "sourceimport",
            "courseresource",
        ],
    )
    def test_a_list_opens_searches_and_needs_few_queries(
        self, client: Any, staff: Any, name: str, django_assert_max_num_queries: Any
    ) -> None:
        client.force_login(staff)
        for _ in range(5):
            AssignmentFactory(course=CourseFactory(imported=True), imported=True)

        with django_assert_max_num_queries(14):
            assert client.get(f"/admin/courses/{name}/").status_code == 200
        assert client.get(f"/admin/courses/{name}/?q=x").status_code == 200

    def test_a_course_and_an_assignment_open(self, client: Any, staff: Any) -> None:
        client.force_login(staff)
        work = AssignmentFactory(course=CourseFactory(imported=True), imported=True)

        assert client.get(f"/admin/courses/course/{work.course_id}/change/").status_code == 200
        assert client.get(f"/admin/courses/assignment/{work.pk}/change/").status_code == 200
