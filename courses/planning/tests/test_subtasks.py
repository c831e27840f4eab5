"""Subtasks are put in an order of their own, by keys, by dragging and by the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from courses.models import OwnTask
from courses.planning.services import create_task
from courses.planning.subtasks import move_subtask

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(owner: Any) -> OwnTask:
    task = create_task(owner, by=owner, title="Essay")
    for title in ("Read", "Outline", "Write"):
        create_task(owner, by=owner, title=title, parent=task)
    return task


def shown(page: Any, task: OwnTask) -> list[str]:
    return [part.title for part in page.get(task.get_absolute_url()).context["subtasks"]]


def part(title: str) -> OwnTask:
    return OwnTask.objects.select_related("parent").get(title=title)


def test_one_is_moved_by_its_arrows_and_told(page: Any, task: OwnTask) -> None:
    url = reverse("courses:subtask", args=[part("Write").pk])
    answer = page.post(url, {"move": "up"}, headers={"HX-Request": "true", "HX-Target": "subtasks"}).content.decode()
    assert "Write is 2 of 3" in answer and f'id="up-{part("Write").pk}"' in answer
    assert shown(page, task) == ["Read", "Write", "Outline"]


@pytest.mark.parametrize(("title", "up"), [("Read", True), ("Write", False)])
def test_at_either_end_nothing_happens(page: Any, task: OwnTask, owner: Any, title: str, up: bool) -> None:
    move_subtask(part(title), up=up, by=owner)
    assert shown(page, task) == ["Read", "Outline", "Write"]


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_whole_order_is_kept_and_what_it_leaves_out_follows(page: Any, api: Any, task: OwnTask, door: str) -> None:
    order = [part("Write").pk, part("Read").pk]
    if door == "page":
        assert page.post(reverse("courses:order-subtasks", args=[task.pk]), {"subtask": order}).status_code == 302
    else:
        url = f"/api/v1/own-tasks/{task.pk}/subtasks/order/"
        before = api.put(url, {"subtasks": order}, format="json").json()["subtasks"]
        assert before == [part(title).pk for title in ("Read", "Outline", "Write")]
    assert shown(page, task) == ["Write", "Read", "Outline"]


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_strangers_task_is_not_there_and_their_subtasks_are_ignored(
    page: Any, api: Any, task: OwnTask, stranger: Any, door: str
) -> None:
    foreign = create_task(stranger, by=stranger, title="Theirs")
    inner = create_task(stranger, by=stranger, title="Part", parent=foreign)
    for each, status in ((foreign, 404), (task, 302 if door == "page" else 200)):
        if door == "page":
            answer = page.post(reverse("courses:order-subtasks", args=[each.pk]), {"subtask": [inner.pk]})
        else:
            answer = api.put(f"/api/v1/own-tasks/{each.pk}/subtasks/order/", {"subtasks": [inner.pk]}, format="json")
        assert answer.status_code == status
    inner.refresh_from_db()
    assert inner.plan_position is None and inner.parent_id == foreign.pk
