"""Wrong tokens and hosts that are no Canvas: said at once, in words, at both doors; and the next sync heals."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.waiting import wait_until
from plugins.models import Connection
from tests.faults.student import Student, assert_problem, words
from tests.faults.system import ENDLESS, NOWHERE, System

REFUSED = [
    pytest.param({}, {"token": "wrong-token"}, "token", "token", id="a wrong token"),
    pytest.param({}, {"domain": NOWHERE}, "canvas_domain", "cannot be reached", id="an unreachable host"),
    pytest.param(
        {"html_for": "/api/v1"}, {}, "canvas_domain", "web page instead of data", id="a host that answers HTML"
    ),
    pytest.param({}, {"domain": ENDLESS}, "", "more than", id="an answer that never ends"),
]


@pytest.mark.parametrize(("switches", "given", "field", "said"), REFUSED)
def test_what_cannot_work_is_refused_at_connect_with_words_at_its_field_and_keeps_nothing(
    system: System, student: Student, switches: dict[str, Any], given: dict[str, str], field: str, said: str
) -> None:
    system.university.fault(**switches)
    problem = assert_problem(student.connect_by_api(**given), 422)
    assert said in " ".join(problem["errors"][field])
    page = student.connect_by_page(**given)
    assert page.status_code == 422
    assert " ".join(problem["errors"][field]) in words(page.text)  # the same words
    assert not Connection.objects.filter(owner=student.user).exists()
    system.university.reset()
    student.sync(student.connected())
    student.assert_nothing_lost_or_doubled()


LATER = [
    pytest.param({"reject_tokens": True}, "token", True, id="a token revoked later"),
    pytest.param({"html_for": "/api/v1/courses"}, "web page instead of data", True, id="HTML"),
    pytest.param({"endless_paging": "/api/v1/courses"}, "never stops", False, id="a list whose pages go round"),
    pytest.param(
        {"endless_paging": "/api/v1/courses", "endless_kind": "fresh"}, "pages", False, id="a list without end"
    ),
]


@pytest.mark.parametrize(("switches", "said", "is_connections_fault"), LATER)
def test_what_breaks_later_fails_the_sync_with_words_everywhere_and_the_next_one_heals(
    system: System, student: Student, switches: dict[str, Any], said: str, is_connections_fault: bool
) -> None:
    connection = student.connected()
    student.sync(connection)
    system.university.fault(**switches)
    failed = student.sync(connection)
    assert failed.status == "failed"

    seen = student.read_api(f"/executions/{failed.pk}/")
    assert seen["status"] == "failed"
    assert said in seen["error_message"]
    assert seen["results"]["get_courses"]["status"] == "failed"
    page = student.read_page(failed.get_absolute_url())
    assert seen["error_message"] in page

    note = student.told()[-1]
    assert (note.priority, note.url) == ("high", failed.get_absolute_url())
    assert said in note.content
    assert note.title in student.read_page("/notifications/")
    assert student.read_api("/notifications/")["results"][0]["title"] == note.title

    state = student.read_api(f"/connections/{connection.pk}/")
    assert state["health"] == ("unhealthy" if is_connections_fault else "healthy")
    if is_connections_fault:
        assert said in state["last_error"]
        assert state["last_error"] in student.read_page(f"/connections/{connection.pk}/")
        raw = student.page.get(failed.get_absolute_url()).text
        assert f'href="/connections/{connection.pk}/"' in raw  # where it can be put right

    system.university.reset()
    assert student.sync(connection).status == "completed"
    assert student.read_api(f"/connections/{connection.pk}/")["health"] == "healthy"
    student.assert_nothing_lost_or_doubled()


def test_a_new_token_heals_a_connection_whose_token_was_revoked(system: System, student: Student) -> None:
    connection = student.connected()
    system.university.revoke_tokens()
    failed = student.sync(connection)
    assert failed.status == "failed"
    assert "token" in failed.error_message
    answer = student.api.patch(f"/connections/{connection.pk}/", json={"token": "still-wrong"})
    assert "token" in assert_problem(answer, 422)["errors"]
    assert student.read_api(f"/connections/{connection.pk}/")["health"] == "unhealthy"  # a refused change heals nothing
    fresh = system.university.make_token("after the revocation")
    answer = student.api.patch(f"/connections/{connection.pk}/", json={"token": fresh})
    assert answer.status_code == 200, answer.text
    wait_until(lambda: Connection.objects.get(pk=connection.pk).health == "healthy", timeout_s=20)
    assert student.sync(connection).status == "completed"
    student.assert_nothing_lost_or_doubled()


@pytest.mark.parametrize("status", [429, 403])
def test_a_burst_of_throttling_is_waited_out(system: System, student: Student, status: int) -> None:
    connection = student.connected()
    system.university.fault(throttle_next=4, throttle_status=status, throttle_retry_after=0.5)
    execution = student.sync(connection)
    assert (execution.status, execution.error_message) == ("completed", "")
    refused = [request for request in system.university.requests() if request["status"] == status]
    assert len(refused) == 4
    assert not execution.steps.filter(status="failed").exists()
    student.assert_nothing_lost_or_doubled()


def test_a_host_that_vanishes_between_two_syncs_is_named_and_asked_again(
    system: System, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = student.connected()
    student.sync(connection)
    home = dict(connection.configuration)
    Connection.objects.filter(pk=connection.pk).update(configuration={**home, "canvas_domain": NOWHERE})
    failed = student.sync(connection)
    assert failed.status == "failed"
    assert failed.steps.get(path="get_courses").attempt == 3  # it might have come back
    assert f"{NOWHERE} cannot be reached" in student.read_page(failed.get_absolute_url())
    assert student.read_api(f"/connections/{connection.pk}/")["last_error_code"] == "unreachable"
    Connection.objects.filter(pk=connection.pk).update(configuration=home)
    assert student.sync(connection).status == "completed"
    student.assert_nothing_lost_or_doubled()
