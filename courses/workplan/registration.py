"""What plans of work add to the rest of the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from coreengine.accounts.models import User
from courses.calendar.entries import Entry, Layer, register_layer
from courses.models import WorkBlock
from courses.workplan.own_tasks import open_tasks, read_tasks
from courses.workplan.proposing import LAYER
from courses.workplan.work import Source, open_assignments, open_keys, read_assignments, register_source


def block_entries(owner: User, start: datetime, end: datetime) -> Iterator[Entry]:
    """The blocks that the student accepted, as what lies in the calendar; those of finished work take no time.

    One query, and one for each kind of work that is planned.
    """
    blocks = WorkBlock.objects.visible_to(owner).settled().exclude(state="skipped").between(start, end)
    found = list(blocks.select_related("course").defer("course__search_vector", "course__syllabus_html").in_order())
    planned = [(block.kind, block.work_id) for block in found if block.state == WorkBlock.State.PLANNED]
    still_open = open_keys(owner, planned, timezone.now())
    for block in found:
        is_done = block.state == WorkBlock.State.DONE
        yield Entry(
            key=f"block:{block.pk}",
            kind="block",
            title=block.title,
            starts_at=block.starts_at,
            ends_at=block.ends_at,
            is_busy=is_done or (block.kind, block.work_id) in still_open,
            is_done=is_done,
            url=f"/planner/plan/?day={block.starts_at.astimezone(owner.zone).date()}#block-{block.pk}",
            course_id=block.course_id,
            course=block.course.title if block.course else "",
            hue=block.course.hue if block.course else None,
        )


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_layer(Layer(LAYER, "Planned work", "calendar-clock", block_entries, 50))
    register_source(Source("assignment", read_assignments, open_assignments, "/assignments/{}/"))
    register_source(Source("task", read_tasks, open_tasks, "/planner/tasks/{}/"))
