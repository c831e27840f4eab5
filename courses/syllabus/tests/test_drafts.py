"""Drafts of imports: nothing is half imported, undoing takes exactly what came, and both doors do the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from courses.errors import DraftIsOver, NothingToImport
from courses.models import Assignment, AssignmentGroup, Course, ImportDraft
from courses.syllabus.drafts import (
    apply_import,
    begin_import,
    choose,
    correct,
    forget_expired,
    needed_order,
    undo_import,
)
from courses.tests.factories import AssignmentFactory, CourseFactory

pytestmark = pytest.mark.django_db
TABLE = "title;due;points;group;weight\nLab 1;2026-10-05;20;Labs;60\nLab 2;2026-10-12;20;Labs;\nBad;31.2.2026;;;\n"


def begin(owner: Any, text: str = TABLE, kind: str = "table", **values: Any) -> ImportDraft:
    values = values or {"course": CourseFactory(owner=owner)}
    return begin_import(owner, by=owner, kind=kind, text=text, **values)


class TestApplying:
    def test_the_good_rows_come_in_with_their_groups_and_the_bad_one_stays_out(self, owner: Any) -> None:
        draft = apply_import(begin(owner), by=owner)
        works = Assignment.objects.filter(course=draft.course)
        assert [(work.name, work.group.name, work.group.weight) for work in works] == [
            ("Lab 1", "Labs", 60),
            ("Lab 2", "Labs", 60),
        ]

    def test_a_new_course_is_made_with_it_and_undone_with_it(self, owner: Any) -> None:
        draft = apply_import(begin(owner, course_name="Compilers"), by=owner)
        assert Course.objects.visible_to(owner).get().name == "Compilers"
        draft = undo_import(draft, by=owner)
        assert not Course.objects.visible_to(owner).exists()
        apply_import(draft, by=owner)
        assert Course.objects.visible_to(owner).get().assignments.filter(deleted_at=None).count() == 2

    def test_if_one_row_fails_nothing_is_there(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        draft = begin(owner)
        monkeypatch.setattr("courses.syllabus.drafts._make_results", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply_import(draft, by=owner)
        assert not Assignment.objects.exists() and not AssignmentGroup.objects.exists()
        draft.refresh_from_db()
        assert draft.applied_at is None

    def test_undoing_takes_exactly_what_came(self, owner: Any) -> None:
        draft = begin(owner)
        mine = AssignmentFactory(course=draft.course, name="Mine")
        draft = apply_import(draft, by=owner)
        mine.group = AssignmentGroup.objects.get()
        mine.save()
        for _ in range(2):
            undo_import(draft, by=owner)
        assert list(Assignment.objects.visible_to(owner)) == [mine]
        assert AssignmentGroup.objects.filter(name="Labs").exists()

    def test_the_same_again_is_found_and_not_chosen(self, owner: Any) -> None:
        draft = apply_import(begin(owner), by=owner)
        again = begin(owner, course=draft.course)
        assert [bool(row["same"]) for row in again.rows] == [True, True, False]
        with pytest.raises(NothingToImport):
            apply_import(again, by=owner)

    def test_in_a_course_from_a_source_the_work_stands_beside_the_sources(self, owner: Any) -> None:
        draft = apply_import(begin(owner, course=CourseFactory(owner=owner, imported=True)), by=owner)
        assert {(work.source, work.group) for work in Assignment.objects.filter(course=draft.course)} == {("", None)}

    def test_what_was_brought_in_cannot_be_brought_in_twice(self, owner: Any) -> None:
        draft = apply_import(begin(owner), by=owner)
        with pytest.raises(DraftIsOver):
            apply_import(draft, by=owner)
        assert Assignment.objects.count() == 2

    def test_own_scores_come_as_results(self, owner: Any) -> None:
        draft = apply_import(begin(owner, "title;points;score\nLab 1;20;17,5\nLab 2;20;\n"), by=owner)
        works = {work.name: work.own_submission for work in Assignment.objects.filter(course=draft.course)}
        assert works["Lab 1"].score == 17.5 and works["Lab 2"] is None


class TestReading:
    def test_the_order_of_day_and_month_is_asked_once_and_then_known(self, owner: Any) -> None:
        draft = begin(owner, "title;due\nA;3/4/2026\nB;5/6/2026\n")
        assert needed_order(draft) == "ask" and all(row["problems"]["due"] for row in draft.rows)
        draft = choose(draft, by=owner, choices={"order": "dmy"})
        assert [row["due"][:10] for row in draft.rows] == ["2026-04-03", "2026-06-05"]

    def test_columns_can_be_said_otherwise(self, owner: Any) -> None:
        draft = begin(owner, "what;when\nLab 1;2026-10-05\n")
        draft = choose(draft, by=owner, choices={"columns": ["name", "due"]})
        assert (draft.rows[0]["name"], draft.rows[0]["due"]) == ("Lab 1", "2026-10-05T23:59")

    def test_a_corrected_row_has_no_problem_any_more(self, owner: Any) -> None:
        draft = correct(begin(owner), by=owner, rows={3: {"due": "2026-10-31T12:00", "take": True}})
        assert draft.rows[2]["problems"] == {}
        apply_import(draft, by=owner)
        assert Assignment.objects.filter(name="Bad").exists()

    def test_drafts_expire_and_leave_what_they_brought(self, owner: Any) -> None:
        apply_import(begin(owner), by=owner)
        assert forget_expired(now=timezone.now() + timedelta(days=15)) == 1
        assert Assignment.objects.count() == 2


class TestPages:
    def test_a_file_in_another_encoding_is_shown_before_anything_is_written(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        file = SimpleUploadedFile("arbeit.csv", "Titel;Abgabe\nÜbung 1;5.10.2026\n".encode("cp1252"))
        answer = page.post(reverse("courses:import"), {"course": course.pk, "file": file}, follow=True)
        text = answer.content.decode()
        assert "Übung 1" in text and "read as cp1252" in text and not Assignment.objects.exists()

    @pytest.mark.parametrize(("name", "words"), [("x.exe", "neither a table nor a text")])
    def test_what_cannot_be_read_is_said_at_the_field_and_the_text_is_kept(
        self, page: Any, owner: Any, name: str, words: str
    ) -> None:
        data = {"course_name": "New", "file": SimpleUploadedFile(name, b"x"), "text": "typed before"}
        answer = page.post(reverse("courses:import"), data)
        assert answer.status_code == 422 and words in answer.context["form"].errors["file"][0]
        assert "typed before" in answer.content.decode()

    def test_correcting_bringing_in_and_taking_back(self, page: Any, owner: Any) -> None:
        draft = begin(owner)
        url = draft.get_absolute_url()
        row = {"row": ["1", "2"], "row-1-take": "1", "row-1-name": "Lab one", "row-1-due": "2026-10-06T10:00"}
        page.post(url, {**row, "do": "apply"})
        assert list(Assignment.objects.visible_to(owner).values_list("name", flat=True)) == ["Lab one"]
        assert "Undo" in page.get(url).content.decode()
        page.post(reverse("courses:undo-import", args=[draft.pk]))
        assert not Assignment.objects.visible_to(owner).exists()

    def test_nothing_chosen_is_said_and_what_was_typed_is_kept(self, page: Any, owner: Any) -> None:
        draft = begin(owner)
        data = {"row": ["1", "2"], "row-1-name": "Typed", "do": "apply"}
        answer = page.post(draft.get_absolute_url(), data)
        assert answer.status_code == 422 and "Choose at least one row" in answer.content.decode()
        assert "Typed" in answer.content.decode()

    def test_a_strangers_draft_is_not_there(self, page: Any, api: Any, stranger: Any) -> None:
        draft = begin(stranger)
        assert page.get(draft.get_absolute_url()).status_code == 404
        assert page.post(reverse("courses:undo-import", args=[draft.pk])).status_code == 404
        assert api.get(f"/api/v1/course-imports/{draft.pk}/").status_code == 404
        assert api.post(f"/api/v1/course-imports/{draft.pk}/apply/").status_code == 404


class TestApi:
    def test_the_whole_way(self, api: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        answer = api.post("/api/v1/course-imports/", {"course": course.pk, "text": TABLE}, format="json")
        assert answer.status_code == 201 and answer.json()["kind"] == "table"
        url = f"/api/v1/course-imports/{answer.json()['id']}/"
        assert api.patch(url, {"rows": [{"number": 2, "take": False}]}, format="json").status_code == 200
        assert api.post(f"{url}apply/").json()["made"]["assignments"]
        assert Assignment.objects.visible_to(owner).count() == 1
        assert api.post(f"{url}undo/").json()["undone_at"]

    def test_a_strangers_course_takes_nothing(self, api: Any, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)
        answer = api.post("/api/v1/course-imports/", {"course": course.pk, "text": TABLE}, format="json")
        assert answer.status_code == 422 and not ImportDraft.objects.exists()
