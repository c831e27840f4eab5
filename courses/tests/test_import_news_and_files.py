"""`announcements.import` and `courses.import_files`."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.blobs import grant, store
from coreengine.kernel.models import Blob, Event
from courses.importing.courses import import_courses
from courses.models import Announcement, Course, CourseResource
from courses.tests.factories import SOURCE, announcement_record, course_record
from resources.models import Resource

pytestmark = pytest.mark.django_db


@pytest.fixture
def context(owner: Any) -> ActionContext:
    import_courses(owner, source=SOURCE, courses=[course_record("101")], by=owner)
    return ActionContext(owner=owner, actor=owner)


class TestAnnouncements:
    @pytest.fixture
    def run(self, context: ActionContext) -> Any:
        return lambda *records: run_action(
            "announcements.import", context, {"source": SOURCE, "announcements": list(records)}
        )

    def test_new_ones_are_told_as_text_for_the_next_step(self, run: Any) -> None:
        result = run(announcement_record("1"))

        assert (result["created"], result["missing"]) == (1, 0)
        said = {"title": "News 1", "course": "Operating Systems 101", "text": "The lecture moves to room 5."}
        assert result["new"] == [said]

    def test_the_same_again_is_unchanged_and_not_new(self, run: Any) -> None:
        run(announcement_record("1"))

        result = run(announcement_record("1"))

        assert (result["unchanged"], result["new"]) == (1, [])

    def test_an_edited_one_is_changed(self, run: Any) -> None:
        run(announcement_record("1"))

        assert run(announcement_record("1", title="Correction"))["changed"] == 1
        assert Announcement.objects.get().title == "Correction"

    def test_one_outside_the_window_stays(self, run: Any) -> None:
        run(announcement_record("1"))

        run()

        assert Announcement.objects.count() == 1

    def test_of_an_unknown_course_or_without_a_time_it_is_reported(self, run: Any) -> None:
        result = run(announcement_record("1", course_id="9"), announcement_record("2", posted_at=None))

        assert result["created"] == 0
        assert sorted(problem["id"] for problem in result["problems"]) == ["1", "2"]


class TestFiles:
    @pytest.fixture
    def run(self, context: ActionContext) -> Any:
        def bring_in(*records: dict[str, Any]) -> dict[str, Any]:
            grant(Blob.objects.values_list("sha256", flat=True), owner=context.owner)
            params = {"source": SOURCE, "course_id": "101", "files": list(records)}
            return run_action("courses.import_files", context, params)

        return bring_in

    def record(self, text: bytes = b"# Lecture 18", **fields: Any) -> dict[str, Any]:
        blob = store(text, content_type="text/markdown")
        return {
            "id": "f1",
            "course_id": "101",
            "folder": "slides",
            "name": "lecture-18.md",
            "blob": blob.sha256,
            **fields,
        }

    def test_a_file_comes_into_the_vault_and_onto_its_course(self, run: Any) -> None:
        result = run(self.record())

        link = CourseResource.objects.get()
        assert result["created"] == 1
        assert (link.course, link.resource_id, link.folder) == (Course.objects.get(), result["ids"]["f1"], "slides")

    def test_the_blob_may_be_the_object_that_a_step_returns(self, run: Any) -> None:
        record = self.record()

        assert run({**record, "blob": {"blob": record["blob"], "size_bytes": 12}})["created"] == 1

    def test_the_same_again_changes_nothing(self, run: Any) -> None:
        record = self.record()
        run(record)

        result = run(record)

        assert (result["created"], result["changed"], result["unchanged"]) == (0, 0, 1)
        assert Resource.objects.count() == 1

    def test_a_replaced_file_is_told(self, run: Any) -> None:
        run(self.record())

        assert run(self.record(b"# Lecture 18, corrected"))["changed"] == 1
        assert Event.objects.filter(type="file.replaced").count() == 1

    def test_a_file_without_content_is_reported_and_the_others_come(self, run: Any) -> None:
        result = run(self.record(), {"id": "f2", "name": "locked.pdf"}, self.record(id="f3", blob="0" * 64))

        assert result["created"] == 1
        assert [problem["id"] for problem in result["problems"]] == ["f2", "f3"]
