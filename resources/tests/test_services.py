"""What the vault's services do to rows, bytes and the log."""

import io
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from coreengine.kernel.blobs import grant, open_blob, store
from coreengine.kernel.errors import TooLarge
from coreengine.kernel.models import Blob, Event
from resources import services
from resources.errors import DuplicateFile, EmptyFile, ForeignBlob, InTrash, NotInTrash, WrongKind
from resources.extract.runner import extract_text
from resources.models import Passage, Resource
from resources.tests import files
from resources.tests.factories import a_file, a_link, a_note, a_read_file, a_trashed_note

pytestmark = pytest.mark.django_db


def events_of(resource):
    return list(Event.objects.of(resource).order_by("sequence").values_list("type", flat=True))


class TestUploading:
    def test_the_file_is_kept_with_the_type_of_its_bytes(self, owner):
        resource = a_file(owner, files.pdf_file("x"), "Lecture_18 final.exe")

        assert (resource.title, resource.file_name) == ("Lecture 18 final", "Lecture_18 final.exe")
        assert resource.content_type == "application/pdf"
        assert resource.extraction_status == "pending"
        with open_blob(resource.blob) as file:
            assert file.read().startswith(b"%PDF")
        assert events_of(resource) == ["resource.created"]

    def test_the_same_bytes_are_refused_and_the_first_is_named(self, owner):
        first = a_file(owner, b"same", "one.txt")

        with pytest.raises(DuplicateFile, match="in your vault already, as “one”") as refusal:
            a_file(owner, b"same", "two.txt")

        assert refusal.value.existing_id == first.pk

    def test_the_same_bytes_in_the_trash_are_pointed_out(self, owner):
        services.trash_resource(a_file(owner, b"same", "one.txt"), by=owner)

        with pytest.raises(DuplicateFile, match="in your trash"):
            a_file(owner, b"same", "two.txt")

    def test_the_same_bytes_can_be_kept_twice_on_request_and_by_another_student(self, owner, stranger):
        a_file(owner, b"same")

        again = a_file(owner, b"same", allow_duplicate=True)
        theirs = a_file(stranger, b"same")

        assert again.blob_id == theirs.blob_id
        assert Blob.objects.get().holds == 3

    def test_an_empty_file_is_refused_in_words(self, owner):
        with pytest.raises(EmptyFile, match="“nothing.txt” is empty"):
            a_file(owner, b"", "nothing.txt")

        assert not Resource.objects.exists()

    def test_a_file_over_the_limit_is_refused_in_words(self, owner, settings):
        settings.MAX_UPLOAD_BYTES = 1024 * 1024

        with pytest.raises(TooLarge, match="1 MB"):
            a_file(owner, b"x" * (1024 * 1024 + 1))

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\notes.txt", "notes.txt"),
            ("a\x00b.txt", "ab.txt"),
            ("invoice\u202efdp.exe", "invoicefdp.exe"),
            ("Übung 3 – Lösungen.pdf", "Übung 3 – Lösungen.pdf"),
            ("講義ノート.pdf", "講義ノート.pdf"),
            ("<script>.html", "_script_.html"),
            ('a"b|c?.txt', "a_b_c_.txt"),
            ("...", "file"),
            ("", "file"),
        ],
    )
    def test_names_are_made_safe_and_stay_readable(self, owner, sent, kept):
        assert a_file(owner, name=sent).file_name == kept

    def test_a_long_name_keeps_its_ending(self, owner):
        name = a_file(owner, name="ü" * 400 + ".pdf").file_name

        assert name.endswith("ü.pdf")
        assert len(name.encode()) <= 200


class TestReading:
    def test_the_text_becomes_passages_with_pages(self, owner):
        resource = a_read_file(owner, files.pdf_file("Virtual memory", "Page tables"), "os.pdf", body="My own words")

        assert resource.extraction_status == "completed"
        assert resource.page_count == 2
        assert list(resource.passages.values_list("page", "text")) == [
            (None, "My own words"),
            (1, "Virtual memory"),
            (2, "Page tables"),
        ]
        assert events_of(resource) == ["resource.created", "resource.text_read"]

    def test_reading_twice_changes_nothing(self, owner):
        resource = a_read_file(owner)

        services.read_text(resource.pk)

        assert events_of(resource) == ["resource.created", "resource.text_read"]

    def test_a_failure_is_kept_in_words(self, owner):
        resource = a_read_file(owner, files.encrypted_pdf("x"), "locked.pdf")

        assert resource.extraction_status == "failed"
        assert "protected with a password" in resource.extraction_reason

    def test_a_picture_is_not_queued(self, owner):
        resource = a_file(owner, b"\x89PNG\r\n\x1a\n" + b"0" * 20, "board.png")

        assert resource.extraction_status == "skipped"
        assert resource.preview == "image"

    def test_a_file_replaced_while_it_is_read_keeps_the_new_state(self, owner, monkeypatch):
        resource = a_file(owner, b"first version")
        other = store(b"second version")

        def replaced_meanwhile(file, content_type):
            Resource.objects.filter(pk=resource.pk).update(blob=other, extraction_status="pending")
            return extract_text(file, content_type)

        monkeypatch.setattr(services, "extract_text", replaced_meanwhile)

        services.read_text(resource.pk)

        resource.refresh_from_db()
        assert (resource.extraction_status, resource.text) == ("pending", "")

    def test_a_lost_reading_is_queued_again_and_given_up_after_three(self, owner):
        resource = a_file(owner)
        long_ago = timezone.now() - timedelta(hours=1)
        Resource.objects.filter(pk=resource.pk).update(
            extraction_status="running", extraction_started_at=long_ago, extraction_attempts=3
        )

        services.read_text(resource.pk)

        resource.refresh_from_db()
        assert resource.extraction_reason == "Reading the file was interrupted three times."

    def test_only_lost_readings_are_queued(self, owner, monkeypatch):
        queued = []
        monkeypatch.setattr(services.tasks.read_text, "delay", queued.append)
        fresh, lost, done = a_file(owner, b"1"), a_file(owner, b"2"), a_read_file(owner, b"3")
        Resource.objects.filter(pk__in=[lost.pk, done.pk]).update(updated_at=timezone.now() - timedelta(hours=1))

        assert services.requeue_lost_readings() == 1
        assert queued == [lost.pk]
        assert fresh.pk not in queued

    def test_an_upload_queues_its_reading_after_commit(self, owner, monkeypatch, django_capture_on_commit_callbacks):
        queued = []
        monkeypatch.setattr(services.tasks.read_text, "apply_async", lambda args, *_, **__: queued.append(args))

        with django_capture_on_commit_callbacks(execute=True):
            resource = a_file(owner)

        assert queued == [(resource.pk,)]

    def test_a_text_of_a_million_different_words_is_still_kept(self, owner):
        words = " ".join(f"w{n:x}q" for n in range(160_000))

        resource = a_read_file(owner, words.encode(), "words.txt")

        assert resource.extraction_status == "completed"
        assert Resource.objects.filter(pk=resource.pk, vector="w1q").exists()


class TestNotesAndLinks:
    def test_a_note_is_searchable_by_its_passages(self, owner):
        note = a_note(owner, "  Deadlock\n notes ", "# Coffman", tags="OS, #exam, os")

        assert (note.title, note.tags) == ("Deadlock notes", ["os", "exam"])
        assert Passage.objects.get(resource=note).text == "Coffman"

    def test_a_link_without_a_title_is_called_by_its_address(self, owner):
        assert a_link(owner, "https://www.postgresql.org/docs/").title == "www.postgresql.org/docs"

    @pytest.mark.parametrize(
        "url",
        [
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://x.org",
            "https://",
            "https://me:secret@x.org/",
            "x",
            "http://[",
            "",
        ],
    )
    def test_only_web_addresses_are_links(self, owner, url):
        with pytest.raises(ValidationError) as refusal:
            a_link(owner, url)

        assert "url" in refusal.value.message_dict

    def test_a_title_is_needed(self, owner):
        with pytest.raises(ValidationError, match="Give it a title"):
            a_note(owner, " \u200b\n")

    def test_the_database_itself_refuses_what_is_no_resource(self, owner):
        for wrong in ({"kind": "file"}, {"kind": "link"}, {"kind": "note", "title": ""}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Resource.objects.create(**{"owner": owner, "title": "x", **wrong})


class TestChanging:
    def test_only_what_is_given_changes(self, owner):
        note = a_note(owner, "Old", "body", tags="a")

        services.edit_resource(note, by=owner, title="New")

        note.refresh_from_db()
        assert (note.title, note.body, note.tags) == ("New", "body", ["a"])
        assert events_of(note) == ["resource.created", "resource.updated"]

    def test_changing_nothing_is_no_change(self, owner):
        note = a_note(owner, "Same", "body")

        after = services.edit_resource(note, by=owner, title="Same", body="body")

        assert after.updated_at == note.updated_at
        assert events_of(note) == ["resource.created"]

    def test_a_new_body_has_new_passages(self, owner):
        note = a_note(owner, body="before")

        services.edit_resource(note, by=owner, body="after")

        assert note.passages.get().text == "after"

    def test_notes_on_a_file_keep_its_pages(self, owner):
        resource = a_read_file(owner, files.pdf_file("one", "two"), "x.pdf")

        services.edit_resource(resource, by=owner, body="mine")

        assert list(resource.passages.values_list("page", "text")) == [(None, "mine"), (1, "one"), (2, "two")]

    def test_a_file_has_no_address_to_change(self, owner):
        with pytest.raises(WrongKind):
            services.edit_resource(a_file(owner), by=owner, url="https://example.org")

    def test_what_is_in_the_trash_cannot_be_changed(self, owner):
        with pytest.raises(InTrash, match="Restore it"):
            services.edit_resource(a_trashed_note(owner), by=owner, title="x")


class TestTrash:
    def test_trash_and_restore_are_harmless_twice(self, owner):
        note = a_note(owner)

        for _ in range(2):
            services.trash_resource(note, by=owner)
        for _ in range(2):
            services.restore_resource(note, by=owner)

        assert events_of(note) == ["resource.created", "resource.trashed", "resource.restored"]
        assert Resource.objects.kept().get() == note

    def test_deleting_for_good_lets_go_of_the_bytes(self, owner):
        first, second = a_file(owner, b"same"), a_file(owner, b"same", allow_duplicate=True)

        for resource in (first, second):
            services.trash_resource(resource, by=owner)
            services.delete_for_good(resource, by=owner)

        assert Blob.objects.get().holds == 0
        assert not Passage.objects.exists()

    def test_what_is_not_in_the_trash_is_not_deleted(self, owner):
        with pytest.raises(NotInTrash):
            services.delete_for_good(a_note(owner), by=owner)

    def test_emptying_the_trash_leaves_the_rest_and_other_students(self, owner, stranger):
        kept, _, theirs = a_note(owner), a_trashed_note(owner), a_trashed_note(stranger)

        assert services.empty_trash(by=owner) == 1
        assert set(Resource.objects.all()) == {kept, theirs}

    def test_an_account_that_goes_lets_go_of_its_bytes(self, owner):
        a_file(owner)

        owner.delete()

        assert Blob.objects.get().holds == 0


class TestImporting:
    def found(self, content=b"slides", **changes):
        blob = store(content)
        record = {"id": "77", "name": "week_1.txt", "updated_at": "2026-11-01T10:00:00Z", "blob": blob.sha256}
        return {**record, "html_url": "https://canvas.example.edu/files/77", **changes}

    def bring_in(self, owner, record):
        grant(Blob.objects.values_list("sha256", flat=True), owner=owner)
        return services.import_file(owner=owner, source="connection:1", record=record, by=owner)

    def test_it_is_created_once_and_then_unchanged(self, owner):
        resource, first = self.bring_in(owner, self.found())
        again, second = self.bring_in(owner, self.found())

        assert (first, second, again.pk) == ("created", "unchanged", resource.pk)
        assert (resource.title, resource.url) == ("week 1", "https://canvas.example.edu/files/77")
        assert Blob.objects.get().holds == 1

    def test_new_bytes_replace_the_old_and_are_read_again(self, owner):
        resource, _ = self.bring_in(owner, self.found())
        services.read_text(resource.pk)

        again, state = self.bring_in(owner, self.found(b"new slides"))

        assert state == "changed"
        assert (again.extraction_status, again.text) == ("pending", "")
        assert sorted(Blob.objects.values_list("holds", flat=True)) == [0, 1]

    def test_what_the_student_changed_stays(self, owner):
        resource, _ = self.bring_in(owner, self.found())
        services.edit_resource(resource, by=owner, title="Mine", tags="exam", body="note")

        again, _ = self.bring_in(owner, self.found(b"new", name="week_2.txt"))

        again.refresh_from_db()
        assert (again.title, again.tags, again.body, again.file_name) == ("Mine", ["exam"], "note", "week_2.txt")

    def test_the_trash_is_respected(self, owner):
        resource, _ = self.bring_in(owner, self.found())
        services.trash_resource(resource, by=owner)

        _, state = self.bring_in(owner, self.found(b"new"))

        assert state == "unchanged"

    def test_two_students_have_their_own(self, owner, stranger):
        mine, _ = self.bring_in(owner, self.found())
        theirs, state = self.bring_in(stranger, self.found())

        assert state == "created"
        assert mine.pk != theirs.pk

    def test_the_blob_may_come_as_a_reference(self, owner):
        blob = store(b"x")

        _, state = self.bring_in(owner, self.found(blob={"blob": blob.sha256, "size_bytes": 1, "content_type": ""}))

        assert state == "created"

    @pytest.mark.parametrize("blob", [None, "", "f" * 64, {"blob": None}, 7])
    def test_unknown_bytes_are_refused(self, owner, blob):
        with pytest.raises(ForeignBlob):
            self.bring_in(owner, self.found(blob=blob))

    def test_knowing_the_digest_of_anothers_file_gives_nothing(self, owner, stranger):
        record = self.found(b"a private essay")
        self.bring_in(owner, record)

        with pytest.raises(ForeignBlob):
            services.import_file(owner=stranger, source="connection:1", record=record, by=stranger)

    @pytest.mark.parametrize("url", ["javascript:alert(1)", 5, None, "https://"])
    def test_a_bad_page_address_is_left_out(self, owner, url):
        resource, _ = self.bring_in(owner, self.found(html_url=url))

        assert resource.url == ""

    def test_a_record_without_an_id_is_refused(self, owner):
        with pytest.raises(ValidationError):
            self.bring_in(owner, self.found(id=""))


def test_a_stream_that_cannot_tell_its_length_in_advance_is_kept(owner):
    resource = services.upload_file(io.BytesIO(b"abc"), name="x.bin", by=owner)

    assert resource.size_bytes == 3
