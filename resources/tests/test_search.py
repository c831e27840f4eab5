"""What a search finds, in which order, and how it is shown."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from resources import reports, search, services
from resources.models import Resource
from resources.tests import files
from resources.tests.factories import a_link, a_note, a_read_file, a_trashed_note

pytestmark = pytest.mark.django_db


def find(owner, words, **limits):
    return reports.search_resources(Resource.objects.visible_to(owner).kept(), words, **limits)


def titles(owner, words):
    return [item.resource.title for item in find(owner, words).items]


class TestFinding:
    @pytest.mark.parametrize(
        "words",
        [
            "deadlock",
            "DEADLOCK",
            "deadlocks",
            "deadl",
            "avoid deadl",
            "schedules",
            '"avoid deadlock"',
            "deadlock or orange",
            "deadlock -banana",
            "Übergangsmatrix",
            "übergangsm",
            "the",
            "конечный",
            "конечн",
        ],
    )
    def test_words_stems_beginnings_phrases_and_other_languages_are_found(self, owner, words):
        a_note(owner, "Found", "Avoid deadlock by scheduling. Die Übergangsmatrix. the Конечный автомат.")
        a_note(owner, "Other", "banana bread")

        assert titles(owner, words) == ["Found"]

    @pytest.mark.parametrize("words", ['"deadlock avoid"', "deadlock -avoid", "banana", "eadlock", "d"])
    def test_what_does_not_match_is_not_found(self, owner, words):
        a_note(owner, "Found", "Avoid deadlock by scheduling")

        assert titles(owner, words) == []

    @pytest.mark.parametrize(
        "words",
        [
            "",
            " ",
            "!!!",
            "'",
            '"',
            '"open',
            "a:*",
            "& | !",
            "<->",
            "\\",
            "%",
            "(((",
            "or or",
            "-",
            "x" * 5000,
            "\x00",
            "a b " * 500,
            "☃",
        ],
    )
    def test_nothing_that_is_typed_is_an_error(self, owner, words):
        a_note(owner)

        assert find(owner, words).count in {0, 1}

    def test_title_tags_address_and_file_name_are_searched(self, owner):
        a_note(owner, "Paging", "x")
        a_note(owner, "Tagged", "x", tags="midterm")
        a_link(owner, "https://docs.example.org/gin-indexes", title="Linked")
        a_read_file(owner, b"x", "ray_tracer-v2.txt", title="Named")

        assert titles(owner, "paging") == ["Paging"]
        assert titles(owner, "midterm") == ["Tagged"]
        assert titles(owner, "gin indexes") == ["Linked"]
        assert titles(owner, "tracer") == ["Named"]

    def test_a_word_of_a_later_page_is_found_with_its_page(self, owner):
        a_read_file(owner, files.pdf_file("Introduction", "Paging", "The banker algorithm"), "os.pdf")

        item = find(owner, "banker").items[0]

        assert item.page == 3
        assert item.snippet_html == "The <mark>banker</mark> algorithm"

    def test_words_may_stand_on_different_pages(self, owner):
        a_read_file(owner, files.pdf_file("Paging", "Banker"), "os.pdf")

        assert titles(owner, "paging banker") == ["os"]

    def test_a_title_counts_more_than_a_text(self, owner):
        a_note(owner, "Mutex", "x")
        a_note(owner, "Other", "mutex " * 30)

        assert titles(owner, "mutex") == ["Mutex", "Other"]

    def test_the_trash_and_other_students_are_not_searched(self, owner, stranger):
        a_trashed_note(owner, "Secret plan")
        a_note(stranger, "Secret plan", "secret plan")

        assert titles(owner, "secret") == []
        assert reports.search_passages(owner, "secret plan") == []

    def test_an_edit_changes_what_is_found(self, owner):
        note = a_note(owner, "Note", "before")

        services.edit_resource(note, by=owner, body="after")

        assert titles(owner, "before") == []
        assert titles(owner, "after") == ["Note"]


class TestShowing:
    def test_markup_from_outside_is_shown_as_text(self, owner):
        a_note(owner, "<img src=x onerror=alert(1)> payload", "</p><script>alert('payload')</script> payload")

        item = find(owner, "payload").items[0]

        assert "<img" not in item.title_html
        assert "<script" not in item.snippet_html
        assert "<mark>payload</mark>" in item.snippet_html

    def test_marks_cannot_be_smuggled_in(self, owner):
        a_note(owner, "x\ue000y\ue001 payload", "a\ue000b\ue001c payload")

        item = find(owner, "payload").items[0]

        assert item.title_html == "xy <mark>payload</mark>"
        assert item.snippet_html == "abc <mark>payload</mark>"

    def test_a_half_typed_word_is_marked_in_whole(self, owner):
        a_note(owner, "Note", "several universities")

        assert find(owner, "universit").items[0].snippet_html == "several <mark>universities</mark>"

    def test_a_match_in_the_title_alone_shows_how_the_thing_begins(self, owner):
        a_note(owner, "Paging", "How addresses are translated.")

        assert find(owner, "paging").items[0].snippet_html == "How addresses are translated."


class TestBounds:
    def test_a_search_is_two_statements_however_much_is_found(self, owner):
        for n in range(25):
            a_note(owner, f"Note {n}", "common words")

        with CaptureQueriesContext(
            connection,
        ) as few:
            find(owner, "common", limit=3)
        with CaptureQueriesContext(connection) as many:
            found = find(owner, "common", limit=20)

        assert len(few) == len(many) <= 6
        assert (len(found.items), found.count, found.has_more) == (20, 25, True)

    def test_pages_do_not_overlap(self, owner):
        for n in range(25):
            a_note(owner, f"Note {n}", "common words")

        first, second = find(owner, "common", limit=20), find(owner, "common", limit=20, offset=20)

        assert len({item.resource.pk for item in [*first.items, *second.items]}) == 25
        assert not second.has_more

    def test_a_common_word_is_ranked_up_to_a_cap_and_says_so(self, owner, monkeypatch):
        monkeypatch.setattr(search, "NEWEST_CANDIDATES", 5)
        monkeypatch.setattr(search, "HEADING_CANDIDATES", 2)
        a_note(owner, "Common in the title", "x")
        for n in range(10):
            a_note(owner, f"Note {n}", "common words")

        found = find(owner, "common")

        assert found.is_capped
        assert found.items[0].resource.title == "Common in the title"

    def test_a_filter_is_applied_before_the_cap(self, owner, monkeypatch):
        monkeypatch.setattr(search, "NEWEST_CANDIDATES", 2)
        a_link(owner, "https://example.org", title="Link", body="common")
        for n in range(6):
            a_note(owner, f"Note {n}", "common words")

        found = reports.search_resources(Resource.objects.visible_to(owner).of_kind("link"), "common")

        assert [item.resource.title for item in found.items] == ["Link"]

    def test_its_limits_end_with_it(self, owner):
        a_note(owner)

        find(owner, "words")

        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('enable_seqscan'), current_setting('statement_timeout')")
            assert cursor.fetchone() == ("on", "0")

    def test_an_empty_choice_is_answered_without_asking(self, owner):
        assert reports.search_resources(Resource.objects.none(), "x").count == 0


class TestPassages:
    def test_a_question_in_words_finds_the_passage_that_answers_it(self, owner):
        a_read_file(owner, files.pdf_file("Paging and segments", "The banker algorithm avoids deadlock"), "os.pdf")
        a_note(owner, "Bread", "Bananas and deadlines")

        hits = reports.search_passages(owner, "what does the banker algorithm avoid?", 3)

        assert (hits[0].title, hits[0].page) == ("os", 2)
        assert hits[0].text == "The banker algorithm avoids deadlock"

    def test_their_number_is_bounded(self, owner):
        for n in range(30):
            a_note(owner, f"Note {n}", "common words")

        assert len(reports.search_passages(owner, "common", 500)) == 20
        assert len(reports.search_passages(owner, "common", 0)) == 1
