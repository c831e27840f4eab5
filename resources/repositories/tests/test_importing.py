"""Bringing repositories in: compared, told, never deleted."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.models import Event
from resources.models import Repository
from resources.repositories.importing import import_repositories
from resources.repositories.tests.factories import SOURCE, make_repository, repository_record

pytestmark = pytest.mark.django_db


def bring_in(owner: Any, *records: Any, **options: Any) -> Any:
    return import_repositories(owner, source=SOURCE, repositories=list(records), by=owner, **options)


def events(kind: str) -> list[dict[str, Any]]:
    return [event.data for event in Event.objects.filter(type=kind).order_by("id")]


def test_the_first_import_creates_all_and_is_a_baseline(owner: Any) -> None:
    result = bring_in(owner, repository_record(1), repository_record(2))

    assert (result.created, result.changed, result.missing) == (2, 0, 0)
    repository = Repository.objects.get(external_id="1")
    assert (repository.full_name, repository.name, repository.namespace) == ("mira/project-1", "project-1", "mira")
    assert [data["baseline"] for data in events("repository.created")] == [True, True]


def test_the_same_again_changes_nothing_and_tells_nothing(owner: Any) -> None:
    bring_in(owner, repository_record(1))
    before = Event.objects.count()

    assert bring_in(owner, repository_record(1)).unchanged == 1
    assert Event.objects.count() == before


def test_a_renamed_repository_is_the_same_and_says_what_changed(owner: Any) -> None:
    first = make_repository(owner)
    result = bring_in(owner, repository_record(1, full_name="mira/scheduler"))

    assert (result.created, result.changed) == (0, 1)
    assert Repository.objects.get().pk == first.pk
    assert events("repository.updated")[0]["changes"] == {"full_name": ["mira/project-1", "mira/scheduler"]}


def test_a_push_alone_is_no_change_worth_telling(owner: Any) -> None:
    make_repository(owner)

    assert bring_in(owner, repository_record(1, pushed_at="2026-11-23T10:00:00Z")).changed == 1
    assert events("repository.updated") == []


def test_what_is_no_longer_listed_is_marked_and_comes_back(owner: Any) -> None:
    make_repository(owner, 1)
    make_repository(owner, 2)
    assert bring_in(owner, repository_record(2)).missing == 1
    assert Repository.objects.present().get().external_id == "2"
    assert [data["name"] for data in events("repository.missing")] == ["mira/project-1"]

    bring_in(owner, repository_record(1), repository_record(2))
    assert Repository.objects.present().count() == 2


def test_a_part_of_the_list_marks_nothing(owner: Any) -> None:
    make_repository(owner, 1)

    assert bring_in(owner, repository_record(2), is_complete=False).missing == 0
    assert Repository.objects.present().count() == 2


def test_a_broken_record_is_named_and_the_others_come_in(owner: Any) -> None:
    result = bring_in(owner, {"id": 7}, repository_record(1), "nonsense")

    assert result.created == 1
    assert [(problem.index, problem.id) for problem in result.problems] == [(0, "7"), (2, "")]
    assert "full_name" in result.problems[0].reason


def test_a_broken_record_does_not_make_its_repository_vanish(owner: Any) -> None:
    make_repository(owner)

    assert bring_in(owner, {"id": 1}).missing == 0


def test_an_address_that_is_a_script_is_dropped(owner: Any) -> None:
    assert make_repository(owner, html_url="javascript:alert(1)").html_url == ""


def test_two_students_have_their_own(owner: Any, stranger: Any) -> None:
    make_repository(owner)
    make_repository(stranger)

    assert Repository.objects.visible_to(owner).count() == Repository.objects.visible_to(stranger).count() == 1
