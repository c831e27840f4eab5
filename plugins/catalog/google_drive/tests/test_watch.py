"""Being told of changes: channels that are opened, renewed before their end and closed, and what arrives on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugins.catalog.google_drive.server.testing import running_drive
from plugins.catalog.google_drive.tests.test_reading import assert_fits


@pytest.fixture
def live(kit: Any) -> Any:
    """A connection that wants changes as soon as possible."""
    kit.config["sync_frequency"] = "realtime"
    return kit


def age(kit: Any, **passed: float) -> None:
    """Let time pass for the channels that the plugin remembers."""
    for channel in kit.stored["channels"]:
        until = datetime.fromisoformat(channel["expires_at"]) - timedelta(**passed)
        channel["expires_at"] = until.isoformat(timespec="seconds")


def notify(kit: Any, **headers: str) -> Any:
    usual = {"X-Goog-Channel-ID": kit.stored["channels"][0]["id"], "X-Goog-Resource-State": "change"}
    sent = {"name": "changes", "payload": {}, "headers": {**usual, **headers}, "config": kit.config}
    return kit.call("handle_webhook", sent)


class TestChannels:
    def test_a_week_is_asked_for_with_the_hosts_address_and_secret(self, live: Any, drive: Any, manifest: Any) -> None:
        answer = live.execute("watch_changes")
        assert_fits(manifest, "Watch", answer)
        [channel] = drive.channels.values()
        # The testkit swaps nothing: these are the words that the gateway puts the real ones in for.
        assert (channel.address, channel.token) == ("webhook-url:changes", "webhook-secret:changes")
        assert timedelta(days=6, hours=23) < channel.expires - datetime.now(UTC) <= timedelta(days=7)
        assert answer["state"] == "open" and answer["expires_at"] == live.stored["channels"][0]["expires_at"]

    def test_while_it_is_good_nothing_is_asked(self, live: Any, google: Any) -> None:
        live.execute("watch_changes")
        google.requests.clear()
        assert live.execute("watch_changes")["state"] == "open" and google.requests == []

    def test_two_days_before_its_end_a_new_one_is_opened_before_the_old_is_closed(
        self, live: Any, drive: Any, google: Any
    ) -> None:
        live.execute("watch_changes")
        [old] = drive.channels
        age(live, days=5, hours=1)
        assert live.execute("watch_changes")["state"] == "renewed"
        [new] = drive.channels
        assert new != old and [entry["id"] for entry in live.stored["channels"]] == [new]
        asked = google.paths("POST")
        assert asked.index("/drive/v3/channels/stop") > asked.index("/drive/v3/changes/watch")

    def test_one_that_google_forgot_is_no_obstacle(self, live: Any, drive: Any) -> None:
        live.execute("watch_changes")
        drive.channels.clear()
        assert live.execute("watch_changes", renew=True)["state"] == "renewed" and len(drive.channels) == 1

    def test_where_it_is_not_wished_it_is_closed(self, live: Any, drive: Any) -> None:
        live.execute("watch_changes")
        live.config["sync_frequency"] = "daily"
        assert live.execute("watch_changes")["state"] == "not_wanted"
        assert drive.channels == {} and "channels" not in live.stored

    def test_it_is_closed_when_asked(self, live: Any, drive: Any) -> None:
        live.execute("watch_changes")
        assert live.execute("stop_watching") == {"stopped": 1} and drive.channels == {}
        assert live.execute("stop_watching") == {"stopped": 0}

    def test_an_address_that_google_does_not_take_is_said_and_no_failure(self, live: Any) -> None:
        with running_drive(needs_https=True) as strict:
            live.hosts, live.token = {"www.googleapis.com": strict.url}, strict.token
            answer = live.execute("watch_changes")
        assert answer["state"] == "not_possible" and "https address" in answer["reason"]

    def test_it_begins_where_the_sync_stands(self, live: Any, drive: Any, google: Any) -> None:
        drive.folder("University")
        batch = live.execute("get_changes")
        live.execute("confirm_changes", cursor=batch["cursor"])
        live.execute("watch_changes")
        watched = next(path for _, path, _ in google.requests if "/changes/watch" in path)
        assert f"pageToken={batch['cursor']['changes']}" in watched


class TestNotifications:
    @pytest.fixture(autouse=True)
    def watched(self, live: Any) -> None:
        live.execute("watch_changes")

    def test_a_change_asks_for_a_sync(self, live: Any) -> None:
        answer = notify(live, **{"X-Goog-Message-Number": "7"})
        assert answer["sync"] is True
        assert answer["events"] == [{"type": "change", "data": {"state": "change", "message_number": 7, "changed": ""}}]

    def test_the_greeting_of_a_channel_does_not(self, live: Any) -> None:
        assert notify(live, **{"X-Goog-Resource-State": "sync", "X-Goog-Message-Number": "1"})["sync"] is False

    def test_a_channel_that_is_not_ours_any_more_does_not(self, live: Any) -> None:
        answer = notify(live, **{"X-Goog-Channel-ID": "another"})
        assert (answer["sync"], answer["events"]) == (False, [])
