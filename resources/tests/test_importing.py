"""Files that a source tells in batches: what is fetched, what is kept, and what is marked as gone there."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.blobs import grant, store
from coreengine.kernel.models import Event
from resources.models import Resource
from resources.services import edit_resource, trash_resource

pytestmark = pytest.mark.django_db
SOURCE = "connection:7"


def record(identity: str = "1", name: str = "Essay.txt", *, version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "name": name,
        "folder": "University",
        "version": version,
        "html_url": f"https://drive.google.com/file/d/{identity}/view",
        "keep": "file",
        **fields,
    }


def fetched(owner: Any, content: bytes = b"essay", **fields: Any) -> dict[str, Any]:
    blob = store(content)
    grant([blob.sha256], owner=owner)
    return {**record(**fields), "blob": blob.sha256}


def act(owner: Any, name: str, **params: Any) -> dict[str, Any]:
    return run_action(name, ActionContext(owner=owner, actor=owner), {"source": SOURCE, **params})


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["created"], result["changed"], result["unchanged"], result["missing"]


class TestComparing:
    def test_only_new_and_changed_files_have_to_be_fetched(self, owner: Any) -> None:
        act(owner, "files.import", files=[fetched(owner)])
        known, changed, new = record(), record(version="v2"), record("2", "New.txt")
        assert act(owner, "files.compare", files=[known, new])["needed"] == [new]
        assert act(owner, "files.compare", files=[changed])["needed"] == [changed]
        assert act(owner, "files.compare", files=[known])["rest"] == [known]

    def test_what_lies_in_the_trash_is_not_fetched_again(self, owner: Any) -> None:
        act(owner, "files.import", files=[fetched(owner)])
        trash_resource(Resource.objects.get(), by=owner)
        assert act(owner, "files.compare", files=[record(version="v2")])["needed"] == []

    def test_links_are_never_fetched(self, owner: Any) -> None:
        assert act(owner, "files.compare", files=[record(keep="link")])["needed"] == []

    def test_another_students_file_is_not_here(self, owner: Any, stranger: Any) -> None:
        act(stranger, "files.import", files=[fetched(stranger)])
        assert len(act(owner, "files.compare", files=[record()])["needed"]) == 1


class TestImporting:
    def test_a_file_keeps_where_it_came_from(self, owner: Any) -> None:
        result = act(owner, "files.import", files=[fetched(owner)])
        row = Resource.objects.get()
        assert counts(result) == (1, 0, 0, 0) and result["names"] == ["Essay"]
        assert result["resources"] == [{"resource": row.pk, "folder": "University"}]
        assert (row.kind, row.external_folder, row.external_version) == ("file", "University", "v1")

    def test_twice_is_harmless(self, owner: Any) -> None:
        act(owner, "files.import", files=[fetched(owner)])
        assert counts(act(owner, "files.import", files=[fetched(owner)])) == (0, 0, 1, 0)
        assert counts(act(owner, "files.import", files=[record()])) == (0, 0, 1, 0)

    def test_new_bytes_a_new_name_and_a_new_folder(self, owner: Any) -> None:
        act(owner, "files.import", files=[fetched(owner)])
        act(owner, "files.import", files=[fetched(owner, b"second", version="v2")])
        assert Resource.objects.get().external_version == "v2"
        act(owner, "files.import", files=[record(name="Final.txt", version="v2", folder="Done")])
        row = Resource.objects.get()
        assert (row.title, row.file_name, row.external_folder, row.size_bytes) == ("Final", "Final.txt", "Done", 6)

    def test_a_link_says_why_and_becomes_a_file_when_it_is_fetched(self, owner: Any) -> None:
        act(owner, "files.import", files=[record(keep="link", reason="It is larger than the 25 MB.")])
        row = Resource.objects.get()
        assert (row.kind, row.title, row.extraction_reason) == ("link", "Essay", "It is larger than the 25 MB.")
        assert counts(act(owner, "files.import", files=[record(keep="link", reason="x")])) == (0, 0, 1, 0)
        assert counts(act(owner, "files.import", files=[fetched(owner)])) == (0, 1, 0, 0)
        row.refresh_from_db()
        assert (row.kind, row.size_bytes, row.extraction_status) == ("file", 5, "pending")

    def test_a_file_stays_when_the_source_gives_its_bytes_no_more(self, owner: Any) -> None:
        act(owner, "files.import", files=[fetched(owner)])
        act(owner, "files.import", files=[record(keep="link", reason="switched off", version="v2")])
        row = Resource.objects.get()
        assert (row.kind, row.external_version, row.size_bytes) == ("file", "v1", 5)

    def test_what_is_not_wanted_is_not_brought_in(self, owner: Any) -> None:
        act(owner, "files.import", files=[record(keep="nothing")])
        assert not Resource.objects.exists()

    def test_what_the_student_wrote_stays(self, owner: Any) -> None:
        act(owner, "files.import", files=[record(keep="link")])
        edit_resource(Resource.objects.get(), by=owner, title="Mine", tags="exam")
        act(owner, "files.import", files=[record(keep="link", name="Renamed.txt")])
        assert (Resource.objects.get().title, Resource.objects.get().tags) == ("Mine", ["exam"])

    def test_one_bad_record_leaves_the_others(self, owner: Any, stranger: Any) -> None:
        theirs = fetched(stranger, b"not mine", identity="3")
        bad_link = record("4", keep="link", html_url="javascript:alert(1)")
        result = act(owner, "files.import", files=[{"id": "5"}, theirs, bad_link, fetched(owner)])
        assert counts(result) == (1, 0, 0, 0) and len(result["problems"]) == 3


class TestGone:
    def test_what_is_removed_there_is_marked_and_stays(self, owner: Any) -> None:
        act(owner, "files.import", files=[fetched(owner)])
        result = act(owner, "files.import", files=[], removed=[{"id": "1", "reason": "trashed"}, {"id": "unknown"}])
        assert counts(result) == (0, 0, 0, 1) and Resource.objects.get().missing_since is not None
        assert Event.objects.filter(type="resource.missing").count() == 1
        assert counts(act(owner, "files.import", files=[], removed=[{"id": "1"}])) == (0, 0, 0, 0), "told once"
        act(owner, "files.import", files=[record()])
        assert Resource.objects.get().missing_since is None

    def test_a_whole_sweep_marks_what_it_did_not_see(self, owner: Any) -> None:
        files = [fetched(owner, b"1", identity="1"), fetched(owner, b"2", identity="2", name="Two.txt")]
        files.append(fetched(owner, b"3", identity="3", name="Three.txt"))
        act(owner, "files.import", files=files)
        act(owner, "files.compare", files=[record("1")], others=["2"], sweep="s1")
        assert act(owner, "files.import", files=[record("1")], sweep="s1")["missing"] == 0, "it is not over"
        assert act(owner, "files.import", files=[], sweep="s1", is_sweep_over=True)["missing"] == 1
        assert Resource.objects.get(missing_since__isnull=False).title == "Three"

    def test_a_sweep_leaves_other_sources_alone(self, owner: Any) -> None:
        run_action(
            "files.import",
            ActionContext(owner=owner, actor=owner),
            {"source": "connection:8", "files": [fetched(owner, identity="9")]},
        )
        assert act(owner, "files.import", files=[], sweep="s1", is_sweep_over=True)["missing"] == 0
