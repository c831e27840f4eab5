"""Statements that are put into SQL once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet

from coreengine.database.kept_queries import KeptQuery, containing, owner_with
from courses.models import Course
from courses.tests.factories import CourseFactory

pytestmark = pytest.mark.django_db


def of_these(owner: int, ids: int) -> QuerySet[Any]:
    return Course.objects.visible_to(owner_with(owner)).filter(pk__any_of=ids).order_by("pk").values_list("pk")


def test_a_kept_statement_takes_lists_of_any_length() -> None:
    first, second, third = CourseFactory.create(), CourseFactory.create(), CourseFactory.create()
    second.owner = first.owner
    second.save()
    kept = KeptQuery(of_these, owner=int, ids=int)

    assert kept.rows(owner=first.owner_id, ids=[]) == []
    assert kept.rows(owner=first.owner_id, ids=[first.pk, third.pk]) == [(first.pk,)]
    assert kept.rows(owner=first.owner_id, ids=[second.pk, first.pk, third.pk]) == [(first.pk,), (second.pk,)]


def test_a_value_that_the_statement_leaves_out_is_a_fault() -> None:
    kept = KeptQuery(lambda owner: Course.objects.values_list("pk"), owner=int)

    with pytest.raises(AssertionError, match="did not reach"):
        kept.rows(owner=1)


@pytest.mark.parametrize("words", ["Logic", "loGIC", "100%", "a_b", "back\\slash", "O'Neil", "ünï", "%", "_", ""])
def test_a_pattern_finds_what_djangos_own_lookup_finds(words: str) -> None:
    first = CourseFactory.create(name="Logic & sets")
    for name in ("LOGIC", "100% of it", "1000", "a_b", "axb", "back\\slash", "O'Neil", "ÜNÏ", "other"):
        CourseFactory.create(name=name, owner=first.owner)
    kept = KeptQuery(
        lambda owner, pattern: Course.objects.filter(owner=owner, name__like=pattern).order_by("pk").values_list("pk"),
        owner=int,
        pattern=str,
    )
    asked = Course.objects.filter(owner=first.owner_id, name__icontains=words).order_by("pk").values_list("pk")

    for _ in range(2):
        assert kept.rows(owner=first.owner_id, pattern=containing(words)) == list(asked)
