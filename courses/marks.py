"""The student's "done" and "dismissed", told to the source that an assignment or a planner item comes from.

A mark is wanted in the transaction that sets it, a workflow writes it, and what the source answers settles it. So
nothing waits for the source, nothing is lost with a process, and a refusal stays in sight until it is settled.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from coreengine.kernel.hooks import hook
from coreengine.kernel.notifications import notify
from courses.errors import NothingToWrite
from courses.models import Assignment, PlannerItem, SourceImport

MOST_MARKS = 100
WANTED = ("wanted_complete", "wanted_dismissed")
ERROR_CHARACTERS = 500


def want_mark(
    assignment: Assignment, *, complete: bool | None = None, dismissed: bool | None = None, by: User | None
) -> PlannerItem | None:
    """Ask for a mark to be written at the source; None where the source takes none. Needs a transaction."""
    if assignment.is_by_hand or not _takes_marks(assignment.owner, assignment.source):
        return None
    item, _ = PlannerItem.objects.select_for_update().get_or_create(
        owner=assignment.owner,
        source=assignment.source,
        external_id=assignment.planner_key,
        defaults={
            "course_id": assignment.course_id,
            "kind": assignment.planner_key.partition(":")[0],
            "title": assignment.name,
            "starts_at": assignment.due_at,
            "html_url": assignment.html_url,
        },
    )
    if not _want(item, complete, dismissed):
        return item
    if item.assignment_id != assignment.pk:
        PlannerItem.objects.filter(assignment=assignment).exclude(pk=item.pk).update(assignment=None)
        item.assignment = assignment
    return _wanted(item, by)


def want_item_mark(
    item: PlannerItem, *, complete: bool | None = None, dismissed: bool | None = None, by: User | None
) -> PlannerItem | None:
    """Ask for the mark of something that is no assignment. Needs a transaction, and the row locked."""
    if not _takes_marks(item.owner, item.source):
        return None
    return _wanted(item, by) if _want(item, complete, dismissed) else item


def _takes_marks(owner: User, source: str) -> bool:
    kind = SourceImport.Kind.PLANNER
    return SourceImport.objects.filter(owner=owner, source=source, kind=kind, takes_marks=True).exists()


def _want(item: PlannerItem, complete: bool | None, dismissed: bool | None) -> bool:
    """Note what is wanted; False where the source has it so. What is on its way there may be the opposite of it."""
    is_new = False
    if complete is not None and (item.wanted_complete is not None or item.is_marked_complete != complete):
        item.wanted_complete, is_new = complete, True
    if dismissed is not None and (item.wanted_dismissed is not None or item.is_dismissed != dismissed):
        item.wanted_dismissed, is_new = dismissed, True
    return is_new


def _wanted(item: PlannerItem, by: User | None) -> PlannerItem:
    item.wanted_at, item.write_error = timezone.now(), ""
    item.save(update_fields=["assignment", *WANTED, "wanted_at", "write_error", "updated_at"])
    _tell(item, "planner.mark_wanted", by=by)
    return item


def unwritten_marks(owner: User, source: str) -> list[dict[str, Any]]:
    """List what a source has yet to be told, with all that telling needs."""
    rows = PlannerItem.objects.filter(owner=owner).from_source(source).unwritten()
    return [
        {
            "id": row.external_id,
            "kind": row.kind,
            "course_id": row.course.external_id if row.course else "",
            "assignment_id": row.assignment.external_id if row.assignment else "",
            "title": row.title,
            **_state(row),
            "override_id": row.override_id,
        }
        for row in rows.select_related("course", "assignment")[:MOST_MARKS]
    ]


@transaction.atomic
def note_written(
    owner: User,
    *,
    source: str,
    external_id: str,
    complete: bool,
    override_id: str,
    by: Any,
    dismissed: bool | None = None,
) -> bool:
    """Note that the source has taken a mark; False where the student wants another by now, which is told next.

    `dismissed` is None where whoever wrote it does not know of it.
    """
    item = PlannerItem.objects.select_for_update().get(owner=owner, source=source, external_id=external_id)
    item.is_marked_complete, item.override_id = complete, override_id or item.override_id
    if item.wanted_complete == complete:
        item.wanted_complete = None
    if dismissed is not None:
        item.is_dismissed = dismissed
        if item.wanted_dismissed == dismissed:
            item.wanted_dismissed = None
    is_settled = item.wanted_complete is None and item.wanted_dismissed is None
    if is_settled:
        item.wanted_at, item.write_error = None, ""
    item.save()
    _tell(item, "planner.mark_written" if is_settled else "planner.mark_wanted", by=by, complete=complete)
    return is_settled


@transaction.atomic
def note_refusal(owner: User, *, source: str, external_id: str, error: str, by: Any) -> None:
    """Keep why a source did not take a mark, in sight of the student. Harmless where the mark is settled."""
    rows = PlannerItem.objects.select_for_update().filter(owner=owner, source=source, external_id=external_id)
    item = rows.unwritten().first()
    if item is None:
        return
    is_news = item.write_error == ""
    item.write_error = error[:ERROR_CHARACTERS] or "It was not taken, and no reason was given."
    item.save(update_fields=["write_error", "updated_at"])
    if is_news:
        title, url = f"Not marked at the source: {item.title}", item.get_absolute_url()
        notify(owner, title=title, content=item.write_error, url=url, kind="planner")
    _tell(item, "planner.mark_refused", by=by, error=item.write_error)


@transaction.atomic
def write_again(thing: Assignment | PlannerItem, *, by: User) -> PlannerItem:
    """Ask once more for a mark that the source did not take.

    Raises:
        NothingToWrite: the source has it.
    """
    item = _unwritten(thing)
    item.wanted_at, item.write_error = timezone.now(), ""
    item.save(update_fields=["wanted_at", "write_error", "updated_at"])
    _tell(item, "planner.mark_wanted", by=by)
    return item


@transaction.atomic
def keep_mark_here(thing: Assignment | PlannerItem, *, by: User) -> PlannerItem:
    """Give up telling the source: the mark stays here only.

    Raises:
        NothingToWrite: the source has it.
    """
    item = _unwritten(thing)
    state = _state(item)
    item.wanted_complete, item.wanted_dismissed, item.wanted_at, item.write_error = None, None, None, ""
    item.save(update_fields=[*WANTED, "wanted_at", "write_error", "updated_at"])
    _tell(item, "planner.mark_kept_here", by=by, **state)
    return item


@hook("connection.removed")
def forget_unwritten(connection: Any, by: User) -> None:
    """A connection goes: nobody can tell the source any more, and no mark waits for it."""
    source = f"connection:{connection.pk}"
    SourceImport.objects.filter(owner=connection.owner, source=source).update(takes_marks=False)
    PlannerItem.objects.filter(owner=connection.owner).from_source(source).unwritten().update(
        wanted_complete=None, wanted_dismissed=None, wanted_at=None, write_error=""
    )


def _unwritten(thing: Assignment | PlannerItem) -> PlannerItem:
    rows = PlannerItem.objects.select_for_update(of=("self",)).unwritten()
    rows = rows.filter(assignment=thing) if isinstance(thing, Assignment) else rows.filter(pk=thing.pk)
    item = rows.select_related("owner").first()
    if item is None:
        raise NothingToWrite(f"“{thing}” is marked at its source as it is here.")
    return item


def _state(item: PlannerItem) -> dict[str, bool]:
    """What the source is to have: what is wanted, and for the rest what it has."""
    return {
        "complete": item.is_marked_complete if item.wanted_complete is None else item.wanted_complete,
        "dismissed": item.is_dismissed if item.wanted_dismissed is None else item.wanted_dismissed,
    }


def _tell(item: PlannerItem, type: str, *, by: Any, **facts: Any) -> None:
    data = {
        "name": item.title,
        "source": item.source,
        "id": item.external_id,
        "assignment": item.assignment_id,
        "course": item.course_id,
        **_state(item),
        **facts,
    }
    record(type, actor=by, subject=item, owner=item.owner, data=data)
