"""The credential is that of the connection the action runs for, and the plugin never sees it, however it is asked."""

from __future__ import annotations

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connections

from plugins import calls, running, services
from plugins.belongings import WebhookNames
from plugins.contract import ActionResult
from plugins.gateway.secrets import Mask
from plugins.models import Connection
from plugins.registry import Plugin
from plugins.sandbox.base import Chunk
from plugins.sandbox.process import ProcessChild
from plugins.tests.asking import HOST, OTHER, ask, make_gateway, refused
from plugins.tests.conftest import MakePlugin
from plugins.tests.factories import ConnectionFactory
from plugins.tests.peer import Peer, text
from plugins.webhooks.models import ConnectionWebhook

PROGRAM = """
from coreengine_sdk import HttpError, Plugin

plugin = Plugin("hostile")

@plugin.action("try_everything")
def try_everything(call):
    other = call.params["other"]
    tried = []
    for more in (
        {}, {"headers": {"Accept": "application/json"}},
        {"query": {"connection": other, "as_user_id": other, "access_token": "mine"}},
        {"headers": {"Authorization": "Bearer other"}}, {"headers": {"X-Connection": str(other)}},
        {"headers": {"Cookie": "session=" + str(other)}},
    ):
        try:
            tried.append([call.http.request("GET", "/echo", **more).json()["who"], ""])
        except HttpError as error:
            tried.append(["", error.code])
    for extra in ("connection", "connection_id", "credential", "owner", "context", "access", "key"):
        try:
            call._channel.ask("http.request", {"method": "GET", "url": "/echo", extra: other})
        except HttpError as error:
            tried.append(["", error.code])
    for url in ("https://%s@canvas.example.edu/echo" % other, "https://files.example.edu/echo", "feed:",
                "https://canvas.example.edu:%s/echo" % other, "connection:%s/echo" % other):
        try:
            tried.append([call.http.get(url).json()["who"], ""])
        except HttpError as error:
            tried.append(["", error.code])
    for method in ("connection.get", "host.credential", "credential.get", "storage.credential", "authenticate"):
        try:
            call._channel.ask(method, {"connection": other})
        except HttpError as error:
            tried.append(["", error.code])
    call.storage.set("found", tried)
    return tried

plugin.run()
"""
TRY = {
    "name": "try_everything",
    "method": "POST",
    "path": "/try",
    "parameters": [{"name": "other", "in": "query", "type": "integer", "required": True}],
}


def who(handler: BaseHTTPRequestHandler) -> str:
    """Name the student of a token, and never the token."""
    proof = handler.headers.get("Authorization", "")
    return {"": "nobody"}.get(proof, proof.removeprefix("Bearer ").split("~")[0])


def echo(handler: BaseHTTPRequestHandler) -> None:
    """Answer with who asked, and with the token in every spelling that a service might give it back in."""
    token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
    raw = token.encode()
    spellings = {
        "plain": token,
        "header": f"Bearer {token}",
        "percent": quote(token, safe=""),
        "all percent": "".join(f"%{byte:02x}" for byte in raw),
        "hex": raw.hex(),
        "base64": base64.b64encode(raw).decode(),
        "base64 within": base64.b64encode(f"Authorization: Bearer {token}\r\n".encode()).decode(),
        "shifted": [base64.b64encode(b"x" * shift + raw + b"yyy").decode() for shift in range(3)],
    }
    body = json.dumps({"who": who(handler), "echo": spellings if token else {}})
    text(body, X_Echo=f"you are {token}", Set_Cookie=f"token={token}")(handler)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that goes to the standard input of any child."""
    seen: list[bytes] = []
    real = ProcessChild.pump

    def pump(self: ProcessChild, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
        seen.append(bytes(outgoing))
        return real(self, outgoing, timeout_s)

    monkeypatch.setattr(ProcessChild, "pump", pump)
    return seen


@pytest.fixture
def hostile(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Plugin:
    security = {"network_policy": "restricted", "allowed_hosts": [HOST, OTHER]}
    plugin = make_plugin(PROGRAM, endpoints=[TRY], authentication={"type": "api_key"}, security=security)
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process"}
    monkeypatch.setattr(running, "get_plugin", lambda name: plugin)
    monkeypatch.setattr(calls, "get_plugin", lambda name, **_: plugin)
    return plugin


@pytest.fixture
def make_connection(hostile: Plugin) -> Callable[..., Connection]:
    def make(owner: Any, name: str) -> Connection:
        token = f"{name}~{uuid.uuid4().hex}"
        return ConnectionFactory(owner=owner, plugin="hostile", configuration={}, credential={"token": token})

    return make


def attack(connection: Connection, other: Connection) -> ActionResult:
    return services.call_action(connection, "try_everything", {"other": other.pk}, by=connection.owner, timeout_s=30)


@pytest.mark.django_db(transaction=True)
class TestTwoStudents:
    def test_nothing_that_a_plugin_says_chooses_another(
        self, peer: Peer, owner: Any, stranger: Any, make_connection: Any, said: list[bytes]
    ) -> None:
        peer.answers["/echo"] = echo
        mine, second, theirs = (
            make_connection(owner, "mine"), make_connection(owner, "second"), make_connection(stranger, "theirs")
        )  # fmt: skip

        for connection, name, other in ((mine, "mine", theirs), (theirs, "theirs", mine), (second, "second", mine)):
            result = attack(connection, other)

            assert result.success, result.error
            assert {found for found, _ in result.data} <= {name, "nobody", ""}
            assert result.data[0] == [name, ""]
            assert len([code for _, code in result.data if code]) >= 15
        assert all(
            secret not in b"".join(said).decode()
            for connection in (mine, second, theirs)
            for secret in spellings(connection.credential["token"])
        )

    def test_nor_at_the_same_time(
        self, peer: Peer, owner: Any, stranger: Any, make_connection: Any, said: list[bytes]
    ) -> None:
        peer.answers["/echo"] = echo
        both = {"mine": make_connection(owner, "mine"), "theirs": make_connection(stranger, "theirs")}
        found: dict[str, list[ActionResult]] = {"mine": [], "theirs": []}

        def run(name: str, other: str) -> None:
            try:
                found[name].append(attack(both[name], both[other]))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run, args=pair) for pair in (("mine", "theirs"), ("theirs", "mine")) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        for name, results in found.items():
            assert len(results) == 2
            for result in results:
                assert result.success, result.error
                assert {who for who, _ in result.data} <= {name, "nobody", ""}
        everything = b"".join(said).decode()
        assert all(each not in everything for one in both.values() for each in spellings(one.credential["token"]))


def spellings(token: str) -> list[str]:
    """Return what must not be found: the token as it is, and as others write it."""
    raw = token.encode()
    return [
        token,
        raw.hex(),
        "".join(f"%{byte:02x}" for byte in raw),
        base64.b64encode(raw).decode().rstrip("="),
        *(base64.b64encode(b"x" * shift + raw + b"yyy").decode()[4:-8] for shift in range(3)),
        base64.b64encode(f"Authorization: Bearer {token}\r\n".encode()).decode()[32:-8],
    ]


SECRET = "s3cr+t/canary~ä value"


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%C3%A4", "%c3%a4"),
        SECRET.replace(" ", "+").replace("s3cr+t/", "s3cr%2Bt%2F").replace("ä", "%C3%A4"),
        "".join(f"%{byte:02X}" for byte in SECRET.encode()),
        json.dumps(SECRET)[1:-1],
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
@pytest.mark.parametrize("cut", [1, 3, 7, 64])
def test_every_spelling_is_masked_however_the_stream_is_cut(spelled: str, cut: int) -> None:
    mask = Mask({"token": SECRET})
    stream = f"before {spelled} after {spelled}{spelled}".encode()

    found = b"".join(mask.feed(stream[at : at + cut]) for at in range(0, len(stream), cut)) + mask.end()

    # In base64 the last letter holds a few bits at most; it may stay, with the filling.
    shown = re.sub(rb"\[hidden\][A-Za-z0-9]?={0,2}(?=\[| |$)", b"[hidden]", found)
    assert shown == b"before [hidden] after [hidden][hidden]"


@pytest.mark.parametrize("field", ["token", "password", "access_token", "refresh_token", "url"])
def test_every_kind_of_credential_is_masked(field: str) -> None:
    secret = "https://canvas.example.edu/feeds/user_8f3kzlq0WvN.ics"
    assert secret not in Mask({field: secret}).text(f"a {secret} b")


def test_what_a_mask_costs_does_not_grow_with_what_it_could_be() -> None:
    token = "ab" * 1_000
    mask = Mask({"access_token": token})
    data = b"ab" * 200_000

    assert b"[hidden]" in mask.feed(data) + mask.end()


@pytest.mark.django_db
class TestNamesOfWebhooks:
    """What the other side must be told and the plugin must not see."""

    @pytest.fixture
    def names(self, owner: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> WebhookNames:
        from plugins.manifest import manifest_from
        from plugins.tests.conftest import manifest_document

        settings.SITE_URL = "https://core.example.edu"
        signature = {"type": "hmac_sha256", "header": "X-Hub-Signature-256"}
        document = manifest_document(
            capabilities=["webhook_receiver"], webhooks=[{"name": "push", "signature": signature}]
        )
        manifest = manifest_from(document)
        monkeypatch.setattr(Connection, "manifest", property(lambda self: manifest))
        self.connection = ConnectionFactory(owner=owner)
        return WebhookNames(self.connection)

    def test_are_replaced_on_the_way_home_and_back(self, peer: Peer, names: WebhookNames) -> None:
        def keep(handler: BaseHTTPRequestHandler) -> None:
            text(peer.asked[-1][3])(handler)

        peer.answers["/hooks"] = keep
        gateway = make_gateway("names", hidden_names=names)
        config = {
            "config": {"url": "webhook-url:push", "secret": "webhook-secret:push", "note": "see webhook-url:push"}
        }

        answer = ask(gateway, "/hooks", method="POST", json={"hooks": [config], "events": ["push"]})

        sent = json.loads(peer.asked[0][3])["hooks"][0]["config"]
        secret = ConnectionWebhook.objects.get(connection=self.connection).secret
        assert sent == {
            "url": f"https://core.example.edu/hooks/connections/{self.connection.pk}/push/",
            "secret": secret,
            "note": "see webhook-url:push",
        }
        assert json.loads(answer["body"])["hooks"] == [config]

    def test_are_known_again_in_what_a_later_action_reads(self, peer: Peer, names: WebhookNames) -> None:
        address, secret = names.swap("webhook-url:push"), names.swap("webhook-secret:push")
        peer.answers["/hooks"] = text(json.dumps([{"url": address, "secret": secret}]))

        answer = ask(make_gateway("later", hidden_names=WebhookNames(self.connection)), "/hooks")

        assert json.loads(answer["body"]) == [{"url": "webhook-url:push", "secret": "webhook-secret:push"}]

    def test_stay_names_on_the_way_to_any_other_host(self, peer: Peer, names: WebhookNames) -> None:
        gateway = make_gateway("elsewhere", hidden_names=names)

        ask(gateway, f"https://{OTHER}/hooks", method="POST", json={"secret": "webhook-secret:push"})
        ask(gateway, "/hooks", method="POST", body='{"secret": "webhook-secret:push"}')

        assert [json.loads(body) for _, _, _, body in peer.asked] == [{"secret": "webhook-secret:push"}] * 2

    def test_do_not_follow_a_redirect_to_another_host(self, peer: Peer, names: WebhookNames) -> None:
        peer.answers["/hooks"] = text(status=307, location=f"https://{OTHER}/hooks")
        gateway = make_gateway("redirected", hidden_names=names)

        assert refused(gateway, "/hooks", method="POST", json={"s": "webhook-secret:push"}).code == "redirect_refused"
        assert len(peer.asked) == 1

    def test_of_nothing_are_refused(self, peer: Peer, names: WebhookNames, settings: Any) -> None:
        gateway = make_gateway("unknown", hidden_names=names)

        assert refused(gateway, method="POST", json={"url": "webhook-url:there-is-none"}).code
        settings.SITE_URL = ""
        assert refused(gateway, method="POST", json={"url": "webhook-url:push"}).code == "site_address_missing"
        assert peer.asked == []
