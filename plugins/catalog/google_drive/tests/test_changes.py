"""Following what changes: batches, a cursor that is kept only when it is confirmed, folders that move, old tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plugins.catalog.google_drive.server.drive import DOCUMENT
from plugins.catalog.google_drive.tests.test_reading import assert_fits, refusal


def take_all(kit: Any, manifest: Any = None, **params: Any) -> list[dict[str, Any]]:
    """Every batch until there are no more, each confirmed as a sync does it."""
    batches = []
    for _ in range(30):
        batch = kit.execute("get_changes", **params)
        if manifest:
            assert_fits(manifest, "Changes", batch)
        batches.append(batch)
        kit.execute("confirm_changes", cursor=batch["cursor"])
        if not batch["more"]:
            return batches
    raise AssertionError("there is no end")


def kept(batches: list[dict[str, Any]], keep: str = "file") -> list[str]:
    return [record["name"] for batch in batches for record in batch["files"] if record["keep"] == keep]


@pytest.fixture
def university(drive: Any) -> Any:
    """A folder that the settings choose, with two files, and something else beside it."""
    folder = drive.folder("University")
    drive.add("Essay", parent=folder.id, mime=DOCUMENT, text="commons")
    drive.add("Lab.pdf", parent=drive.folder("Physics", folder.id).id, mime="application/pdf", content=b"%PDF-")
    drive.add("Diary.txt", content="private")
    return folder


class TestTheFirstLook:
    def test_brings_what_lies_in_the_chosen_folders(self, kit: Any, university: Any, manifest: Any) -> None:
        batches = take_all(kit, manifest)
        assert sorted(kept(batches)) == ["Essay.docx", "Lab.pdf"]
        folders = {record["name"]: record["folder"] for batch in batches for record in batch["files"]}
        assert folders == {"Essay.docx": "University", "Lab.pdf": "University/Physics"}
        assert [len(batch["others"]) for batch in batches][0] == 1, "the diary is seen and left alone"
        assert batches[0]["is_sweep_over"] and batches[0]["sweep"]

    def test_takes_the_place_in_the_log_before_it_lists(
        self, kit: Any, university: Any, drive: Any, google: Any
    ) -> None:
        first = kit.execute("get_changes")
        asked = [urlsplit(path).path for _, path, _ in google.requests]
        assert asked.index("/drive/v3/changes/startPageToken") < asked.index("/drive/v3/files")
        drive.add("While it ran.txt", parent=university.id)
        kit.execute("confirm_changes", cursor=first["cursor"])
        assert kept(take_all(kit)) == ["While it ran.txt"]

    def test_comes_in_batches_and_goes_on_where_it_was(self, kit: Any, drive: Any, university: Any) -> None:
        for number in range(7):
            drive.add(f"{number}.txt", parent=university.id)
        batches = take_all(kit, max_files=3)
        assert len(kept(batches)) == 9 and len(set(kept(batches))) == 9
        assert all(len(batch["files"]) <= 3 for batch in batches)
        assert [batch["is_sweep_over"] for batch in batches] == [False, False, True, False] or batches[-2][
            "is_sweep_over"
        ]
        assert len({batch["sweep"] for batch in batches if batch["sweep"]}) == 1

    def test_an_unconfirmed_batch_comes_again(self, kit: Any, university: Any) -> None:
        assert kept([kit.execute("get_changes")]) == kept([kit.execute("get_changes")])

    def test_without_a_folder_nothing_is_copied_and_that_is_said(self, kit: Any, university: Any) -> None:
        kit.config = {"folders": ""}
        batches = take_all(kit)
        assert kept(batches) == [] and "No folder is chosen" in batches[0]["notes"][0]

    def test_links_to_all_other_files_where_they_are_wished(self, kit: Any, university: Any) -> None:
        kit.config["link_other_files"] = True
        assert kept(take_all(kit), "link") == ["Diary.txt"]

    @pytest.mark.parametrize("name", ["university/physics", "Physics", "My Drive/University/Physics", " Physics ,"])
    def test_folders_are_named_by_their_path(self, kit: Any, university: Any, name: str) -> None:
        kit.config["folders"] = name
        assert kept(take_all(kit)) == ["Lab.pdf"]

    def test_folders_are_named_by_address_and_by_id(self, kit: Any, university: Any) -> None:
        for wish in (university.id, f"https://drive.google.com/drive/u/0/folders/{university.id}?usp=sharing"):
            kit.config["folders"] = wish
            kit.stored = {}
            assert sorted(kept(take_all(kit))) == ["Essay.docx", "Lab.pdf"]

    def test_my_drive_is_everything_of_ones_own(self, kit: Any, drive: Any, university: Any) -> None:
        drive.add("Theirs.txt", parent="1elsewhere000", shared_with_me=True, is_mine=False)
        kit.config["folders"] = "My Drive"
        assert sorted(kept(take_all(kit))) == ["Diary.txt", "Essay.docx", "Lab.pdf"]

    def test_an_unknown_folder_is_named(self, kit: Any, university: Any) -> None:
        kit.config["folders"] = "University, Lab reprots"
        assert any("no folder “Lab reprots”" in note for note in take_all(kit)[0]["notes"])

    @pytest.mark.parametrize(
        ("config", "fields", "words"),
        [
            ({}, {"name": "Film.mp4", "mime": "video/mp4"}, "not brought in"),
            ({}, {"name": "Photo.png", "mime": "image/png"}, "not brought in"),
            ({"max_file_mb": 1}, {"name": "Big.txt", "content": b"x" * 1_100_000}, "larger than the 1 MB"),
            ({}, {"name": "Locked.txt", "can_download": False}, "switched downloading off"),
            ({}, {"name": "Form", "mime": "application/vnd.google-apps.form"}, "no file of this kind"),
        ],
    )
    def test_what_is_not_fetched_is_kept_as_a_link_with_the_reason(
        self, kit: Any, drive: Any, config: Any, fields: Any, words: str
    ) -> None:
        drive.add(parent=drive.folder("University").id, **fields)
        kit.config |= config
        [record] = take_all(kit)[0]["files"]
        assert record["keep"] == "link" and words in record["reason"]

    def test_pictures_come_where_they_are_wished(self, kit: Any, drive: Any) -> None:
        drive.add("Photo.png", parent=drive.folder("University").id, mime="image/png")
        kit.config["file_kinds"] = "documents_and_pictures"
        assert kept(take_all(kit)) == ["Photo.png"]

    def test_an_incomplete_list_proves_nothing_gone(self, kit: Any, drive: Any, university: Any) -> None:
        drive.faults.incomplete_search = True
        assert not any(batch["is_sweep_over"] for batch in take_all(kit))


class TestWhatChanges:
    @pytest.fixture(autouse=True)
    def synced(self, kit: Any, university: Any) -> None:
        """The first look is over."""
        take_all(kit)

    def test_a_quiet_drive_is_one_request(self, kit: Any, google: Any) -> None:
        google.requests.clear()
        [batch] = take_all(kit)
        assert (batch["files"], batch["removed"], batch["more"]) == ([], [], False)
        assert google.paths() == ["/drive/v3/changes"]

    def test_new_changed_and_gone_files_are_told_once(self, kit: Any, drive: Any, university: Any) -> None:
        essay = next(file for file in drive.files.values() if file.name == "Essay")
        drive.change(essay.id, text="two commons")
        drive.change(essay.id, name="Essay, final")
        drive.add("New.txt", parent=university.id)
        lab = next(file for file in drive.files.values() if file.name == "Lab.pdf")
        drive.remove(lab.id)
        [batch] = take_all(kit)
        assert sorted(kept([batch])) == ["Essay, final.docx", "New.txt"]
        assert batch["removed"] == [{"id": lab.id, "reason": "deleted"}]
        assert kept(take_all(kit)) == []

    def test_a_trashed_file_is_gone_and_comes_back(self, kit: Any, drive: Any) -> None:
        lab = next(file for file in drive.files.values() if file.name == "Lab.pdf")
        drive.change(lab.id, trashed=True)
        assert take_all(kit)[0]["removed"] == [{"id": lab.id, "reason": "trashed"}]
        drive.change(lab.id, trashed=False)
        assert kept(take_all(kit)) == ["Lab.pdf"]

    def test_a_failed_sync_hears_of_the_change_again(self, kit: Any, drive: Any, university: Any) -> None:
        drive.add("New.txt", parent=university.id)
        assert kept([kit.execute("get_changes")]) == ["New.txt"]
        assert kept([kit.execute("get_changes")]) == ["New.txt"]
        assert kept(take_all(kit)) == ["New.txt"]
        assert kept(take_all(kit)) == []

    def test_many_changes_come_in_batches(self, kit: Any, drive: Any, university: Any) -> None:
        for number in range(150):
            drive.add(f"{number}.txt", parent=university.id)
        batches = take_all(kit)
        assert len(batches) == 2 and len(set(kept(batches))) == 150

    def test_a_file_in_a_new_folder_has_its_path(self, kit: Any, drive: Any, university: Any) -> None:
        drive.add("Deep.txt", parent=drive.folder("Week 2", drive.folder("Chemistry", university.id).id).id)
        [batch] = take_all(kit)
        assert [record["folder"] for record in batch["files"]] == ["University/Chemistry/Week 2"]

    def test_a_renamed_folder_has_all_files_looked_at_again(self, kit: Any, drive: Any) -> None:
        physics = next(file for file in drive.files.values() if file.name == "Physics")
        drive.change(physics.id, name="Physics I")
        before = kit.execute("get_changes")
        assert before["more"] is True, "its files are not in the log"
        again = kit.execute("get_changes")
        assert again["more"] is True, "not forgotten when the first try was not confirmed"
        batches = take_all(kit)
        paths = {record["name"]: record["folder"] for batch in batches for record in batch["files"]}
        assert paths["Lab.pdf"] == "University/Physics I"
        assert any(batch["is_sweep_over"] for batch in batches)

    def test_a_folder_that_moves_in_brings_its_files(self, kit: Any, drive: Any, university: Any) -> None:
        outside = drive.folder("Old papers")
        drive.add("Paper.txt", parent=outside.id)
        take_all(kit)
        drive.change(outside.id, parent=university.id)
        assert "Paper.txt" in kept(take_all(kit))

    def test_a_folder_elsewhere_is_no_reason_to_look_again(self, kit: Any, drive: Any) -> None:
        drive.change(drive.folder("Holidays").id, name="Holidays 2026")
        batches = take_all(kit)
        assert [batch["is_full"] for batch in batches] == [False]

    def test_a_trashed_folder_has_everything_compared(self, kit: Any, drive: Any) -> None:
        physics = next(file for file in drive.files.values() if file.name == "Physics")
        drive.change(physics.id, trashed=True)
        batches = take_all(kit)
        assert any(batch["is_sweep_over"] for batch in batches)
        assert kept(batches) == ["Essay.docx"]

    def test_a_forgotten_place_leads_to_a_full_look(self, kit: Any, drive: Any) -> None:
        drive.forget_changes()
        batches = take_all(kit)
        assert batches[0]["is_full"] and "had forgotten the place" in batches[0]["notes"][0]
        assert sorted(kept(batches)) == ["Essay.docx", "Lab.pdf"]
        assert [batch["is_full"] for batch in take_all(kit)] == [False]

    def test_other_settings_have_everything_looked_at(self, kit: Any) -> None:
        kit.config["google_docs_as"] = "pdf"
        assert sorted(kept(take_all(kit))) == ["Essay.pdf", "Lab.pdf"]

    def test_the_log_is_read_with_all_it_needs(self, kit: Any, google: Any) -> None:
        google.requests.clear()
        kit.execute("get_changes")
        query = parse_qs(urlsplit(google.requests[0][1]).query)
        assert query["includeRemoved"] == ["true"] and query["includeItemsFromAllDrives"] == ["true"]

    @pytest.mark.parametrize("cursor", [{}, {"changes": ""}, {"changes": "5"}])
    def test_only_what_was_given_is_confirmed(self, kit: Any, cursor: Any) -> None:
        before = dict(kit.stored)
        assert refusal(kit, "confirm_changes", cursor=cursor).code == "invalid_params"
        assert kit.stored == before


def test_thousands_of_folders_fit_into_what_is_stored(kit: Any, drive: Any) -> None:
    top = drive.folder("University")
    for number in range(3_000):
        drive.folder(f"Folder {number} with a name of some length", top.id)
    drive.add("Deep.txt", parent=next(reversed(drive.files)))
    assert kept(take_all(kit)) == ["Deep.txt"]
