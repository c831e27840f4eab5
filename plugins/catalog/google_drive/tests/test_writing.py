"""Writing to Drive: one file however often it is tried, copies kept current, and every refusal in words."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from plugins.catalog.google_drive.server.drive import DOCUMENT
from plugins.catalog.google_drive.server.oauth import DRIVE_FILE, DRIVE_READONLY
from plugins.catalog.google_drive.tests.test_reading import assert_fits, refusal


def blob_of(kit: Any, content: bytes) -> dict[str, Any]:
    """Bytes that the student has, as an action takes them."""
    digest = hashlib.sha256(content).hexdigest()
    kit.blobs[digest] = content
    return {"blob": digest, "size_bytes": len(content)}


def upload(kit: Any, content: bytes = b"essay", *, key: str = "execution:1:save", **params: Any) -> Any:
    params = {"name": "Essay.txt", "content_type": "text/plain", **blob_of(kit, content), **params}
    call = {"action": "upload_file", "params": params, "config": kit.config, "context": {"idempotency_key": key}}
    return kit.call("execute_action", call)["data"]


def contents(drive: Any) -> dict[str, bytes]:
    return {file.name: file.content for file in drive.files.values() if file.content}


class TestUploads:
    @pytest.mark.parametrize("size", [5, 4 * 2**20 + 1])
    def test_a_file_goes_up_whole_with_its_name_and_type(self, kit: Any, drive: Any, manifest: Any, size: int) -> None:
        data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        record = upload(kit, data, content_type="application/pdf", name="Größe.pdf")
        assert_fits(manifest, "WrittenFile", record)
        file = drive.files[record["id"]]
        assert (file.name, file.mime, file.content == data) == ("Größe.pdf", "application/pdf", True)
        assert record["is_new"] is True and record["html_url"].startswith("https://drive.google.com/")

    def test_small_files_go_in_one_request_and_large_ones_in_two(self, kit: Any, google: Any) -> None:
        upload(kit)
        sent = [method for method, path, _ in google.requests if path.startswith("/upload")]
        google.requests.clear()
        upload(kit, b"x" * (4 * 2**20 + 1), key="another")
        assert (sent, [m for m, path, _ in google.requests if path.startswith("/upload")]) == (
            ["POST"],
            ["POST", "PUT"],
        )

    def test_into_a_folder_by_its_address(self, kit: Any, drive: Any) -> None:
        folder = drive.folder("Hand-ins")
        upload(kit, folder_id=f"https://drive.google.com/drive/folders/{folder.id}")
        assert drive.names_in(folder.id) == ["Essay.txt"]

    def test_the_same_step_tried_again_makes_no_second_file(self, kit: Any, drive: Any) -> None:
        first, second = upload(kit), upload(kit)
        assert first["id"] == second["id"] and (first["is_new"], second["is_new"]) == (True, False)
        assert drive.names_in() == ["Essay.txt"]

    @pytest.mark.parametrize("size", [5, 4 * 2**20 + 1])
    def test_a_lost_answer_makes_no_second_file(self, kit: Any, drive: Any, size: int) -> None:
        drive.faults.lose_answer_of_upload = 1
        record = upload(kit, b"x" * size)
        assert drive.names_in() == ["Essay.txt"] and record["id"] in drive.files

    def test_an_answer_that_is_always_lost_is_found_by_the_next_attempt(self, kit: Any, drive: Any) -> None:
        drive.faults.lose_answer_of_upload = 1
        drive.faults.fail_next = 0
        assert upload(kit)["id"] == upload(kit)["id"]
        assert len(contents(drive)) == 1

    def test_another_step_makes_another_file(self, kit: Any, drive: Any) -> None:
        assert upload(kit)["id"] != upload(kit, key="execution:2:save")["id"]

    def test_a_copy_of_the_same_thing_is_brought_up_to_date(self, kit: Any, drive: Any, google: Any) -> None:
        first = upload(kit, b"draft", copy_of="resource:12")
        second = upload(kit, b"final", copy_of="resource:12", key="execution:2:save")
        assert first["id"] == second["id"] and second["is_new"] is False
        assert contents(drive) == {"Essay.txt": b"final"}
        google.requests.clear()
        upload(kit, b"final", copy_of="resource:12", key="execution:3:save")
        assert not google.paths("PATCH"), "nothing is sent where nothing changed"

    def test_what_we_saved_is_not_brought_in_again(self, kit: Any, drive: Any) -> None:
        folder = drive.folder("University")
        upload(kit, folder_id=folder.id)
        batch = kit.execute("get_changes")
        assert batch["files"] == [] and len(batch["others"]) == 1

    def test_the_bytes_must_be_the_students(self, kit: Any, drive: Any) -> None:
        error = refusal(kit, "upload_file", name="Theirs.txt", blob="0" * 64, size_bytes=5, content_type="text/plain")
        assert error.code == "blob_unknown" and drive.names_in() == []

    def test_with_its_own_files_only_it_may_still_save(self, kit: Any, drive: Any, google: Any) -> None:
        kit.token = google.oauth.give_token(DRIVE_FILE)
        assert upload(kit)["is_new"] is True


class TestOtherWrites:
    def test_new_bytes_replace_the_old(self, kit: Any, drive: Any) -> None:
        record = upload(kit)
        answer = kit.execute("replace_file", file_id=record["id"], name="Essay 2.txt", **blob_of(kit, b"second"))
        assert answer["is_new"] is False and contents(drive) == {"Essay 2.txt": b"second"}

    def test_a_folder_is_made_once(self, kit: Any, drive: Any) -> None:
        first, second = (kit.execute("create_folder", name="Robin's essays") for _ in range(2))
        assert (first["is_new"], second["is_new"]) == (True, False) and first["id"] == second["id"]
        inner = kit.execute("create_folder", name="Robin's essays", parent_id=first["id"])
        assert inner["id"] != first["id"] and drive.names_in(first["id"]) == ["Robin's essays"]


class TestRefusals:
    def test_a_full_drive(self, kit: Any, drive: Any) -> None:
        drive.faults.quota_is_full = True
        with pytest.raises(Exception, match="Your Google storage is full"):
            upload(kit)

    def test_a_folder_that_may_only_be_looked_at(self, kit: Any, drive: Any) -> None:
        folder = drive.folder("Handouts", can_edit=False)
        with pytest.raises(Exception, match="you can only look at it"):
            upload(kit, folder_id=folder.id)

    def test_a_file_of_somebody_else(self, kit: Any, drive: Any, google: Any) -> None:
        file = drive.add("Notes", mime=DOCUMENT)
        kit.token = google.oauth.give_token(f"{DRIVE_READONLY} {DRIVE_FILE}")
        error = refusal(kit, "replace_file", file_id=file.id, name="Notes", **blob_of(kit, b"x"))
        assert error.code == "permission_denied" and "choose a file that Core Engine made" in error.message

    def test_a_way_that_allows_reading_only(self, kit: Any, google: Any) -> None:
        kit.token = google.oauth.give_token(DRIVE_READONLY)
        with pytest.raises(Exception, match="Connect again and allow it"):
            upload(kit)
