"""Tokens that end: refreshed once, by one worker, and what happens when they are not."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connections as databases
from django.utils import timezone

from coreengine.kernel.models import Notification
from coreengine.kernel.waiting import wait_until
from plugins import services
from plugins.errors import ReconnectNeeded, TokenEndpointFailed
from plugins.models import Connection, OAuthClient
from plugins.oauth import tokens
from plugins.oauth.testing import Provider
from plugins.oauth.tests.conftest import PLUGIN, come_back, write_plugin


def age(connection: Connection, *, seconds_left: float) -> Connection:
    """Let a connection's token be about to end."""
    connection.credential = {**connection.credential, "expires_at": int(time.time() + seconds_left)}
    connection.save(update_fields=["credential"])
    return connection


@pytest.mark.django_db
class TestBeforeTheEnd:
    def test_a_token_that_lasts_is_used_as_it_is(self, connected: Connection, provider: Provider, owner: Any) -> None:
        result = services.call_action(connected, "get_way", {}, by=owner)

        assert result.data == {"way": "sign_in", "type": "oauth2", "id": "student-1"}
        assert provider.count("/token") == 0

    @pytest.mark.parametrize("rotates", [False, True])
    def test_one_that_is_about_to_end_is_refreshed_and_the_refresh_token_kept_or_changed(
        self, connected: Connection, provider: Provider, owner: Any, rotates: bool
    ) -> None:
        provider.rotates = rotates
        before = age(connected, seconds_left=tokens.SKEW_S - 5).credential

        assert services.call_action(connected, "get_way", {}, by=owner).success

        connected.refresh_from_db()
        assert connected.credential["access_token"] != before["access_token"]
        assert (connected.credential["refresh_token"] != before["refresh_token"]) is rotates
        assert connected.credential["expires_at"] - time.time() > 3500
        assert (connected.renewal_key, connected.renewal_until) == ("", None)
        assert provider.count("/token") == 1

    def test_many_refreshes_in_a_row_work_with_rotation(
        self, connected: Connection, provider: Provider, owner: Any
    ) -> None:
        provider.rotates = True
        for _ in range(3):
            connected.refresh_from_db()
            age(connected, seconds_left=10)
            assert services.call_action(connected, "get_way", {}, by=owner).success

        assert provider.count("/token") == 3

    def test_the_client_proves_itself_the_way_the_manifest_says(
        self, connected: Connection, provider: Provider, owner: Any, catalog: Any
    ) -> None:
        write_plugin(catalog, token_endpoint_auth_method="client_secret_basic")
        age(connected, seconds_left=10)

        assert services.call_action(connected, "get_way", {}, by=owner).success
        _, _, headers, body = next(asked for asked in provider.asked if asked[1] == "/token")
        assert headers["authorization"].startswith("Basic ") and b"client_secret" not in body

    @pytest.mark.parametrize("faults", [{"token_status": 503}, {"token_error": "temporarily_unavailable"}])
    def test_a_token_endpoint_that_is_away_does_no_harm_while_the_token_lasts(
        self, connected: Connection, provider: Provider, owner: Any, faults: Any
    ) -> None:
        provider.fault(**faults)
        age(connected, seconds_left=60)

        assert services.call_action(connected, "get_way", {}, by=owner).success

    @pytest.mark.parametrize("faults", [{"token_status": 500}, {"token_status": 429}, {"token_body": b"<html>"}])
    def test_one_that_is_away_after_the_end_is_worth_another_try_and_asks_nobody_to_reconnect(
        self, connected: Connection, provider: Provider, owner: Any, faults: Any
    ) -> None:
        provider.fault(**faults)
        age(connected, seconds_left=-5)

        result = services.call_action(connected, "get_way", {}, by=owner)

        assert (result.success, result.retryable, result.error_code) == (False, True, "token_endpoint_failed")
        connected.refresh_from_db()
        assert connected.credential["refresh_token"] and not Notification.objects.exists()
        provider.faults.token_status, provider.faults.token_body = 0, b""
        assert services.call_action(connected, "get_way", {}, by=owner).success

    def test_a_client_that_the_service_refuses_is_the_admins_business(
        self, connected: Connection, provider: Provider, owner: Any
    ) -> None:
        provider.client_secret = "changed-there"
        age(connected, seconds_left=-5)

        result = services.call_action(connected, "get_way", {}, by=owner)

        assert (result.error_code, result.retryable) == ("token_endpoint_failed", False)
        assert "Ask your admin" in result.error
        connected.refresh_from_db()
        assert connected.credential["refresh_token"]


@pytest.mark.django_db
class TestInTheMiddle:
    def test_a_token_that_is_refused_is_refreshed_once_and_the_request_repeated(
        self, connected: Connection, provider: Provider, owner: Any
    ) -> None:
        provider.expire()

        result = services.call_action(connected, "get_way", {}, by=owner)

        assert result.success and (provider.count("/token"), provider.count("/me")) == (1, 2)
        connected.refresh_from_db()
        assert provider.holder(connected.credential["access_token"])

    def test_a_service_that_refuses_every_token_is_not_asked_for_ever(
        self, connected: Connection, provider: Provider, owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Provider, "holder", lambda self, token: "")

        result = services.call_action(connected, "get_way", {}, by=owner)

        assert result.error_code == "reconnect_needed"
        assert (provider.count("/token"), provider.count("/me")) == (1, 2)


@pytest.mark.django_db
class TestTheEnd:
    def test_a_refused_refresh_asks_the_student_once_to_reconnect(
        self, connected: Connection, provider: Provider, owner: Any, page: Any
    ) -> None:
        provider.refresh.clear()
        age(connected, seconds_left=-5)

        for _ in range(3):
            result = services.call_action(connected, "get_way", {}, by=owner)
            assert (result.error_code, result.retryable) == ("reconnect_needed", False)

        connected.refresh_from_db()
        assert (connected.health, connected.last_error_code) == ("unhealthy", "reconnect_needed")
        assert connected.failing_since is not None and "Reconnect" in connected.last_error
        assert provider.count("/token") == 1  # and nobody asks with a dead refresh token again
        note = Notification.objects.get()
        assert note.owner == owner and note.url == connected.get_absolute_url()
        text = page.get(connected.get_absolute_url()).content.decode()
        assert f"/connections/{connected.pk}/reconnect/" in text and "Sign in again" in text

    def test_a_refresh_token_that_somebody_stole_ends_for_both(
        self, connected: Connection, provider: Provider, owner: Any
    ) -> None:
        provider.rotates = True
        stolen = connected.credential["refresh_token"]
        age(connected, seconds_left=10)
        assert services.call_action(connected, "get_way", {}, by=owner).success
        form = {"grant_type": "refresh_token", "refresh_token": stolen}
        who = {"client_id": provider.client_id, "client_secret": provider.client_secret}
        assert provider.token_endpoint({**form, **who}, {})[0] == 400

        connected.refresh_from_db()
        result = services.call_action(connected, "get_way", {}, by=owner)

        assert result.error_code == "reconnect_needed"


@pytest.mark.django_db
@pytest.mark.usefixtures("commits_at_once")
class TestReconnect:
    def leave(self, page: Any, connection: Connection) -> str:
        return page.post(f"/connections/{connection.pk}/reconnect/").context["address"]

    def test_it_keeps_the_connection_and_everything_of_it(
        self, connected: Connection, provider: Provider, owner: Any, page: Any
    ) -> None:
        provider.refresh.clear()
        age(connected, seconds_left=-5)
        services.call_action(connected, "get_way", {}, by=owner)

        landed = come_back(page, provider.approve(self.leave(page, connected)))

        assert landed["Location"] == connected.get_absolute_url()
        connected.refresh_from_db()
        assert (connected.health, connected.last_error, connected.failing_since) == ("healthy", "", None)
        assert connected.label == "Notes" and Connection.objects.count() == 1
        assert services.call_action(connected, "get_way", {}, by=owner).success

    def test_another_account_is_refused_and_the_old_sign_in_stands(
        self, connected: Connection, provider: Provider, page: Any
    ) -> None:
        before = connected.credential
        provider.account = "student-2"

        landed = come_back(page, provider.approve(self.leave(page, connected)))

        assert "this connection is the account of" in page.get(landed["Location"]).content.decode()
        connected.refresh_from_db()
        assert connected.credential == before and connected.identity["id"] == "student-1"
        assert connected.health == "healthy"

    def test_a_connection_removed_meanwhile_is_said(self, connected: Connection, provider: Provider, page: Any) -> None:
        answer = provider.approve(self.leave(page, connected))
        Connection.objects.all().delete()

        landed = come_back(page, answer)

        assert landed["Location"] == "/connections/" and not Connection.objects.exists()

    def test_through_the_api(self, connected: Connection, provider: Provider, api: Any, page: Any) -> None:
        told = api.post(f"/api/v1/connections/{connected.pk}/reconnect/")

        assert told.status_code == 202
        come_back(page, provider.approve(told.json()["authorization_url"]))
        assert api.get(told.json()["url"]).json()["status"] == "completed"

    def test_anothers_connection_is_404(self, page: Any, api: Any, stranger: Any, client_row: OAuthClient) -> None:
        other = Connection.objects.create(owner=stranger, plugin=PLUGIN, way="sign_in", label="x")

        assert page.post(f"/connections/{other.pk}/reconnect/").status_code == 404
        assert api.post(f"/api/v1/connections/{other.pk}/reconnect/").status_code == 404

    def test_a_reconnect_wins_over_a_refresh_that_is_still_under_way(
        self, connected: Connection, provider: Provider, page: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        age(connected, seconds_left=-5)
        real = tokens.refresh

        def slow(*args: Any) -> Any:
            new = real(*args)
            come_back(page, provider.approve(self.leave(page, connected)))
            return new

        monkeypatch.setattr(tokens, "refresh", slow)
        seen = Connection.objects.get(pk=connected.pk)

        got = tokens.usable_credential(seen, seen.authentication)

        connected.refresh_from_db()
        assert got == connected.credential and provider.holder(str(got["access_token"]))
        assert connected.renewal_key == ""


@pytest.mark.django_db(transaction=True)
class TestSeveralWorkers:
    def in_threads(self, count: int, work: Any) -> list[Any]:
        results: list[Any] = []
        barrier = threading.Barrier(count)

        def run() -> None:
            try:
                barrier.wait(10)
                results.append(work())
            except Exception as error:
                results.append(error)
            finally:
                databases.close_all()

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return results

    @pytest.mark.parametrize("rotates", [False, True])
    def test_that_find_the_token_about_to_end_refresh_it_once(
        self, connected: Connection, provider: Provider, rotates: bool
    ) -> None:
        provider.rotates = rotates
        provider.fault(token_delay_s=0.3)
        age(connected, seconds_left=-5)

        def use() -> Any:
            own = Connection.objects.get(pk=connected.pk)
            return tokens.usable_credential(own, own.authentication)

        results = self.in_threads(6, use)

        connected.refresh_from_db()
        assert all(result == connected.credential for result in results), results
        assert provider.count("/token") == 1

    def test_that_find_it_refused_are_all_told_and_the_service_is_asked_once(
        self, connected: Connection, provider: Provider
    ) -> None:
        provider.refresh.clear()
        provider.fault(token_delay_s=0.2)
        age(connected, seconds_left=-5)

        def use() -> Any:
            own = Connection.objects.get(pk=connected.pk)
            return tokens.usable_credential(own, own.authentication)

        results = self.in_threads(4, use)

        assert [type(result) for result in results] == [ReconnectNeeded] * 4
        assert provider.count("/token") == 1

    def test_a_worker_that_died_in_the_middle_holds_nobody_up_for_long(
        self, connected: Connection, provider: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        age(connected, seconds_left=-5)
        Connection.objects.update(renewal_key="dead", renewal_until=timezone.now() + timezone.timedelta(seconds=60))
        monkeypatch.setattr(tokens, "PATIENCE_S", 0.2)
        own = Connection.objects.get(pk=connected.pk)

        with pytest.raises(TokenEndpointFailed) as held:
            tokens.usable_credential(own, own.authentication)
        assert held.value.retryable

        Connection.objects.update(renewal_until=timezone.now() - timezone.timedelta(seconds=1))
        assert provider.holder(str(tokens.usable_credential(own, own.authentication)["access_token"]))

    def test_no_lock_is_held_while_the_service_takes_its_time(
        self, connected: Connection, provider: Provider, owner: Any
    ) -> None:
        provider.fault(token_delay_s=1.5)
        age(connected, seconds_left=-5)

        def use() -> None:
            own = Connection.objects.get(pk=connected.pk)
            tokens.usable_credential(own, own.authentication)
            databases.close_all()

        thread = threading.Thread(target=use)
        thread.start()
        wait_until(lambda: provider.count("/token"), timeout_s=10)
        started = time.monotonic()
        services.update_connection(connected, label="Renamed", by=owner)
        took_s = time.monotonic() - started
        still_waiting = thread.is_alive()
        thread.join(10)

        assert still_waiting and took_s < 1.4
        connected.refresh_from_db()
        assert connected.label == "Renamed" and connected.credential["expires_at"] > time.time()
