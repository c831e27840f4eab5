"""The key-value store of a connection: its bounds, and what counts when an action fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from coreengine.kernel.models import Event
from coreengine.kernel.outbound.errors import RequestFailed
from plugins import calls, running, services
from plugins.contract import ActionResult
from plugins.models import Connection, StoredValue
from plugins.registry import Plugin, get_manifest
from plugins.storage import MAX_KEYS, Storage, forget_stored, storage_use
from plugins.tests.conftest import MakePlugin
from plugins.tests.factories import ConnectionFactory

PROGRAM = """
from coreengine_sdk import Plugin, PluginError

plugin = Plugin("hostile")

@plugin.action("count")
def count(call):
    seen = call.storage.get("count", 0) + 1
    call.storage.set("count", seen)
    assert call.storage.get("count") == seen and "count" in call.storage.keys("co")
    if call.params.get("fail"):
        raise PluginError("on_purpose", "On purpose.")
    return seen

@plugin.action("drop")
def drop(call):
    call.storage.delete("count")
    return call.storage.keys()

plugin.run()
"""
COUNT = {
    "name": "count",
    "method": "POST",
    "path": "/count",
    "parameters": [{"name": "fail", "in": "query", "type": "boolean"}],
}
DROP = {"name": "drop", "method": "POST", "path": "/drop"}


@pytest.fixture
def connection(owner: Any) -> Connection:
    return ConnectionFactory(owner=owner)


@pytest.fixture
def storage(connection: Connection) -> Storage:
    return Storage(connection, get_manifest("canvas-integration"))


@pytest.fixture
def counting(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Plugin:
    """A plugin that counts its calls in its storage, in the place of every plugin."""
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process"}
    plugin = make_plugin(PROGRAM, endpoints=[COUNT, DROP])
    monkeypatch.setattr(running, "get_plugin", lambda name: plugin)
    monkeypatch.setattr(calls, "get_plugin", lambda name, **_: plugin)
    return plugin


def act(connection: Connection, action: str = "count", **params: Any) -> ActionResult:
    return services.call_action(connection, action, params, by=connection.owner, timeout_s=10)


def failure_of(action: Callable[[], Any]) -> RequestFailed:
    with pytest.raises(RequestFailed) as found:
        action()
    return found.value


@pytest.mark.django_db
class TestAnAction:
    def test_what_it_stores_is_there_for_the_next_one(self, connection: Connection, counting: Plugin) -> None:
        assert [act(connection).data, act(connection).data] == [1, 2]
        assert act(connection, "drop").data == []
        assert act(connection).data == 1

    def test_one_that_fails_has_stored_nothing(self, connection: Connection, counting: Plugin) -> None:
        act(connection)

        assert act(connection, fail=True).error_code == "on_purpose"
        assert act(connection).data == 2

    def test_another_connection_has_a_store_of_its_own(
        self, connection: Connection, stranger: Any, counting: Plugin
    ) -> None:
        act(connection)

        assert act(ConnectionFactory(owner=stranger)).data == 1
        assert act(ConnectionFactory(owner=connection.owner)).data == 1

    def test_one_that_finds_the_store_filled_meanwhile_fails(
        self, connection: Connection, counting: Plugin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = running._converse

        def and_then_it_is_full(*args: Any) -> Any:
            answer = real(*args)
            rows = [StoredValue(connection=connection, key=str(n), value="1", size_bytes=2) for n in range(MAX_KEYS)]
            StoredValue.objects.bulk_create(rows)
            return answer

        monkeypatch.setattr(running, "_converse", and_then_it_is_full)
        result = act(connection)

        assert (result.success, result.data, result.error_code) == (False, None, "storage_full")
        assert not StoredValue.objects.filter(key="count").exists()


@pytest.mark.django_db
class TestBounds:
    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"key": "k" * 201, "value": 1}, "key_too_long"),
            ({"key": "k", "value": "v" * 65_536}, "value_too_large"),
            ({"key": "", "value": 1}, "invalid_request"),
            ({"key": 7, "value": 1}, "invalid_request"),
            ({"value": 1}, "invalid_request"),
            ({"key": "k", "value": 1, "connection": 2}, "invalid_request"),
            ({"key": "k", "value": float("inf")}, "invalid_request"),
        ],
    )
    def test_what_does_not_fit_is_refused_in_words(self, storage: Storage, params: dict[str, Any], code: str) -> None:
        failure = failure_of(lambda: storage.set(params))

        assert failure.code == code and str(failure).endswith((".", "else."))

    def test_a_key_and_a_value_may_be_as_large_as_promised(self, storage: Storage) -> None:
        storage.set({"key": "k" * 200, "value": "v" * (65_536 - 2)})

        assert storage.list({}) == {"keys": ["k" * 200]}

    def test_there_are_256_keys_at_most_and_one_may_take_the_place_of_another(self, storage: Storage) -> None:
        for number in range(256):
            storage.set({"key": str(number), "value": number})

        assert failure_of(lambda: storage.set({"key": "one more", "value": 1})).code == "storage_full"
        storage.set({"key": "7", "value": "changed"})
        storage.delete({"key": "8"})
        storage.set({"key": "one more", "value": 1})
        assert len(storage.list({})["keys"]) == 256

    def test_all_of_it_is_one_mebibyte_at_most(self, storage: Storage) -> None:
        for number in range(15):
            storage.set({"key": str(number), "value": "v" * 65_000})
        storage.set({"key": "a", "value": "v" * 65_000})

        assert failure_of(lambda: storage.set({"key": "b", "value": "v" * 65_000})).code == "storage_full"

    def test_a_smaller_limit_of_the_manifest_counts(self, connection: Connection, make_plugin: MakePlugin) -> None:
        small = make_plugin("", resources={"limits": {"storage": "1Ki"}}).manifest
        assert small is not None

        assert failure_of(lambda: Storage(connection, small).set({"key": "k", "value": "v" * 1100})).code == (
            "storage_full"
        )

    @pytest.mark.parametrize("value", [2**70 + 1, 1.0, "ü\u2028", [], {}, False, {"a": [None, {"b": 0.1}]}])
    def test_a_value_comes_back_as_it_was(self, connection: Connection, storage: Storage, value: Any) -> None:
        storage.set({"key": "k", "value": value})
        storage.write()

        found = Storage(connection, get_manifest("canvas-integration")).get({"key": "k"})["value"]
        assert json.dumps(found) == json.dumps(value)


@pytest.mark.django_db
def test_forgetting_leaves_nothing_and_is_on_record(connection: Connection, storage: Storage, owner: Any) -> None:
    storage.set({"key": "cursor", "value": "abc"})
    storage.write()
    assert storage_use(connection).key_count == 1 and storage_use(connection).size_bytes == len('cursor"abc"')

    assert forget_stored(connection, by=owner) == 1

    assert storage_use(connection).key_count == 0
    assert Event.objects.filter(type="connection.storage_forgotten").count() == 1


@pytest.mark.django_db
def test_the_store_goes_with_its_connection(connection: Connection, storage: Storage, owner: Any) -> None:
    storage.set({"key": "cursor", "value": "abc"})
    storage.write()

    services.disconnect(connection, by=owner)

    assert not StoredValue.objects.exists()
