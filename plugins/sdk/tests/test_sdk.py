"""The SDK as a host sees it: a child process that is talked to line by line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.sdk.testkit import SDK_FOLDER, PluginAnsweredError, PluginBroke, PluginKit

SCRIPT = """
import json, sys
from coreengine_sdk import HttpError, Plugin, PluginError

plugin = Plugin("sample")

@plugin.action("echo")
def echo(call):
    print("printed by the plugin")
    call.log("hello", "warning")
    call.progress(1, 2, "half")
    return {"params": call.params, "config": call.config, "key": call.idempotency_key}

@plugin.action("refuse")
def refuse(call):
    raise PluginError("too_busy", "Come back later.", retryable=True, retry_after_s=7)

@plugin.action("crash")
def crash(call):
    return 1 / 0

@plugin.action("not_json")
def not_json(call):
    return {"numbers": {1, 2}}

@plugin.action("not_a_number")
def not_a_number(call):
    return float("nan")

@plugin.action("too_large")
def too_large(call):
    return "x" * (9 * 1024 * 1024)

@plugin.action("fetch")
def fetch(call):
    try:
        response = call.http.get(call.params["url"])
    except HttpError as error:
        return {"code": error.code, "retryable": error.retryable}
    return {"status": response.status, "links": response.links, "text": response.text}

@plugin.action("pages")
def pages(call):
    return list(call.paginate("/list", {"per_page": 2}, limit=call.params.get("limit"), max_pages=5))

@plugin.webhook("ping")
def ping(call):
    return {"got": call.payload}

plugin.run()
"""


@pytest.fixture
def kit(tmp_path: Path) -> PluginKit:
    script = tmp_path / "plugin.py"
    script.write_text(SCRIPT)
    return PluginKit(script, config={"colour": "blue"})


def request(number: int, method: str, **params) -> dict:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def action(number: int, name: str, **params) -> dict:
    return request(number, "execute_action", action=name, params=params, config={}, context={})


def test_an_action_gets_its_parameters_and_what_it_prints_goes_to_the_log(kit):
    data = kit.execute("echo", course_id="10430000000000127", name="Ünï\u2028code")
    assert data == {
        "params": {"course_id": "10430000000000127", "name": "Ünï\u2028code"},
        "config": {"colour": "blue"},
        "key": "testkit",
    }
    assert kit.logs == [("warning", "hello")]
    assert kit.progress == [{"done": 1, "total": 2, "message": "half"}]
    assert "printed by the plugin" in kit.stderr


def test_a_refusal_carries_its_code_and_when_to_come_back(kit):
    with pytest.raises(PluginAnsweredError) as caught:
        kit.execute("refuse")
    error = caught.value
    assert (error.code, error.message, error.retryable, error.retry_after_s) == (
        "too_busy",
        "Come back later.",
        True,
        7,
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("crash", "plugin_crashed"),
        ("not_json", "not_json"),
        ("not_a_number", "not_json"),
        ("too_large", "result_too_large"),
        ("nowhere", "unknown_action"),
    ],
)
def test_a_failing_action_is_an_answer_not_an_end(kit, name, code):
    with kit.start() as running:
        running.send(action(1, name))
        with pytest.raises(PluginAnsweredError) as caught:
            running.await_answer(1)
        assert caught.value.code == code
        running.send(action(2, "echo", still="here"))
        assert running.await_answer(2)["data"]["params"] == {"still": "here"}


def test_a_crash_leaves_its_trace_in_the_log(kit):
    with pytest.raises(PluginAnsweredError, match="ZeroDivisionError"):
        kit.execute("crash")
    assert "Traceback" in kit.stderr


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"not json\n", -32700),
        (b"\xff\xfe\n", -32700),
        (b"[" * 100_000 + b"\n", -32700),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "execute_action"}]\n', -32600),
        (b'{"id": 1, "method": "execute_action"}\n', -32600),
        (b'"text"\n', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "execute_action"}\n', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "launch"}\n', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": ["x"]}\n', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "execute_action", "params": [1]}\n', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": {"config": 3}}\n', -32602),
        (b"x" * (8 * 1024 * 1024 + 100) + b"\n", -32600),
    ],
)
def test_what_is_no_proper_request_is_refused_and_the_plugin_goes_on(kit, line, number):
    with kit.start() as running:
        running.send_raw(line)
        assert running.receive()["error"]["code"] == number
        running.send(action(2, "echo"))
        assert running.await_answer(2)["data"]["params"] == {}


def test_blank_lines_notifications_and_answers_nobody_asked_for_are_ignored(kit):
    with kit.start() as running:
        running.send_raw(b"\n  \n")
        running.send({"jsonrpc": "2.0", "method": "something", "params": {}})
        running.send({"jsonrpc": "2.0", "id": "p9", "result": {}})
        running.send(action(5, "echo"))
        assert running.await_answer(5)["data"]["config"] == {}


def test_the_end_of_input_ends_the_plugin(kit):
    running = kit.start()
    assert running.close() == 0


def test_the_end_of_input_ends_the_plugin_while_it_waits_for_an_answer(kit):
    running = kit.start()
    running.send(action(1, "fetch", url="/x"))
    assert running.receive()["method"] == "http.request"
    assert running.close() == 0


def test_a_second_call_during_the_first_is_told_that_the_plugin_is_busy(kit):
    with kit.start() as running:
        running.send(action(1, "fetch", url="/x"))
        asked = running.receive()
        running.send(action(2, "echo"))
        busy = running.receive()
        assert (busy["id"], busy["error"]["data"]["code"]) == (2, "busy")
        running.send({"jsonrpc": "2.0", "id": "p77", "result": {"status": 500}})
        running.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"status": 200, "headers": {}, "body": "ok"}})
        assert running.await_answer(1)["data"]["text"] == "ok"


def test_the_hosts_own_errors_reach_the_action_as_http_errors(kit):
    kit.hosts = {"known.example.edu": "http://127.0.0.1:9"}
    assert kit.execute("fetch", url="https://evil.example.com/")["code"] == "host_not_allowed"
    assert kit.execute("fetch", url="https://known.example.edu/") == {"code": "unreachable", "retryable": True}


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ('<https://a.example/x?page=2>; rel="next"', {"next": "https://a.example/x?page=2"}),
        ("</x?page=2>; rel=next, </x?page=9>; rel=last", {"next": "/x?page=2", "last": "/x?page=9"}),
        ('<?page=2>; title="a, b"; rel="next last"', {"next": "/list?page=2", "last": "/list?page=2"}),
        ('<https://a.example/x?a=1,2;3>; REL="Next"', {"next": "https://a.example/x?a=1,2;3"}),
        ("garbage", {}),
        ("<no end", {}),
        ("", {}),
    ],
)
def test_links_are_read_from_the_link_header(kit, header, links):
    with kit.start() as running:
        running.send(action(1, "fetch", url="/list"))
        asked = running.receive()
        result = {"status": 200, "headers": {"link": header}, "body": ""}
        running.send({"jsonrpc": "2.0", "id": asked["id"], "result": result})
        assert running.await_answer(1)["data"]["links"] == links


def serve_pages(running, pages: list[tuple[list, str]]) -> list[str]:
    """Answer requests with (items, next link), one after the other; the addresses asked for."""
    asked_for = []
    for items, following in pages:
        asked = running.receive()
        assert asked.get("method") == "http.request", asked
        asked_for.append(asked["params"]["url"])
        headers = {"link": f'<{following}>; rel="next"'} if following else {}
        result = {"status": 200, "headers": headers, "body": json.dumps(items)}
        running.send({"jsonrpc": "2.0", "id": asked["id"], "result": result})
    return asked_for


def test_pages_are_followed_to_the_end(kit):
    with kit.start() as running:
        running.send(action(1, "pages"))
        asked_for = serve_pages(running, [([{"n": 1}], "/list?page=b"), ([{"n": 2}], "/list?page=c"), ([], "")])
        assert asked_for == ["/list", "/list?page=b", "/list?page=c"]
        assert running.await_answer(1)["data"] == [{"n": 1}, {"n": 2}]


def test_a_limit_ends_paging_early(kit):
    with kit.start() as running:
        running.send(action(1, "pages", limit=1))
        serve_pages(running, [([{"n": 1}, {"n": 2}], "/list?page=b")])
        assert running.await_answer(1)["data"] == [{"n": 1}]


@pytest.mark.parametrize(
    "pages",
    [
        [([{"n": 1}], "/list")],
        [([{"n": 1}], "/list?page=b"), ([{"n": 2}], "/list?page=b")],
        [([{"n": 1}], "/list?page=b"), ([{"n": 1}], "/list?page=c")],
        [([{"n": n}], f"/list?page={n}") for n in range(5)],
    ],
    ids=["to itself", "round in a circle", "the same page again", "too many"],
)
def test_paging_that_never_ends_is_an_error(kit, pages):
    with kit.start() as running:
        running.send(action(1, "pages"))
        serve_pages(running, pages)
        with pytest.raises(PluginAnsweredError) as caught:
            running.await_answer(1)
        assert caught.value.code == "paging_never_ends"


def test_deliveries_reach_the_function_of_their_webhook_and_others_are_refused(kit):
    assert kit.webhook("ping", {"a": 1}) == {"got": {"a": 1}}
    assert kit.webhook("ping", ["a"]) == {"got": ["a"]}
    with pytest.raises(PluginAnsweredError, match="no webhook 'pong'; known are ping"):
        kit.webhook("pong", {})


def test_what_a_plugin_does_not_define_has_a_sensible_answer(kit):
    assert kit.authenticate()["ok"] is True
    assert kit.validate() == {"ok": True, "errors": {}}
    assert kit.health()["status"] == "healthy"


def test_a_plugin_that_dies_is_reported_with_its_log(tmp_path):
    script = tmp_path / "plugin.py"
    script.write_text("import sys; print('about to die', file=sys.stderr); sys.exit(3)")
    with pytest.raises(PluginBroke, match="about to die"):
        PluginKit(script).execute("anything")


def test_an_idle_plugin_ends_by_itself(tmp_path):
    script = tmp_path / "plugin.py"
    script.write_text("import coreengine_sdk as sdk\nsdk.IDLE_S = 0.2\nsdk.Plugin('sleepy').run()")
    running = PluginKit(script).start()
    assert running.process.wait(timeout=5) == 0
    running.close()


def runs(python: str) -> bool:
    """Tell whether this Python is here; version managers leave stand-ins that only print an error."""
    return bool(shutil.which(python)) and subprocess.run([python, "-V"], capture_output=True).returncode == 0


def test_the_sdk_needs_the_standard_library_only_and_runs_on_the_oldest_python(tmp_path):
    script = tmp_path / "plugin.py"
    script.write_text(SCRIPT)
    oldest = next(name for name in ("python3.9", "python3.10", sys.executable) if runs(name))
    program = f"import sys; sys.path.insert(0, {str(SDK_FOLDER)!r}); exec(open({str(script)!r}).read())"
    done = subprocess.run(
        [oldest, "-I", "-S", "-c", program],
        input=json.dumps(action(1, "echo", x=1)).encode() + b"\n",
        capture_output=True,
        timeout=20,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers and answers[-1]["result"]["data"]["params"] == {"x": 1}, done.stderr


STORING = """
from coreengine_sdk import HttpError, Plugin, PluginError

plugin = Plugin("storing")

@plugin.action("go_on")
def go_on(call):
    seen = call.storage.get("seen", [])
    call.storage.set("seen", [*seen, call.params["item"]])
    call.storage.set("dropped", 1)
    call.storage.set("dropped", None)
    if call.params["item"] == "bad":
        raise PluginError("bad", "That one is bad.")
    try:
        call.storage.set("k" * 201, 1)
    except HttpError as error:
        return [call.storage.keys(), call.storage.keys("x"), error.code]

plugin.run()
"""


def test_the_kit_keeps_what_is_stored_from_call_to_call_unless_it_fails(tmp_path):
    script = tmp_path / "plugin.py"
    script.write_text(STORING)
    kit = PluginKit(script)

    assert kit.execute("go_on", item="a") == [["seen"], [], "key_too_long"]
    with pytest.raises(PluginAnsweredError):
        kit.execute("go_on", item="bad")
    kit.execute("go_on", item="b")

    assert kit.stored == {"seen": ["a", "b"]}
