"""Branches, inputs and variables stand, run and are shown in the order in which they were written."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from workflows.forms import InputsForm
from workflows.models import WorkflowVersion
from workflows.running import runner
from workflows.services import start_execution
from workflows.store import definition_of
from workflows.tests.factories import make_workflow

pytestmark = pytest.mark.django_db

SOURCE = """\
name: Side by side
inputs:
  properties:
    longest_name: {type: string, default: a}
    id: {type: string, default: b}
variables: {longer: 1, v: 2}
steps:
  - name: both
    type: parallel
    config:
      branches:
        the_long_one:
          - {name: tell_long, type: system_action, config: {action: create_notification, params: {title: a}}}
        b: [{name: tell_b, type: system_action, config: {action: create_notification, params: {title: a}}}]
        aa: [{name: tell_aa, type: system_action, config: {action: create_notification, params: {title: a}}}]
"""
BRANCHES = ["the_long_one", "b", "aa"]


def before(text: str, *words: str) -> bool:
    """Say whether these words come in this order."""
    places = [text.index(word) for word in words]
    return places == sorted(places)


def test_a_version_keeps_the_order_of_its_text(owner: Any) -> None:
    version = WorkflowVersion.objects.get(pk=make_workflow(owner, SOURCE).version_id)

    assert list(version.definition["steps"][0]["config"]["branches"]) == BRANCHES
    assert list(version.definition["variables"]) == ["longer", "v"]
    assert list(definition_of(version.pk).step("both").bodies) == BRANCHES
    assert list(InputsForm.of(version.workflow).fields) == ["longest_name", "id"]


def test_so_does_one_that_came_as_data(owner: Any, api: Any) -> None:
    definition = make_workflow(owner, SOURCE).version.definition | {"name": "Again"}
    made = api.post("/api/v1/workflows/", {"definition": definition}, format="json").json()
    shown = api.get(f"/api/v1/workflows/{made['id']}/").json()["definition"]

    assert list(shown["steps"][0]["config"]["branches"]) == BRANCHES and list(shown) == list(definition)


def test_branches_run_and_are_shown_in_their_order(owner: Any, page: Any) -> None:
    execution = start_execution(make_workflow(owner, SOURCE), by=owner, inputs={})
    runner().advance(execution.pk)
    execution.refresh_from_db()
    begun = [row.name for row in execution.steps.order_by("started_at", "pk") if row.name != "both"]
    text = page.get(reverse("workflows:execution", args=[execution.pk])).content.decode()

    assert execution.status == "completed" and begun == ["tell_long", "tell_b", "tell_aa"]
    assert before(text, "tell long", "tell b", "tell aa")
    assert before(text, "&quot;longest_name&quot;", "&quot;id&quot;") and before(
        text, "&quot;longer&quot;", "&quot;v&quot;"
    )
