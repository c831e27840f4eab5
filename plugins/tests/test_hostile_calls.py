"""The hostile plugin in containers, called as steps of workflows call plugins: what a student sees, what a host pays.

R15, R16 and the protocol's part of S09. Every call ends in one clear failure within its time and five seconds, this
process grows by at most 64 MiB, the container is gone within ten seconds, and another student's calls go on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from coreengine.kernel.statuses import Status
from plugins.sandbox import pool
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE
from plugins.tests.cage import BYSTANDER, HOME, MIB, Cage, open_cage
from plugins.tests.peer import running_peer, text

pytestmark = [pytest.mark.docker, pytest.mark.django_db]
GROWTH_BYTES = 64 * MIB
TIMEOUT_S = 3.0
GRACE_S = 5.0


@pytest.fixture(scope="module")
def peer() -> Iterator[Any]:
    with running_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def cage(tmp_path_factory: pytest.TempPathFactory, peer: Any) -> Iterator[Cage]:
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    with open_cage(tmp_path_factory.mktemp("plugins"), **{HOME: peer.url}) as cage:
        yield cage


@pytest.fixture
def connection(cage: Cage, owner: Any) -> Any:
    return cage.connect(owner)


# mode: the code of the failure that is expected
FAILURES = {
    # R15
    "talk.never_answers": "plugin_timed_out",
    "talk.answers_too_late": "plugin_timed_out",
    "talk.stops_in_the_middle_of_a_line": "plugin_timed_out",
    "talk.floods_its_output_with_one_line": "message_too_large",
    "talk.floods_its_output_with_lines": "plugin_flooded",
    "talk.floods_its_log": "plugin_flooded",
    "talk.floods_its_log_with_lines": "plugin_flooded",
    "talk.answers_another_call": "protocol_broken",
    "talk.answers_nobody": "protocol_broken",
    "talk.asks_twice_under_one_id": "protocol_broken",
    "talk.sends_a_batch": "protocol_broken",
    "talk.floods_notifications": "plugin_flooded",
    "talk.ends_without_an_answer": "plugin_exited",
    "talk.ends_with_137": "plugin_exited",
    # S09
    "talk.sends_64_mb": "message_too_large",
    "talk.sends_millions_of_values": "message_too_large",
    "talk.nests_deeply": "protocol_broken",
    # R16
    "greed.forks_without_end": "plugin_timed_out",
    "greed.takes_8_gb": "plugin_exited",
    "greed.spins_in_100_threads": "plugin_timed_out",
    "greed.ignores_the_end": "plugin_timed_out",
    "greed.lets_children_outlive_it": "plugin_exited",
}


@pytest.mark.parametrize("mode", FAILURES)
def test_it_ends_in_one_clear_failure_and_leaves_nothing(mode: str, cage: Cage, connection: Any) -> None:
    ended = cage.call(connection, mode, timeout_s=TIMEOUT_S, seconds=TIMEOUT_S + 0.3)

    assert ended.error == FAILURES[mode], ended.result
    assert ended.result.error.startswith("The plugin ") and ended.result.error.endswith(".")
    assert (ended.call.status, ended.call.error) == (Status.FAILED, ended.result.error)
    assert ended.seconds < TIMEOUT_S + GRACE_S
    assert ended.grown_bytes < GROWTH_BYTES, f"grew by {ended.grown_bytes / MIB:.0f} MiB"
    cage.wait_gone(ended.container)


@pytest.mark.parametrize(
    ("mode", "most"),
    [
        ("greed.fills_the_disk", 64 * 1024),
        ("greed.fills_the_inodes", 1_024),
        ("greed.holds_files_open", 64),
        ("greed.leaves_zombies", 32),
    ],
)
def test_it_gets_no_more_than_its_share(mode: str, most: int, cage: Cage, connection: Any) -> None:
    ended = cage.call(connection, mode)

    assert ended.result.success, ended.result
    assert 0 < ended.result.data <= most
    cage.wait_gone(ended.container)


def test_a_program_that_spins_gets_the_processor_of_its_manifest(cage: Cage) -> None:
    """A hundred threads, measured by the engine for a second: one processor, as the manifest says."""
    child, _ = pool.take(cage.plugin, owner=BYSTANDER)
    said = bytearray(b'{"jsonrpc":"2.0","id":1,"params":{"params":{"mode":"greed.spins_in_100_threads"}}}\n')
    try:
        while said:
            child.pump(said, 5.0)
        found = docker_client().api.stats(child._id, stream=False)  # type: ignore[attr-defined]
    finally:
        pool.discard(child)
    used, before = (found[name]["cpu_usage"]["total_usage"] for name in ("cpu_stats", "precpu_stats"))
    seconds = (when(found["read"]) - when(found["preread"])).total_seconds()

    assert 0 < (used - before) / 1e9 < 1.3 * seconds


def when(text: str) -> datetime:
    return datetime.fromisoformat(text[:26])


def test_two_answers_to_one_call_are_one(cage: Cage, connection: Any) -> None:
    assert cage.call(connection, "talk.answers_twice").result.data == "first"


def test_exit_code_137_is_not_mistaken_for_a_lack_of_memory(cage: Cage, connection: Any) -> None:
    own = cage.call(connection, "talk.ends_with_137")
    memory = cage.call(connection, "greed.takes_8_gb")

    assert "exit code 137, killed" in own.result.error
    assert "exit code 137, out of memory" in memory.result.error


def test_a_plugin_that_asks_and_never_reads_is_stopped(cage: Cage, connection: Any, peer: Any) -> None:
    peer.answers["/large"] = text("x" * (4 * MIB), content_type="text/plain")

    ended = cage.call(connection, "talk.asks_and_never_reads")

    assert ended.error == "plugin_flooded" and "does not read" in ended.result.error
    assert ended.grown_bytes < GROWTH_BYTES, f"grew by {ended.grown_bytes / MIB:.0f} MiB"


def test_another_students_calls_go_on_meanwhile(cage: Cage, connection: Any) -> None:
    over = threading.Event()
    with ThreadPoolExecutor(1) as other:
        calls = other.submit(cage.honest_answers, over)
        try:
            for mode in ("greed.spins_in_100_threads", "greed.forks_without_end", "talk.floods_its_log"):
                assert not cage.call(connection, mode, timeout_s=1.5).result.success
        finally:
            over.set()
        seconds = calls.result(timeout=30)

    assert len(seconds) >= 3
    assert sorted(seconds)[len(seconds) // 2] < GRACE_S


# --- S09: lines that are not what the protocol says ------------------------------------------------------------

NO_MESSAGES = {
    "nothing but a brace": "{",
    "single quotes": "{'jsonrpc': '2.0', 'id': 1, 'result': {}}",
    "a trailing comma": '{"jsonrpc": "2.0", "id": 1, "result": {},}',
    "a comment": '{"jsonrpc": "2.0", "id": 1, "result": {}} // done',
    "two values on a line": '{"jsonrpc": "2.0", "id": 1, "result": {"data": 1}}{"jsonrpc": "2.0"}',
    "infinity": '{"jsonrpc": "2.0", "id": 1, "result": {"data": Infinity}}',
    "a number without end": '{"jsonrpc": "2.0", "id": 1, "result": {"data": 1e999}}',
    "an id of one point nought": '{"jsonrpc": "2.0", "id": 1.5, "result": {"data": 1}}',
    "an id of true": '{"jsonrpc": "2.0", "id": true, "result": {"data": 1}}',
    "not a number": '{"jsonrpc": "2.0", "id": 1, "result": {"data": NaN}}',
    "an id as text": '{"jsonrpc": "2.0", "id": "1", "result": {"data": 1}}',
    "an id of null": '{"jsonrpc": "2.0", "id": null, "result": {"data": 1}}',
    "an id in a list": '{"jsonrpc": "2.0", "id": [1], "result": {"data": 1}}',
    "another version": '{"jsonrpc": "1.0", "id": 1, "result": {"data": 1}}',
    "a version as number": '{"jsonrpc": 2.0, "id": 1, "result": {"data": 1}}',
    "no version": '{"id": 1, "result": {"data": 1}}',
    "a text": '"hello"',
    "a control character in a text": '{"jsonrpc": "2.0", "id": 1, "result": {"data": "a\tb"}}',
    "an error that is a text": '{"jsonrpc": "2.0", "id": 1, "error": "no"}',
    "an error and a result": '{"jsonrpc": "2.0", "id": 1, "error": null, "result": {"data": 1}}',
    "a method that is a number": '{"jsonrpc": "2.0", "id": 2, "method": 7}',
    "params in a list": '{"jsonrpc": "2.0", "id": 2, "method": "http.request", "params": ["/"]}',
    "an id that is an object": '{"jsonrpc": "2.0", "id": {"__proto__": 1}, "method": "http.request", "params": {}}',
}


@pytest.mark.parametrize("name", NO_MESSAGES)
def test_a_line_that_breaks_the_protocol_is_the_end(name: str, cage: Cage, connection: Any) -> None:
    ended = cage.call(connection, "talk.says", text=NO_MESSAGES[name])

    assert ended.error == "protocol_broken", ended.result
    assert not ended.result.retryable


def test_keys_that_mean_something_elsewhere_are_data_here(cage: Cage, connection: Any) -> None:
    found = cage.call(connection, "talk.answers_with_odd_keys").result.data

    assert found["__proto__"] == {"is_admin": True} and found["__class__"] == "x"


def test_there_are_no_methods_of_the_host_but_those_of_the_protocol(cage: Cage, connection: Any) -> None:
    methods = ["host.shutdown", "host.credential", "execute_action", "authenticate", "eval", "__init__", "serve", ""]
    methods += ["http.request.__globals__", "storage", "storage.write", "log ", "http.Request", "system.listMethods"]

    assert cage.call(connection, "talk.asks_for_methods_of_the_host", methods=methods).result.data == [-32601] * len(
        methods
    )


def test_what_it_says_about_calls_and_connections_changes_nothing(
    cage: Cage, connection: Any, stranger: Any, peer: Any
) -> None:
    peer.answers["/"] = text("{}")
    other = cage.connect(stranger, credential={"token": "canary-of-a-stranger"})
    peer.asked.clear()

    ended = cage.call(connection, "talk.speaks_for_another_call", other=other.pk)

    assert ended.result.data == "invalid_request"
    assert "canary-of-a-stranger" not in str(peer.asked)
    assert not other.action_calls.exists() and not other.gateway_calls.exists()


def test_what_it_logs_cannot_steer_a_terminal_or_forge_a_line(cage: Cage, connection: Any) -> None:
    ended = cage.call(connection, "talk.paints_the_log")
    log = ended.call.log

    assert ended.result.data == "painted"
    assert not [letter for letter in log if not letter.isprintable() and letter != "\n"]
    assert all(line.startswith(("info: ", "stderr: ")) for line in log.splitlines())
