"""A PDF or a Word file is brought in as it is: the vault keeps it, a worker reads it, the preview follows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from courses.models import Course, CourseResource, ImportDraft
from courses.syllabus.files import begin_import_of_file, read_when_ready, waiting_for
from courses.tests.factories import CourseFactory
from resources.models import Resource
from resources.services import read_text, upload_file

pytestmark = pytest.mark.django_db
LINES = ["CS 101", "Lab 1 is due 5 October 2026, 20 points", "Lab 2 is due 12 October 2026, 20 points"]


def word_file(*lines: str) -> bytes:
    from docx import Document

    document, target = Document(), io.BytesIO()
    for line in lines:
        document.add_paragraph(line)
    document.save(target)
    return target.getvalue()


@pytest.fixture
def course(owner: Any) -> Course:
    return CourseFactory(owner=owner, name="Operating Systems")


def sent(page: Any, course: Course, data: bytes, name: str = "syllabus.docx") -> Any:
    file = SimpleUploadedFile(name, data)
    return page.post(reverse("courses:import"), {"course": course.pk, "file": file})


def test_the_page_waits_until_the_worker_has_read_it_and_shows_what_it_found(page: Any, course: Course) -> None:
    answer = sent(page, course, word_file(*LINES))
    draft = ImportDraft.objects.get()
    assert answer["Location"] == draft.get_absolute_url()
    waiting = page.get(draft.get_absolute_url()).content.decode()
    assert "every 1s" in waiting and "Reading the file" in waiting and "<progress" in waiting
    read = reverse("courses:read-import", args=[draft.pk])
    assert "every 1s" in page.post(read, headers={"HX-Request": "true", "HX-Target": "waiting"}).content.decode()

    read_text(draft.resource_id)
    assert page.post(read, headers={"HX-Request": "true"})["HX-Redirect"] == draft.get_absolute_url()
    preview = page.get(draft.get_absolute_url()).context["preview"]
    assert [row["name"] for row in preview.page] == ["Lab 1", "Lab 2"]
    assert CourseResource.objects.get().course_id == course.pk


def test_a_file_that_is_in_the_vault_already_is_not_kept_twice(owner: Any, course: Course) -> None:
    data = word_file(*LINES)
    known = upload_file(io.BytesIO(data), name="syllabus.docx", by=owner)
    read_text(known.pk)
    draft = begin_import_of_file(owner, io.BytesIO(data), by=owner, name="again.docx", course=course)
    assert Resource.objects.count() == 1 and not draft.is_waiting and len(draft.rows) == 2


def test_a_table_in_it_is_read_as_one_and_a_said_kind_is_kept(owner: Any, course: Course) -> None:
    lines = ["title;due;points", "Lab 1;2026-10-05;20", "Lab 2;2026-10-12;20"]
    for kind, expected in (("", "table"), ("syllabus", "syllabus")):
        draft = begin_import_of_file(
            owner, io.BytesIO(word_file(*lines)), by=owner, name="plan.docx", course=course, kind=kind
        )
        read_text(draft.resource_id)
        assert read_when_ready(draft, by=owner).kind == expected


def test_what_cannot_be_read_says_why_and_what_to_do(page: Any, owner: Any, course: Course) -> None:
    sent(page, course, word_file(""), "scan.docx")
    draft = ImportDraft.objects.get()
    read_text(draft.resource_id)
    html = page.get(draft.get_absolute_url()).content.decode()
    assert "cannot be read" in html and "Paste its text instead" in html and "every 1s" not in html
    Resource.objects.all().delete()
    draft.refresh_from_db()
    assert "not in your vault any more" in waiting_for(draft).problem


def test_an_empty_file_is_said_at_its_field_and_nothing_is_kept(page: Any, course: Course) -> None:
    answer = sent(page, course, b"", "empty.pdf")
    assert answer.status_code == 422 and "empty" in str(answer.context["form"].errors["file"])
    assert not ImportDraft.objects.exists() and not Resource.objects.exists()


def test_without_a_course_it_is_not_kept_either(page: Any, owner: Any) -> None:
    file = SimpleUploadedFile("syllabus.docx", word_file(*LINES))
    answer = page.post(reverse("courses:import"), {"file": file})
    assert answer.status_code == 422 and "course" in answer.context["form"].errors
    assert not Resource.objects.exists()


class TestApi:
    def test_a_file_of_the_vault_is_imported(self, api: Any, owner: Any, course: Course) -> None:
        resource = upload_file(io.BytesIO(word_file(*LINES)), name="syllabus.docx", by=owner)
        body = {"course": course.pk, "resource": resource.pk}
        told = api.post("/api/v1/course-imports/", body, format="json").json()
        assert told["is_waiting"] and told["rows"] == [] and told["problem"] == ""
        read_text(resource.pk)
        told = api.post(f"/api/v1/course-imports/{told['id']}/read/").json()
        assert not told["is_waiting"] and len(told["rows"]) == 2

    def test_either_a_text_or_a_file_and_no_strangers(self, api: Any, stranger: Any, course: Course) -> None:
        foreign = upload_file(io.BytesIO(b"x"), name="x.txt", by=stranger)
        for body in ({}, {"text": "x", "resource": foreign.pk}, {"resource": foreign.pk}):
            answer = api.post("/api/v1/course-imports/", {"course": course.pk, **body}, format="json")
            assert answer.status_code == 422
