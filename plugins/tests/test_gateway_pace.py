"""Waiting in the words of each service, and the budget that all processes share."""

from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone

from plugins.gateway import waiting
from plugins.gateway.pace import LocalPace, Pace, PaceStore, SharedPace
from plugins.gateway.waiting import asked_to_wait, wait_before_next
from plugins.tests.asking import HOST, ask, make_gateway, refused
from plugins.tests.peer import Peer, one_after_the_other, text


def soon(seconds: float) -> str:
    return format_datetime(timezone.now() + timedelta(seconds=seconds), usegmt=True)


def google(reason: str) -> bytes:
    return json.dumps({"error": {"code": 403, "errors": [{"reason": reason, "domain": "usageLimits"}]}}).encode()


NOW = 1_800_000_000.0


@pytest.fixture
def at_a_fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.usefixtures("at_a_fixed_time")
@pytest.mark.parametrize(
    ("status", "headers", "body", "tries", "least", "most"),
    [
        (429, {"retry-after": "7"}, b"", 0, 7, 7),
        (429, {"retry-after": "0"}, b"", 0, 0.1, 0.1),
        (429, {"retry-after": "999999999"}, b"", 0, 1.0, 86_400),
        (429, {}, b"", 0, 0.5, 1),
        (429, {}, b"", 3, 4, 8),
        (503, {"retry-after": "3"}, b"", 0, 3, 3),
        (403, {}, b"403 Forbidden (Rate Limit Exceeded)", 0, 0.5, 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90)}, b"{}", 0, 91, 91),
        (403, {"retry-after": "5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90)}, b"", 0, 5, 5),
        (403, {}, b'{"message": "You have exceeded a secondary rate limit."}', 0, 60, 60),
        (429, {}, b'{"message": "You have exceeded a secondary rate limit."}', 1, 120, 120),
        (403, {}, google("userRateLimitExceeded"), 0, 0.5, 1),
        (403, {}, google("rateLimitExceeded"), 1, 1, 2),
        (429, {}, google("rateLimitExceeded"), 2, 2, 4),
    ],
)
def test_an_answer_that_asks_to_wait_says_how_long(
    status: int, headers: dict[str, str], body: bytes, tries: int, least: float, most: float
) -> None:
    waited = asked_to_wait(status, headers, body, tries)

    assert waited is not None and least <= waited <= most


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"retry-after": "5"}, b""),
        (403, {}, b'{"status": "unauthorized"}'),
        (403, {}, google("dailyLimitExceeded")),
        (403, {}, google("insufficientFilePermissions")),
        (403, {}, b"ateLimitExceeded{not json"),
        (403, {"x-ratelimit-remaining": "12"}, b"{}"),
        (503, {}, b""),
        (404, {"retry-after": "5"}, b""),
    ],
)
def test_an_answer_that_only_refuses_is_an_answer(status: int, headers: dict[str, str], body: bytes) -> None:
    assert asked_to_wait(status, headers, body, 0) is None


def test_a_date_to_come_back_is_read(peer: Peer) -> None:
    peer.answers["/a"] = one_after_the_other(text(status=429, retry_after=soon(9)), text('"now"'))
    waits: list[float] = []

    ask(make_gateway("date", waits=waits), seconds=60)

    assert 7 <= waits[0] <= 9


@pytest.mark.usefixtures("at_a_fixed_time")
@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"x-rate-limit-remaining": "599.8"}, 0, 0),
        ({"x-rate-limit-remaining": "40"}, 6, 6),
        ({"x-rate-limit-remaining": "0"}, 10, 10),
        ({"x-rate-limit-remaining": "soon"}, 0, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 50)}, 51, 51),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": str(NOW + 50)}, 0, 0),
    ],
)
def test_a_budget_that_is_nearly_used_up_slows_the_next_request(
    headers: dict[str, str], least: float, most: float
) -> None:
    assert least <= wait_before_next(headers) <= most


class TestTheGateway:
    def test_what_canvas_has_left_paces_the_next_request(self, peer: Peer) -> None:
        peer.answers["/a"] = text(X_Rate_Limit_Remaining="70")
        waits: list[float] = []
        gateway = make_gateway(f"left-{uuid.uuid4()}", waits=waits)

        ask(gateway, seconds=30)
        assert waits == []
        ask(gateway, seconds=30)
        assert 2 < waits[0] <= 3

    def test_waiting_beyond_the_actions_time_is_said_and_not_done(self, peer: Peer) -> None:
        peer.answers["/a"] = text(status=429, retry_after="15")
        waits: list[float] = []

        failure = refused(make_gateway(f"late-{uuid.uuid4()}", waits=waits), seconds=5)

        assert (failure.code, failure.retryable, failure.retry_after_s) == ("too_many_requests", True, 15)
        assert waits == [] and len(peer.asked) == 1

    def test_a_pause_holds_the_next_action_of_the_connection_too(self, peer: Peer) -> None:
        peer.answers["/a"] = text(status=429, retry_after="600")
        key = f"pause-{uuid.uuid4()}"
        refused(make_gateway(key))

        failure = refused(make_gateway(key))

        assert failure.code == "too_many_requests" and (failure.retry_after_s or 0) > 500
        assert len(peer.asked) == 1
        assert ask(make_gateway(f"{key}-other"), "/b")["status"] == 404

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_reading_is_tried_again_after_trouble_over_there(self, peer: Peer, status: int) -> None:
        peer.answers["/a"] = one_after_the_other(text(status=status), text(status=status), text('"now"'))
        waits: list[float] = []

        assert ask(make_gateway(f"5xx-{status}", waits=waits), seconds=30)["body"] == '"now"'
        assert len(waits) == 2 and waits[0] != waits[1] and all(0.2 < wait <= 1 for wait in waits)

    @pytest.mark.parametrize("more", [{}, {"retry_after": "1"}])
    def test_writing_is_not(self, peer: Peer, more: dict[str, str]) -> None:
        peer.answers["/a"] = text(status=503, **more)

        assert ask(make_gateway("5xx-write"), method="POST", json={})["status"] == 503
        assert len(peer.asked) == 1

    def test_trouble_that_stays_is_the_answer(self, peer: Peer) -> None:
        peer.answers["/a"] = text(status=502)

        assert ask(make_gateway("5xx-stays"))["status"] == 502
        assert len(peer.asked) == 3

    def test_a_manifest_may_want_less_than_the_host_allows(self, peer: Peer) -> None:
        gateway = make_gateway(f"slow-{uuid.uuid4()}", waits=[], security={"pace": {"requests_per_minute": 2}})
        for _ in range(2):
            ask(gateway)

        assert refused(gateway).code == "too_many_requests"

    def test_declared_writes_come_one_at_a_time_with_a_pause(self, peer: Peer) -> None:
        waits: list[float] = []
        clock = time.monotonic

        def wait(seconds: float) -> None:
            waits.append(seconds)
            time.sleep(min(seconds, 0.3))

        pace = {"pace": {"seconds_between_writes": 0.25}}
        key = f"writes-{uuid.uuid4()}"
        gateway = make_gateway(key, security=pace)
        gateway._wait = wait
        began = clock()
        for _ in range(3):
            ask(gateway, method="POST", json={}, seconds=30)

        assert clock() - began >= 0.45 and len(waits) >= 2
        ask(gateway)
        assert all(method == "POST" for method, _, _, _ in peer.asked[:3])

    def test_two_writes_at_once_follow_each_other(self, peer: Peer) -> None:
        inside, most = [0], [0]

        def slow(handler: Any) -> None:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.15)
            inside[0] -= 1
            text()(handler)

        peer.answers["/a"] = slow
        key = f"parallel-{uuid.uuid4()}"

        def write() -> None:
            gateway = make_gateway(key, security={"pace": {"seconds_between_writes": 0}})
            gateway._wait = time.sleep
            ask(gateway, method="POST", json={}, seconds=30)

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert most == [1] and len(peer.asked) == 3


@pytest.fixture(params=["local", "shared"])
def store(request: pytest.FixtureRequest) -> PaceStore:
    if request.param == "local":
        return LocalPace()
    return SharedPace(redis.Redis.from_url(django_settings.REDIS_URL))


class TestTheBudget:
    @pytest.fixture
    def key(self) -> str:
        return f"test-{uuid.uuid4()}"

    def test_it_is_a_bucket_that_refills_evenly(self, store: PaceStore, key: str) -> None:
        pace = Pace(key, 60, store)
        at_once = [pace.take(HOST, patience_s=0) for _ in range(60)]

        assert all(slot.is_taken and slot.wait_s == 0 for slot in at_once)
        assert not pace.take(HOST, patience_s=0).is_taken
        waits = [pace.take(HOST, patience_s=10).wait_s for _ in range(3)]
        assert [round(wait) for wait in waits] == [1, 2, 3], "the order of asking is the order of going"

    def test_one_that_is_not_taken_costs_nothing(self, store: PaceStore, key: str) -> None:
        pace = Pace(key, 1, store)
        pace.take(HOST, patience_s=0)

        waits = [pace.take(HOST, patience_s=1).wait_s for _ in range(5)]

        assert max(waits) <= 60

    def test_each_host_and_each_connection_has_its_own(self, store: PaceStore, key: str) -> None:
        Pace(key, 1, store).take(HOST, patience_s=0)

        assert Pace(key, 1, store).take("other.example", patience_s=0).is_taken
        assert Pace(f"{key}-2", 1, store).take(HOST, patience_s=0).is_taken
        assert not Pace(key, 1, store).take(HOST, patience_s=0).is_taken

    def test_a_shorter_pause_does_not_end_a_longer_one(self, store: PaceStore, key: str) -> None:
        pace = Pace(key, 60, store)
        pace.pause(HOST, 50)
        pace.pause(HOST, 5)

        assert 45 < pace.take(HOST, patience_s=100).wait_s <= 50

    def test_a_writer_that_is_gone_holds_nobody_for_ever(self, store: PaceStore, key: str) -> None:
        pace = Pace(key, 60, store)
        lost = pace.begin_write(HOST, 0.2)
        assert lost.is_taken and not pace.begin_write(HOST, 5).is_taken
        time.sleep(0.25)

        found = pace.begin_write(HOST, 5)
        pace.end_write(HOST, lost, 0)

        assert found.is_taken and not pace.begin_write(HOST, 5).is_taken

    def test_processes_share_it(self, key: str) -> None:
        stores = [SharedPace(redis.Redis.from_url(django_settings.REDIS_URL)) for _ in range(2)]

        taken = [Pace(key, 10, stores[number % 2]).take(HOST, patience_s=0).is_taken for number in range(12)]

        assert sum(taken) == 10

    def test_without_redis_each_process_keeps_its_own(self, key: str, caplog: pytest.LogCaptureFixture) -> None:
        away = SharedPace(redis.Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2))
        pace = Pace(key, 2, away)

        assert [pace.take(HOST, patience_s=0).is_taken for _ in range(3)] == [True, True, False]
        assert pace.begin_write(HOST, 5).is_taken and not pace.begin_write(HOST, 5).is_taken
