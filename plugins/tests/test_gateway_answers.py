"""Earlier answers: whose they are, what they may vary by, how many are kept; and peers that take their time."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from plugins.answers import HELD_BYTES, StoredAnswers
from plugins.gateway.records import KnownAnswer
from plugins.models import CachedAnswer, Connection
from plugins.tests.asking import HOST, OTHER, Store, ask, make_gateway, refused
from plugins.tests.factories import ConnectionFactory
from plugins.tests.peer import Peer, one_after_the_other, text


class TestWhatIsKept:
    @pytest.mark.parametrize(
        ("headers", "kept"),
        [
            ({"etag": '"1"'}, 1),
            ({"last_modified": "Mon, 23 Nov 2026 00:00:00 GMT"}, 1),
            ({}, 0),
            ({"etag": '"1"', "cache_control": "no-store"}, 0),
            ({"etag": '"1"', "cache_control": "private, No-Store"}, 0),
            ({"etag": '"1"', "cache_control": "private, max-age=0"}, 1),
            ({"etag": '"1"', "vary": "*"}, 0),
            ({"etag": '"1"', "vary": "Accept, Authorization"}, 1),
        ],
    )
    def test_it_is_what_can_be_confirmed_and_may_be_stored(
        self, peer: Peer, headers: dict[str, str], kept: int
    ) -> None:
        peer.answers["/a"] = text('{"v": 1}', **headers)
        store = Store()

        ask(make_gateway("kept", answers=store))

        assert len(store) == kept

    @pytest.mark.parametrize(
        "more",
        [
            {"headers": {"Range": "bytes=0-1"}},
            {"headers": {"If-None-Match": '"mine"'}},
            {"method": "POST", "json": {}},
            {"as_blob": True},
        ],
    )
    @pytest.mark.django_db
    def test_requests_that_mean_something_else_are_not(self, peer: Peer, more: dict[str, Any]) -> None:
        peer.answers["/a"] = text('{"v": 1}', etag='"1"')
        store = Store()

        ask(make_gateway("else", answers=store), **more)

        assert store == {}

    def test_an_answer_is_given_for_no_other_question(self, peer: Peer) -> None:
        peer.answers["/a"] = text('{"v": 1}', etag='"1"', vary="Accept, Accept-Language, X-GitHub-Api-Version")
        gateway = make_gateway("other", answers=Store())
        for headers in ({}, {"Accept": "a/b"}, {"Accept-Language": "de"}, {"X-GitHub-Api-Version": "2"}):
            ask(gateway, headers=headers)
        ask(gateway, query={"page": 2})
        ask(gateway, f"https://{OTHER}/a")

        assert not any("if-none-match" in headers for _, _, headers, _ in peer.asked)
        ask(gateway)
        assert peer.asked[-1][2]["if-none-match"] == '"1"'

    def test_without_an_etag_the_date_is_asked_about(self, peer: Peer) -> None:
        date = "Mon, 23 Nov 2026 00:00:00 GMT"
        peer.answers["/a"] = one_after_the_other(text('{"v": 1}', last_modified=date), text("", status=304))
        gateway = make_gateway("date", answers=Store())
        ask(gateway)

        assert ask(gateway)["from_cache"] is True
        assert peer.asked[1][2]["if-modified-since"] == date

    def test_a_secret_is_masked_in_what_is_kept(self, peer: Peer) -> None:
        peer.answers["/a"] = lambda handler: text(handler.headers["Authorization"], etag='"1"')(handler)
        store = Store()

        ask(make_gateway("masked", answers=store))

        assert all(b"canary" not in answer.body for answer in store.values())


@pytest.mark.django_db
class TestTheStore:
    @pytest.fixture
    def connection(self, owner: Any) -> Connection:
        return ConnectionFactory(owner=owner)

    def keep(self, connection: Connection, count: int, size: int = 10, start: int = 0) -> StoredAnswers:
        answers = StoredAnswers(connection)
        for number in range(start, start + count):
            answers.keep(f"{number:064d}", KnownAnswer('"1"', "", {"etag": '"1"'}, b"x" * size))
        answers.write()
        return answers

    def test_each_connection_has_its_own(self, connection: Connection, owner: Any) -> None:
        self.keep(connection, 1)

        assert StoredAnswers(connection).find(f"{0:064d}") is not None
        assert StoredAnswers(ConnectionFactory(owner=owner)).find(f"{0:064d}") is None

    @pytest.mark.parametrize("bound", [{"CACHE_ROWS": 5}, {"CACHE_BYTES": 50}])
    def test_beyond_its_bounds_the_oldest_go(
        self, connection: Connection, settings: Any, bound: dict[str, int]
    ) -> None:
        settings.PLUGINS = {**settings.PLUGINS, **bound}
        self.keep(connection, 4)
        self.keep(connection, 3, start=4)

        kept = CachedAnswer.objects.order_by("key").values_list("key", flat=True)
        assert [int(key) for key in kept] == [2, 3, 4, 5, 6]

    def test_an_action_that_reads_much_does_not_hold_it(self, connection: Connection) -> None:
        answers = StoredAnswers(connection)
        for number in range(20):
            answers.keep(str(number), KnownAnswer('"1"', "", {}, b"x" * 500_000))

        assert answers._held_bytes <= HELD_BYTES and CachedAnswer.objects.count() >= 9
        found = answers.find("0")
        assert found is not None and len(found.body) == 500_000

    def test_what_cannot_be_there_is_not_asked_for(
        self, connection: Connection, django_assert_num_queries: Any
    ) -> None:
        answers = StoredAnswers(connection)

        with django_assert_num_queries(1):
            assert [answers.find(str(number)) for number in range(20)] == [None] * 20


class TestPeersThatTakeTheirTime:
    def within(self, peer: Peer, answer: Any, key: str) -> float:
        peer.answers["/a"] = answer
        began = time.monotonic()
        assert refused(make_gateway(key), seconds=0.5).code in {"timeout", "unreachable"}
        return time.monotonic() - began

    def test_headers_that_never_end(self, peer: Peer) -> None:
        def dribble(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(200):
                handler.wfile.write(b"X-%d: y\r\n" % number)
                handler.wfile.flush()
                time.sleep(0.05)

        assert self.within(peer, dribble, "dribble") < 2

    def test_a_body_that_stops_before_its_end(self, peer: Peer) -> None:
        def stop(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(1.5)

        assert self.within(peer, stop, "stop") < 1.4

    def test_a_body_that_is_broken_off(self, peer: Peer) -> None:
        def break_off(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b"x")
            handler.close_connection = True

        assert self.within(peer, break_off, "broken") < 2

    def test_no_time_left_is_said_before_anything_is_sent(self, peer: Peer) -> None:
        assert refused(make_gateway("none-left"), seconds=-1).code == "timeout"
        assert peer.asked == []


def test_an_encoding_that_was_not_asked_is_refused(peer: Peer) -> None:
    peer.answers["/a"] = text(b"\x28\xb5\x2f\xfd", content_encoding="zstd")

    assert refused(make_gateway("zstd")).code == "invalid_answer"


def test_a_host_in_capitals_is_the_same_host(peer: Peer) -> None:
    assert ask(make_gateway("case"), f"https://{HOST.upper()}/a")["status"] == 404
    assert peer.asked[0][2]["host"] == HOST
