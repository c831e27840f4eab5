"""The pages and the API of repositories, and the search."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from resources.models import Repository
from resources.repositories.pages import search_repositories
from resources.repositories.tests.factories import (
    commit_record,
    issue_record,
    make_repository,
    run_record,
    sha,
    tell,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(owner: Any) -> Repository:
    made = make_repository(owner, full_name="mira/page-cache", description="Eviction with a clock hand")
    return tell(
        made,
        commits=[commit_record("a", -2, message="Evict the oldest page <b>"), commit_record("b", -9)],
        head_sha=sha("a"),
        runs=[run_record(1, "a", conclusion="failure")],
        issues=[issue_record(1, title="Dirty pages are lost")],
        pulls=[issue_record(2, title="Clock hand", is_draft=True)],
    )


class TestPages:
    def test_the_list_shows_the_last_commit_and_its_state(self, page: Any, repository: Repository) -> None:
        text = page.get("/vault/repositories/").content.decode()

        assert "page-cache" in text and "CI failing" in text
        assert "Evict the oldest page &lt;b&gt;" in text

    def test_the_list_can_be_searched(self, page: Any, owner: Any, repository: Repository) -> None:
        make_repository(owner, 2)
        headers = {"HX-Request": "true", "HX-Target": "repositories"}
        text = page.get("/vault/repositories/?q=eviction", headers=headers).content.decode()

        assert "page-cache" in text and "project-2" not in text and "<html" not in text
        assert "Nothing found" in page.get("/vault/repositories/?q=zebra").content.decode()

    def test_without_any_it_says_what_to_do(self, page: Any) -> None:
        text = page.get("/vault/repositories/").content.decode()

        assert "No repositories yet" in text and "/connections/new/github-integration/" in text

    def test_one_shows_all_of_it(self, page: Any, repository: Repository) -> None:
        text = page.get(repository.get_absolute_url()).content.decode()

        for words in ("Dirty pages are lost", "Clock hand", "draft", "aaaaaaa", "CI failing", "with each sync"):
            assert words in text

    def test_a_page_that_is_followed_live_looks_again(self, page: Any, repository: Repository) -> None:
        assert 'hx-trigger="every' not in page.get(repository.get_absolute_url()).content.decode()
        Repository.objects.update(hook_id="5")
        text = page.get(repository.get_absolute_url()).content.decode()
        assert 'hx-trigger="every 20s"' in text and "at once" in text
        headers = {"HX-Request": "true", "HX-Target": "activity"}
        assert "<html" not in page.get(repository.get_absolute_url(), headers=headers).content.decode()

    def test_another_students_is_not_found(self, page: Any, api: Any, stranger: Any) -> None:
        theirs = make_repository(stranger)

        assert page.get(theirs.get_absolute_url()).status_code == 404
        assert api.get(f"/api/v1/repositories/{theirs.pk}/").status_code == 404
        assert api.get(f"/api/v1/repositories/{theirs.pk}/commits/").status_code == 404
        assert api.get("/api/v1/repositories/").json()["results"] == []

    def test_the_list_costs_the_same_for_many(
        self, page: Any, owner: Any, repository: Repository, django_assert_num_queries: Any
    ) -> None:
        page.get("/vault/repositories/")
        with django_assert_num_queries(100, exact=False) as few:
            page.get("/vault/repositories/")
        for number in range(2, 12):
            make_repository(owner, number)
        with django_assert_num_queries(len(few.captured_queries)):
            page.get("/vault/repositories/")


class TestApi:
    def test_a_repository_and_its_parts(self, api: Any, repository: Repository) -> None:
        base = f"/api/v1/repositories/{repository.pk}/"
        assert api.get(base).json()["ci_status"] == "failed"
        assert [row["sha"] for row in api.get(f"{base}commits/").json()] == [sha("a"), sha("b")]
        assert [row["status"] for row in api.get(f"{base}runs/").json()] == ["failed"]
        assert [row["number"] for row in api.get(f"{base}issues/?kind=pull").json()] == [2]

    def test_it_cannot_be_written(self, api: Any, repository: Repository) -> None:
        assert api.patch(f"/api/v1/repositories/{repository.pk}/", {"full_name": "x/y"}).status_code == 405
        assert api.post("/api/v1/repositories/", {"full_name": "x/y"}).status_code == 405

    def test_it_filters_as_the_page_does(self, api: Any, owner: Any, repository: Repository) -> None:
        make_repository(owner, 2)

        found = api.get("/api/v1/repositories/?ci_status=failed").json()["results"]
        assert [row["full_name"] for row in found] == ["mira/page-cache"]


class TestSearch:
    @pytest.mark.parametrize("words", ["page", "cache", "mira/page-cache", "evictions", "page-ca"])
    def test_a_repository_is_found_by_parts_of_its_name_and_its_description(
        self, owner: Any, repository: Repository, words: str
    ) -> None:
        assert "mira/page-cache" in [hit.title for hit in search_repositories(owner, words, 5)]

    def test_an_issue_is_found_by_its_title(self, owner: Any, stranger: Any, repository: Repository) -> None:
        hits = search_repositories(owner, "dirty pages", 5)

        assert "Dirty pages are lost #1" in [hit.title for hit in hits]
        assert search_repositories(stranger, "dirty pages", 5) == []

    def test_the_search_page_has_them(self, page: Any, repository: Repository) -> None:
        assert (
            repository.get_absolute_url() in page.get(reverse("resources:search"), {"q": "eviction"}).content.decode()
        )
