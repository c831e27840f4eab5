"""The vault's list: what its lines say, and its kept first page beside the list that a filter gives."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from django.utils.safestring import mark_safe

from resources import pages
from resources.groupings import Choice
from resources.models import Resource
from resources.pages import Row
from resources.reports import FoundResource
from resources.row_html import resource_line
from resources.tests.factories import a_link, a_note

XSS = '"><img src=x onerror=alert(1)>'


def line(resource: Resource, *labels: Choice, **found: Any) -> str:
    return resource_line(Row(FoundResource(resource, found.pop("title_html", resource.title), **found), list(labels)))


def a_resource(**fields: Any) -> Resource:
    return Resource(**{"pk": 7, "kind": "file", "title": "Slides", "updated_at": timezone.now(), **fields})


def test_nothing_from_outside_is_markup() -> None:
    hostile = a_resource(
        title=XSS, content_type=f"{XSS}/x", tags=[XSS], url=f"https://{XSS}/", extraction_status="failed"
    )
    for kind in ("file", "link", "note"):
        hostile.kind = kind
        drawn = line(hostile, Choice("1", XSS, hue=3), Choice("2", XSS), snippet_html=XSS)
        assert "<img" not in drawn and 'alt="' not in drawn
        assert "&lt;img src=x" in drawn and "?tag=%22%3E%3Cimg" in drawn


@pytest.mark.parametrize(
    ("fields", "told", "untold"),
    [
        (
            {"content_type": "application/pdf", "size_bytes": 2048, "page_count": 1},
            ["PDF", "2 KB", ">1 page<"],
            ["pages"],
        ),
        ({"size_bytes": 10, "page_count": 12, "extraction_status": "running"}, ["12 pages", "reading its text"], []),
        ({"kind": "link", "url": "https://www.example.edu/a"}, [">example.edu<"], ["KB", " B<"]),
        ({"kind": "note", "missing_since": timezone.now()}, ["Note", "gone at its source"], ["reading"]),
        ({"extraction_status": "failed", "tags": ["os"]}, ["text not readable", ">#os<"], []),
    ],
)
def test_a_line_says_what_it_is(fields: dict[str, Any], told: list[str], untold: list[str]) -> None:
    drawn = line(a_resource(**fields))
    assert all(words in drawn for words in told), drawn
    assert not any(words in drawn for words in untold), drawn


def test_what_was_found_is_marked_with_its_page_and_a_long_label_is_cut() -> None:
    drawn = line(a_resource(), Choice("1", "x" * 80), snippet_html=mark_safe("a <mark>word</mark>"), page=3)
    assert '<span class="page-mark">p. 3</span>a <mark>word</mark>' in drawn
    assert "x" * 59 + "…" in drawn and "x" * 60 not in drawn


@pytest.mark.django_db
@pytest.mark.parametrize("sort", ["", "newest", "oldest", "title", "largest", "cake"])
def test_the_first_page_is_what_the_filter_gives(
    page: Any, owner: Any, stranger: Any, monkeypatch: Any, sort: str
) -> None:
    monkeypatch.setattr(pages, "LIST_SIZE", 3)
    for number in range(7):
        a_note(owner, f"Note {number * 3 % 7}", tags="all")
    a_note(stranger, "Theirs", tags="all")
    a_link(owner, "https://example.edu/away", tags="all")
    Resource.objects.filter(kind="link").update(trashed_at=timezone.now())

    def shown(**asked: str) -> tuple[list[str], str]:
        found = page.get("/vault/", asked).context["list"]
        return [row.resource.title for row in found.rows], found.count_text

    for number in ("1", "2", "3", "4", "0", "cake"):
        assert shown(sort=sort, page=number) == shown(sort=sort, page=number, tag="all")
    assert shown(sort=sort)[1] == "7 things"
