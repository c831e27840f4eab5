"""Little plugins that mean harm, against both sandboxes: one clear error each, in bounded time, nothing left."""
# ruff: noqa: E501, the programs of the plugins are easier to read on one line

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from plugins.contract import Limits
from plugins.errors import PluginFailed, PluginTimedOut
from plugins.registry import Plugin
from plugins.sandbox.base import Child, Sandbox
from plugins.sandbox.conversation import Conversation, PluginRefused
from plugins.tests.conftest import MakePlugin

Start = Callable[[Plugin], Child]
TIGHT = Limits(line_bytes=64 * 1024, output_bytes=512 * 1024, message_count=200, log_lines=50, request_count=20)

READ = "import json, os, sys, time\nrequest = json.loads(sys.stdin.readline())\n"
SAY = "\ndef say(**m):\n    sys.stdout.write(json.dumps({'jsonrpc': '2.0', **m}) + chr(10)); sys.stdout.flush()\n"


def call(
    child: Child, *, timeout_s: float = 8, log: list[str] | None = None, limits: Limits = TIGHT, **hooks: Any
) -> Any:
    on_log = (lambda level, message: log.append(message)) if log is not None else None
    serve = hooks.get("serve", lambda params, deadline: {})
    return Conversation(child, serve=serve, on_log=on_log, limits=limits).call(
        "execute_action", {}, timeout_s=timeout_s
    )


# name: (program after reading the request, the code of the one error that is expected)
BREAKERS = {
    "exits without an answer": ("", "plugin_exited"),
    "is killed": ("os.kill(os.getpid(), 9) if os.getpid() != 1 else os._exit(137)", "plugin_exited"),
    "exits in the middle of a line": (
        'sys.stdout.write(\'{"jsonrpc": "2.0", "id": 1, \'); sys.stdout.flush()',
        "plugin_exited",
    ),
    "raises": ("raise RuntimeError('no')", "plugin_exited"),
    "floods one line": ("\nwhile True: sys.stdout.write('x' * 65536)", "message_too_large"),
    "floods lines": ("\nwhile True: say(method='progress', params={})", "plugin_flooded"),
    "floods blank lines": ("\nwhile True: sys.stdout.write(chr(10) * 65536)", "plugin_flooded"),
    "answers another call": ("say(id=7, result={})", "protocol_broken"),
    "answers with a true id": ("say(id=True, result={})", "protocol_broken"),
    "answers without an id": ("say(result={})", "protocol_broken"),
    "answers twice in one": ("say(id=1, result={}, error={'message': 'x'})", "protocol_broken"),
    "says no JSON": ("print('hello', flush=True); time.sleep(60)", "protocol_broken"),
    "says NaN": ('print(\'{"jsonrpc": "2.0", "id": 1, "result": NaN}\', flush=True)', "protocol_broken"),
    "sends a batch": ("print('[]', flush=True); time.sleep(60)", "protocol_broken"),
    "sends a bare value": ("print('7', flush=True); time.sleep(60)", "protocol_broken"),
    "sends bytes that are no text": (
        "sys.stdout.buffer.write(bytes([255, 254, 10])); sys.stdout.flush(); time.sleep(60)",
        "protocol_broken",
    ),
    "nests deeply": (
        "print('{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":' + '[' * 20000 + ']' * 20000 + '}', flush=True)",
        "protocol_broken",
    ),
    "nests a little too deeply": ("v = []\nfor _ in range(100): v = [v]\nsay(id=1, result=v)", "protocol_broken"),
    "sends a huge number": (
        'print(\'{"jsonrpc":"2.0","id":1,"result":\' + \'9\' * 5000 + \'}\', flush=True)',
        "protocol_broken",
    ),
    "uses a request id twice": (
        "\nfor _ in range(2): say(id='a', method='http.request', params={})",
        "protocol_broken",
    ),
    "has a list as request id": ("say(id=[1], method='http.request', params={})", "protocol_broken"),
    "has a list as params": ("say(id=2, method='http.request', params=[])", "protocol_broken"),
    "asks without end": ("\nfor n in range(10, 999): say(id=n, method='http.request', params={})", "plugin_flooded"),
    "fails without a message": ("say(id=1, error={'code': 1})", "protocol_broken"),
}


@pytest.mark.parametrize("name", BREAKERS)
@pytest.mark.parametrize("sandbox", ["process"], indirect=True)  # test_hostile_calls.py does it in containers
def test_a_plugin_that_breaks_the_rules_ends_in_one_clear_error(
    name: str, make_plugin: MakePlugin, start: Start
) -> None:
    program, code = BREAKERS[name]
    child = start(make_plugin(READ + SAY + program))

    with pytest.raises(PluginFailed) as failure:
        call(child)

    assert failure.value.code == code
    assert str(failure.value).startswith("The plugin ")


def test_a_plugin_that_never_answers_is_stopped_at_its_deadline(make_plugin: MakePlugin, start: Start) -> None:
    child = start(make_plugin(READ + "time.sleep(60)"))
    started = time.monotonic()

    with pytest.raises(PluginTimedOut, match=r"did not answer within 1\.5 s"):
        call(child, timeout_s=1.5)

    assert time.monotonic() - started < 5


def test_a_plugin_that_never_reads_does_not_block_the_host(make_plugin: MakePlugin, start: Start) -> None:
    child = start(make_plugin("import time; time.sleep(60)"))
    conversation = Conversation(child, serve=lambda params, deadline: {})

    with pytest.raises(PluginTimedOut):
        conversation.call("execute_action", {"filling": "x" * 2_000_000}, timeout_s=1.5)


def test_a_flood_of_log_is_cut_and_the_answer_still_comes(make_plugin: MakePlugin, start: Start) -> None:
    program = "\nfor n in range(20000): sys.stderr.write('noise ' * 20 + chr(10))\nsay(id=1, result={'ok': 1})"
    log: list[str] = []

    result = call(start(make_plugin(READ + SAY + program)), log=log, timeout_s=20)

    assert result == {"ok": 1}
    assert len(log) <= TIGHT.log_lines


def test_log_lines_cannot_steer_a_terminal(make_plugin: MakePlugin, start: Start) -> None:
    program = "say(method='log', params={'level': 'info', 'message': chr(27) + '[2J' + chr(0x202e) + 'x'}); say(id=1, result=1)"
    log: list[str] = []

    call(start(make_plugin(READ + SAY + program)), log=log)

    assert log == ["\ufffd[2J\ufffdx"]


def test_an_unknown_method_is_answered_and_the_plugin_goes_on(make_plugin: MakePlugin, start: Start) -> None:
    program = "say(id='m', method='host.shutdown', params={}); answer = json.loads(sys.stdin.readline()); say(id=1, result=answer)"

    answer = call(start(make_plugin(READ + SAY + program)))

    assert answer["error"]["code"] == -32601


def test_a_plugins_own_error_comes_through_with_its_code(make_plugin: MakePlugin, start: Start) -> None:
    error = "{'code': -32000, 'message': 'Canvas is closed.', 'data': {'code': 'closed', 'retryable': True, 'retry_after_s': 9}}"

    with pytest.raises(PluginRefused, match="Canvas is closed") as refusal:
        call(start(make_plugin(READ + SAY + f"say(id=1, error={error})")))

    assert (refusal.value.code, refusal.value.retryable, refusal.value.retry_after_s) == ("closed", True, 9)


def test_what_a_database_cannot_store_is_replaced(make_plugin: MakePlugin, start: Start) -> None:
    program = "say(id=1, result=['a' + chr(0) + 'b', chr(0xd800), 2**53 + 1])"

    assert call(start(make_plugin(READ + SAY + program))) == ["a\ufffdb", "?", 2**53 + 1]


class TestWhatAPluginCanReach:
    def test_no_environment_of_the_host(
        self, make_plugin: MakePlugin, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CANARY_SECRET", "canary-5f1c")
        program = "say(id=1, result=dict(os.environ))"

        seen = call(start(make_plugin(READ + SAY + program)))

        assert "canary-5f1c" not in str(seen)
        assert not {"DATABASE_URL", "SECRET_KEY", "REDIS_URL"} & set(seen)

    def test_the_environment_that_the_manifest_names(
        self, make_plugin: MakePlugin, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CE_TEST_REGION", "eu")
        plugin = make_plugin(
            READ + SAY + "say(id=1, result=os.environ.get('CE_TEST_REGION'))",
            security={"environment_variables": ["CE_TEST_REGION"]},
        )

        assert call(start(plugin)) == "eu"

    def test_no_open_files_of_the_host(self, make_plugin: MakePlugin, start: Start) -> None:
        held = [os.dup(0) for _ in range(20)]
        program = "say(id=1, result=sorted(int(n) for n in os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else [])"
        try:
            seen = call(
                start(make_plugin(READ + SAY + f"\ntry:\n    {program}\nexcept OSError:\n    say(id=1, result=[])"))
            )
        finally:
            for number in held:
                os.close(number)

        assert all(number < 8 for number in seen)

    def test_no_network(self, make_plugin: MakePlugin, start: Start) -> None:
        program = (
            "\nimport socket\nreached = []\n"
            "for family, address in [(socket.AF_INET, ('127.0.0.1', PORT)), (socket.AF_INET, ('1.1.1.1', 53)),"
            " (socket.AF_INET, ('169.254.169.254', 80)), (socket.AF_INET6, ('::1', PORT)), (socket.AF_UNIX, '/var/run/docker.sock')]:\n"
            "    try:\n        s = socket.socket(family); s.settimeout(1); s.connect(address); reached.append(str(address))\n"
            "    except OSError: pass\n"
            "say(id=1, result=reached)"
        )
        with socket.create_server(("127.0.0.1", 0)) as server:
            program = program.replace("PORT", str(server.getsockname()[1]))

            assert call(start(make_plugin(READ + SAY + program)), timeout_s=15) == []

    def test_no_files_of_the_host_and_none_to_write(self, make_plugin: MakePlugin, start: Start, tmp_path: Any) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("canary-file", encoding="utf-8")
        program = (
            f"\nseen = []\nfor path, mode in [({str(secret)!r}, 'r'), ({str(tmp_path / 'new')!r}, 'w'), ('/etc/ce-test', 'w'),"
            " (os.path.dirname(os.path.abspath(__file__)) + '/x', 'w')]:\n"
            "    try:\n        open(path, mode); seen.append(path)\n    except OSError: pass\n"
            "say(id=1, result=seen)"
        )

        assert call(start(make_plugin(READ + SAY + program))) == []

    def test_only_the_memory_of_its_manifest(self, make_plugin: MakePlugin, start: Start) -> None:
        plugin = make_plugin(
            READ + SAY + "\nkept = []\nwhile True: kept.append(bytearray(16 * 2**20))",
            resources={"limits": {"memory": "64Mi", "cpu": "1"}},
        )

        with pytest.raises(PluginFailed) as failure:
            call(start(plugin), timeout_s=20)

        assert failure.value.code == "plugin_exited"


def test_nothing_is_left_after_the_end(make_plugin: MakePlugin, start: Start, sandbox: Sandbox) -> None:
    program = "\nimport signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntry:\n    os.fork()\nexcept OSError: pass\ntime.sleep(60)"
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    child = start(make_plugin(READ + program))
    with pytest.raises((PluginTimedOut, PluginFailed)):
        call(child, timeout_s=1)

    child.destroy()

    assert not child.is_alive()
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    child.destroy()  # twice is harmless
