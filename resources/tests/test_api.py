"""The vault through the API, and that pages and API obey the same rules."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from coreengine.kernel.models import Event
from resources.models import Resource
from resources.tests import files
from resources.tests.factories import a_file, a_link, a_note, a_read_file, a_trashed_note

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/resources/"


class TestCollection:
    def test_it_lists_own_kept_things(self, api, owner, stranger):
        note, _, _ = a_note(owner), a_trashed_note(owner), a_note(stranger)

        assert [r["id"] for r in api.get(ROOT).json()["results"]] == [note.pk]
        assert [r["is_trashed"] for r in api.get(f"{ROOT}?trashed=true").json()["results"]] == [True]

    def test_it_costs_the_same_however_long_it_is(self, api, owner):
        for n in range(3):
            a_file(owner, f"few {n}".encode())
        api.get(ROOT)
        with CaptureQueriesContext(connection) as few:
            api.get(ROOT)
        for n in range(10):
            a_file(owner, f"many {n}".encode())
        with CaptureQueriesContext(connection) as many:
            api.get(ROOT)

        assert len(few) == len(many)

    def test_a_search_gives_highlights_and_pages(self, api, owner):
        a_read_file(owner, files.pdf_file("Paging", "The banker algorithm"), "os.pdf")
        for n in range(22):
            a_note(owner, f"Note {n}", "common <b>words</b>")

        hit = api.get(f"{ROOT}?search=banker").json()["results"][0]
        many = api.get(f"{ROOT}?search=common").json()

        assert hit["highlights"]["snippet"] == "The <mark>banker</mark> algorithm"
        assert hit["highlights"]["page"] == 2
        assert (many["count"], len(many["results"])) == (22, 20)
        assert len(api.get(many["next"]).json()["results"]) == 2

    def test_a_search_costs_the_same_however_much_it_finds(self, api, owner):
        for n in range(3):
            a_note(owner, f"few {n}")
        api.get(ROOT)
        with CaptureQueriesContext(connection) as few:
            api.get(f"{ROOT}?search=words")
        for n in range(10):
            a_note(owner, f"many {n}")
        with CaptureQueriesContext(connection) as many:
            api.get(f"{ROOT}?search=words")

        assert len(few) == len(many)

    def test_filters_are_those_of_the_pages(self, api, owner):
        a_note(owner, tags="exam")
        a_link(owner)

        assert [r["kind"] for r in api.get(f"{ROOT}?kind=link").json()["results"]] == ["link"]
        assert [r["kind"] for r in api.get(f"{ROOT}?tag=exam").json()["results"]] == ["note"]

    def test_passages_answer_a_question(self, api, owner):
        note = a_note(owner, "Deadlock", "The banker algorithm avoids deadlock")

        (hit,) = api.get(f"{ROOT}passages/?query=what avoids deadlock?").json()

        assert (hit["resource_id"], hit["page"]) == (note.pk, None)


class TestOne:
    def test_a_note_and_a_link_are_made_from_json(self, api, owner):
        note = api.post(ROOT, {"kind": "note", "title": "N", "body": "x", "tags": ["a", "B"]})
        link = api.post(ROOT, {"kind": "link", "url": "https://example.org"})

        assert (note.status_code, link.status_code) == (201, 201)
        assert note.json()["tags"] == ["a", "b"]
        assert api.get(note["Location"]).json()["title"] == "N"

    def test_a_file_is_uploaded_read_and_downloaded(self, api, owner):
        sent = api.post(
            ROOT, {"file": SimpleUploadedFile("a.pdf", files.pdf_file("x")), "tags": "a,b"}, format="multipart"
        )
        made = sent.json()

        assert sent.status_code == 201
        assert made["file"]["content_type"] == "application/pdf"
        assert made["tags"] == ["a", "b"]
        response = api.get(made["file"]["download_url"])
        assert b"".join(response.streaming_content).startswith(b"%PDF")
        assert response["Content-Disposition"].startswith("attachment")

    def test_the_text_comes_in_passages(self, api, owner):
        resource = a_read_file(owner, files.pdf_file("one", "two"), "x.pdf")

        assert [p["page"] for p in api.get(f"{ROOT}{resource.pk}/text/").json()] == [1, 2]

    def test_an_idempotency_key_makes_one(self, api, owner):
        for _ in range(2):
            api.post(ROOT, {"kind": "note", "title": "N"}, HTTP_IDEMPOTENCY_KEY="k1")

        assert Resource.objects.count() == 1

    def test_an_etag_saves_the_body(self, api, owner):
        note = a_note(owner)
        etag = api.get(f"{ROOT}{note.pk}/")["ETag"]

        assert api.get(f"{ROOT}{note.pk}/", HTTP_IF_NONE_MATCH=etag).status_code == 304

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", ""), ("patch", ""), ("delete", ""), ("post", "trash/"), ("post", "restore/"), ("post", "read/"),
            ("get", "file/"), ("get", "text/"),
        ],
    )  # fmt: skip
    def test_another_students_id_is_not_found(self, api, stranger, method, path):
        theirs = a_file(stranger)

        assert getattr(api, method)(f"{ROOT}{theirs.pk}/{path}").status_code == 404
        assert Resource.objects.kept().filter(pk=theirs.pk).exists()

    def test_an_oversized_upload_is_413_in_words(self, api, settings):
        settings.MAX_UPLOAD_BYTES = 1024 * 1024

        answer = api.post(ROOT, {"file": SimpleUploadedFile("big.bin", b"x" * 3_000_000)}, format="multipart")

        assert answer.status_code == 413
        assert "“big.bin” is larger than the 1 MB" in answer.json()["detail"]

    def test_emptying_the_trash_says_how_many(self, api, owner):
        a_trashed_note(owner)

        assert api.post(f"{ROOT}empty-trash/").json() == {"count": 1}


class Doors:
    """The same wish through the page and through the API."""

    def __init__(self, page, api):
        self.page, self.api = page, api

    def note(self, door, **values):
        if door == "page":
            return self.page.post("/vault/notes/new/", values)
        return self.api.post(ROOT, {"kind": "note", **values})

    def link(self, door, **values):
        if door == "page":
            return self.page.post("/vault/links/new/", values)
        return self.api.post(ROOT, {"kind": "link", **values})

    def upload(self, door, name, content):
        file = SimpleUploadedFile(name, content)
        if door == "page":
            return self.page.post("/vault/upload/", {"files": [file]})
        return self.api.post(ROOT, {"file": file}, format="multipart")

    def edit(self, door, resource, **values):
        if door == "page":
            kept = {
                "title": resource.title,
                "body": resource.body,
                "tags": ", ".join(resource.tags),
                "url": resource.url,
            }
            return self.page.post(f"/vault/{resource.pk}/edit/", {**kept, **values})
        return self.api.patch(f"{ROOT}{resource.pk}/", values)

    def act(self, door, resource, name):
        if door == "page":
            return self.page.post(f"/vault/{resource.pk}/{name}/")
        if name == "delete":
            return self.api.delete(f"{ROOT}{resource.pk}/")
        return self.api.post(f"{ROOT}{resource.pk}/{name}/")

    def empty_trash(self, door):
        return self.page.post("/vault/trash/empty/") if door == "page" else self.api.post(f"{ROOT}empty-trash/")


@pytest.fixture
def doors(page, api):
    return Doors(page, api)


@pytest.mark.parametrize("door", ["page", "api"])
class TestBothDoors:
    """One rule below, two doors above: the same outcome, the same words, the same log."""

    def events(self):
        return list(Event.objects.filter(type__startswith="resource.").order_by("id").values_list("type", flat=True))

    def test_writing_a_note(self, doors, door, owner):
        doors.note(door, title="  A \n note ", body="text\r\n", tags="X, x" if door == "page" else ["X", "x"])

        note = Resource.objects.get()
        assert (note.owner, note.kind, note.title, note.body, note.tags) == (owner, "note", "A note", "text", ["x"])
        assert self.events() == ["resource.created"]

    def test_a_note_without_a_title(self, doors, door):
        response = doors.note(door, title="\u200b", body="x")

        assert response.status_code == 422
        assert "Give it a title." in response.content.decode()
        assert not Resource.objects.exists()

    def test_saving_a_link(self, doors, door):
        doors.link(door, url="https://example.org/a b")

        assert Resource.objects.get().url == "https://example.org/a%20b"

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "https://u:p@example.org"])
    def test_a_link_that_is_no_web_address(self, doors, door, url):
        response = doors.link(door, url=url)

        assert response.status_code == 422
        assert not Resource.objects.exists()

    def test_too_many_tags(self, doors, door):
        tags = [f"t{n}" for n in range(21)]

        response = doors.note(door, title="N", tags=",".join(tags) if door == "page" else tags)

        assert response.status_code == 422
        assert "At most 20 tags." in response.content.decode()

    def test_uploading(self, doors, door):
        doors.upload(door, "../week_1.txt", b"hello")

        resource = Resource.objects.get()
        assert (resource.title, resource.file_name, resource.content_type) == ("week 1", "week_1.txt", "text/plain")

    @pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"known", "is in your vault already")])
    def test_uploads_that_are_refused(self, doors, door, owner, content, words):
        a_file(owner, b"known", "known.txt")

        response = doors.upload(door, "new.txt", content)

        assert response.status_code in {409, 422}
        assert words in response.content.decode()
        assert Resource.objects.count() == 1

    def test_editing(self, doors, door, owner):
        note = a_note(owner, "Old", "body")

        doors.edit(door, note, title="New")

        note.refresh_from_db()
        assert (note.title, note.body) == ("New", "body")
        assert self.events() == ["resource.created", "resource.updated"]

    def test_trash_restore_trash_delete(self, doors, door, owner):
        note = a_note(owner)

        for action in ("trash", "restore", "trash", "delete"):
            assert doors.act(door, note, action).status_code < 400

        assert not Resource.objects.exists()
        assert self.events()[1:] == ["resource.trashed", "resource.restored", "resource.trashed", "resource.deleted"]

    def test_deleting_what_is_not_in_the_trash(self, doors, door, owner):
        response = doors.act(door, a_note(owner, "Kept"), "delete")

        assert response.status_code == 409
        assert "“Kept” is not in the trash" in response.content.decode()

    def test_reading_again(self, doors, door, owner):
        resource = a_read_file(owner)

        doors.act(door, resource, "read")

        resource.refresh_from_db()
        assert resource.extraction_status == "pending"

    def test_a_note_has_nothing_to_read(self, doors, door, owner):
        response = doors.act(door, a_note(owner), "read")

        assert response.status_code == 422
        assert "Only files have text to be read." in response.content.decode()

    def test_emptying_the_trash(self, doors, door, owner):
        a_trashed_note(owner)

        doors.empty_trash(door)

        assert not Resource.objects.exists()


class TestAdmin:
    def test_its_pages_open_and_find(self, client, staff, owner):
        resource = a_read_file(owner, files.pdf_file("x"), "x.pdf")
        client.force_login(staff)

        for address in ("resource/", "resource/?q=x", f"resource/{resource.pk}/change/", "passage/"):
            assert client.get(f"/admin/resources/{address}").status_code == 200

    def test_a_change_goes_through_the_service(self, client, staff, owner):
        note = a_note(owner, "Old", "body")
        client.force_login(staff)

        client.post(
            f"/admin/resources/resource/{note.pk}/change/", {"title": "New", "body": "other", "url": "", "tags": "a"}
        )

        note.refresh_from_db()
        assert (note.title, note.passages.get().text) == ("New", "other")
        assert Event.objects.of(note).filter(type="resource.updated", actor=staff).exists()
