"""What plans of work add to the rest of the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.screens import PageKeys, register_page_keys
from courses.calendar.entries import Entry, Layer, register_layer
from courses.models import WorkBlock
from courses.moments import Clock
from courses.workplan.own_tasks import open_tasks, read_tasks
from courses.workplan.proposing import LAYER
from courses.workplan.work import Source, open_assignments, open_dues, read_assignments, register_source

KEYS = (("Alt ← → ↑ ↓", "Move a block by a day or a quarter of an hour", ""),)


def _blocks(owner: int, start: datetime, end: datetime) -> QuerySet[Any]:
    blocks = WorkBlock.objects.visible_to(owner_with(owner)).settled().exclude(state="skipped")
    columns = ("pk", "title", "starts_at", "ends_at", "state", "kind", "work_id", "course_id")
    in_order = blocks.between(start, end).in_order()
    return in_order.values_list(*columns, "course__name", "course__nickname", "course__hue")


_BLOCKS = KeptQuery(_blocks, owner=int, start=datetime, end=datetime)


def block_entries(owner: User, start: datetime, end: datetime) -> Iterator[Entry]:
    """The blocks that the student accepted, as what lies in the calendar; those of finished work take no time.

    One query, and one for each kind of work that is planned.
    """
    rows, clock = _BLOCKS.rows(owner=owner.pk, start=start, end=end), Clock(timezone.now(), owner.zone)
    planned, done = str(WorkBlock.State.PLANNED), str(WorkBlock.State.DONE)
    still_open = open_dues(owner, [(row[5], row[6]) for row in rows if row[4] == planned], clock)
    for pk, title, starts_at, ends_at, state, kind, work_id, course_id, name, nickname, hue in rows:
        is_done = state == done
        is_busy = is_done or (kind, work_id) in still_open
        url = f"/planner/plan/?day={clock.day_of(starts_at)}#block-{pk}"
        # Positions and no names: a month has hundreds of these.
        yield Entry(
            *(f"block:{pk}", "block", title, starts_at, ends_at, False, is_busy, is_done),
            *(url, "", course_id, nickname or name or "", hue),
        )


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_page_keys(PageKeys("In the plan of work", "courses:plan", KEYS))
    register_layer(Layer(LAYER, "Planned work", "calendar-clock", block_entries, 50))
    register_source(Source("assignment", read_assignments, open_assignments, "/assignments/{}/"))
    register_source(Source("task", read_tasks, open_tasks, "/planner/tasks/{}/"))
