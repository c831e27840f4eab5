"""Which calls wait for PostgreSQL's disk: all but those of which their caller keeps the only consequence."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from plugins import calls, running, services
from plugins.models import ActionCall, Connection
from plugins.tests.conftest import MakePlugin
from plugins.tests.factories import ConnectionFactory

PROGRAM = """
from coreengine_sdk import Plugin, PluginError

plugin = Plugin("hostile")

@plugin.action("read")
def read(call):
    return 1

@plugin.action("change")
def change(call):
    return 1

@plugin.action("read_and_store")
def read_and_store(call):
    call.storage.set("seen", 1)
    return 1

@plugin.action("read_and_fail")
def read_and_fail(call):
    raise PluginError("on_purpose", "On purpose.")

plugin.run()
"""
METHODS = {"read": "GET", "change": "POST", "read_and_store": "GET", "read_and_fail": "GET"}


@pytest.fixture
def connection(owner: Any, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Connection:
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process"}
    endpoints = [{"name": name, "method": method, "path": f"/{name}"} for name, method in METHODS.items()]
    plugin = make_plugin(PROGRAM, endpoints=endpoints)
    monkeypatch.setattr(running, "get_plugin", lambda name: plugin)
    monkeypatch.setattr(calls, "get_plugin", lambda name, **_: plugin)
    return ConnectionFactory(owner=owner)


def waited(queries: CaptureQueriesContext) -> list[bool]:
    """Whether the beginning and the end of the call waited, in this order."""
    table = f'"{ActionCall._meta.db_table}"'
    written = [
        query["sql"] for query in queries if query["sql"].startswith((f"INSERT INTO {table} (", f"UPDATE {table} SET"))
    ]
    return ["synchronous_commit" not in statement for statement in written]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("read", [False, False]),
        ("change", [True, True]),
        ("read_and_store", [False, True]),
        ("read_and_fail", [False, True]),
    ],
)
def test_a_step_waits_unless_it_only_reads(connection: Connection, action: str, expected: list[bool]) -> None:
    with CaptureQueriesContext(database) as queries:
        services.call_action(connection, action, {}, by=connection.owner, timeout_s=10)

    assert waited(queries) == expected


@pytest.mark.django_db
def test_what_a_page_is_shown_waits(connection: Connection) -> None:
    call = calls.ask(connection, by=connection.owner, action="read", hint=False)
    with CaptureQueriesContext(database) as queries:
        calls.run_row(call.pk)

    assert waited(queries) == [True, True]
