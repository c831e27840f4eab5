"""Services of connections, against the demo university."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.kernel import hooks
from coreengine.kernel.models import Event
from plugins import calls, heartbeat, services
from plugins.errors import NothingWatchesSync, PluginNotInstalled
from plugins.models import ActionCall, CachedAnswer, Connection, GatewayCall
from plugins.tests.factories import ConnectionFactory

DOMAIN = "demo.university.edu"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    """What the hooks were told, nobody else being told anything."""
    said: list[tuple[str, Any]] = []
    listeners = {name: [lambda connection, by, name=name: said.append((name, connection.pk))] for name in hooks.NAMES}
    monkeypatch.setattr(hooks, "_hooks", listeners)
    yield said


def connect(owner: Any, university: Any, **fields: Any) -> Connection:
    values = {"configuration": {"canvas_domain": DOMAIN}, "credential": {"token": university.token}, **fields}
    return services.connect(owner, "canvas-integration", by=owner, **values)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
class TestConnect:
    def test_a_good_token_makes_a_healthy_connection(self, owner: Any, university: Any, heard: Any) -> None:
        connection = connect(owner, university)

        assert (connection.health, connection.label) == ("healthy", f"Canvas at {DOMAIN}")
        assert connection.identity["name"]
        assert connection.configuration["sync_frequency"] == "daily"
        assert heard == [("connection.saved", connection.pk)]
        types = set(Event.objects.of(connection).values_list("type", flat=True))
        assert types == {"connection.created", "connection.confirmed"}

    def test_a_wrong_token_is_refused_at_the_token_and_nothing_is_kept(
        self, owner: Any, university: Any, heard: Any
    ) -> None:
        with pytest.raises(ValidationError) as refusal:
            connect(owner, university, credential={"token": "wrong-token-0000"})

        assert "does not accept the token" in refusal.value.message_dict["token"][0]
        assert not Connection.objects.exists()
        assert heard == []

    @pytest.mark.parametrize(
        ("mapped", "words"), [("http://127.0.0.1:9", "cannot be reached"), (None, "There is no host")]
    )
    def test_an_unreachable_host_is_refused_at_the_host(
        self, owner: Any, university: Any, settings: Any, mapped: str | None, words: str, monkeypatch: Any
    ) -> None:
        def resolve(host: str, port: int) -> list[str]:
            if host == "127.0.0.1":
                return [host]
            raise OSError(-2, "unknown")

        monkeypatch.setattr("coreengine.kernel.outbound.network.resolve", resolve)
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {DOMAIN: mapped} if mapped else {}}

        with pytest.raises(ValidationError) as refusal:
            connect(owner, university)

        assert words in refusal.value.message_dict["canvas_domain"][0]
        assert not Connection.objects.exists()

    def test_all_faults_of_the_form_are_named_at_once(self, owner: Any, university: Any) -> None:
        with pytest.raises(ValidationError) as refusal:
            connect(owner, university, configuration={"sync_frequency": "never", "colour": 1}, credential={})

        assert set(refusal.value.message_dict) == {"canvas_domain", "sync_frequency", "colour", "token"}

    def test_a_pasted_address_is_taken_for_its_host(self, owner: Any, university: Any) -> None:
        connection = connect(owner, university, configuration={"canvas_domain": f" https://{DOMAIN.title()}/login "})

        assert connection.configuration["canvas_domain"] == DOMAIN

    def test_the_same_plugin_twice_gives_two_connections(self, owner: Any, university: Any) -> None:
        assert connect(owner, university).pk != connect(owner, university).pk

    def test_an_unknown_plugin_is_said_to_be_unknown(self, owner: Any) -> None:
        with pytest.raises(PluginNotInstalled, match='did you mean "canvas-integration"'):
            services.connect(owner, "canvas-integrations", configuration={}, credential={}, by=owner)

    def test_the_token_is_not_readable_in_the_database(self, owner: Any, university: Any) -> None:
        from django.db import connection as database

        connect(owner, university)
        with database.cursor() as sql:
            sql.execute("SELECT t::text FROM plugins_connection t UNION ALL SELECT t::text FROM kernel_event t")
            rows = " ".join(row[0] for row in sql.fetchall())

        assert university.token not in rows


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
class TestUpdate:
    def test_a_wrong_token_leaves_the_good_one(self, owner: Any, university: Any) -> None:
        connection = connect(owner, university)

        with pytest.raises(ValidationError):
            services.update_connection(connection, credential={"token": "wrong-token-0000"}, by=owner)

        connection.refresh_from_db()
        assert connection.credential == {"token": university.token}
        assert connection.health == "healthy"

    def test_an_empty_token_keeps_the_stored_one(self, owner: Any, university: Any) -> None:
        connection = connect(owner, university)

        changed = services.update_connection(connection, credential={"token": ""}, label="Mine", by=owner)

        assert (changed.label, changed.credential) == ("Mine", {"token": university.token})

    def test_a_changed_setting_is_told_to_the_schedule(self, owner: Any, university: Any, heard: Any) -> None:
        connection = connect(owner, university)
        heard.clear()

        services.update_connection(
            connection, configuration={**connection.configuration, "sync_frequency": "hourly"}, by=owner
        )

        assert heard == [("connection.saved", connection.pk)]

    def test_a_new_token_forgets_the_answers_of_the_old_one(self, owner: Any, university: Any) -> None:
        connection = connect(owner, university)
        services.call_action(connection, "get_courses", {}, by=owner)
        assert CachedAnswer.objects.filter(connection=connection).exists()
        seen = set(CachedAnswer.objects.values_list("pk", flat=True))

        services.update_connection(connection, credential={"token": university.make_token()}, by=owner)

        assert not CachedAnswer.objects.filter(pk__in=seen).exists()


@pytest.mark.django_db
class TestCallAction:
    def test_the_answer_comes_back_and_is_on_record(self, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)

        result = services.call_action(connection, "get_courses", {}, by=owner)

        assert result.success and len(result.data) == 6
        call = ActionCall.objects.get()
        assert (call.status, call.action, call.sandbox) == ("completed", "get_courses", "process")
        assert call.request_count == GatewayCall.objects.filter(action_call=call).count() == result.request_count > 0
        connection.refresh_from_db()
        assert connection.last_synced_at is not None

    def test_the_second_time_the_unchanged_is_not_sent_again(self, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)
        first = services.call_action(connection, "get_courses", {}, by=owner)

        second = services.call_action(connection, "get_courses", {}, by=owner)

        assert second.data == first.data
        assert GatewayCall.objects.filter(is_from_cache=True).exists()

    @pytest.mark.parametrize(
        ("action", "params", "words"),
        [
            ("get_course", {}, 'did you mean "get_courses"'),
            ("get_assignments", {}, "needs this"),
            ("get_assignments", {"course_id": 7}, "7 is not text"),
            ("get_courses", {"state": "active"}, "no such parameter"),
            ("get_courses", {"enrollment_state": "gone"}, "is not one of active, invited, concluded"),
        ],
    )
    def test_bad_parameters_are_a_final_failure(
        self, owner: Any, university: Any, action: str, params: dict[str, Any], words: str
    ) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)

        result = services.call_action(connection, action, params, by=owner)

        assert (result.success, result.retryable, result.error_code) == (False, False, "invalid_params")
        assert words in result.error
        assert not GatewayCall.objects.exists()

    def test_a_revoked_token_makes_the_connection_unhealthy_and_a_good_call_heals_it(
        self, owner: Any, university: Any
    ) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)
        university.revoke_tokens()

        result = services.call_action(connection, "get_courses", {}, by=owner)

        connection.refresh_from_db()
        assert (result.success, result.error_code, result.retryable) == (False, "credential_rejected", False)
        assert (connection.health, connection.last_error) == ("unhealthy", result.error)

        Connection.objects.filter(pk=connection.pk).update(credential={"token": university.make_token()})
        connection.refresh_from_db()
        assert services.call_action(connection, "get_courses", {}, by=owner).success
        connection.refresh_from_db()
        assert (connection.health, connection.last_error) == ("healthy", "")
        types = list(Event.objects.of(connection).order_by("id").values_list("type", flat=True))
        assert types == ["connection.failed", "connection.recovered"]

    def test_a_course_that_vanished_is_no_fault_of_the_connection(self, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)

        result = services.call_action(connection, "get_assignments", {"course_id": "999999"}, by=owner)

        connection.refresh_from_db()
        assert (result.success, result.retryable, connection.health) == (False, False, "healthy")

    def test_throttling_is_waited_for(self, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)
        university.fault(throttle_next=1, throttle_status=429, throttle_retry_after=0.1)

        assert services.call_action(connection, "get_courses", {}, by=owner).success

    def test_a_connection_of_a_plugin_that_is_gone_says_so(self, owner: Any) -> None:
        connection = ConnectionFactory(owner=owner, plugin="gone")

        result = services.call_action(connection, "x", {}, by=owner)

        assert (result.success, result.error_code) == (False, "plugin_not_installed")

    def test_production_refuses_the_process_sandbox(self, owner: Any, university: Any, settings: Any) -> None:
        settings.ENVIRONMENT = "production"
        connection = ConnectionFactory.for_university(university, owner=owner)

        result = services.call_action(connection, "get_courses", {}, by=owner)

        assert (result.success, result.error_code) == (False, "sandbox_unavailable")


@pytest.mark.django_db
class TestSyncAndDisconnect:
    def test_a_sync_leads_to_what_the_hook_answers(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(hooks._hooks, "connection.sync_requested", [lambda connection, by: "/executions/7/"])

        assert services.request_sync(ConnectionFactory(owner=owner), by=owner) == "/executions/7/"

    def test_a_sync_that_nobody_does_says_so(self, owner: Any, heard: Any) -> None:
        with pytest.raises(NothingWatchesSync, match="No workflow syncs Canvas"):
            services.request_sync(ConnectionFactory(owner=owner), by=owner)

    def test_disconnecting_removes_the_token_and_the_record_and_tells_the_hook(self, owner: Any, heard: Any) -> None:
        connection = ConnectionFactory(owner=owner)
        pk = connection.pk

        services.disconnect(connection, by=owner)

        assert not Connection.objects.filter(pk=pk).exists()
        assert heard == [("connection.removed", pk)]
        assert Event.objects.filter(type="connection.removed", subject_id=str(pk), owner=owner).count() == 1


@pytest.mark.django_db
class TestCalls:
    def waiting(self, owner: Any, university: Any, **fields: Any) -> ActionCall:
        connection = ConnectionFactory.for_university(university, owner=owner)
        return ActionCall.objects.create(
            owner=owner,
            connection=connection,
            by=owner,
            action="get_courses",
            **{"created_at": timezone.now(), **fields},
        )

    def test_a_message_delivered_twice_runs_once(self, owner: Any, university: Any) -> None:
        call = self.waiting(owner, university)

        assert calls.run_row(call.pk) is not None
        assert calls.run_row(call.pk) is None
        assert len([r for r in university.requests() if r["path"] == "/api/v1/courses"]) == 1

    def test_a_lost_message_is_found(self, owner: Any, university: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        call = self.waiting(owner, university, created_at=timezone.now() - calls.FORGOTTEN_AFTER * 2)
        hinted: list[int] = []
        monkeypatch.setattr("plugins.tasks.run_action_call.delay", hinted.append)

        calls.take_up_forgotten()

        assert hinted == [call.pk]

    def test_a_lost_worker_is_a_visible_failure(self, owner: Any, university: Any) -> None:
        call = self.waiting(owner, university, status="running", alive_at=timezone.now() - heartbeat.LOST_AFTER * 2)

        calls.take_up_forgotten()

        call.refresh_from_db()
        assert (call.status, call.error_code) == ("failed", "worker_lost")

    def test_a_check_whose_worker_was_lost_frees_the_connection_from_checking(
        self, owner: Any, university: Any
    ) -> None:
        long_ago = timezone.now() - heartbeat.LOST_AFTER * 2
        call = self.waiting(owner, university, method="authenticate", status="running", alive_at=long_ago)
        fresh = self.waiting(owner, university, method="authenticate", status="running", alive_at=timezone.now())
        Connection.objects.update(health=Connection.Health.CHECKING)

        calls.take_up_forgotten()

        connection = Connection.objects.get(pk=call.connection_id)
        assert (connection.health, connection.last_error_code) == ("unhealthy", "worker_lost")
        assert "Try again" in connection.last_error
        assert Event.objects.of(connection).get().type == "connection.failed"
        assert Connection.objects.get(pk=fresh.connection_id).health == "checking"

    def test_a_connection_removed_meanwhile_harms_nothing(
        self, owner: Any, university: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from plugins import running

        call = self.waiting(owner, university)
        real = running.run

        def run_and_remove(connection: Connection, *args: Any, **more: Any) -> Any:
            outcome = real(connection, *args, **more)
            Connection.objects.filter(pk=connection.pk).delete()
            return outcome

        monkeypatch.setattr(running, "run", run_and_remove)

        calls.run_row(call.pk)

        assert not ActionCall.objects.exists()
