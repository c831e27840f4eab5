"""The vault's pages and the search page, as a browser meets them."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from coreengine.kernel import screens
from coreengine.kernel.screens import SearchHit, SearchSource
from resources import groupings, uploads
from resources.groupings import Choice, Grouping
from resources.models import Resource
from resources.tests import files
from resources.tests.factories import a_file, a_link, a_note, a_read_file

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "results"}
XSS = "<img src=x onerror=alert(1)>"


def text(response):
    return response.content.decode()


class TestList:
    def test_an_empty_vault_says_what_to_do(self, page):
        response = page.get("/vault/")

        assert "Your vault is empty" in text(response)
        assert "vault-filter" not in text(response)

    def test_it_shows_own_things_only(self, page, owner, stranger):
        a_note(owner, "Mine")
        a_note(stranger, "Theirs")

        shown = text(page.get("/vault/"))

        assert "Mine" in shown
        assert "Theirs" not in shown

    def test_it_costs_the_same_however_long_it_is(self, page, owner):
        for n in range(3):
            a_file(owner, f"few {n}".encode())
        page.get("/vault/")
        with CaptureQueriesContext(connection) as few:
            page.get("/vault/")
        for n in range(10):
            a_file(owner, f"many {n}".encode(), tags="os, exam")
        with CaptureQueriesContext(connection) as many:
            page.get("/vault/")

        assert len(few) == len(many)

    def test_a_search_costs_the_same_however_much_it_finds(self, page, owner):
        for n in range(3):
            a_note(owner, f"few {n}")
        with CaptureQueriesContext(connection) as few:
            page.get("/vault/?q=words")
        for n in range(10):
            a_note(owner, f"many {n}")
        with CaptureQueriesContext(connection) as many:
            page.get("/vault/?q=words")

        assert len(few) == len(many)

    def test_kinds_tags_and_order_narrow_it_down(self, page, owner):
        a_note(owner, "A note", tags="exam")
        a_link(owner, title="A link")

        assert "A link" not in text(page.get("/vault/?kind=note", **HTMX))
        assert "A link" not in text(page.get("/vault/?tag=EXAM", **HTMX))
        by_title = text(page.get("/vault/?sort=title", **HTMX))
        assert by_title.index("A link") < by_title.index("A note")

    def test_a_search_as_one_types_answers_with_the_list_alone(self, page, owner):
        a_note(owner, "Paging", "How addresses are translated")

        response = page.get("/vault/?q=addr", **HTMX)

        assert "<html" not in text(response)
        assert "<mark>addresses</mark>" in text(response)
        assert 'hx-swap-oob="innerHTML:#vault-count">1 found' in text(response)
        assert "HX-Request" in response["Vary"]

    def test_nothing_found_offers_a_way_back(self, page, owner):
        a_note(owner)

        assert "Show everything" in text(page.get("/vault/?q=zebra"))

    @pytest.mark.parametrize(
        "query", ["page=abc", "page=-1", "page=99999999", "sort=evil", "kind=evil", "q=%00", "course=zz"]
    )
    def test_a_strange_address_is_no_error(self, page, owner, query):
        a_note(owner)

        assert page.get(f"/vault/?{query}").status_code == 200

    def test_markup_in_titles_tags_and_names_is_text(self, page, owner):
        a_note(owner, XSS, XSS, tags=XSS)
        a_file(owner, b"x", f"{XSS}.txt", title=f"{XSS} file")

        for address in (
            "/vault/",
            "/vault/?q=img",
            "/search/?q=img",
            *(r.get_absolute_url() for r in Resource.objects.all()),
        ):
            assert "<img src=x" not in text(page.get(address))

    def test_what_upper_apps_group_by_is_a_filter_and_a_label(self, page, owner, monkeypatch):
        os_note, _ = a_note(owner, "In the course"), a_note(owner, "Elsewhere")
        course = Choice("7", "Operating Systems", hue=3)
        grouping = Grouping(
            "course",
            "Course",
            choices=lambda user: [course],
            resource_ids=lambda user, value: Resource.objects.filter(pk=os_note.pk if value == "7" else 0).values("pk"),
            labels=lambda user, ids: [(os_note.pk, course)],
        )
        monkeypatch.setitem(groupings._groupings, "course", grouping)

        shown = text(page.get("/vault/?course=7"))

        assert "Elsewhere" not in shown
        assert 'class="course-tag hue-3">Operating Systems' in shown
        assert '<option value="7" selected>' in shown


class TestUpload:
    def send(self, page, *uploaded, **headers):
        return page.post("/vault/upload/", {"files": list(uploaded)}, **headers)

    def test_one_file_leads_to_its_page(self, page):
        response = self.send(page, SimpleUploadedFile("notes.txt", b"hello"))

        assert response.status_code == 302
        assert response["Location"] == Resource.objects.get().get_absolute_url()

    def test_a_refused_file_is_named_and_the_others_stay(self, page, owner):
        a_file(owner, b"known", "known.txt")

        response = self.send(
            page,
            SimpleUploadedFile("good.txt", b"good"),
            SimpleUploadedFile("empty.txt", b""),
            SimpleUploadedFile("again.txt", b"known"),
        )

        shown = text(response)
        assert response.status_code == 200
        assert Resource.objects.filter(title="good").exists()
        assert "“empty.txt” is empty" in shown
        assert "“again.txt” is in your vault already" in shown

    def test_no_file_is_answered_in_words(self, page):
        response = self.send(page)

        assert response.status_code == 422
        assert "No file was chosen" in text(response)

    def test_a_file_over_the_limit_is_dropped_while_it_arrives(self, page, settings, tmp_path):
        settings.MAX_UPLOAD_BYTES = 200_000
        settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)

        response = self.send(
            page, SimpleUploadedFile("big.bin", b"x" * 5_000_000), SimpleUploadedFile("ok.txt", b"fine")
        )

        assert "“big.bin” is larger than the" in text(response)
        assert [r.title for r in Resource.objects.all()] == ["ok"]

    def test_too_many_files_at_once_are_refused_one_by_one(self, page, monkeypatch):
        monkeypatch.setattr(uploads, "MAX_FILES", 2)

        self.send(page, *(SimpleUploadedFile(f"{n}.txt", str(n).encode()) for n in range(3)))

        assert Resource.objects.count() == 2

    def test_with_script_each_file_is_answered_alone(self, page):
        response = self.send(
            page, SimpleUploadedFile("a.txt", b"a"), HTTP_HX_REQUEST="true", HTTP_HX_TARGET="upload-results"
        )

        assert "<html" not in text(response)
        assert 'class="rows outcomes"' in text(response)


class TestForms:
    def test_a_note_is_written_and_shown_as_markdown(self, page):
        response = page.post(
            "/vault/notes/new/", {"title": "N", "body": "**bold** <script>x</script>", "tags": "a, b"}, follow=True
        )

        assert "<strong>bold</strong>" in text(response)
        assert "<script>x" not in text(response)
        assert Resource.objects.get().tags == ["a", "b"]

    def test_a_fault_keeps_what_was_typed(self, page):
        response = page.post("/vault/links/new/", {"url": "javascript:alert(1)", "title": "Kept words"})

        assert response.status_code == 422
        assert "Enter a web address" in text(response)
        assert "Kept words" in text(response)

    def test_the_preview_is_safe_and_loads_nothing(self, page):
        response = page.post(
            "/vault/notes/preview/",
            {"body": "# Hi\n![x](https://evil.example/p.png)\n<iframe src=//evil.example>"},
            HTTP_HX_REQUEST="true",
            HTTP_HX_TARGET="note-preview",
        )

        assert "<h1>Hi</h1>" in text(response)
        assert "<img" not in text(response)
        assert "<iframe" not in text(response)
        assert "<html" not in text(response)

    def test_an_edit_starts_from_what_is_there(self, page, owner):
        note = a_note(owner, "Title", "The body", tags="exam, os")

        shown = text(page.get(f"/vault/{note.pk}/edit/"))

        assert "The body" in shown
        assert "exam, os" in shown


class TestDetail:
    def test_a_file_shows_its_text_by_page(self, page, owner):
        resource = a_read_file(owner, files.pdf_file("Virtual memory", "Page tables"), "os.pdf")

        shown = text(page.get(resource.get_absolute_url()))

        assert "Page 2" in shown
        assert "Page tables" in shown
        assert "every 1500ms" not in shown

    def test_reading_is_live_until_it_is_done(self, page, owner):
        resource = a_file(owner)
        live = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "reading"}

        assert 'hx-trigger="every 1500ms"' in text(page.get(resource.get_absolute_url(), **live))
        Resource.objects.filter(pk=resource.pk).update(extraction_status="failed", extraction_reason="Too odd.")
        shown = text(page.get(resource.get_absolute_url(), **live))

        assert "Too odd." in shown
        assert "every 1500ms" not in shown

    def test_what_was_read_is_text_and_never_markup(self, page, owner):
        resource = a_read_file(owner, b"<script>alert(1)</script> <b>x</b>", "x.txt")

        assert "<script>alert" not in text(page.get(resource.get_absolute_url()))

    def test_a_link_opens_without_telling_where_it_came_from(self, page, owner):
        link = a_link(owner, "https://example.org/?a=1&b=%22%3E")

        assert 'rel="noopener noreferrer nofollow"' in text(page.get(link.get_absolute_url()))

    def test_trash_restore_and_delete_lead_on(self, page, owner):
        note = a_note(owner, "Note")

        assert "Restore" in text(page.post(f"/vault/{note.pk}/trash/", follow=True))
        assert "Note" in text(page.get("/vault/trash/"))
        page.post(f"/vault/{note.pk}/restore/")
        page.post(f"/vault/{note.pk}/trash/")
        page.post(f"/vault/{note.pk}/delete/")

        assert not Resource.objects.exists()

    def test_a_failed_reading_can_be_tried_again(self, page, owner):
        resource = a_read_file(owner, files.encrypted_pdf("x"), "x.pdf")

        page.post(f"/vault/{resource.pk}/read/")

        resource.refresh_from_db()
        assert (resource.extraction_status, resource.extraction_attempts) == ("pending", 0)


class TestDownloads:
    ACTIVE = (
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
        b"%PDF-1.4 /JS",
    )

    @pytest.mark.parametrize("content", ACTIVE, ids=["html", "svg", "pdf"])
    @pytest.mark.parametrize("name", ["x.html", "x.svg", "x.pdf", "x.png", "x.html.png"])
    def test_a_file_is_only_ever_a_download(self, page, owner, content, name):
        resource = a_file(owner, content, name)

        response = page.get(f"/vault/{resource.pk}/file/")

        assert response["Content-Disposition"].startswith("attachment")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]
        assert "script-src 'self'" not in response["Content-Security-Policy"]
        assert response["Content-Type"] not in {"text/html", "image/svg+xml"}
        assert b"".join(response.streaming_content) == content

    @pytest.mark.parametrize("content", ACTIVE, ids=["html", "svg", "pdf"])
    def test_only_pictures_are_shown_inside_a_page(self, page, owner, content):
        resource = a_file(owner, content, "x.png")

        assert page.get(f"/vault/{resource.pk}/image/").status_code == 404

    def test_a_picture_goes_with_the_type_of_its_bytes(self, page, owner):
        resource = a_file(owner, b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "x.html")

        response = page.get(f"/vault/{resource.pk}/image/")

        assert response["Content-Type"] == "image/png"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]

    def test_an_unusual_name_survives_the_header(self, page, owner):
        resource = a_file(owner, name="Übung „1“\r\nSet-Cookie: x.txt")

        header = page.get(f"/vault/{resource.pk}/file/")["Content-Disposition"]

        assert "\n" not in header
        assert "%C3%9Cbung" in header

    def test_lost_bytes_are_not_found_and_no_fault(self, page, owner, settings, tmp_path):
        resource = a_file(owner)
        for file in tmp_path.rglob("*"):
            if file.is_file():
                file.unlink()

        assert page.get(f"/vault/{resource.pk}/file/").status_code == 404


class TestStrangers:
    DETAIL = ["detail", "edit", "trash", "restore", "delete", "read_again", "download", "image"]

    @pytest.mark.parametrize("name", DETAIL)
    def test_another_students_things_do_not_exist(self, client, owner, stranger, name):
        resource = a_file(owner, b"\x89PNG\r\n\x1a\n", "x.png")
        client.force_login(stranger)

        address = reverse(f"resources:{name}", args=[resource.pk])
        method = client.post if name in {"trash", "restore", "delete", "read_again"} else client.get

        assert method(address).status_code == 404
        assert Resource.objects.kept().filter(pk=resource.pk).exists()

    def test_nobody_sees_anything_without_signing_in(self, client, owner):
        resource = a_file(owner)

        for address in ("/vault/", "/search/?q=x", f"/vault/{resource.pk}/", f"/vault/{resource.pk}/file/"):
            assert client.get(address).status_code == 302

    def test_nothing_changes_by_looking(self, page, owner):
        note = a_note(owner)

        for action in ("trash", "restore", "delete", "read"):
            assert page.get(f"/vault/{note.pk}/{action}/").status_code == 405


class TestSearchPage:
    def test_it_invites_before_anything_is_typed(self, page):
        assert "Results appear as you type" in text(page.get("/search/"))

    def test_it_groups_what_the_sources_found(self, page, owner, monkeypatch):
        a_note(owner, "Deadlock notes")
        hits = [SearchHit("Deadlock course", "/courses/1/", meta="Course")]
        monkeypatch.setitem(
            screens._sources,
            "tests",
            SearchSource("tests", "Test things", "book", lambda user, q, limit: hits, order=99),
        )

        shown = text(page.get("/search/?q=deadlock", **HTMX))

        assert "Deadlock notes" in shown
        assert "Deadlock course" in shown
        only = text(page.get("/search/?q=deadlock&in=tests", **HTMX))
        assert "Deadlock notes" not in only

    def test_a_source_that_fails_harms_no_other(self, page, owner, monkeypatch):
        def fail(user, words, limit):
            raise RuntimeError("boom")

        a_note(owner, "Deadlock notes")
        monkeypatch.setitem(screens._sources, "tests", SearchSource("tests", "Test things", "book", fail, order=99))

        shown = text(page.get("/search/?q=deadlock"))

        assert "Deadlock notes" in shown
        assert "could not be searched just now" in shown

    def test_nothing_found_says_what_to_try(self, page):
        assert "Try fewer or other words" in text(page.get("/search/?q=zebra"))
