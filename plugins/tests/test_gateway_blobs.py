"""Files on their way in and out: streamed, bounded, and only the owner's."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import psutil
import pytest

from coreengine.kernel.blobs import grant, hold, store
from coreengine.kernel.models import Blob
from plugins.belongings import OwnBlobs
from plugins.gateway.gateway import Gateway
from plugins.tests.asking import ask, make_gateway, refused
from plugins.tests.factories import ConnectionFactory
from plugins.tests.peer import Peer, text

MIB = 2**20


def growth_mib(action: Any) -> float:
    """Return how much this process's memory grew at most while something ran."""
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    most, is_over = [before], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.005):
            most[0] = max(most[0], process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        action()
    finally:
        is_over.set()
        thread.join()
    return (most[0] - before) / MIB


def long_body(size: int) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/zip")
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        piece = b"0123456789abcdef" * 4096
        for _ in range(size // len(piece)):
            handler.wfile.write(piece)

    return answer


@pytest.fixture
def own(owner: Any) -> OwnBlobs:
    return OwnBlobs(ConnectionFactory(owner=owner))


@pytest.fixture
def gateway(peer: Peer, own: OwnBlobs, request: pytest.FixtureRequest) -> Gateway:
    made = make_gateway(request.node.name, blobs=own)
    made.created_blobs = own.created
    return made


@pytest.mark.django_db
class TestIn:
    def test_200_mib_pass_through_without_being_held(self, peer: Peer, gateway: Gateway) -> None:
        size = 200 * MIB
        peer.answers |= {"/warm": long_body(MIB), "/a": long_body(size)}
        ask(gateway, "/warm", as_blob=True)
        answer: dict[str, Any] = {}

        grown = growth_mib(lambda: answer.update(ask(gateway, as_blob=True, seconds=60)))

        assert answer["blob"]["size_bytes"] == size
        assert grown < 20

    def test_more_than_a_blob_may_have_is_stopped_and_nothing_is_kept(
        self, peer: Peer, gateway: Gateway, settings: Any
    ) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "MAX_BLOB_BYTES": MIB}
        peer.answers["/a"] = long_body(3 * MIB)
        small = make_gateway("small")

        assert refused(small, as_blob=True).code == "too_large"
        assert not Blob.objects.exists() and small.created_blobs == []

    def test_the_manifests_storage_bounds_all_of_an_action(self, peer: Peer) -> None:
        peer.answers["/a"] = long_body(MIB)
        gateway = make_gateway("quota", spec={"resources": {"limits": {"storage": "1500Ki"}}})

        ask(gateway, as_blob=True)

        assert refused(gateway, as_blob=True).code == "too_large"

    def test_an_error_page_is_no_file(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text("gone", status=404)

        assert ask(gateway, as_blob=True)["body"] == "gone"
        assert not Blob.objects.exists()


@pytest.mark.django_db
class TestOut:
    @pytest.fixture
    def large(self, owner: Any) -> Iterator[Blob]:
        blob = store(os.urandom(64) * 800_000, content_type="application/zip")
        grant([blob.sha256], owner=owner)
        yield blob

    def test_a_file_is_sent_as_it_lies_without_being_held(self, peer: Peer, gateway: Gateway, large: Blob) -> None:
        def swallow(handler: BaseHTTPRequestHandler) -> None:
            text(json.dumps({"type": handler.headers["Content-Type"]}))(handler)

        peer.answers["/a"] = swallow
        peer.counts_only = True

        grown = growth_mib(lambda: ask(gateway, method="PUT", body_blob=large.sha256, seconds=60))

        assert peer.sizes == [large.size_bytes] and peer.digests == [large.sha256]
        assert gateway.notes[0].bytes_sent == large.size_bytes
        assert grown < 20

    def test_with_its_metadata_it_is_one_body_of_several_parts(self, peer: Peer, gateway: Gateway, owner: Any) -> None:
        blob = store(b"%PDF the file")
        grant([blob.sha256], owner=owner)
        parts = [
            {"json": {"name": "notes.pdf"}},
            {"headers": {"Content-Type": "application/pdf"}, "blob": {"blob": blob.sha256}},
        ]

        ask(gateway, method="POST", body_parts=parts)

        _, _, headers, body = peer.asked[0]
        kind, boundary = headers["content-type"].split("; boundary=")
        assert kind == "multipart/related" and int(headers["content-length"]) == len(body)
        assert (
            body
            == (
                f"--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n"
                f'{{"name": "notes.pdf"}}\r\n--{boundary}\r\ncontent-type: application/pdf\r\n\r\n%PDF the file'
                f"\r\n--{boundary}--\r\n"
            ).encode()
        )

    def test_it_is_sent_again_whole_where_the_service_asks_to_wait(
        self, peer: Peer, gateway: Gateway, owner: Any
    ) -> None:
        from plugins.tests.peer import one_after_the_other

        blob = store(b"the file")
        grant([blob.sha256], owner=owner)
        peer.answers["/a"] = one_after_the_other(text(status=429, retry_after="1"), text("{}"))

        ask(gateway, method="PUT", body_blob=blob.sha256, seconds=30)

        assert [body for _, _, _, body in peer.asked] == [b"the file", b"the file"]

    @pytest.mark.parametrize("how", ["granted to another", "held by another", "nobody's", "not a digest", "a path"])
    def test_a_file_that_is_not_the_owners_is_not_sent(
        self, peer: Peer, gateway: Gateway, stranger: Any, how: str
    ) -> None:
        blob = store(b"theirs alone")
        if how == "granted to another":
            grant([blob.sha256], owner=stranger)
        if how == "held by another":
            hold(blob)
        digest = {"nobody's": hashlib.sha256(b"x").hexdigest(), "not a digest": "abc", "a path": "../../etc/passwd"}

        for params in (
            {"body_blob": digest.get(how, blob.sha256)},
            {"body_parts": [{"blob": digest.get(how, blob.sha256)}]},
        ):
            assert refused(gateway, method="PUT", **params).code == "blob_unknown"
        assert peer.asked == []

    def test_a_file_of_the_owners_vault_is_sent(self, peer: Peer, gateway: Gateway, owner: Any) -> None:
        from resources.models import Resource

        blob = store(b"from the vault")
        Resource.objects.create(owner=owner, title="A file", kind="file", blob=blob)

        ask(gateway, method="PUT", body_blob=blob.sha256)

        assert peer.asked[0][3] == b"from the vault"

    def test_what_the_same_action_fetched_may_be_sent_on(self, peer: Peer, gateway: Gateway) -> None:
        peer.answers["/a"] = text(b"fetched just now", content_type="application/pdf")
        fetched = ask(gateway, as_blob=True)["blob"]

        ask(gateway, "/b", method="PUT", body_blob=fetched["blob"])

        assert peer.asked[1][3] == b"fetched just now"
