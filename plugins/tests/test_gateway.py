"""The gateway against a real server: who is reached, as whom, and what comes back."""

from __future__ import annotations

import base64
import gzip
import json
import time
import zlib
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from coreengine.kernel.models import Blob
from coreengine.kernel.outbound import network
from plugins.gateway.gateway import Gateway
from plugins.gateway.secrets import Mask
from plugins.tests.asking import HOST, OAUTH2, OTHER, TOKEN, Store, ask, make_gateway, refused
from plugins.tests.peer import Peer, one_after_the_other, text


@pytest.fixture
def gateway(peer: Peer, request: pytest.FixtureRequest) -> Gateway:
    return make_gateway(request.node.name)


class TestWhoIsReached:
    def test_a_path_goes_to_the_home_host_with_the_credential(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text('{"x": 1}')

        answer = ask(gateway, "/a", query={"per_page": 2})

        assert (answer["status"], answer["body"], answer["from_cache"]) == (200, '{"x": 1}', False)
        method, path, headers, _ = peer.asked[0]
        assert (method, path, headers["host"]) == ("GET", "/a?per_page=2", HOST)
        assert headers["Authorization"] == f"Bearer {TOKEN}"

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/",
            f"https://{HOST}.evil.example/",
            f"https://evil{HOST}/",
            f"https://sub.{HOST}/",
            "https://elsewhere.example.edu/",
            f"https://{HOST}:8443@evil.example/",
        ],
    )
    def test_a_host_that_is_not_exactly_allowed_is_refused(self, peer: Peer, gateway: Gateway, url: str) -> None:
        assert refused(gateway, url).code in {"host_not_allowed", "invalid_request"}
        assert peer.asked == []

    def test_without_a_network_policy_nothing_is_reached(self, peer: Peer) -> None:
        assert refused(make_gateway("none", policy="none", hosts=()), f"https://{HOST}/").code == "host_not_allowed"

    def test_an_open_policy_reaches_other_hosts_without_the_credential(self, peer: Peer) -> None:
        peer.answers["/a"] = text()

        ask(make_gateway("full", policy="full", hosts=(HOST,)), "https://elsewhere.example.edu/a")

        assert "Authorization" not in peer.asked[0][2]

    def test_plain_http_is_only_for_hosts_that_the_operator_mapped(self, peer: Peer, settings: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {}}

        assert refused(make_gateway("http"), f"http://{HOST}/").code == "not_https"

    @pytest.mark.parametrize("method", ["CONNECT", "TRACE", "OPTIONS", "GET\r\nX: y", "", 7])
    def test_other_methods_are_refused(self, peer: Peer, gateway: Gateway, method: Any) -> None:
        assert refused(gateway, method=method).code == "method_not_allowed"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": "Bearer other"},
            {"Cookie": "a=b"},
            {"Host": "evil.example"},
            {"host": "evil.example"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"Transfer-Encoding": "chunked"},
            {"Content-Length": "0"},
            {"Connection": "upgrade"},
            {"Upgrade": "websocket"},
            {"Accept": "a\r\nX-Injected: 1"},
            {"Accept\r\nX": "1"},
            {"Accept": "é"},
            {"Proxy-Authorization": "x"},
        ],
    )
    def test_headers_of_the_host_cannot_be_set(self, peer: Peer, gateway: Gateway, headers: dict[str, str]) -> None:
        assert refused(gateway, headers=headers).code == "header_not_allowed"
        assert peer.asked == []

    def test_an_unknown_field_of_a_request_is_refused(self, peer: Peer, gateway: Gateway) -> None:
        assert refused(gateway, connection=2).code == "invalid_request"


class TestPrivateAddresses:
    """Names that lead inside, by a resolver of the test; real sockets would answer if one were asked."""

    @pytest.fixture(autouse=True)
    def not_mapped(self, peer: Peer, settings: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {}}

    @pytest.mark.parametrize(
        "addresses",
        [["127.0.0.1"], ["10.0.0.5"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["100.64.0.1"], ["0.0.0.0"]]
        + [["93.184.216.34", "127.0.0.1"], ["64:ff9b::7f00:1"], []],
    )
    def test_a_name_that_leads_inside_is_refused(
        self, peer: Peer, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
    ) -> None:
        monkeypatch.setattr(network, "resolve", lambda host, port: addresses)

        failure = refused(make_gateway(f"private {len(addresses)}".replace(" ", "-")), f"https://{HOST}/")

        assert failure.code == "private_address"
        assert peer.asked == []

    def test_a_name_is_resolved_once_so_there_is_nothing_to_rebind(
        self, peer: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = [["192.0.2.1"], ["127.0.0.1"]]
        asked: list[str] = []
        connected: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return answers[min(len(asked), 2) - 1]

        def connect(self: Any, host: str, *args: Any, **more: Any) -> Any:
            connected.append(host)
            raise network.httpcore.ConnectError("not in this test")

        monkeypatch.setattr(network, "resolve", resolve)
        monkeypatch.setattr(network, "is_public", lambda address: address == "192.0.2.1")
        monkeypatch.setattr(network.httpcore.SyncBackend, "connect_tcp", connect)

        assert refused(make_gateway("rebind"), f"https://{HOST}/").code == "unreachable"
        assert (asked, connected) == ([HOST], ["192.0.2.1"])

    def test_the_operator_can_allow_a_private_host(
        self, peer: Peer, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {HOST: "allow"}}
        monkeypatch.setattr(network, "resolve", lambda host, port: ["127.0.0.1"])

        assert refused(make_gateway("allowed"), f"https://{HOST}/").code in {"unreachable", "tls_failed"}

    def test_an_unknown_name_is_said_to_be_unknown(self, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(host: str, port: int) -> list[str]:
            raise OSError(-2, "Name or service not known")

        monkeypatch.setattr(network, "resolve", resolve)

        failure = refused(make_gateway("unknown"), f"https://{HOST}/")

        assert failure.code == "unreachable" and f'There is no host "{HOST}"' in str(failure)


class TestRedirects:
    def test_inside_the_host_they_are_followed(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers |= {"/a": text(status=302, location="/b"), "/b": text('"here"')}

        assert ask(gateway)["body"] == '"here"'
        assert all("Authorization" in headers for _, _, headers, _ in peer.asked)

    def test_to_another_allowed_host_they_lose_the_credential(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers |= {"/a": text(status=302, location=f"https://{OTHER}/b"), "/b": text('"there"')}

        assert ask(gateway)["body"] == '"there"'
        assert "Authorization" not in peer.asked[1][2]

    @pytest.mark.parametrize(
        "location",
        [
            "https://evil.example/",
            "http://127.0.0.1/",
            "//evil.example/",
            "https://169.254.169.254/",
            "file:///etc/passwd",
        ]
        + ["https://elsewhere.example.edu/", "gopher://x.example/", f"https://{HOST}@evil.example/", "javascript:1"],
    )
    def test_to_anywhere_else_they_are_refused(self, peer: Peer, gateway: Gateway, location: str) -> None:
        peer.answers["/a"] = text(status=302, location=location)

        assert refused(gateway).code in {"host_not_allowed", "redirect_refused", "private_address", "invalid_request"}
        assert len(peer.asked) == 1

    def test_a_circle_ends(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text(status=302, location="/a")

        assert refused(gateway).code == "too_many_redirects"

    def test_a_body_is_not_sent_on_to_another_host(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text(status=307, location=f"https://{OTHER}/b")

        assert refused(gateway, method="POST", json={"x": 1}).code == "redirect_refused"


class TestTheCredential:
    @pytest.mark.parametrize(
        ("authentication", "credential", "name", "value"),
        [
            (OAUTH2, {"access_token": TOKEN, "refresh_token": "r"}, "Authorization", f"Bearer {TOKEN}"),
            ({"type": "api_key", "header": "X-Api-Key"}, {"token": TOKEN}, "X-Api-Key", TOKEN),
            ({"type": "api_key", "prefix": "token"}, {"token": TOKEN}, "Authorization", f"token {TOKEN}"),
            (
                {"type": "basic_auth"},
                {"username": "ada", "password": "lovelace"},
                "Authorization",
                f"Basic {base64.b64encode(b'ada:lovelace').decode()}",
            ),
        ],
    )
    def test_is_put_where_the_manifest_says(
        self, peer: Peer, authentication: Any, credential: Any, name: str, value: str
    ) -> None:
        peer.answers["/a"] = text()

        ask(make_gateway(f"kind-{len(value)}", authentication=authentication, credential=credential))

        assert peer.asked[0][2][name] == value

    def test_is_masked_where_the_other_side_echoes_it(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text(json.dumps({"you sent": f"Bearer {TOKEN}"}), x_echo=TOKEN, set_cookie="session=1")

        answer = ask(gateway)

        assert TOKEN not in json.dumps(answer)
        assert "[hidden]" in answer["body"]
        assert "set-cookie" not in answer["headers"]

    @pytest.mark.parametrize("size", range(1, 12))
    def test_is_masked_however_the_stream_is_cut(self, size: int) -> None:
        mask = Mask({"token": "secret-token"})
        stream = b"a secret-token, and secret-tok, and secretsecret-token"

        found = b"".join(mask.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + mask.end()

        assert found == b"a [hidden], and secret-tok, and secret[hidden]"

    def test_a_rejected_one_is_said_in_words_that_help(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text('{"errors": []}', status=401, www_authenticate='Bearer realm="canvas-lms"')

        failure = refused(gateway)

        assert failure.code == "credential_rejected" and "make a new one" in str(failure)

    def test_a_forbidden_thing_is_not_a_rejected_credential(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text('{"status": "unauthorized"}', status=401)

        assert ask(gateway)["status"] == 401


class TestAnswers:
    def test_a_web_page_instead_of_data_is_said_to_be_one(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text("<html>Welcome</html>", content_type="text/html; charset=utf-8")

        failure = refused(gateway, headers={"Accept": "application/json"})

        assert failure.code == "not_data" and "web page instead of data" in str(failure)

    def test_gzip_is_read(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text(gzip.compress(b'{"a": 1}'), content_encoding="gzip")

        assert ask(gateway)["body"] == '{"a": 1}'

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_bomb_is_stopped_early(self, peer: Peer, gateway: Gateway, encoding: str) -> None:
        content = b"0" * 50_000_000
        packed = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
        peer.answers["/a"] = text(packed, content_encoding=encoding)

        assert refused(gateway).code == "too_large"

    def test_a_body_without_end_is_stopped(self, peer: Peer, gateway: Gateway) -> None:
        def endless(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            while True:
                handler.wfile.write(b"x" * 65536)

        peer.answers["/a"] = endless

        assert refused(gateway).code == "too_large"

    def test_a_body_that_trickles_is_stopped_in_time(self, peer: Peer, gateway: Gateway) -> None:
        def trickle(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            for _ in range(100):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)

        peer.answers["/a"] = trickle

        assert refused(gateway, seconds=0.6).code == "timeout"

    def test_a_host_that_never_answers_is_said_not_to(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = lambda handler: time.sleep(2)

        failure = refused(gateway, seconds=0.4)

        assert (failure.code, failure.retryable) == ("timeout", True)

    def test_a_closed_port_is_unreachable(self, peer: Peer, settings: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {HOST: "http://127.0.0.1:9"}}

        failure = refused(make_gateway("closed"))

        assert (failure.code, failure.retryable) == ("unreachable", True)

    def test_a_host_that_speaks_something_else_is_unreachable(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = lambda handler: handler.wfile.write(b"220 smtp ready\r\n\r\n")

        assert refused(gateway).code == "unreachable"

    @pytest.mark.django_db
    def test_a_large_body_becomes_a_blob(self, peer: Peer, gateway: Gateway) -> None:
        content = b"%PDF" + b"x" * 8_000_000
        peer.answers["/a"] = text(content, content_type="application/pdf")

        answer = ask(gateway, as_blob=True)

        assert answer["blob"]["size_bytes"] == len(content)
        assert Blob.objects.get(sha256=answer["blob"]["blob"]).size_bytes == len(content)
        assert "body" not in answer

    def test_an_unchanged_answer_is_not_sent_again(self, peer: Peer) -> None:
        peer.answers["/a"] = one_after_the_other(text('{"v": 1}', etag='"one"'), text("", status=304))
        store = Store()

        first = ask(make_gateway("cache", answers=store))
        second = ask(make_gateway("cache", answers=store))

        assert (first["from_cache"], second["from_cache"]) == (False, True)
        assert second["body"] == '{"v": 1}' and second["status"] == 200
        assert peer.asked[1][2]["if-none-match"] == '"one"'

    def test_an_unchanged_first_page_may_lead_to_a_new_second_one(self, peer: Peer) -> None:
        link = '<https://peer.example.edu/a?page=2>; rel="next"'
        first = text("[1]", etag='"one"', x_was="there")
        peer.answers["/a"] = one_after_the_other(first, text("", status=304, link=link, content_type="text/plain"))
        store = Store()

        ask(make_gateway("news", answers=store))
        headers = ask(make_gateway("news", answers=store))["headers"]

        assert headers["link"] == link
        assert (headers["x-was"], headers["content-type"]) == ("there", "application/json")


class TestPace:
    def test_429_is_waited_for_as_long_as_asked(self, peer: Peer) -> None:
        peer.answers["/a"] = one_after_the_other(text(status=429, retry_after="2"), text('"now"'))
        waits: list[float] = []

        assert ask(make_gateway("429", waits=waits), seconds=30)["body"] == '"now"'
        assert waits and waits[0] == 2

    def test_canvas_says_403_and_is_understood(self, peer: Peer) -> None:
        body = "403 Forbidden (Rate Limit Exceeded)\n"
        peer.answers["/a"] = one_after_the_other(text(body, status=403, content_type="text/plain"), text('"now"'))

        assert ask(make_gateway("403", waits=[]), seconds=30)["body"] == '"now"'

    def test_a_plain_403_is_an_answer(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text('{"status": "unauthorized"}', status=403)

        assert ask(gateway)["status"] == 403

    def test_beyond_patience_it_says_when_to_come_back(self, peer: Peer) -> None:
        peer.answers["/a"] = text(status=429, retry_after="3600")

        failure = refused(make_gateway("long", waits=[]), seconds=30)

        assert (failure.code, failure.retryable, failure.retry_after_s) == ("too_many_requests", True, 3600)

    def test_a_connection_has_a_budget_per_minute(self, peer: Peer, settings: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "REQUESTS_PER_MINUTE": 3, "MAX_WAIT_S": 0}
        peer.answers["/a"] = text()
        gateway = make_gateway("budget")
        for _ in range(3):
            ask(gateway)

        assert refused(gateway).code == "too_many_requests"


def test_every_call_is_noted_without_its_query(peer: Peer, gateway: Gateway) -> None:
    peer.answers["/a"] = text("[]")
    ask(gateway, "/a", query={"secret": "canary-query"})
    refused(gateway, "https://evil.example/")

    note, refusal = gateway.notes
    assert (refusal.host, refusal.error_code, refusal.is_refused) == ("evil.example", "host_not_allowed", True)
    assert (note.method, note.host, note.path, note.status, note.bytes_received) == ("GET", HOST, "/a", 200, 2)
