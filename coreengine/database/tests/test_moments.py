"""The backend reads what Django's own reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.postgresql import base

from coreengine.accounts.models import User

MOMENTS = ["2026-03-29 01:30:00.123456+00", "1900-01-01 00:00+00", "2026-10-25 02:30+02:00", "9999-12-31 23:59:59+00"]


def read(sql: str, params: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_the_same_as_djangos(text: str) -> None:
    ours = read("SELECT %s::timestamptz", [text])
    with base.DatabaseWrapper.create_cursor(connection) as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        theirs = cursor.fetchone()[0]

    assert ours == theirs
    assert ours.tzinfo is UTC


@pytest.mark.django_db
def test_no_moment_stays_none() -> None:
    assert read("SELECT NULL::timestamptz", []) is None


@pytest.mark.django_db
def test_rows_read_in_pieces_have_moments_of_utc(owner: User) -> None:
    assert [user.date_joined.tzinfo for user in User.objects.filter(pk=owner.pk).iterator(1)] == [UTC]


@pytest.mark.django_db
def test_a_connection_that_is_told_another_zone_keeps_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plus_two = timedelta(hours=2)
    monkeypatch.setitem(connections["default"].__dict__, "timezone", timezone(plus_two))

    assert read("SELECT %s::timestamptz", [datetime(2026, 11, 29, 12, tzinfo=UTC)]).utcoffset() == plus_two
