"""Live streams and the relay that passes them on, over real sockets and a real Redis."""

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from django.test import Client

from coreengine.kernel import streams
from coreengine.kernel.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coreengine.kernel.streams.PREFIX", f"ce-test:{uuid.uuid4().hex}")


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A relay on a port of its own; gives its address."""
    from coreengine import asgi

    monkeypatch.setattr(asgi, "bells", asgi.Bells())
    server = uvicorn.Server(uvicorn.Config(asgi.application, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the relay")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    server.force_exit = True
    thread.join(10)


def cookies_of(user: Any) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"sessionid": client.cookies["sessionid"].value}


def listen(relay: str, name: str, user: Any, *, headers: dict[str, str] | None = None, limit: int = 1000) -> list[Any]:
    """Read a stream until it closes, or until `limit` events; gives (id, event, data)."""
    found = []
    with httpx.stream(
        "GET", f"{relay}/streams/{name}", cookies=cookies_of(user), headers=headers or {}, timeout=10
    ) as answer:
        assert answer.status_code == 200, answer.read()
        entry: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                key, _, value = line.partition(": ")
                entry[key] = value
            elif "data" in entry:
                found.append((entry["id"], entry["event"], json.loads(entry["data"])))
                entry = {}
                if len(found) == limit:
                    break
    return found


class TestStream:
    def test_events_come_back_in_order_after_an_id(self) -> None:
        first = streams.publish("a", "text", "one")
        streams.publish("a", "text", {"two": 2})

        assert [event.data for event in streams.read("a")] == ["one", {"two": 2}]
        assert [event.data for event in streams.read("a", first or "")] == [{"two": 2}]

    def test_a_stream_begins_empty(self) -> None:
        streams.publish("a", "text", "of another time")
        streams.open_stream("a", owner_id=1)

        assert streams.read("a") == []

    def test_a_stream_expires_and_is_trimmed(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(streams, "MAX_EVENTS", 10)
        for number in range(500):
            streams.publish("a", "text", number)

        assert len(streams.read("a", count=1000)) < 300
        assert 0 < streams.client().ttl(streams.stream_key("a")) <= streams.KEEP_S

    @pytest.mark.parametrize("name", ["", "A", "a b", "a:owner", "../a", "a" * 101])
    def test_a_name_that_could_reach_other_keys_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="cannot name a stream"):
            streams.publish(name, "text", "x")

    def test_redis_away_loses_the_event_and_nothing_else(self, settings: Any) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert streams.publish("a", "text", "x") is None


class TestRelay:
    def test_the_owner_reads_all_until_the_end(self, relay: str, owner: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        streams.publish("a", "text", "line\nbreak")
        streams.publish("a", streams.END, {"status": "completed"})

        events = listen(relay, "a", owner)

        assert [event[1:] for event in events] == [("text", "line\nbreak"), ("end", {"status": "completed"})]

    def test_what_comes_later_is_passed_on_at_once(self, relay: str, owner: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        results: list[Any] = []
        listener = threading.Thread(target=lambda: results.extend(listen(relay, "a", owner)))
        listener.start()
        wait_until(lambda: streams.client().pubsub_numpat() > 0)
        for number in range(20):
            streams.publish("a", "text", number)
        streams.publish("a", streams.END, {})
        listener.join(5)

        assert not listener.is_alive()
        assert [event[2] for event in results[:-1]] == list(range(20))

    def test_a_reader_goes_on_after_the_last_event_it_saw(self, relay: str, owner: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        for number in range(5):
            streams.publish("a", "text", number)
        streams.publish("a", streams.END, {})
        seen = listen(relay, "a", owner, limit=3)

        rest = listen(relay, "a", owner, headers={"Last-Event-ID": seen[-1][0]})

        assert [event[2] for event in seen + rest[:-1]] == [0, 1, 2, 3, 4]

    def test_after_the_end_a_browser_is_told_not_to_come_back(self, relay: str, owner: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        last = streams.publish("a", streams.END, {})

        answer = httpx.get(
            f"{relay}/streams/a", cookies=cookies_of(owner), headers={"Last-Event-ID": last or ""}, timeout=5
        )

        assert answer.status_code == 204

    def test_a_last_event_id_that_is_none_starts_over(self, relay: str, owner: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        streams.publish("a", streams.END, {})

        assert len(listen(relay, "a", owner, headers={"Last-Event-ID": "$; DROP"})) == 1

    def test_a_stranger_and_nobody_learn_nothing(self, relay: str, owner: Any, stranger: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        theirs = httpx.get(f"{relay}/streams/a", cookies=cookies_of(stranger))
        missing = httpx.get(f"{relay}/streams/b", cookies=cookies_of(stranger))

        assert (theirs.status_code, theirs.content) == (missing.status_code, missing.content)
        assert theirs.status_code == 404
        assert httpx.get(f"{relay}/streams/a").status_code == 401
        assert httpx.get(f"{relay}/streams/a%3Aowner", cookies=cookies_of(owner)).status_code == 404

    def test_a_session_that_is_over_opens_nothing(self, relay: str, owner: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        cookies = cookies_of(owner)
        owner.set_password("another-long-password")
        owner.save()

        assert httpx.get(f"{relay}/streams/a", cookies=cookies).status_code == 401

    def test_a_token_opens_the_stream_to_a_program(self, relay: str, owner: Any) -> None:
        from coreengine.accounts.services import create_api_token

        _, secret = create_api_token(owner, name="tests", by=owner)
        streams.open_stream("a", owner_id=owner.pk)
        streams.publish("a", streams.END, {})

        good = httpx.get(f"{relay}/streams/a", headers={"Authorization": f"Bearer {secret}"})
        bad = httpx.get(f"{relay}/streams/a", headers={"Authorization": "Bearer ce_nope"}, cookies=cookies_of(owner))

        assert (good.status_code, bad.status_code) == (200, 401)

    def test_only_the_sites_own_pages_may_read_with_cookies(self, relay: str, owner: Any, settings: Any) -> None:
        streams.open_stream("a", owner_id=owner.pk)
        streams.publish("a", streams.END, {})
        cookies = cookies_of(owner)

        def ask(origin: str) -> httpx.Response:
            return httpx.get(f"{relay}/streams/a", cookies=cookies, headers={"Origin": origin})

        neighbour = ask("http://127.0.0.1:8000")
        assert neighbour.headers["access-control-allow-origin"] == "http://127.0.0.1:8000"
        assert neighbour.headers["access-control-allow-credentials"] == "true"
        assert [ask(o).status_code for o in ("http://evil.example", "null", "http://127.0.0.1.evil.example")] == [
            403
        ] * 3
        settings.ENVIRONMENT = "production"
        assert ask("http://127.0.0.1:8000").status_code == 403
        assert ask(relay).status_code == 200

    def test_silence_is_filled_with_heartbeats(self, relay: str, owner: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("coreengine.asgi.HEARTBEAT_S", 0.05)
        streams.open_stream("a", owner_id=owner.pk)

        with httpx.stream("GET", f"{relay}/streams/a", cookies=cookies_of(owner), timeout=5) as answer:
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith(":")) == ": still here"
        assert answer.headers["cache-control"] == "no-store, no-transform"

    def test_it_answers_for_its_health_and_nothing_else(self, relay: str) -> None:
        assert httpx.get(f"{relay}/health").json() == {"status": "healthy"}
        assert httpx.get(f"{relay}/agents/").status_code == 404
        assert httpx.post(f"{relay}/streams/a").status_code == 405


@pytest.mark.parametrize(
    ("setting", "host", "expected"),
    [
        ("", "core.example.edu", "/streams/run-1"),
        ("https://live.example.edu", "core.example.edu", "https://live.example.edu/streams/run-1"),
        ("http://127.0.0.1:9001", "127.0.0.1:8000", "http://127.0.0.1:9001/streams/run-1"),
        ("http://127.0.0.1:9001", "localhost:8000", "http://localhost:9001/streams/run-1"),
    ],
)
def test_the_address_of_a_stream_has_the_name_by_which_the_reader_came(
    settings: Any, rf: Any, setting: str, host: str, expected: str
) -> None:
    settings.STREAM_URL = setting
    settings.ALLOWED_HOSTS = ["*"]
    assert streams.stream_url(rf.get("/", headers={"host": host}), "run-1") == expected
