"""The row of a call, written past the ORM: it is the row that the ORM would have written."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.db.models.functions import Now
from django.utils import timezone

from coreengine.kernel.statuses import Status
from plugins import call_rows
from plugins.models import ActionCall
from plugins.tests.factories import ConnectionFactory

GIVEN: dict[str, Any] = {
    "action": "get_files",
    "params": {"course": 2**60, "words": ["%s", "näh'"]},
    "idempotency_key": "key:1",
    "status": Status.RUNNING,
}


@pytest.fixture
def call(owner: Any) -> ActionCall:
    connection = ConnectionFactory(owner=owner)
    now = timezone.now()
    return ActionCall(
        owner=owner, connection=connection, by=owner, created_at=now, started_at=now, alive_at=Now(), **GIVEN
    )


def columns(pk: int) -> dict[str, Any]:
    row = ActionCall.objects.filter(pk=pk).values().get()
    assert row.pop("alive_at") is not None
    del row["id"]
    return row


@pytest.mark.django_db
@pytest.mark.parametrize("on_disk", [True, False])
def test_a_row_begun_is_the_one_that_the_orm_would_save(call: ActionCall, on_disk: bool) -> None:
    call_rows.begin(call, on_disk=on_disk)
    ours = columns(call.pk)
    call.pk = None
    call.save(force_insert=True)

    assert ours == columns(call.pk)
    assert call.params == GIVEN["params"]


@pytest.mark.django_db
@pytest.mark.parametrize("on_disk", [True, False])
def test_an_end_changes_what_it_names_and_no_other_row(call: ActionCall, on_disk: bool) -> None:
    call_rows.begin(call, on_disk=True)
    first, call.pk = call.pk, None
    call_rows.begin(call, on_disk=True)
    before, now = columns(first), timezone.now()
    ended = {"status": Status.FAILED, "finished_at": now, "error": "it's 100 %", "result": {"a": None}}

    call_rows.end(call, ended, on_disk=on_disk)

    assert columns(call.pk) == {**before, **ended, "status": "failed"}
    assert columns(first) == before


@pytest.mark.django_db(transaction=True)
def test_what_comes_after_waits_for_the_disk_again(call: ActionCall) -> None:
    call_rows.begin(call, on_disk=False)
    call_rows.end(call, {"error": "x"}, on_disk=False)

    with database.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
