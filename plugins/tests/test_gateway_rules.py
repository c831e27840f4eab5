"""What may leave: methods and paths by capability, in whatever spelling they come."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from coreengine.kernel.outbound.address import read_address
from coreengine.kernel.outbound.errors import RequestFailed
from plugins.gateway.allowed import path_shape
from plugins.gateway.gateway import Gateway
from plugins.tests.asking import HOST, OTHER, TOKEN, ask, make_gateway, refused
from plugins.tests.peer import Peer, text

RULES = [
    {"capability": "read_files", "methods": ["GET"], "paths": ["/api/v1/files", "/api/v1/users/{user}/"]},
    {"capability": "write_files", "methods": ["POST", "PUT"], "paths": ["/api/v1/files/"]},
    {"capability": "read_files", "methods": ["GET"], "paths": ["/download/"], "host": OTHER},
]
SETTINGS = {"schema": {"type": "object", "properties": {"user": {"type": "string", "title": "User"}}}}


def ruled(key: str, *, user: str = "7", **more: Any) -> Gateway:
    return make_gateway(
        key, security={"requests": RULES}, spec={"configuration": SETTINGS}, configuration={"user": user}, **more
    )


class TestRules:
    @pytest.mark.parametrize(
        ("method", "url", "capability"),
        [
            ("GET", "/api/v1/files", "read_files"),
            ("GET", "/api/v1/files?page=2", "read_files"),
            ("GET", "/api/v1/files/7/content", "read_files"),
            ("GET", "/api/v1/%66iles/7", "read_files"),
            ("GET", "/api/v1/files/a%2Fb", "read_files"),
            ("GET", "/api/v1/users/7/courses", "read_files"),
            ("POST", "/api/v1/files/", "write_files"),
            ("GET", f"https://{OTHER}/download/x.pdf", "read_files"),
            ("GET", "/api/v1/files/lecture%201%20(übung).pdf", "read_files"),
        ],
    )
    def test_what_fits_one_leaves_for_its_capability(self, peer: Peer, method: str, url: str, capability: str) -> None:
        gateway = ruled("fits")

        assert ask(gateway, url, method=method)["status"] == 404
        assert [note.capability for note in gateway.notes] == [capability]

    @pytest.mark.parametrize(
        ("method", "url"),
        [
            ("GET", "/"),
            ("GET", "/api/v1/filesystem"),
            ("GET", "/api/v1/files%2F..%2Fadmin"),
            ("GET", "/api/v1/files/../admin"),
            ("GET", "/api/v1/files/%2e%2e/admin"),
            ("GET", "/api/v1/files/%2E%2e%2fadmin"),
            ("GET", "/api/v1/files/%252e%252e/admin"),
            ("GET", "/api/v1/files/..;/admin"),
            ("GET", "/api/v1/files/.%2e;x=1/admin"),
            ("GET", "/api/v1/files/..%5cadmin"),
            ("GET", "/api/v1/files/%c0%ae%c0%ae/admin"),
            ("GET", "/api/v1/files/%00"),
            ("GET", "/api/v1/files/a%0d%0aX-Injected:1"),
            ("GET", "/api/v1/files/%2525252525252e"),
            ("GET", "//api/v1/files"),
            ("GET", "/API/V1/FILES"),
            ("GET", "/x/../api/v1/files/../../../admin"),
            ("GET", "/api/v1/users/8/courses"),
            ("GET", "/api/v1/users/7"),
            ("POST", "/api/v1/files"),
            ("DELETE", "/api/v1/files/7"),
            ("PATCH", "/api/v1/files/7"),
            ("HEAD", "/api/v1/files"),
            ("GET", f"https://{OTHER}/api/v1/files"),
            ("GET", f"https://{OTHER}/download"),
            ("POST", f"https://{OTHER}/download/x"),
        ],
    )
    def test_nothing_else_leaves(self, peer: Peer, method: str, url: str) -> None:
        gateway = ruled("fits-not")

        assert refused(gateway, url, method=method).code in {"request_not_allowed", "invalid_request"}
        assert peer.asked == []
        assert [note.is_refused for note in gateway.notes] == [True]

    @pytest.mark.parametrize("user", ["..", "7/../8", "7?x=", "%2e%2e", ""])
    def test_a_setting_cannot_widen_one(self, peer: Peer, user: str) -> None:
        assert refused(ruled("wider", user=user), "/api/v1/users/8/courses").code == "request_not_allowed"

    @pytest.mark.parametrize("location", ["/admin", f"https://{OTHER}/admin", "files/../../admin"])
    def test_a_redirect_must_fit_one_too(self, peer: Peer, location: str) -> None:
        peer.answers["/api/v1/files"] = text(status=302, location=location)
        gateway = ruled("redirect")

        assert refused(gateway, "/api/v1/files").code in {"request_not_allowed", "invalid_request"}
        assert len(peer.asked) == 1
        assert [note.error_code != "" for note in gateway.notes] == [False, True]

    def test_without_any_a_plugin_that_only_reads_cannot_write(self, peer: Peer) -> None:
        gateway = make_gateway("reads", capabilities=["read_files"])

        assert ask(gateway, "/anything")["status"] == 404
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert refused(gateway, "/anything", method=method).code == "request_not_allowed"

    def test_without_any_an_endpoint_that_writes_is_a_declaration(self, peer: Peer) -> None:
        endpoint = {"name": "mark", "method": "POST", "path": "/mark"}
        gateway = make_gateway("writes", capabilities=["read_files"], spec={"endpoints": [endpoint]})

        assert ask(gateway, "/anything", method="POST", json={})["status"] == 404

    def test_an_open_policy_reads_elsewhere_and_writes_at_home_alone(self, peer: Peer) -> None:
        gateway = make_gateway("open", policy="full", hosts=(HOST,))

        assert ask(gateway, "https://elsewhere.example.edu/a")["status"] == 404
        assert refused(gateway, "https://elsewhere.example.edu/a", method="POST").code == "request_not_allowed"


class TestSpellings:
    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("/a%7eb", "/a~b"),
            ("/a%2fb", "/a%2Fb"),
            ("/100%-sure", "/100%25-sure"),
            ("/ü", "/%C3%BC"),
            ("/a?q=%41/../b", "/a?q=%41/../b"),
            ("?a=1", "/?a=1"),
        ],
    )
    def test_a_path_has_one(self, given: str, sent: str) -> None:
        given = given if given.startswith("/") else f"https://{HOST}{given}"

        assert read_address(given, home=HOST).path == sent

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"method": "POST", "query": {"_method": "DELETE"}}, "method_not_allowed"),
            ({"method": "POST", "url": "/a?x=1&_METHOD=delete"}, "method_not_allowed"),
            (
                {
                    "method": "POST",
                    "body": "a=1&_method=DELETE",
                    "headers": {"Content-Type": "application/x-www-form-urlencoded"},
                },
                "method_not_allowed",
            ),
            ({"headers": {"X-HTTP-Method-Override": "DELETE"}}, "header_not_allowed"),
            ({"headers": {":authority": "evil.example"}}, "header_not_allowed"),
            ({"headers": {"X-Goog-Api-Key": "mine"}}, "header_not_allowed"),
            ({"headers": {"X-GitHub-Token": "mine"}}, "header_not_allowed"),
            ({"headers": {"Accept": "a", "ACCEPT": "b"}}, "header_not_allowed"),
            ({"headers": {"Sec-WebSocket-Key": "x"}}, "header_not_allowed"),
            ({"headers": {"Expect": "100-continue"}}, "header_not_allowed"),
            ({"headers": {"TE": "trailers"}}, "header_not_allowed"),
            ({"headers": [["Host", "evil.example"]]}, "invalid_request"),
            ({"url": f"http://{HOST}\r\nHost: evil.example/"}, "invalid_request"),
            ({"url": "https://user:pass@canvas.example.edu/"}, "invalid_request"),
            ({"method": "CONNECT", "url": f"https://{HOST}:443"}, "method_not_allowed"),
            ({"body": "x", "json": {}}, "invalid_request"),
            ({"body": 7}, "invalid_request"),
            ({"json": float("nan")}, "invalid_request"),
            ({"connection": 2}, "invalid_request"),
            ({"credential": {"token": "other"}}, "invalid_request"),
            ({"url": "feed:"}, "invalid_request"),
        ],
    )
    def test_what_two_readers_could_take_differently_is_refused(
        self, peer: Peer, params: dict[str, Any], code: str
    ) -> None:
        gateway = make_gateway("twice")

        assert refused(gateway, **{"url": "/a", **params}).code == code
        assert peer.asked == []

    def test_the_header_that_carries_the_credential_is_the_hosts(self, peer: Peer) -> None:
        gateway = make_gateway("own", authentication={"type": "api_key", "header": "X-GitHub-Media"})

        assert refused(gateway, headers={"X-Github-Media": "mine"}).code == "header_not_allowed"
        ask(gateway)
        assert peer.asked[0][2]["X-GitHub-Media"] == TOKEN

    def test_the_one_who_checks_and_the_one_who_asks_read_the_same_host(self, peer: Peer) -> None:
        import httpcore

        for given in (f"https://{HOST}/a", f"https://{HOST}:443/a?b=c%20d", f"HTTPS://{HOST.upper()}/".lower()):
            target = read_address(given, home=HOST)
            asked = httpcore.URL(target.url)
            assert (asked.host.decode(), asked.target.decode()) == (target.host, target.path)


class TestRedirectsAndTheCredential:
    def test_it_is_not_given_again_after_a_way_through_another_host(self, peer: Peer) -> None:
        peer.answers |= {
            "/a": text(status=302, location=f"https://{OTHER}/b"),
            "/b": text(status=302, location=f"https://{HOST}/c"),
            "/c": text('"home"'),
        }

        assert ask(make_gateway("round"))["body"] == '"home"'
        assert ["Authorization" in headers for _, _, headers, _ in peer.asked] == [True, False, False]

    def test_headers_that_were_meant_for_home_stay_there(self, peer: Peer) -> None:
        peer.answers |= {"/a": text(status=302, location=f"https://{OTHER}/b"), "/b": text("{}")}

        ask(make_gateway("stay"), headers={"If-None-Match": '"x"', "Accept": "a/b", "X-GitHub-Api-Version": "1"})

        first, second = peer.asked[0][2], peer.asked[1][2]
        assert first["if-none-match"] == '"x"' and first["x-github-api-version"] == "1"
        assert "if-none-match" not in second and "x-github-api-version" not in second
        assert second["accept"] == "a/b"

    def test_a_relative_one_is_read_from_where_it_was_found(self, peer: Peer) -> None:
        peer.answers |= {"/a/b": text(status=302, location="c?x=1"), "/a/c": text('"there"')}

        assert ask(make_gateway("relative"), "/a/b")["body"] == '"there"'
        assert peer.asked[1][1] == "/a/c?x=1"

    def test_no_cookie_is_kept_from_one_request_to_the_next(self, peer: Peer) -> None:
        peer.answers["/a"] = text(set_cookie="session=1; Path=/")
        gateway = make_gateway("cookies")

        ask(gateway)
        ask(gateway)

        assert all("cookie" not in {name.lower() for name in headers} for _, _, headers, _ in peer.asked)

    def test_another_protocol_is_not_spoken(self, settings: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            host = f"http://127.0.0.1:{server.getsockname()[1]}"
            settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {HOST: host}}

            def switch() -> None:
                with server.accept()[0] as peer:
                    peer.recv(4096)
                    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")

            thread = threading.Thread(target=switch)
            thread.start()
            assert refused(make_gateway("websocket"), seconds=0.4).code in {"invalid_answer", "timeout"}
            thread.join()


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/v1/courses/17/files", "/api/v1/courses/{n}/files"),
        ("/repos/ada/engine/commits/0f3a9c1b2d4e", "/repos/ada/engine/commits/{id}"),
        ("/drive/v3/files/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", "/drive/v3/files/{id}"),
        ("/users/sis:4711/courses", "/users/{id}/courses"),
        ("/", "/"),
    ],
)
def test_a_shape_has_nothing_that_varies(path: str, shape: str) -> None:
    assert path_shape(path) == shape


def test_a_feed_is_asked_by_its_name_alone(peer: Peer) -> None:
    secret = f"https://{HOST}/feeds/calendars/user_Kx93hslq0vNbQwe8.ics?verifier=1"
    peer.answers["/feeds/calendars/user_Kx93hslq0vNbQwe8.ics"] = text("BEGIN:VCALENDAR", content_type="text/calendar")
    gateway = make_gateway(
        "feed", authentication={"type": "feed_url"}, credential={"url": secret}, security={"requests": RULES[2:]}
    )

    assert ask(gateway, "feed:")["body"] == "BEGIN:VCALENDAR"
    assert peer.asked[0][1] == "/feeds/calendars/user_Kx93hslq0vNbQwe8.ics?verifier=1"
    assert [(note.path, note.shape) for note in gateway.notes] == [("(feed address)", "(feed address)")]
    for more in ({"method": "POST"}, {"query": {"a": 1}}):
        assert refused(gateway, "feed:", **more).code == "method_not_allowed"
    assert all("Kx93hslq0vNbQwe8" not in f"{note}" for note in gateway.notes)


@pytest.mark.parametrize("address", ["http://canvas.example.edu/x", "https://evil.example/x", "https://127.0.0.1/x"])
def test_a_feed_that_is_elsewhere_is_refused(settings: Any, address: str) -> None:
    settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {}}
    gateway = make_gateway("feed-off", authentication={"type": "feed_url"}, credential={"url": address})

    with pytest.raises(RequestFailed) as refusal:
        ask(gateway, "feed:")
    assert refusal.value.code in {"not_https", "host_not_allowed", "private_address"}
