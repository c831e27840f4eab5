"""The order of a task's subtasks."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.models import OwnTask


@transaction.atomic
def order_subtasks(task: OwnTask, ids: Sequence[int], *, by: User | None) -> list[int]:
    """Put a task's subtasks in this order; those that are not named follow in the order they had.

    Returns the order before, so that it can be put back. Ids of anything else are ignored.
    """
    task = OwnTask.objects.select_for_update(of=("self",)).select_related("owner").get(pk=task.pk)
    rows = OwnTask.objects.filter(parent=task, deleted_at__isnull=True)
    parts = {part.pk: part for part in rows.order_by(F("plan_position").asc(nulls_last=True), "pk")}
    before = list(parts)
    named = [pk for pk in dict.fromkeys(ids) if pk in parts]
    after = [*named, *(pk for pk in before if pk not in set(named))]
    if after != before:
        for place, pk in enumerate(after, start=1):
            parts[pk].plan_position = place
        OwnTask.objects.bulk_update(parts.values(), ["plan_position"])
        data = {"title": task.title, "subtasks": after}
        record("task.ordered", actor=by, subject=task, owner=task.owner, data=data)
    return before


@transaction.atomic
def move_subtask(part: OwnTask, *, up: bool, by: User | None) -> list[int]:
    """Move a subtask one place up or down; returns the order before. Harmless at either end."""
    assert part.parent is not None
    order = order_subtasks(part.parent, [], by=by)
    place = order.index(part.pk)
    other = place + (-1 if up else 1)
    if 0 <= other < len(order):
        order[place], order[other] = order[other], order[place]
    return order_subtasks(part.parent, order, by=by)
