"""Workflows that come with plugins, and the sync of a connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coreengine.kernel import hooks
from coreengine.kernel.events import record
from plugins.contract import ActionResult
from plugins.models import Connection
from workflows.engine.source import read_source
from workflows.models import Execution, Workflow
from workflows.rules import faults_of_source
from workflows.running import runner
from workflows.services import delete_workflow
from workflows.shipped import shipped_definitions, sync_workflow
from workflows.tests.factories import SOURCE
from workflows.triggers.events import start_workflows_of
from workflows.versions import save_version

pytestmark = pytest.mark.django_db

PLUGIN = "canvas-integration"
SHIPPED = ["canvas-integration", "github-integration"]


@pytest.fixture
def connection(owner: Any) -> Connection:
    """A connection to Canvas."""
    owner.time_zone = "America/New_York"
    owner.save()
    return Connection.objects.create(
        owner=owner, plugin=PLUGIN, label="Canvas", configuration={"sync_frequency": "daily"}, credential={}
    )


def saved(connection: Connection) -> Workflow:
    hooks.call("connection.saved", connection=connection, by=connection.owner)
    workflow = sync_workflow(connection)
    assert workflow is not None
    return workflow


@pytest.mark.parametrize("plugin", SHIPPED)
def test_every_shipped_definition_is_without_faults(plugin: str) -> None:
    shipped = list(shipped_definitions(plugin))

    assert shipped
    for stem, source in shipped:
        assert faults_of_source(source) == [], stem


class TestSaved:
    def test_a_connection_gets_its_sync_once(self, connection: Connection) -> None:
        first, second = saved(connection), saved(connection)

        assert first == second and first.owner == connection.owner
        assert first.shipped_key == f"{PLUGIN}/sync-canvas" and first.connection_id == connection.pk
        assert Workflow.objects.count() == len(list(shipped_definitions(PLUGIN)))

    @pytest.mark.parametrize(
        ("frequency", "cron"), [("realtime", "*/15 * * * *"), ("daily", "0 7 * * *"), ("weekly", "0 7 * * 1")]
    )
    def test_the_setting_makes_the_schedule_on_the_students_clock(
        self, connection: Connection, frequency: str, cron: str
    ) -> None:
        saved(connection)
        connection.configuration["sync_frequency"] = frequency
        connection.save()

        trigger = saved(connection).triggers.get()

        assert (trigger.cron, trigger.time_zone) == (cron, "America/New_York")
        assert trigger.next_at is not None

    def test_hourly_is_spread_over_the_hour(self, connection: Connection) -> None:
        connection.configuration["sync_frequency"] = "hourly"

        assert saved(connection).triggers.get().cron.endswith(" * * * *")

    def test_a_newer_file_is_taken_over_unless_the_student_edited_it(
        self, connection: Connection, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("workflows.shipped.shipped_definitions", lambda plugin: [("sync-x", SOURCE)])
        workflow = saved(connection)
        newer = SOURCE.replace("Tell me", "Newer")
        monkeypatch.setattr("workflows.shipped.shipped_definitions", lambda plugin: [("sync-x", newer)])
        assert saved(connection).name == "Newer"

        save_version(workflow, by=connection.owner, source=SOURCE.replace("Tell me", "Mine"))
        assert saved(connection).name == "Mine"

    def test_a_faulty_file_does_not_keep_the_student_from_connecting(
        self, connection: Connection, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("workflows.shipped.shipped_definitions", lambda plugin: [("sync-x", "name: x")])
        hooks.call("connection.saved", connection=connection, by=connection.owner)

        assert sync_workflow(connection) is None

    def test_a_removed_sync_stays_removed_until_it_is_asked_for(self, connection: Connection) -> None:
        delete_workflow(saved(connection), by=connection.owner)
        hooks.call("connection.saved", connection=connection, by=connection.owner)

        assert sync_workflow(connection) is None


class TestSyncNow:
    def test_it_gives_the_page_to_watch_and_twice_the_same(self, connection: Connection) -> None:
        [first] = hooks.call("connection.sync_requested", connection=connection, by=connection.owner)
        [second] = hooks.call("connection.sync_requested", connection=connection, by=connection.owner)

        execution = Execution.objects.get()
        assert first == second == f"/executions/{execution.pk}/"
        assert execution.inputs["connection"] == connection.pk and execution.trigger["type"] == "manual"

    def test_a_plugin_without_a_sync_gives_nothing(self, owner: Any) -> None:
        other = Connection.objects.create(owner=owner, plugin="nothing", label="x", credential={})

        assert hooks.call("connection.sync_requested", connection=other, by=owner) == []

    def test_a_removed_sync_is_brought_back(self, connection: Connection) -> None:
        workflow = delete_workflow(saved(connection), by=connection.owner)
        [url] = hooks.call("connection.sync_requested", connection=connection, by=connection.owner)

        workflow.refresh_from_db()
        assert url and workflow.removed_at is None


class TestRemoved:
    def test_workflows_as_shipped_go_and_edited_ones_stop(self, connection: Connection, owner: Any) -> None:
        workflow = saved(connection)
        hooks.call("connection.removed", connection=connection, by=owner)
        workflow.refresh_from_db()
        assert workflow.removed_at is not None

        edited = Workflow.objects.create(owner=owner, name="x", shipped_key="p/x", connection_id=connection.pk)
        edited.version = edited.versions.create(
            number=1, source=SOURCE, definition=read_source(SOURCE).data, created_by=owner
        )
        edited.save()
        hooks.call("connection.removed", connection=connection, by=owner)
        edited.refresh_from_db()
        assert edited.removed_at is None and not edited.is_active


class TestTheSyncOfCanvas:
    """The shipped workflow, with the plugin's answers in place of Canvas."""

    @pytest.fixture
    def answers(self, monkeypatch: Any) -> dict[str, Any]:
        """What the plugin answers, by action; a text is an error."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        answers: dict[str, Any] = {
            "get_courses": [
                {"id": "9007199254740993", "name": "Compilers", "course_code": "CS 1", "state": "available"},
                {"id": "8", "name": "Networks", "course_code": "CS 2", "state": "available"},
            ],
            "get_assignments": lambda params: [
                {"id": f"{params['course_id']}1", "course_id": params["course_id"], "name": "Lexer", "due_at": tomorrow}
            ],
            "get_announcements": [],
            "get_modules": [],
            "get_scope": dict.fromkeys(SCOPE, True) | {"way": "api_key", "note": ""},
            "get_planner": {"start": None, "end": None, "takes_marks": True, "items": []},
        }

        def call(connection: Connection, action: str, params: dict[str, Any], **_: Any) -> ActionResult:
            answer = answers[action]
            answer = answer(params) if callable(answer) else answer
            if isinstance(answer, str):
                return ActionResult(success=False, error=answer)
            rest = {"get_courses": COURSE, "get_assignments": ASSIGNMENT}.get(action)
            return ActionResult(success=True, data=[rest | row for row in answer] if rest else answer)

        monkeypatch.setattr("workflows.steps.plugin_action.call_action", call)
        return answers

    @pytest.fixture
    def sync(self, connection: Connection, monkeypatch: Any) -> Any:
        """Sync and follow every hint in this process."""

        def run() -> Execution:
            hints: list[tuple[int, str]] = []
            monkeypatch.setattr(runner().hints.__class__, "advance", lambda self, n, **_: hints.append((n, "")))
            monkeypatch.setattr(
                runner().hints.__class__, "run_step", lambda self, n, path, kind, **_: hints.append((n, path))
            )
            hooks.call("connection.sync_requested", connection=connection, by=connection.owner)
            execution = Execution.objects.get(status="pending")
            hints.append((execution.pk, ""))
            while hints:
                number, path = hints.pop(0)
                if path:
                    runner().run_step(number, path)
                else:
                    runner().advance(number)
            execution.refresh_from_db()
            return execution

        return run

    def test_courses_and_assignments_come_in_and_the_student_is_told(self, sync: Any, answers: Any, owner: Any) -> None:
        from coreengine.kernel.models import Notification
        from courses.models import Assignment, Course

        execution = sync()

        assert execution.status == "completed", execution.error_message
        assert set(Course.objects.values_list("external_id", flat=True)) == {"9007199254740993", "8"}
        assert Assignment.objects.count() == 2
        assert "2 courses, 2 assignments" in Notification.objects.get().title

    def test_the_next_sync_changes_nothing(self, sync: Any, answers: Any) -> None:
        sync()
        again = sync()

        assert again.status == "completed"
        assert again.variables["found"]["created"] == again.variables["found"]["changed"] == 0

    def test_a_course_that_vanished_does_not_keep_the_others_away(self, sync: Any, answers: Any) -> None:
        from courses.models import Assignment

        fetch = answers["get_assignments"]
        answers["get_assignments"] = lambda p: "Canvas knows no such course." if p["course_id"] == "8" else fetch(p)
        execution = sync()

        assert execution.status == "completed", execution.error_message
        assert Assignment.objects.count() == 1 and execution.variables["found"]["failed"] == 1

    def test_a_refused_token_is_a_failed_execution_in_words(self, sync: Any, answers: Any) -> None:
        answers["get_courses"] = "Canvas refused the token."
        execution = sync()

        assert execution.status == "failed" and "Canvas refused the token." in execution.error_message


SCOPE = ("is_complete", "courses", "assignments", "modules", "planner", "announcements", "marks")
COURSE = {
    "term": None,
    "start_at": None,
    "end_at": None,
    "time_zone": None,
    "html_url": "",
    "syllabus_html": "",
    "current_score": None,
    "current_grade": None,
    "final_score": None,
    "final_grade": None,
    "teachers": [],
    "is_restricted": False,
}
ASSIGNMENT = {
    "description_html": "",
    "unlock_at": None,
    "lock_at": None,
    "points_possible": 10,
    "grading_type": "points",
    "submission_types": [],
    "allowed_extensions": [],
    "html_url": "",
    "position": 1,
    "state": "published",
    "omit_from_final_grade": False,
    "group": None,
    "submission": None,
}


class TestEvents:
    LISTENING = """\
name: Follow
inputs: {properties: {connection: {type: integer}}}
triggers:
  - type: event
    event: lecture.moved
    filter: trigger.event.data.source == trigger.connection
steps:
  - name: tell
    type: system_action
    config: {action: create_notification, params: {title: "{{ trigger.event.data.room }}"}}
"""

    @pytest.fixture
    def listening(self, connection: Connection, monkeypatch: Any) -> Workflow:
        monkeypatch.setattr("workflows.shipped.shipped_definitions", lambda plugin: [("follow", self.LISTENING)])
        hooks.call("connection.saved", connection=connection, by=connection.owner)
        return Workflow.objects.get(shipped_key=f"{PLUGIN}/follow")

    def test_each_event_starts_its_own_execution_while_others_are_under_way(
        self, listening: Workflow, connection: Connection
    ) -> None:
        for room in ("Hall 1", "Hall 2"):
            data = {"source": connection.source, "room": room}
            start_workflows_of(record("lecture.moved", actor=None, subject=connection, data=data))

        found = Execution.objects.filter(workflow=listening)
        assert {execution.trigger["event"]["data"]["room"] for execution in found} == {"Hall 1", "Hall 2"}

    def test_what_belongs_to_another_connection_starts_nothing(
        self, listening: Workflow, connection: Connection
    ) -> None:
        data = {"source": f"connection:{connection.pk + 1}", "room": "Hall 1"}
        start_workflows_of(record("lecture.moved", actor=None, subject=connection, data=data))

        assert not Execution.objects.filter(workflow=listening).exists()
