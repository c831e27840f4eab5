"""Web push against a push service of our own: encrypted, signed, pinned, and forgotten when the browser is gone."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from coreengine.kernel.models import OutgoingPush, PushKey, PushSubscription
from coreengine.kernel.notifications import notify
from coreengine.kernel.push.browsers import add_browser
from coreengine.kernel.push.keys import current_key
from coreengine.kernel.push.outbox import send_due_pushes

pytestmark = pytest.mark.django_db
HOST = "push.example.com"


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Browser:
    """The receiving end: its keys, and the decryption of RFC 8291 written from the standard."""

    def __init__(self) -> None:
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), b"sixteen bytes ok"
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.point = self.key.public_key().public_bytes(*form)

    def decrypt(self, body: bytes) -> Any:
        salt, length = body[:16], struct.unpack("!B", body[20:21])[0]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\x00" + self.point + sender
        material = HKDF(hashes.SHA256(), 32, self.auth, info).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(material)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(material)
        return json.loads(AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\x00").removesuffix(b"\x02"))


class Service:
    """A push service that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.status, self.got = 201, []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                service.got.append((self.path, dict(self.headers), body))
                self.send_response(service.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    found = Service()
    address = f"http://127.0.0.1:{found.server.server_address[1]}"
    settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {HOST: address}}
    yield found
    found.server.shutdown()
    found.server.server_close()


def let_in(owner: Any, browser: Browser, path: str = "/send/abc") -> PushSubscription:
    keys = {"p256dh": text(browser.point), "auth": text(browser.auth)}
    return add_browser(owner, endpoint=f"https://{HOST}{path}", **keys, label="Firefox on Linux", by=owner)


def test_a_push_can_be_read_by_its_browser_and_is_signed_for_its_service(owner: Any, service: Service) -> None:
    browser = Browser()
    let_in(owner, browser)
    notify(owner, title="Essay is due", content="Databases", url="/assignments/3/", channels=["push"])

    assert [send_due_pushes(), send_due_pushes()] == [1, 0]
    (path, headers, body) = service.got[0]
    told = browser.decrypt(body)
    assert (path, told["title"], told["url"]) == ("/send/abc", "Essay is due", "/assignments/3/")
    token, _, key = headers["authorization"].removeprefix("vapid t=").partition(", k=")
    claims = jwt.decode(token, current_key().public_pem, algorithms=["ES256"], audience=f"https://{HOST}")
    assert claims["sub"].startswith("mailto:") and key == current_key().application_key
    assert b"Essay" not in body


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten(owner: Any, service: Service, status: int) -> None:
    let_in(owner, Browser())
    service.status = status
    notify(owner, title="x", channels=["push"])

    assert send_due_pushes() == 0
    assert not PushSubscription.objects.exists() and not OutgoingPush.objects.exists()


def test_a_service_in_trouble_is_asked_again_later_and_a_refusal_is_not(owner: Any, service: Service) -> None:
    let_in(owner, Browser())
    service.status = 503
    notify(owner, title="x", channels=["push"])
    send_due_pushes()
    service.status = 201

    assert send_due_pushes() == 0
    assert send_due_pushes(now=timezone.now() + timedelta(minutes=2)) == 1
    service.status = 400
    notify(owner, title="y", channels=["push"])
    assert [send_due_pushes(now=timezone.now() + timedelta(hours=n)) for n in (0, 1, 2)] == [0, 0, 0]
    assert len(service.got) == 3


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.org/x",
        "https://127.0.0.1/x",
        "https://0x7f000001/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://user@push.example.org/x",
        "https://push.example.org:8443/x",
        "javascript:alert(1)",
        "",
    ],
)
def test_only_named_hosts_over_https_are_push_services(owner: Any, endpoint: str) -> None:
    browser = Browser()
    with pytest.raises(ValidationError):
        add_browser(owner, endpoint=endpoint, p256dh=text(browser.point), auth=text(browser.auth), by=owner)


def test_a_name_that_leads_inside_is_not_asked(owner: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {}}
    monkeypatch.setattr("coreengine.kernel.outbound.network.resolve", lambda host, port: ["10.0.0.7"])
    let_in(owner, Browser())
    notify(owner, title="x", channels=["push"])

    assert send_due_pushes() == 0
    assert "private address 10.0.0.7" in OutgoingPush.objects.get().last_error


@pytest.mark.parametrize("keys", [{"p256dh": "AAAA", "auth": "AAAA"}, {"p256dh": "é", "auth": ""}])
def test_keys_that_are_none_are_refused(owner: Any, keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        add_browser(owner, endpoint=f"https://{HOST}/x", **keys, by=owner)


def test_what_is_stored_is_encrypted_and_a_browser_has_one_owner(owner: Any, stranger: Any) -> None:
    browser = Browser()
    let_in(owner, browser)
    let_in(stranger, browser)
    current_key()

    assert [row.owner for row in PushSubscription.objects.all()] == [stranger]
    with connection.cursor() as sql:
        sql.execute("SELECT endpoint, keys FROM kernel_pushsubscription")
        assert all(b"abc" not in bytes(value) and HOST.encode() not in bytes(value) for value in sql.fetchone())
        sql.execute("SELECT private_pem FROM kernel_pushkey")
        assert b"PRIVATE KEY" not in bytes(sql.fetchone()[0])
    assert PushKey.objects.count() == 1


def test_the_worker_script_is_for_the_whole_site(client: Any) -> None:
    answer = client.get("/push-worker.js")

    assert (answer.status_code, answer["Service-Worker-Allowed"]) == (200, "/")
    assert answer["Content-Type"].startswith("text/javascript")
