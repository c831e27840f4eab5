"""A token pushed through every flow, and looked for in everything that it passes on the way."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection as database

from plugins import services
from plugins.models import Connection
from plugins.sandbox.base import Chunk
from plugins.sandbox.process import ProcessChild

DOMAIN = "demo.university.edu"
TABLES = ["plugins_connection", "plugins_actioncall", "plugins_gatewaycall", "plugins_cachedanswer", "kernel_event"]
TABLES += ["plugins_storedvalue"]


@pytest.fixture
def said_to_children(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that goes into or comes out of any child."""
    seen: list[bytes] = []
    real = ProcessChild.pump

    def pump(self: ProcessChild, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
        seen.append(bytes(outgoing))
        chunks = real(self, outgoing, timeout_s)
        seen.extend(chunk.data for chunk in chunks)
        return chunks

    monkeypatch.setattr(ProcessChild, "pump", pump)
    return seen


def stored() -> str:
    rows: list[str] = []
    with database.cursor() as sql:
        for table in TABLES:
            sql.execute(f"SELECT t::text FROM {table} t")
            rows += [row[0] for row in sql.fetchall()]
    return " ".join(rows)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
def test_the_token_is_seen_by_the_other_side_alone(
    owner: Any, university: Any, page: Any, api: Any, said_to_children: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good, bad = university.token, "canary-wrong-token-77aa"
    page.post(
        "/connections/new/canvas-integration/", {"canvas_domain": DOMAIN, "sync_frequency": "daily", "token": good}
    )
    connection = Connection.objects.get()
    pages = [page.get(path).content.decode() for path in _pages(connection)]
    answers = [
        api.post(
            "/api/v1/connections/", {"plugin": connection.plugin, "configuration": {}, "token": bad}, format="json"
        ),
        api.patch(f"/api/v1/connections/{connection.pk}/", {"token": bad}, format="json"),
        *(api.get(f"/api/v1/{path}") for path in _addresses(connection)),
    ]
    services.call_action(connection, "get_assignments", {"course_id": "999999"}, by=owner)
    university.revoke_tokens()
    services.call_action(connection, "get_courses", {}, by=owner)

    sinks = {
        "children": b"".join(said_to_children).decode("utf-8", "replace"),
        "pages": " ".join(pages),
        "API": " ".join(answer.content.decode() for answer in answers),
        "database": stored(),
        "log": caplog.text,
        "cache": str(getattr(cache, "_cache", "")),
        "representation": f"{connection!r} {connection} {vars(connection).get('_state')}",
    }

    assert len(said_to_children) > 10 and university.requests()
    for name, content in sinks.items():
        for token in (good, bad):
            assert token not in content, f"the token is in the {name}"


def _pages(connection: Connection) -> list[str]:
    return [
        f"/connections/{connection.pk}/",
        f"/connections/{connection.pk}/edit/",
        "/connections/",
        "/settings/plugins/",
    ]


def _addresses(connection: Connection) -> list[str]:
    one = f"connections/{connection.pk}/"
    return ["connections/", one, f"{one}calls/", f"{one}actions/", "events/", "plugins/canvas-integration/courses"]
