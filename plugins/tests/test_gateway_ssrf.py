"""Addresses that lead inside, in every spelling, against a listener that counts who reaches it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from coreengine.kernel.outbound import network
from plugins.tests.asking import HOST, make_gateway, refused
from plugins.tests.peer import Peer, text


@dataclass
class Listener:
    """Counts the connections that arrive, by the address that they were made to."""

    port: int
    reached: list[str] = field(default_factory=list)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen on every loopback address: whoever is tricked into asking inside is counted here."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        found = Listener(server.getsockname()[1])

        def count() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                found.reached.append(peer.getsockname()[0])
                peer.close()

        thread = threading.Thread(target=count, daemon=True)
        thread.start()
        yield found
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)
    network.close_pools()


@pytest.fixture(autouse=True)
def nothing_is_mapped(settings: Any) -> None:
    settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {}}


SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001", "0x7f.1", "0",
    "0.0.0.0", "127.0.0.1.", "127.0.0.2", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[2002:7f00:1::]",
    "[64:ff9b::7f00:1]", "[fe80::1%25lo]", "localhost", "localhost.", "LOCALHOST", "169.254.169.254", "[fd00:ec2::254]",
    "100.100.100.200", "192.0.0.192", "10.0.0.1", "172.16.0.1", "192.168.0.1", "metadata", "⑯⑨。②⑤④。⑯⑨。②⑤④",
    "127。0。0。1", "ｌocalhost", "%6c%6f%63alhost", f"{HOST}@127.0.0.1", f"127.0.0.1#@{HOST}", f"127.0.0.1\\@{HOST}",
    f"{HOST}:80@127.0.0.1", f"{HOST}\t@127.0.0.1", "xn--127-0-0-1", f"{HOST}.", f"{HOST}.127.0.0.1",
]  # fmt: skip
SCHEMES = ["http", "https", "file", "gopher", "ftp", "dict", "ldap", "data", "jar", "unix"]


@pytest.mark.parametrize("policy", ["restricted", "full"])
def test_no_spelling_of_an_address_inside_is_reached(listener: Listener, policy: str) -> None:
    gateway = make_gateway("spellings", policy=policy)
    for spelling in SPELLINGS:
        for address in (f"https://{spelling}:{listener.port}/", f"http://{spelling}:{listener.port}/x"):
            assert refused(gateway, address).code != "timeout", address

    assert listener.reached == []


@pytest.mark.parametrize("scheme", SCHEMES[2:])
def test_no_other_scheme_is_spoken(listener: Listener, scheme: str) -> None:
    assert refused(make_gateway("scheme"), f"{scheme}://127.0.0.1:{listener.port}/").code == "invalid_request"
    assert listener.reached == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_kind_of_redirect_leads_inside(listener: Listener, peer: Peer, settings: Any, status: int) -> None:
    settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {HOST: peer.url}}
    gateway = make_gateway("redirects", policy="full")
    for spelling in ("127.0.0.1", "[::1]", "localhost", "2130706433", f"{HOST}@127.0.0.1"):
        peer.answers["/a"] = text(status=status, location=f"https://{spelling}:{listener.port}/")
        refused(gateway)

    assert listener.reached == [] and all(path == "/a" for _, path, _, _ in peer.asked)


FORBIDDEN = [
    ["127.0.0.1"], ["127.8.8.8"], ["0.0.0.0"], ["10.1.2.3"], ["172.31.255.255"], ["192.168.1.1"], ["169.254.169.254"],
    ["100.64.0.1"], ["168.63.129.16"], ["192.0.0.192"], ["198.18.0.1"], ["224.0.0.1"], ["240.0.0.1"],
    ["255.255.255.255"], ["::1"], ["::"], ["fe80::1%eth0"], ["fc00::1"], ["fd00:ec2::254"], ["ff02::1"],
    ["::ffff:127.0.0.1"], ["::127.0.0.1"], ["2002:7f00:1::"], ["64:ff9b::7f00:1"], ["64:ff9b:1::7f00:1"],
    ["2001:0:7f00:1::"], ["fec0::1"], ["93.184.216.34", "127.0.0.1"], ["2606:4700::1111", "fd00::1"], ["not-one"], [],
]  # fmt: skip


@pytest.mark.parametrize("addresses", FORBIDDEN)
def test_a_name_that_leads_inside_is_not_followed(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    connected: list[str] = []
    monkeypatch.setattr(network, "resolve", lambda host, port: addresses)
    monkeypatch.setattr(network.httpcore.SyncBackend, "connect_tcp", lambda self, host, *args: connected.append(host))

    assert refused(make_gateway("inside"), f"https://{HOST}/").code == "private_address"
    assert connected == [] and listener.reached == []


class TestRebinding:
    """A name whose answer changes between the look and the connection: TTL 0, two answers."""

    @pytest.fixture(autouse=True)
    def names(self, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
        # 127.0.0.2 plays the public host, 127.0.0.1 the one inside; a real socket listens on both.
        self.asked: list[str] = []
        self.answers = [["127.0.0.2"], ["127.0.0.1"]]

        def resolve(host: str, port: int) -> list[str]:
            self.asked.append(host)
            return self.answers[(len(self.asked) - 1) % 2]

        monkeypatch.setattr(network, "resolve", resolve)
        monkeypatch.setattr(network, "is_public", lambda address: address == "127.0.0.2")
        real = network.httpcore.SyncBackend.connect_tcp

        def connect(backend: Any, host: str, port: int, *args: Any, **more: Any) -> Any:
            return real(backend, host, listener.port, *args, **more)

        monkeypatch.setattr(network.httpcore.SyncBackend, "connect_tcp", connect)

    def test_the_address_that_was_checked_is_the_one_that_is_asked(self, listener: Listener) -> None:
        assert refused(make_gateway("rebind"), f"https://{HOST}/").code in {"unreachable", "tls_failed"}

        assert listener.reached and set(listener.reached) == {"127.0.0.2"}
        assert len(self.asked) == len(listener.reached)

    def test_every_new_connection_is_checked_anew(self, listener: Listener) -> None:
        gateway = make_gateway("rebind-again")
        codes = [refused(gateway, f"https://{HOST}/").code for _ in range(4)]

        assert "private_address" in codes
        assert "127.0.0.1" not in listener.reached
