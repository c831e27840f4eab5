"""Everything secret of a sign-in, pushed through every flow and looked for in everything that it passes."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection as database

from coreengine.celery import app as celery
from plugins import services
from plugins.models import Connection, OAuthClient
from plugins.oauth.testing import Provider
from plugins.oauth.tests.conftest import PLUGIN, leave
from plugins.sandbox.base import Chunk
from plugins.sandbox.process import ProcessChild

CANARY = re.compile(r"(?:access|refresh|code)-canary-[A-Za-z0-9_-]{22}|core-engine-canary-secret")
TABLES = """plugins_connection plugins_actioncall plugins_gatewaycall plugins_cachedanswer plugins_signin
plugins_oauthclient plugins_tokentorevoke kernel_event kernel_notification django_session django_admin_log""".split()


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


@pytest.fixture
def task_messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of every task that is queued."""
    seen: list[str] = []
    real = celery.Task.apply_async

    def apply_async(self: Any, args: Any = None, kwargs: Any = None, **more: Any) -> Any:
        seen.append(f"{self.name} {args} {kwargs} {more}")
        return real(self, args, kwargs, **more)

    monkeypatch.setattr(celery.Task, "apply_async", apply_async)
    return seen


def stored() -> str:
    rows: list[str] = []
    with database.cursor() as sql:
        for table in TABLES:
            sql.execute(f"SELECT t::text FROM {table} t")
            rows += [row[0] for row in sql.fetchall()]
    # Encrypted fields are bytes; what they would be in clear is looked for as well.
    return " ".join(rows) + " ".join(bytes.fromhex(part).decode("latin-1") for part in _hex(rows))


def _hex(rows: list[str]) -> list[str]:
    return [found for row in rows for found in re.findall(r"\\x((?:[0-9a-f]{2})+)", row)]


@pytest.mark.django_db
@pytest.mark.usefixtures("commits_at_once")
def test_the_secrets_of_a_sign_in_are_seen_by_the_service_alone(
    owner: Any,
    provider: Provider,
    client_row: OAuthClient,
    page: Any,
    api: Any,
    said_to_children: list[bytes],
    task_messages: list[str],
    caplog: pytest.LogCaptureFixture,
    admin_client: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.rotates = True
    seen_pages: list[str] = []

    def keep(response: Any) -> Any:
        seen_pages.append(f"{response.headers} {response.content.decode()}")
        return response

    def back(answer: dict[str, str]) -> None:
        landed = keep(page.get("/connections/oauth/callback/", answer))
        landed = keep(page.get(landed["Location"]))
        keep(page.get(landed["Location"]))

    back(provider.approve(leave(page, label="Mine", folder="Work")))
    connection = Connection.objects.get()
    services.call_action(connection, "get_way", {}, by=owner)
    provider.expire()
    services.call_action(connection, "get_way", {}, by=owner)
    provider.fault(token_error="invalid_grant")
    back(provider.approve(leave(page, folder="Other")))
    provider.faults.token_error = ""
    back(provider.approve(leave(page, folder="missing")))
    told = keep(api.post("/api/v1/connections/", {"plugin": PLUGIN}, format="json")).json()
    paths = [connection.get_absolute_url(), f"/connections/{connection.pk}/edit/", "/connections/"]
    for path in [*paths, f"/connections/{connection.pk}/disconnect/", "/settings/plugins/"]:
        keep(page.get(path))
    for path in ("connections/", f"connections/{connection.pk}/", "sign-ins/", "events/", told["url"][8:]):
        keep(api.get(f"/api/v1/{path}"))
    for path in ("oauthclient/", f"oauthclient/{client_row.pk}/change/", "signin/", "connection/", "tokentorevoke/"):
        keep(admin_client.get(f"/admin/plugins/{path}"))
    sinks_before_the_end = stored()
    services.disconnect(Connection.objects.get(pk=connection.pk), by=owner)

    sinks = {
        "children": b"".join(said_to_children).decode("utf-8", "replace"),
        "pages and API": " ".join(seen_pages),
        "database": sinks_before_the_end + stored(),
        "log": caplog.text,
        "cache": str(getattr(cache, "_cache", "")),
        "tasks": " ".join(task_messages),
        "representations": f"{connection!r} {client_row!r} {vars(client_row)['_state']}",
    }

    assert len(said_to_children) > 10 and len(task_messages) > 4 and provider.count("/revoke") >= 2
    assert len(provider.asked) > 8
    for name, content in sinks.items():
        found = CANARY.findall(content)
        assert not found, f"{found} in the {name}"
