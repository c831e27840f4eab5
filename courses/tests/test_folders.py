"""Files that find their course by the name of a folder, and the list of a course's files."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.actions import ActionContext, run_action
from courses.models import CourseResource
from courses.services import attach_resource
from courses.tests.factories import CourseFactory
from resources.services import trash_resource
from resources.tests.factories import a_file, a_note

pytestmark = pytest.mark.django_db


def attach(owner: Any, *files: tuple[Any, str]) -> dict[str, Any]:
    told = [{"resource": resource.pk, "folder": folder} for resource, folder in files]
    return run_action("courses.attach_by_folder", ActionContext(owner=owner, actor=owner), {"files": told})


def files_of(owner: Any, **params: Any) -> dict[str, Any]:
    return run_action("courses.files", ActionContext(owner=owner, actor=owner), params)


class TestAttaching:
    @pytest.mark.parametrize("folder", ["Fall/Operating  systems/Week 1", "cs 3410", "Physics/CS 3410/x"])
    def test_a_folder_is_named_after_the_course_or_its_code(self, owner: Any, folder: str) -> None:
        course = CourseFactory(owner=owner, name="Operating Systems", code="CS 3410")
        CourseFactory(owner=owner, name="Physics", code="PH 1")
        file = a_file(owner)
        assert attach(owner, (file, folder)) == {"attached": 1, "courses": ["Operating Systems"]}
        assert attach(owner, (file, folder))["attached"] == 0
        link = CourseResource.objects.get()
        assert (link.course, link.folder) == (course, folder)

    def test_nothing_is_attached_without_such_a_folder(self, owner: Any) -> None:
        CourseFactory(owner=owner, name="Operating Systems", code="")
        assert attach(owner, (a_file(owner), "Holidays"), (a_note(owner), "")) == {"attached": 0, "courses": []}

    def test_another_students_things_are_left_alone(self, owner: Any, stranger: Any) -> None:
        CourseFactory(owner=stranger, name="Operating Systems")
        CourseFactory(owner=owner, name="Physics")
        found = attach(owner, (a_file(owner), "Operating Systems"), (a_file(stranger), "Physics"))
        assert found["attached"] == 0 and not CourseResource.objects.exists()


class TestFilesOfACourse:
    def test_files_come_with_what_a_plugin_needs_to_save_them(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="Operating Systems")
        file = a_file(owner, b"notes", name="Notes.txt")
        for thing in (file, a_note(owner)):
            attach_resource(course, thing, by=owner)
        found = files_of(owner, course=course.pk)
        assert (found["count"], found["courses"], found["text"]) == (
            1,
            ["Operating Systems"],
            "- Notes.txt (Operating Systems)",
        )
        assert (found["files"][0]["blob"], found["files"][0]["size_bytes"]) == (file.blob.sha256, 5)

    def test_the_trash_other_courses_and_what_came_from_there_are_left_out(self, owner: Any, stranger: Any) -> None:
        course, other = CourseFactory(owner=owner), CourseFactory(owner=owner)
        trashed = a_file(owner, b"1", name="1.txt")
        attach_resource(course, trashed, by=owner)
        trash_resource(trashed, by=owner)
        brought = a_file(owner, b"2", name="2.txt")
        type(brought).objects.filter(pk=brought.pk).update(source="connection:7", external_id="2")
        attach_resource(course, brought, by=owner)
        attach_resource(other, a_file(owner, b"3", name="3.txt"), by=owner)
        theirs = CourseFactory(owner=stranger)
        attach_resource(theirs, a_file(stranger, b"4", name="4.txt"), by=stranger)
        assert files_of(owner, course=course.pk, not_from="connection:7")["count"] == 0
        assert files_of(owner, course=theirs.pk)["count"] == 0
        assert sorted(file["name"] for file in files_of(owner, course=0)["files"]) == ["2.txt", "3.txt"]


def test_the_vault_offers_every_course_that_has_files_without_a_query_each(
    page: Any, owner: Any, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            course = CourseFactory(owner=owner, name=f"Course {number}")
            attach_resource(course, a_file(owner, f"{number}".encode(), name=f"{number}.txt"), by=owner)

    fill(0, 2)
    page.get("/vault/")
    with django_assert_max_num_queries(15) as few:
        page.get("/vault/")
    fill(2, 6)

    with django_assert_num_queries(len(few)):
        shown = page.get("/vault/").content.decode()
    assert all(f">Course {number}<" in shown for number in range(6))
