"""The row of a call, written past the ORM: it is the row that the ORM would have written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError
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


# Within a transaction a statement goes the usual way; outside of one it is sent, and its answer looked at later.
@pytest.fixture(params=["within a transaction", "outside of one"], autouse=True)
def rows(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("db" if request.param == "within a transaction" else "transactional_db")


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_row_begun_is_the_one_that_the_orm_would_save(call: ActionCall, on_disk: bool) -> None:
    call_rows.begin(call, on_disk=on_disk)()
    ours = columns(call.pk)
    call.pk = None
    call.save(force_insert=True)

    assert ours == columns(call.pk)
    assert call.params == GIVEN["params"]


@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("result", [{"a": None}, "", "it's", "3", 3, False, ["ä"], None])
def test_an_end_changes_what_it_names_and_no_other_row(call: ActionCall, on_disk: bool, result: Any) -> None:
    call_rows.begin(call, on_disk=True)()
    first, call.pk = call.pk, None
    call_rows.begin(call, on_disk=True)()
    before, now = columns(first), timezone.now()
    ended = {"status": Status.FAILED, "finished_at": now, "error": "it's 100 %", "is_retryable": True, "result": result}

    call_rows.end(call, ended, on_disk=on_disk)

    assert columns(call.pk) == {**before, **ended, "status": "failed"}
    assert columns(first) == before


def test_what_is_sent_is_asked_once_and_what_is_long_leaves_as_a_whole(call: ActionCall) -> None:
    call.params = {"words": "x" * 3_000_000}
    begun = call_rows.begin(call, on_disk=True)
    begun()
    begun()

    assert len(json.dumps(columns(call.pk)["params"])) > 3_000_000
    assert ActionCall.objects.count() == 1


def test_what_the_database_refuses_is_told_when_it_is_waited_for(call: ActionCall) -> None:
    call.connection_id, refused = 10**9, False
    begun = None
    try:
        begun = call_rows.begin(call, on_disk=False)
        begun()
        if database.in_atomic_block:
            database.check_constraints()
    except IntegrityError:
        refused = True

    assert refused
    if not database.in_atomic_block:  # the connection goes on
        assert ActionCall.objects.count() == 0


def test_text_that_postgresql_cannot_keep_is_refused_and_not_cut(call: ActionCall) -> None:
    call.idempotency_key = "a\0b"
    with pytest.raises(ValueError, match="NUL"):
        call_rows.begin(call, on_disk=False)


def test_what_comes_after_waits_for_the_disk_again(call: ActionCall) -> None:
    call_rows.begin(call, on_disk=False)()
    call_rows.end(call, {"error": "x"}, on_disk=False)

    with database.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        # What is set for a transaction is over with it.
        assert cursor.fetchone() == ("off" if database.in_atomic_block else "on",)
