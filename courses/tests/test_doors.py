"""Every service with two doors: pages and API give the same outcome, and a stranger gets nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from courses.models import Assignment, Course, CourseResource
from courses.tests.factories import SOURCE, AssignmentFactory, CourseFactory
from resources.services import write_note

pytestmark = pytest.mark.django_db
DOORS = ["page", "api"]


class Doors:
    """One call by either door; answers are reduced to what both can say."""

    def __init__(self, kind: str, page: Any, api: Any) -> None:
        self.is_page, self.page, self.api = kind == "page", page, api

    def send(
        self, page_url: str, api_method: str, api_url: str, data: dict[str, Any], form: dict[str, Any] | None = None
    ) -> int:
        if self.is_page:
            self.answer = self.page.post(page_url, form if form is not None else data)
            return 200 if self.answer.status_code == 302 else self.answer.status_code
        self.answer = getattr(self.api, api_method)(f"/api/v1/{api_url}", data)
        return 200 if self.answer.status_code in (201, 204) else self.answer.status_code

    @property
    def error_fields(self) -> set[str]:
        if self.is_page:
            return set(self.answer.context["form"].errors)
        return set(self.answer.json()["errors"])


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


class TestCourses:
    def test_making_one_by_hand(self, doors: Doors, owner: Any) -> None:
        status = doors.send(reverse("courses:create"), "post", "courses/", {"name": "Guitar", "term_name": "Autumn"})

        course = Course.objects.get()
        assert status == 200
        assert (course.owner, course.name, course.term.name, course.source) == (owner, "Guitar", "Autumn", "")

    def test_a_course_without_a_name_is_refused_at_the_field(self, doors: Doors) -> None:
        assert doors.send(reverse("courses:create"), "post", "courses/", {"name": "  ", "code": "G1"}) == 422
        assert doors.error_fields == {"name"}
        assert not Course.objects.exists()

    def test_a_course_that_ends_before_it_starts_is_refused(self, doors: Doors) -> None:
        data = {"name": "G", "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-11-01T00:00:00Z"}
        form = {"name": "G", "starts_at": "2026-12-01", "ends_at": "2026-11-01"}

        assert doors.send(reverse("courses:create"), "post", "courses/", data, form) == 422
        assert doors.error_fields == {"ends_at"}

    def test_changing_one_made_by_hand(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="Old")
        url = reverse("courses:edit", args=[course.pk])

        form = {"name": "New", "hue": "3", "state": "available"}
        assert doors.send(url, "patch", f"courses/{course.pk}/", {"name": "New", "hue": 3}, form) == 200
        course.refresh_from_db()
        assert (course.name, course.hue) == ("New", 3)

    def test_an_imported_one_takes_the_students_own_fields(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True, name="OS")
        url = reverse("courses:edit", args=[course.pk])

        assert doors.send(url, "patch", f"courses/{course.pk}/", {"nickname": "Kernel", "is_hidden": True}) == 200
        course.refresh_from_db()
        assert (course.name, course.title, course.is_hidden) == ("OS", "Kernel", True)

    def test_an_imported_one_keeps_its_name(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True, name="OS")

        doors.send(reverse("courses:edit", args=[course.pk]), "patch", f"courses/{course.pk}/", {"name": "Mine"})

        course.refresh_from_db()
        assert course.name == "OS"

    def test_deleting_and_taking_it_back(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)

        assert doors.send(reverse("courses:delete", args=[course.pk]), "delete", f"courses/{course.pk}/", {}) == 200
        assert not Course.objects.visible_to(owner).exists()
        url = reverse("courses:restore", args=[course.pk])
        assert doors.send(url, "post", f"courses/{course.pk}/restore/", {}) == 200
        assert Course.objects.visible_to(owner).exists()

    def test_deleting_an_imported_one_is_refused(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)

        assert doors.send(reverse("courses:delete", args=[course.pk]), "delete", f"courses/{course.pk}/", {}) == 409
        assert Course.objects.visible_to(owner).exists()

    def test_a_strangers_course_is_not_there(self, doors: Doors, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)

        for name, method, path in [
            ("courses:edit", "patch", f"courses/{course.pk}/"),
            ("courses:delete", "delete", f"courses/{course.pk}/"),
            ("courses:restore", "post", f"courses/{course.pk}/restore/"),
        ]:
            assert doors.send(reverse(name, args=[course.pk]), method, path, {"name": "x"}) == 404


class TestAssignments:
    def test_adding_one_to_an_imported_course(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        url = reverse("courses:create-assignment", args=[course.pk])
        data = {"course": course.pk, "name": "Read", "due_at": "2026-11-30T12:00:00Z"}

        assert doors.send(url, "post", "assignments/", data, {"name": "Read", "due_at": "2026-11-30T12:00"}) == 200
        work = Assignment.objects.get()
        assert (work.owner, work.course, work.source) == (owner, course, "")
        assert work.due_at.isoformat() == "2026-11-30T12:00:00+00:00"

    def test_without_a_name_it_is_refused_at_the_field(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        url = reverse("courses:create-assignment", args=[course.pk])

        assert doors.send(url, "post", "assignments/", {"course": course.pk, "name": " "}) == 422
        assert doors.error_fields == {"name"}

    def test_negative_points_are_refused_at_the_field(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        url = reverse("courses:create-assignment", args=[course.pk])
        data = {"course": course.pk, "name": "Read", "points_possible": -5}

        assert doors.send(url, "post", "assignments/", data) == 422
        assert doors.error_fields == {"points_possible"}

    def test_a_strangers_course_takes_none(self, doors: Doors, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)
        url = reverse("courses:create-assignment", args=[course.pk])

        assert doors.send(url, "post", "assignments/", {"course": course.pk, "name": "x"}) in (404, 422)
        assert not Assignment.objects.exists()

    def test_ticking_off_and_taking_it_back(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), imported=True)
        url = reverse("courses:done", args=[work.pk])

        assert doors.send(url, "patch", f"assignments/{work.pk}/", {"is_done": True}, {"done": "1"}) == 200
        work.refresh_from_db()
        assert work.done_at is not None
        assert doors.send(url, "patch", f"assignments/{work.pk}/", {"is_done": False}, {"done": "0"}) == 200
        work.refresh_from_db()
        assert work.done_at is None

    def test_notes_on_an_imported_one(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), imported=True)

        url = reverse("courses:edit-assignment", args=[work.pk])
        assert doors.send(url, "patch", f"assignments/{work.pk}/", {"notes": "ask Tom"}) == 200
        work.refresh_from_db()
        assert work.notes == "ask Tom"

    def test_deleting_and_taking_it_back(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner))

        url = reverse("courses:delete-assignment", args=[work.pk])
        assert doors.send(url, "delete", f"assignments/{work.pk}/", {}) == 200
        assert not Assignment.objects.visible_to(owner).exists()
        url = reverse("courses:restore-assignment", args=[work.pk])
        assert doors.send(url, "post", f"assignments/{work.pk}/restore/", {}) == 200
        assert Assignment.objects.visible_to(owner).exists()

    def test_deleting_an_imported_one_is_refused(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), imported=True)

        url = reverse("courses:delete-assignment", args=[work.pk])
        assert doors.send(url, "delete", f"assignments/{work.pk}/", {}) == 409

    def test_a_strangers_assignment_is_not_there(self, doors: Doors, stranger: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=stranger))

        for name, method in [("courses:edit-assignment", "patch"), ("courses:delete-assignment", "delete")]:
            url = reverse(name, args=[work.pk])
            assert doors.send(url, method, f"assignments/{work.pk}/", {"name": "x"}) == 404


class TestAttaching:
    def test_attaching_and_taking_off_again(self, doors: Doors, owner: Any) -> None:
        course, note = CourseFactory(owner=owner), write_note(by=owner, title="Notes")
        data = {"course": course.pk, "resource": note.pk}

        for _ in range(2):
            assert doors.send(reverse("courses:attach"), "post", f"courses/{course.pk}/resources/", data) == 200
        assert course.resource_links.count() == 1
        url = reverse("courses:detach", args=[course.pk, note.pk])
        assert doors.send(url, "delete", f"courses/{course.pk}/resources/{note.pk}/", {}) == 200
        assert course.resource_links.count() == 0
        note.refresh_from_db()

    def test_what_a_stranger_has_can_be_attached_to_nothing(self, doors: Doors, owner: Any, stranger: Any) -> None:
        mine, theirs = CourseFactory(owner=owner), CourseFactory(owner=stranger)
        note, foreign = write_note(by=owner, title="Mine"), write_note(by=stranger, title="Theirs")

        for course, resource in [(mine, foreign), (theirs, note), (theirs, foreign)]:
            data = {"course": course.pk, "resource": resource.pk}
            assert doors.send(reverse("courses:attach"), "post", f"courses/{course.pk}/resources/", data) in (404, 422)
        assert not CourseResource.objects.exists()


class TestSources:
    def test_the_api_names_the_field_that_a_source_owns(self, api: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, source=SOURCE, external_id="1")

        answer = api.patch(f"/api/v1/courses/{course.pk}/", {"name": "Mine"})

        assert answer.status_code == 422
        assert "connected source" in answer.json()["errors"]["name"][0]
