"""How connections are: asked when nobody uses them, and a call whose worker died found by its missing heartbeat."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from coreengine.kernel.models import Notification
from coreengine.kernel.waiting import wait_until
from plugins import calls, health, heartbeat, services
from plugins.models import ActionCall, Connection
from plugins.tests.factories import ConnectionFactory


def idle(owner: Any, **fields: Any) -> Connection:
    long_ago = timezone.now() - timedelta(days=3)
    return ConnectionFactory(owner=owner, created_at=long_ago, last_checked_at=long_ago, **fields)


@pytest.mark.django_db
class TestIdleConnections:
    def test_one_that_was_not_used_for_a_day_is_asked_once(self, owner: Any) -> None:
        connection = idle(owner)

        assert health.check_idle() == 1
        assert health.check_idle() == 0

        call = ActionCall.objects.get()
        assert (call.connection, call.method) == (connection, "get_health_status")

    @pytest.mark.parametrize(
        "fields", [{"confirmed_at": None}, {"plugin": "gone"}, {"last_error_code": "reconnect_needed"}]
    )
    def test_one_that_would_not_tell_anything_new_is_left_alone(self, owner: Any, fields: Any) -> None:
        idle(owner, **fields)

        assert health.check_idle() == 0

    def test_one_that_was_used_is_left_alone(self, owner: Any) -> None:
        ActionCall.objects.create(owner=owner, connection=idle(owner), action="get_courses")

        assert health.check_idle() == 0

    def test_many_are_spread_over_the_rounds(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "AT_ONCE", 2)
        for _ in range(3):
            idle(owner)

        assert [health.check_idle() for _ in range(3)] == [2, 1, 0]

    def test_a_token_that_died_meanwhile_is_found_and_said_once(self, owner: Any, university: Any) -> None:
        connection = idle(owner, credential={"token": university.token})
        university.revoke_tokens()

        for _ in range(2):
            call = calls.ask(connection, by=owner, method="get_health_status")
            calls.run_row(call.pk)

        connection.refresh_from_db()
        assert (connection.health, connection.last_error_code) == ("unhealthy", "credential_rejected")
        assert connection.failing_since is not None
        assert Notification.objects.filter(kind="connection").count() == 1
        step = health.next_step(connection)
        assert step is not None and step.action == "edit"

    def test_one_that_works_is_healthy_again(self, owner: Any, university: Any) -> None:
        connection = idle(
            owner,
            credential={"token": university.token},
            health="unhealthy",
            last_error="It was away.",
            last_error_code="unreachable",
            failing_since=timezone.now(),
        )

        calls.run_row(calls.ask(connection, by=owner, method="get_health_status").pk)

        connection.refresh_from_db()
        assert (connection.health, connection.last_error, connection.failing_since) == ("healthy", "", None)


@pytest.mark.django_db(transaction=True)
class TestHeartbeat:
    def test_a_call_that_runs_is_kept_alive_and_one_that_ended_is_not(
        self, owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
        monkeypatch.setattr(heartbeat, "_beater", None)  # that of an earlier test sleeps for long
        long_ago = timezone.now() - timedelta(minutes=5)
        call = ActionCall.objects.create(
            owner=owner, connection=ConnectionFactory(owner=owner), status="running", alive_at=long_ago
        )

        with heartbeat.beating(call):
            wait_until(lambda: ActionCall.objects.get(pk=call.pk).alive_at > long_ago, timeout_s=10)
            calls.take_up_forgotten()
            assert ActionCall.objects.get(pk=call.pk).status == "running"
        wait_until(lambda: heartbeat._beater is None, timeout_s=10)
        ActionCall.objects.update(alive_at=long_ago)
        calls.take_up_forgotten()

        assert ActionCall.objects.get(pk=call.pk).error_code == "worker_lost"

    def test_a_killed_worker_is_noticed_within_a_minute(self) -> None:
        assert heartbeat.LOST_AFTER + timedelta(seconds=15) <= timedelta(minutes=1)
        assert timedelta(seconds=heartbeat.BEAT_S * 3) < heartbeat.LOST_AFTER


@pytest.mark.django_db
def test_a_new_token_heals_a_failing_connection_and_tells_when_it_failed_again(owner: Any, university: Any) -> None:
    connection = ConnectionFactory.for_university(university, owner=owner)
    university.revoke_tokens()
    services.call_action(connection, "get_courses", {}, by=owner)
    services.call_action(connection, "get_courses", {}, by=owner)
    assert Notification.objects.filter(kind="connection").count() == 1

    Connection.objects.update(credential={"token": university.make_token()})
    connection.refresh_from_db()
    services.call_action(connection, "get_courses", {}, by=owner)
    university.revoke_tokens()
    services.call_action(connection, "get_courses", {}, by=owner)

    assert Notification.objects.filter(kind="connection").count() == 2
