"""Finding and fetching files: the plugin as a child process against a Drive that speaks the documented protocol."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest

from plugins.catalog.google_drive.server.drive import (
    DOCUMENT,
    DRAWING,
    EXPORT_LIMIT,
    FORM,
    SHEET,
    SLIDES,
)
from plugins.catalog.google_drive.server.formats import as_pdf
from plugins.catalog.google_drive.server.oauth import DRIVE_FILE
from plugins.sdk.testkit import PluginAnsweredError, PluginKit


def refusal(kit: PluginKit, action: str, **params: Any) -> PluginAnsweredError:
    with pytest.raises(PluginAnsweredError) as caught:
        kit.execute(action, **params)
    return caught.value


def assert_fits(manifest: dict[str, Any], definition: str, value: Any) -> None:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": manifest["definitions"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def last_query(google: Any, path: str = "/drive/v3/files") -> dict[str, str]:
    found = [asked for _, asked, _ in google.requests if urlsplit(asked).path == path]
    return {name: values[0] for name, values in parse_qs(urlsplit(found[-1]).query).items()}


def names(answer: dict[str, Any]) -> list[str]:
    return [record["title"] for record in answer["files"]]


class TestLists:
    def test_newest_first_with_everything_that_is_known(self, kit: Any, drive: Any, manifest: Any) -> None:
        drive.add("Old.txt", content="a", modified=datetime(2026, 1, 1, tzinfo=UTC))
        drive.add("New.txt", content="b", modified=datetime(2026, 2, 1, tzinfo=UTC))
        answer = kit.execute("list_files")
        assert_fits(manifest, "FilePage", answer)
        assert names(answer) == ["New.txt", "Old.txt"]
        assert answer["files"][0]["owner"] == "Robin Keller" and answer["files"][0]["size_bytes"] == 1
        assert (answer["next_page_token"], answer["incomplete"]) == ("", False)

    def test_pages_follow_their_token(self, kit: Any, drive: Any) -> None:
        for number in range(5):
            drive.add(f"{number}.txt")
        seen, token = [], ""
        for _ in range(3):
            answer = kit.execute("list_files", page_size=2, order_by="name", **({"page_token": token} if token else {}))
            seen += names(answer)
            token = answer["next_page_token"]
        assert seen == [f"{number}.txt" for number in range(5)] and token == ""

    @pytest.mark.parametrize("name", ["Robin's notes", r"back\slash", r"both \' of them", "' or name contains 'x"])
    def test_what_a_student_types_is_escaped(self, kit: Any, drive: Any, name: str) -> None:
        drive.add(name)
        drive.add("x")
        assert names(kit.execute("list_files", name=name)) == [name]

    def test_every_filter_is_in_the_search(self, kit: Any, drive: Any, google: Any) -> None:
        folder = drive.folder("University")
        drive.add("Essay", parent=folder.id, mime=DOCUMENT, text="the tragedy of the commons")
        drive.add("Essay", mime=DOCUMENT, text="commons")
        found = kit.execute(
            "list_files", text="tragedy", name="Ess", folder_id=folder.id, kind="document", within_days=3
        )
        assert names(found) == ["Essay"]
        query = last_query(google)
        assert f"'{folder.id}' in parents" in query["q"] and "modifiedTime > '" in query["q"]
        assert "orderBy" not in query, "Drive refuses to sort a full-text search"

    def test_a_full_text_search_is_never_sorted(self, kit: Any, google: Any) -> None:
        kit.execute("list_files", text="commons", order_by="name")
        assert "orderBy" not in last_query(google)

    def test_trash_shared_files_and_the_address_of_a_folder(self, kit: Any, drive: Any) -> None:
        folder = drive.folder("A")
        drive.add("In it", parent=folder.id)
        drive.add("Gone", trashed=True)
        drive.add("Theirs", shared_with_me=True, is_mine=False)
        assert names(kit.execute("list_files", trashed=True)) == ["Gone"]
        assert names(kit.execute("list_files", shared_with_me=True)) == ["Theirs"]
        address = f"https://drive.google.com/drive/folders/{folder.id}?usp=sharing"
        assert names(kit.execute("list_files", folder_id=address)) == ["In it"]

    def test_an_incomplete_search_is_said(self, kit: Any, drive: Any) -> None:
        drive.faults.incomplete_search = True
        assert kit.execute("list_files")["incomplete"] is True

    def test_shared_drives_only_where_they_are_wished(self, kit: Any, drive: Any, google: Any) -> None:
        drive.drives["0ADRIVE0000000"] = "Robotics club"
        drive.files["0ADRIVE0000000"] = type(drive.folder("x"))("0ADRIVE0000000", "Robotics club", "folder", "")
        drive.add("Parts list", parent="0ADRIVE0000000", drive_id="0ADRIVE0000000")
        kit.execute("list_files")
        assert last_query(google)["corpora"] == "user"
        kit.config["shared_drives"] = True
        assert "Parts list" in names(kit.execute("list_files"))
        assert last_query(google)["corpora"] == "allDrives"
        assert [f["name"] for f in kit.execute("get_folders")["folders"] if f["is_drive"]] == ["Robotics club"]

    def test_folders_with_shared_ones_at_the_top(self, kit: Any, drive: Any) -> None:
        outer = drive.folder("University")
        drive.folder("Physics", outer.id)
        drive.folder("Study group", shared_with_me=True, is_mine=False)
        assert {f["name"] for f in kit.execute("get_folders")["folders"]} == {"University", "Study group"}
        assert [f["name"] for f in kit.execute("get_folders", parent_id=outer.id)["folders"]] == ["Physics"]

    def test_the_path_of_a_file_is_asked_folder_by_folder(self, kit: Any, drive: Any, google: Any) -> None:
        inner = drive.folder("Week 1", drive.folder("Physics", drive.folder("University").id).id)
        file = drive.add("Sheet.pdf", parent=inner.id)
        assert kit.execute("get_file", file_id=file.id)["folder"] == "University/Physics/Week 1"


class TestDownloads:
    @pytest.mark.parametrize(
        ("mime", "wish", "name", "begins"),
        [
            (DOCUMENT, "office", "Notes.docx", b"PK"),
            (DOCUMENT, "pdf", "Notes.pdf", b"%PDF"),
            (DOCUMENT, "text", "Notes.txt", b"hello"),
            (SHEET, "text", "Notes.csv", b"hello"),
            (SLIDES, "pdf", "Notes.pdf", b"%PDF"),
            (DRAWING, "office", "Notes.png", b"\x89PNG"),
        ],
    )
    def test_a_google_document_becomes_a_file(
        self, kit: Any, drive: Any, manifest: Any, mime: str, wish: str, name: str, begins: bytes
    ) -> None:
        file = drive.add("Notes", mime=mime, text="hello")
        record = kit.execute("download_file", file_id=file.id, format=wish)
        assert_fits(manifest, "DownloadedFile", record)
        assert record["name"] == name and kit.blobs[record["blob"]].startswith(begins)
        assert record["size_bytes"] == len(kit.blobs[record["blob"]])

    def test_bytes_come_as_they_are(self, kit: Any, drive: Any) -> None:
        data = as_pdf("Readers and writers")
        record = kit.execute("download_file", file_id=drive.add("Lab.pdf", mime="application/pdf", content=data).id)
        assert kit.blobs[record["blob"]] == data and record["content_type"] == "application/pdf"

    def test_what_is_too_large_to_export_comes_as_text(self, kit: Any, drive: Any) -> None:
        file = drive.add("Thesis", mime=DOCUMENT, text="long", export_bytes=EXPORT_LIMIT + 1)
        record = kit.execute("download_file", file_id=file.id)
        assert record["name"] == "Thesis.txt" and any("too large" in message for _, message in kit.logs)

    def test_the_ten_megabytes_are_said_in_words(self, kit: Any, drive: Any) -> None:
        file = drive.add("Poster", mime=DRAWING, export_bytes=EXPORT_LIMIT + 1)
        error = refusal(kit, "download_file", file_id=file.id)
        assert error.code == "export_too_large" and "at most 10 MB" in error.message and "Poster" in error.message

    def test_a_shortcut_leads_to_its_file(self, kit: Any, drive: Any) -> None:
        target = drive.add("Script.pdf", mime="application/pdf", content=b"%PDF-1.4 x")
        record = kit.execute("download_file", file_id=drive.shortcut("My script", target.id).id)
        assert kit.blobs[record["blob"]] == b"%PDF-1.4 x"
        drive.remove(target.id)
        broken = drive.shortcut("Nowhere", target.id)
        assert "shortcut “Nowhere”" in refusal(kit, "download_file", file_id=broken.id).message

    def test_a_resource_key_opens_what_an_old_link_shares(self, kit: Any, drive: Any) -> None:
        file = drive.add("Reader.txt", content="text", resource_key="0-key", shared_with_me=True, is_mine=False)
        assert refusal(kit, "download_file", file_id=file.id).code == "not_found"
        address = f"https://drive.google.com/file/d/{file.id}/view?resourcekey=0-key"
        assert kit.execute("download_file", file_id=address)["blob"]

    @pytest.mark.parametrize(
        ("fields", "code", "words"),
        [
            ({"mime": FORM}, "not_downloadable", "no file that can be downloaded"),
            ({"content": "x", "can_download": False}, "not_downloadable", "switched downloading off"),
        ],
    )
    def test_what_cannot_be_fetched_is_said(self, kit: Any, drive: Any, fields: Any, code: str, words: str) -> None:
        error = refusal(kit, "download_file", file_id=drive.add("Quiz", **fields).id)
        assert error.code == code and words in error.message and not error.retryable

    def test_a_batch_keeps_a_link_to_what_cannot_be_fetched(self, kit: Any, drive: Any, manifest: Any) -> None:
        good, bad = drive.add("Good.txt", content="x"), drive.add("Bad.txt", content="x", can_download=False)
        files = [{"id": good.id, "name": "Good.txt"}, {"id": bad.id, "name": "Bad.txt"}]
        records = {"files": [{**kit.execute("get_file", file_id=file["id"]), **file} for file in files]}
        found = kit.execute("download_files", **records)["files"]
        for record in found:
            assert_fits(manifest, "KeptFile", record)
        assert [(record["keep"], bool(record["blob"])) for record in found] == [("file", True), ("link", False)]
        assert "switched downloading off" in found[1]["reason"]

    def test_a_batch_fails_whole_when_drive_is_away(self, kit: Any, drive: Any) -> None:
        file = drive.add("Good.txt", content="x")
        drive.faults.fail_next = 99
        error = refusal(kit, "download_files", files=[{"id": file.id, "name": "Good.txt"}])
        assert (error.code, error.retryable) == ("unavailable", True)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [(403, "userRateLimitExceeded"), (403, "rateLimitExceeded"), (429, "x"), (403, "quotaExceeded")],
    )
    def test_pauses_are_made_where_drive_asks_for_them(self, kit: Any, drive: Any, status: int, reason: str) -> None:
        drive.faults.throttle_next, drive.faults.throttle_status, drive.faults.throttle_reason = 2, status, reason
        assert kit.execute("list_files")["files"] == []

    def test_endless_throttling_is_a_failure_that_may_pass(self, kit: Any, drive: Any) -> None:
        drive.faults.throttle_next, drive.faults.throttle_reason = 99, "quotaExceeded"
        error = refusal(kit, "list_files")
        assert (error.code, error.retryable) == ("too_many_requests", True)

    def test_a_problem_of_drives_own_is_asked_again(self, kit: Any, drive: Any, google: Any) -> None:
        drive.faults.fail_next = 2
        kit.execute("list_files")
        assert [status for *_, status in google.requests] == [503, 503, 200]

    def test_a_rejected_token_and_an_unknown_file(self, kit: Any, drive: Any) -> None:
        assert refusal(kit, "get_file", file_id="1unknownunknown").code == "not_found"
        drive.faults.expire_tokens = True
        assert refusal(kit, "list_files").code == "credential_rejected"

    @pytest.mark.parametrize("value", ["", "../about", "a b", "x" * 200, "1'or'1"])
    def test_only_an_id_can_stand_in_a_path(self, kit: Any, google: Any, value: str) -> None:
        assert refusal(kit, "get_file", file_id=value).code == "invalid_params"
        assert google.requests == []

    def test_with_its_own_files_only_it_sees_nothing_else(self, kit: Any, drive: Any, google: Any) -> None:
        drive.add("Mine.txt")
        drive.add("Saved.txt", is_made_by_app=True)
        kit.token = google.oauth.give_token(DRIVE_FILE)
        assert names(kit.execute("list_files")) == ["Saved.txt"]


class TestWho:
    def test_the_student_is_named_with_the_address(self, kit: Any) -> None:
        found = kit.authenticate()
        assert found == {"ok": True, "identity": {"id": "107", "name": "Robin Keller (robin@example.edu)"}}

    def test_health_says_how_much_room_there_is(self, kit: Any) -> None:
        assert kit.health() == {"status": "healthy", "detail": "0.0 of 15 GB are used."}

    def test_the_settings_are_checked(self, kit: Any) -> None:
        kit.config["folders"] = " , / ,"
        assert "names of folders" in kit.validate()["errors"]["folders"]


def test_a_time_without_a_zone_is_no_reason_to_fail(kit: Any, drive: Any) -> None:
    drive.add("Recent.txt")
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert names(kit.execute("list_files", modified_since=since)) == ["Recent.txt"]
