"""The gallery of ready-made workflows: every file is good, says what it uses, and can be taken over."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.models import Notification
from courses.models import Announcement
from courses.tests.factories import AssignmentFactory, CourseFactory
from workflows.approvals import decide_approval
from workflows.engine.definition import AI_AGENT, PLUGIN_ACTION
from workflows.engine.outcome import Effect, Outcome, StepCall
from workflows.models import Approval, Execution, Workflow, WorkflowDraft
from workflows.ready_made import ORDER, ready_made, use_ready_made
from workflows.rules import faults_of_source
from workflows.running import runner
from workflows.services import start_execution

KEYS = list(ready_made())


def test_the_gallery_is_what_it_says() -> None:
    assert list(ORDER) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_every_file_is_a_definition_without_faults(key: str) -> None:
    item = ready_made()[key]

    assert faults_of_source(item.source) == []
    assert item.description.endswith(".") and len(item.name) < 60


@pytest.mark.parametrize("key", KEYS)
def test_it_is_shown_with_what_it_uses_and_taken_over(page: Any, owner: Any, key: str) -> None:
    item = ready_made()[key]

    shown = page.get(reverse("workflows:gallery-item", args=[key])).content.decode()
    taken = page.post(reverse("workflows:gallery-use", args=[key]), {"action": "publish"})

    workflow = Workflow.objects.visible_to(owner).get()
    assert item.name in shown and "What it uses" in shown and "Use this" in shown
    assert taken["Location"] == reverse("workflows:detail", args=[workflow.pk])
    assert workflow.name == item.name and workflow.version.source == item.source
    assert workflow.triggers.count() == len(item.triggers)


def test_taken_as_a_draft_nothing_starts_by_itself(page: Any, owner: Any) -> None:
    taken = page.post(reverse("workflows:gallery-use", args=["due-digest"]), {"action": "draft"})

    workflow = Workflow.objects.visible_to(owner).get()
    assert taken["Location"] == reverse("workflows:edit", args=[workflow.pk])
    assert workflow.version is None and not workflow.triggers.exists()
    assert WorkflowDraft.objects.get(workflow=workflow).source == ready_made()["due-digest"].source


def test_a_plugin_that_is_not_connected_is_named_with_the_way_to_connect_it(page: Any) -> None:
    text = page.get(reverse("workflows:gallery-item", args=["archive-files"])).content.decode()

    assert "connect it first" in text and "/connections/new/canvas-integration/" in text


def test_the_list_offers_some_until_one_is_taken(page: Any, owner: Any) -> None:
    before = page.get(reverse("workflows:list")).content.decode()
    page.post(reverse("workflows:gallery-use", args=["due-digest"]))
    after = page.get(reverse("workflows:list")).content.decode()
    gallery = page.get(reverse("workflows:gallery")).content.decode()

    assert reverse("workflows:gallery-item", args=["due-digest"]) in before
    assert reverse("workflows:gallery-item", args=["due-digest"]) not in after
    assert gallery.count("you have it") == 1


def test_an_unknown_key_is_404_and_looking_takes_nothing(page: Any, owner: Any) -> None:
    assert page.get(reverse("workflows:gallery-item", args=["nothing"])).status_code == 404
    assert page.post(reverse("workflows:gallery-use", args=["nothing"])).status_code == 404
    assert page.get(reverse("workflows:gallery-use", args=["due-digest"])).status_code == 405
    assert not Workflow.objects.exists()


def test_programs_take_them_over_too(api: Any) -> None:
    listed = api.get("/api/v1/workflows/gallery/").json()
    made = api.post("/api/v1/workflows/", {"source": listed[0]["source"]}, format="json")

    assert [item["key"] for item in listed] == KEYS
    assert made.status_code == 201 and made.json()["name"] == listed[0]["name"]


class TestRunning:
    """Every file really runs: over the real store, with agents and plugins that answer at once."""

    @pytest.fixture(autouse=True)
    def outside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = {
            "summarizer": {"content": "In short.", "data": {}, "cost": 0, "run": 1},
            "get_files": [
                {"id": "1", "locked": False, "content_type": "application/pdf"},
                {"id": "2", "locked": True, "content_type": "application/pdf"},
            ],
            "download_file": {"id": "1"},
        }

        class Answers:
            def effect(self, config: Any) -> Effect:
                return Effect.KEYED

            def is_brief(self, config: Any) -> bool:
                return False

            def run(self, call: StepCall) -> Outcome:
                return Outcome.done(answers[call.config.get("action") or call.config["agent"]])

        for kind in (PLUGIN_ACTION, AI_AGENT):
            monkeypatch.setitem(runner().executors, kind, Answers())

    @pytest.fixture
    def semester(self, owner: Any) -> None:
        """Two pieces of work that are due, one long announcement and a course that a connection brought."""
        course = CourseFactory(owner=owner, imported=True, name="Databases")
        for number in (1, 2):
            AssignmentFactory(course=course, name=f"Sheet {number}", due_at=timezone.now() + timedelta(hours=20))
        Announcement.objects.create(
            owner=owner,
            course=course,
            source=course.source,
            external_id="1",
            title="Exam moved",
            message_html="<p>" + "The exam was moved to another room. " * 20 + "</p>",
            posted_at=timezone.now() - timedelta(hours=2),
        )

    def go(self, owner: Any, key: str, **inputs: Any) -> Execution:
        """Start a workflow of the gallery and go on until it waits or is over."""
        workflow = use_ready_made(ready_made()[key], owner=owner, as_draft=False, by=owner)
        execution = start_execution(workflow, by=owner, inputs=inputs)
        return self.go_on(execution)

    def go_on(self, execution: Execution) -> Execution:
        for _ in range(60):
            runner().advance(execution.pk)
            ready = execution.steps.filter(status="pending", waiting_for=0, kind__in=[PLUGIN_ACTION, AI_AGENT])
            if not ready:
                break
            for step in ready:
                runner().run_step(execution.pk, step.path)
        execution.refresh_from_db()
        return execution

    def told(self, owner: Any) -> list[str]:
        return list(
            Notification.objects.filter(owner=owner, kind="workflow").order_by("pk").values_list("title", flat=True)
        )

    @pytest.mark.usefixtures("semester")
    def test_the_digest_tells_what_is_due(self, owner: Any) -> None:
        execution = self.go(owner, "due-digest")

        assert execution.status == "completed", execution.error_message
        assert self.told(owner) == ["2 assignments are due in the next 3 days"]

    def test_the_digest_is_silent_when_nothing_is_due(self, owner: Any) -> None:
        assert self.go(owner, "due-digest").status == "completed" and self.told(owner) == []

    @pytest.mark.usefixtures("semester")
    @pytest.mark.parametrize(("decision", "reminders"), [("approved", 0), ("rejected", 2)])
    def test_the_last_call_reminds_who_does_not_approve(self, owner: Any, decision: str, reminders: int) -> None:
        execution = self.go(owner, "last-call")
        decide_approval(Approval.objects.get(), decision, by=owner)
        execution = self.go_on(execution)

        assert execution.status == "completed", execution.error_message
        assert len(self.told(owner)) == reminders

    @pytest.mark.usefixtures("semester")
    def test_the_week_is_summed_up(self, owner: Any) -> None:
        execution = self.go(owner, "weekly-summary")

        assert execution.status == "completed", execution.error_message
        assert self.told(owner) == ["Your week: 1 announcements, 2 due"]
        assert "In short." in Notification.objects.get(kind="workflow").content

    def test_a_week_without_news_is_summed_up_too(self, owner: Any) -> None:
        execution = self.go(owner, "weekly-summary")

        assert execution.status == "completed", execution.error_message
        assert "Nothing to sum up." in Notification.objects.get(kind="workflow").content

    @pytest.mark.usefixtures("semester")
    def test_each_announcement_is_told_in_short(self, owner: Any) -> None:
        execution = self.go(owner, "announcement-summary")

        assert execution.status == "completed", execution.error_message
        assert self.told(owner) == ["Databases: Exam moved"]

    @pytest.mark.usefixtures("semester")
    def test_files_are_archived_item_by_item(self, owner: Any) -> None:
        execution = self.go(owner, "archive-files")

        # The locked file is left out; the other brings no bytes, so that nothing new is kept.
        assert execution.status == "completed", execution.error_message
        assert execution.steps.get(path="each_course[0].each_file[0].download").status == "completed"
        assert self.told(owner) == ["0 new files archived, 1 looked at"]

    def test_rounds_of_focus_wait_and_ask(self, owner: Any) -> None:
        execution = self.go(owner, "focus-rounds", goal="Read chapter 3", rounds=2)
        work = execution.steps.get(path="each_round[0].work")

        assert execution.status == "running" and work.status == "waiting"
        assert not execution.steps.filter(path__startswith="each_round[1]").exists()
