"""Pages of workflows and executions."""

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from coreengine.kernel.texts import exact_words
from workflows.engine.definition import STEP_TYPES
from workflows.models import Execution, Workflow
from workflows.pages import STARTER, EditorPage
from workflows.rules import faults_of_source
from workflows.running import runner
from workflows.services import start_execution
from workflows.snippets import SNIPPETS
from workflows.versions import create_workflow

LOOP = """\
name: Count
description: Goes round
inputs:
  type: object
  properties:
    label: {type: string, title: Label}
  required: [label]
steps:
  - name: set_greeting
    type: system_action
    config: {action: update_variable, params: {name: greeting, value: "{{ inputs.label }}"}}
  - name: each
    type: loop
    depends_on: [set_greeting]
    config:
      items: [{name: Algebra}, {name: Graphics}]
      as: course
      steps:
        - name: tell
          type: system_action
          config: {action: create_notification, params: {title: "{{ course.name }}"}}
"""

WORDY = """\
name: Wordy
steps:
  - name: both
    type: parallel
    config:
      branches:
        one:
          - name: which
            type: condition
            config:
              expression: "true"
              then: [{name: may, type: approval, config: {message: May I go}}]
        two: [{name: pause, type: wait, config: {duration: 2d}}]
"""


@pytest.fixture
def workflow(owner: Any) -> Workflow:
    return create_workflow(owner, source=STARTER, by=owner)


@pytest.fixture
def finished(owner: Any) -> Execution:
    """An execution with a loop that is over."""
    execution = start_execution(create_workflow(owner, source=LOOP, by=owner), by=owner, inputs={"label": "Hi"})
    runner().advance(execution.pk)
    execution.refresh_from_db()
    return execution


class TestList:
    def test_an_empty_list_says_what_will_be_here(self, page: Any) -> None:
        text = page.get(reverse("workflows:list")).content.decode()

        assert "No workflows yet" in text and reverse("workflows:new") in text

    def test_a_workflow_is_shown_with_its_schedule(self, page: Any, workflow: Workflow) -> None:
        text = page.get(reverse("workflows:list")).content.decode()

        assert workflow.name in text and "At 18:00, only on Sunday" in text and "Never started" in text

    def test_more_workflows_need_no_more_queries(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        counts = []
        for number in (3, 10):
            for n in range(number):
                source = STARTER.replace("Remind me", f"Remind {number} {n}")
                create_workflow(owner, source=source, by=owner)
            with django_assert_max_num_queries(30) as queries:
                page.get(reverse("workflows:list"))
            counts.append(len(queries))

        assert counts[0] == counts[1]

    def test_a_deleted_workflow_can_be_brought_back(self, page: Any, workflow: Workflow) -> None:
        page.post(reverse("workflows:delete", args=[workflow.pk]))
        listed = page.get(reverse("workflows:list")).content.decode()
        assert "Recently deleted" in listed

        page.post(reverse("workflows:restore", args=[workflow.pk]))
        assert Workflow.objects.visible_to(workflow.owner).filter(pk=workflow.pk).exists()


class TestEditor:
    def test_a_new_workflow_is_saved(self, page: Any, owner: Any) -> None:
        answer = page.post(reverse("workflows:new"), {"source": STARTER})

        made = Workflow.objects.visible_to(owner).get()
        assert answer.status_code == 302 and answer["Location"] == reverse("workflows:detail", args=[made.pk])

    def test_faults_keep_what_was_typed_and_name_their_lines(self, page: Any) -> None:
        broken = STARTER.replace("create_notification", "create_notificatoin").replace("name: tell", "name: tell me")

        answer = page.post(reverse("workflows:new"), {"source": broken})

        text = answer.content.decode()
        assert answer.status_code == 422 and "create_notificatoin" in text and not Workflow.objects.exists()
        assert 'data-line="7"' in text and 'data-line="10"' in text

    def test_saving_makes_the_next_version(self, page: Any, workflow: Workflow) -> None:
        page.post(reverse("workflows:edit", args=[workflow.pk]), {"source": STARTER.replace("Plan", "Look at")})

        workflow.refresh_from_db()
        assert workflow.version.number == 2 and "Look at" in workflow.version.source

    @pytest.mark.parametrize("source", ["", "steps: [", "name: x", "- 1", "name: &a x", "steps:\n  - name: a\n"])
    def test_the_preview_follows_unfinished_typing(self, page: Any, source: str) -> None:
        headers = {"HX-Request": "true", "HX-Target": "preview"}
        answer = page.post(reverse("workflows:preview"), {"source": source}, headers=headers)

        text = answer.content.decode()
        assert answer.status_code == 200 and "<html" not in text and "to mend" in text


class TestExecution:
    def test_the_steps_and_the_items_of_a_loop_are_told(self, page: Any, finished: Execution) -> None:
        text = page.get(reverse("workflows:execution", args=[finished.pk])).content.decode()

        assert finished.status == "completed"
        assert "<b>1 Algebra</b>" in text and "2 items" in text and "set greeting" in text
        assert "hx-trigger" not in text.split('id="live"')[1].split(">")[0]  # it is over: nothing polls

    def test_a_running_one_polls_until_something_is_new(self, page: Any, owner: Any, workflow: Workflow) -> None:
        execution = start_execution(workflow, by=owner)
        address = reverse("workflows:execution", args=[execution.pk])
        whole = page.get(address).content.decode()
        seen = whole.split("?seen=")[1].split('"')[0]
        headers = {"HX-Request": "true", "HX-Target": "live"}

        unchanged = page.get(f"{address}?seen={seen}", headers=headers)
        runner().advance(execution.pk)
        changed = page.get(f"{address}?seen={seen}", headers=headers)

        assert unchanged.status_code == 204
        assert changed.status_code == 200 and changed.content.decode().lstrip().startswith('<div id="live"')
        assert "completed" in changed.content.decode()

    def test_missing_inputs_are_asked_for(self, page: Any, owner: Any) -> None:
        asked = create_workflow(owner, source=LOOP, by=owner)

        page.post(reverse("workflows:start", args=[asked.pk]), {"label": ""})
        assert not Execution.objects.exists()

        page.post(reverse("workflows:start", args=[asked.pk]), {"label": "Hello"})
        assert Execution.objects.get().inputs == {"label": "Hello"}

    def test_the_whole_result_of_a_step_can_be_read(self, page: Any, finished: Execution) -> None:
        step = finished.steps.get(path="set_greeting")

        text = page.get(reverse("workflows:step", args=[finished.pk, step.pk])).content.decode()

        assert "&quot;value&quot;: &quot;Hi&quot;" in text

    def test_a_long_result_is_cut_on_the_page_and_whole_as_a_file(self, page: Any, owner: Any) -> None:
        long = ["x" * 90] * 5_000
        source = LOOP.replace("{type: string, title: Label}", "{type: array}")
        execution = start_execution(create_workflow(owner, source=source, by=owner), by=owner, inputs={"label": long})
        runner().advance(execution.pk)
        step = execution.steps.get(path="set_greeting")
        address = reverse("workflows:step", args=[execution.pk, step.pk])

        shown = page.get(address)
        piece = page.get(address, headers={"HX-Request": "true"})
        file = page.get(f"{address}?download=1")

        assert len(shown.content) < 300_000 and len(piece.content) < 30_000
        assert b"Only the beginning is shown" in shown.content
        assert json.loads(file.content)["value"] == long and "attachment" in file["Content-Disposition"]


def looped(owner: Any, number: int, source: str = LOOP) -> Execution:
    """An execution that went round so many items."""
    items = ", ".join(f"{{name: Item {n}}}" for n in range(number))
    source = source.replace("[{name: Algebra}, {name: Graphics}]", f"[{items}]")
    execution = start_execution(create_workflow(owner, source=source, by=owner), by=owner, inputs={"label": "x"})
    while execution.is_open:
        runner().advance(execution.pk)
        execution.refresh_from_db()
    return execution


class TestLoops:
    def test_many_items_are_folded_and_come_page_by_page_with_the_same_queries(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        counts, sizes = [], []
        for number in (30, 90):
            execution = looped(owner, number)
            loop = execution.steps.get(path="each")
            with django_assert_max_num_queries(24) as queries:
                whole = page.get(reverse("workflows:execution", args=[execution.pk])).content.decode()
                second = page.get(reverse("workflows:items", args=[execution.pk, loop.pk]), {"page": "2"})
            counts.append(len(queries))
            sizes.append(len(whole))

        assert counts[0] == counts[1] and abs(sizes[0] - sizes[1]) < 200
        assert "90 items" in whole and "Item 3" not in whole
        assert "<b>26 Item 25</b>" in second.content.decode() and "Page 2 of 4" in second.content.decode()

    def test_what_stands_open_is_drawn_again_with_the_next_look(self, page: Any, owner: Any) -> None:
        execution = looped(owner, 40)
        loop = execution.steps.get(path="each")
        address = reverse("workflows:execution", args=[execution.pk])
        headers = {"HX-Request": "true", "HX-Target": "live"}

        open_page = page.get(address, {"open": f"{loop.pk}:2:all"}, headers=headers).content.decode()
        closed = page.get(address, {"open": ""}, headers=headers).content.decode()

        assert f'data-items="{loop.pk}:2:all"' in open_page and "Item 30" in open_page
        assert "data-items" not in closed

    @pytest.mark.parametrize("given", ["x", "1:2", "999999999999999999999:1:all", ",,,", "-1:0:none", "0:0:0:0"])
    def test_nonsense_about_what_stands_open_is_put_up_with(self, page: Any, finished: Execution, given: str) -> None:
        assert page.get(reverse("workflows:execution", args=[finished.pk]), {"open": given}).status_code == 200

    def test_items_can_be_chosen_by_how_they_went(self, page: Any, owner: Any) -> None:
        source = LOOP.replace(
            'config: {action: create_notification, params: {title: "{{ course.name }}"}}',
            "on_error: continue\n          max_retries: 0\n          config: {action: create_notification, "
            "params: {title: \"{{ course.name == 'Item 4' ? '' : 'Yes' }}\"}}",
        )
        execution = looped(owner, 9, source)
        loop = execution.steps.get(path="each")

        failed = page.get(reverse("workflows:items", args=[execution.pk, loop.pk]), {"show": "failed"})
        whole = page.get(reverse("workflows:execution", args=[execution.pk])).content.decode()

        text = failed.content.decode()
        assert "<b>5 Item 4</b>" in text and "Item 3" not in text
        assert "<b>5 Item 4</b> tell:" in whole  # what failed is told before anyone unfolds the loop

    def test_a_page_of_items_needs_no_script(self, page: Any, owner: Any) -> None:
        execution = looped(owner, 3)
        loop = execution.steps.get(path="each")

        text = page.get(reverse("workflows:items", args=[execution.pk, loop.pk])).content.decode()

        assert "<html" in text and "<b>2 Item 1</b>" in text


class TestLog:
    def test_the_log_tells_what_happened_in_order(self, page: Any, finished: Execution) -> None:
        text = page.get(reverse("workflows:log", args=[finished.pk])).content.decode()

        words = [text.index(word) for word in ("Asked for", "<code>set_greeting", "Goes round for 2 items")]
        assert words == sorted(words) and "each[1].tell" in text

    def test_containers_and_times_are_said_in_words(self, page: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        execution = start_execution(create_workflow(owner, source=WORDY, by=owner), by=owner, inputs={})
        runner().advance(execution.pk)
        text = page.get(reverse("workflows:log", args=[execution.pk])).content.decode()
        until = execution.steps.get(name="pause").next_attempt_at
        moment = exact_words(until, ZoneInfo("Europe/Berlin"))

        for words in (
            "Began 2 branches",
            "Took the branch “then”",
            f">{moment}</time>",
            "Waits until <time",
            "Waits for a decision until",
        ):
            assert words in text
        assert "Parallel started" not in text and "Condition decided" not in text

    @pytest.mark.parametrize("name", ["executions", "approvals", "list"])
    def test_the_side_bar_marks_workflows_on_their_other_pages_too(self, page: Any, name: str) -> None:
        side = page.get(reverse(f"workflows:{name}")).content.decode().partition("</aside>")[0]

        assert re.findall(r'href="([^"]+)"[^>]*aria-current="page"', side) == ["/workflows/"]

    def test_it_can_be_narrowed_to_a_step_and_what_stands_in_it(self, page: Any, finished: Execution) -> None:
        address = reverse("workflows:log", args=[finished.pk])

        of_loop = page.get(address, {"step": "each"}).content.decode()
        of_nothing = page.get(address, {"step": "no\x00thing"}).content.decode()

        assert "each[1].tell" in of_loop and "set_greeting" not in of_loop
        assert "Nothing found" in of_nothing

    def test_a_long_log_comes_page_by_page_with_the_same_queries(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        counts = []
        for number in (3, 70):
            address = reverse("workflows:log", args=[looped(owner, number).pk])
            with django_assert_max_num_queries(20) as queries:
                text = page.get(address).content.decode()
            counts.append(len(queries))

        after = int(re.search(r"after=(\d+)", text)[1])
        assert counts[0] == counts[1] and after == 100
        assert "From the beginning" in page.get(address, {"after": str(after)}).content.decode()


@pytest.mark.parametrize("name", ["detail", "edit", "start", "set-active", "delete"])
def test_another_students_workflow_is_404(client: Any, stranger: Any, workflow: Workflow, name: str) -> None:
    client.force_login(stranger)

    method = client.get if name in {"detail", "edit"} else client.post
    assert method(reverse(f"workflows:{name}", args=[workflow.pk])).status_code == 404


@pytest.mark.parametrize("name", ["items", "step"])
def test_another_students_step_is_404_also_below_ones_own_execution(
    client: Any, stranger: Any, finished: Execution, name: str
) -> None:
    own = looped(stranger, 2)
    client.force_login(stranger)
    foreign = finished.steps.get(path="each")

    for execution in (finished, own):
        assert client.get(reverse(f"workflows:{name}", args=[execution.pk, foreign.pk])).status_code == 404


@pytest.mark.parametrize("name", ["execution", "log", "cancel", "restart"])
def test_another_students_execution_is_404(client: Any, stranger: Any, finished: Execution, name: str) -> None:
    client.force_login(stranger)

    method = client.get if name in {"execution", "log"} else client.post
    assert method(reverse(f"workflows:{name}", args=[finished.pk])).status_code == 404


class TestWriting:
    @pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.key)
    def test_every_piece_that_the_editor_puts_in_is_good(self, snippet: Any) -> None:
        piece = "".join(f"  {line}\n" for line in snippet.text.splitlines())
        steps = "steps:\n  - {name: first, type: wait, config: {duration: 1}}\n"
        text = f"name: x\n{steps}{piece}" if snippet.place == "steps" else f"name: x\n{snippet.place}:\n{piece}{steps}"

        assert faults_of_source(text) == []

    def test_there_is_a_piece_for_every_type_of_step(self) -> None:
        assert {snippet.key for snippet in SNIPPETS if snippet.place == "steps"} == set(STEP_TYPES)

    def test_steps_lead_to_their_lines_and_faulty_ones_are_marked(self) -> None:
        text = LOOP.replace("create_notification", "create_nothing")

        editor = EditorPage.of(text, faults=faults_of_source(text))

        nodes = {node.name: node for node in editor.picture.rail.all_nodes}
        lines = text.splitlines()
        assert all(f"name: {name}" in lines[node.line - 1] for name, node in nodes.items())
        assert [name for name, node in nodes.items() if node.is_faulty] == ["tell"]
