"""The gallery of ready-made workflows: every file is good, says what it uses, and can be taken over."""

from typing import Any

import pytest
from django.urls import reverse

from workflows.models import Workflow, WorkflowDraft
from workflows.ready_made import ORDER, ready_made
from workflows.rules import faults_of_source

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
