"""The student's "done", told to the source that the assignment comes from.

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
ERROR_CHARACTERS = 500


def want_mark(assignment: Assignment, *, complete: bool, by: User | None) -> PlannerItem | None:
    """Ask for the mark to be written at the source; None where the source takes none. Needs a transaction."""
    planner = SourceImport.objects.filter(
        owner=assignment.owner, source=assignment.source, kind=SourceImport.Kind.PLANNER, takes_marks=True
    )
    if assignment.is_by_hand or not planner.exists():
        return None
    item, is_new = PlannerItem.objects.select_for_update().get_or_create(
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
    if item.wanted_complete is None and item.is_marked_complete == complete:
        return item
    if item.assignment_id != assignment.pk:
        PlannerItem.objects.filter(assignment=assignment).exclude(pk=item.pk).update(assignment=None)
        item.assignment = assignment
    # Also where the source has it so already: the opposite may be on its way there.
    item.wanted_complete, item.wanted_at, item.write_error = complete, timezone.now(), ""
    item.save(update_fields=["assignment", "wanted_complete", "wanted_at", "write_error", "updated_at"])
    _tell(item, "planner.mark_wanted", by=by, complete=complete)
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
            "complete": row.wanted_complete,
            "override_id": row.override_id,
        }
        for row in rows.select_related("course", "assignment")[:MOST_MARKS]
    ]


@transaction.atomic
def note_written(owner: User, *, source: str, external_id: str, complete: bool, override_id: str, by: Any) -> bool:
    """Note that the source has taken a mark; False where the student wants another by now, which is told next."""
    item = PlannerItem.objects.select_for_update().get(owner=owner, source=source, external_id=external_id)
    item.is_marked_complete, item.override_id = complete, override_id or item.override_id
    is_settled = item.wanted_complete in (None, complete)
    if is_settled:
        item.wanted_complete, item.wanted_at, item.write_error = None, None, ""
    item.save()
    _tell(item, "planner.mark_written" if is_settled else "planner.mark_wanted", by=by, complete=complete)
    return is_settled


@transaction.atomic
def note_refusal(owner: User, *, source: str, external_id: str, error: str, by: Any) -> None:
    """Keep why a source did not take a mark, in sight of the student. Harmless where the mark is settled."""
    rows = PlannerItem.objects.select_for_update().filter(owner=owner, source=source, external_id=external_id)
    item = rows.filter(wanted_complete__isnull=False).first()
    if item is None:
        return
    is_news = item.write_error == ""
    item.write_error = error[:ERROR_CHARACTERS] or "It was not taken, and no reason was given."
    item.save(update_fields=["write_error", "updated_at"])
    if is_news:
        url = f"/assignments/{item.assignment_id}/" if item.assignment_id else ""
        notify(
            owner, title=f"Not marked at the source: {item.title}", content=item.write_error, url=url, kind="planner"
        )
    _tell(item, "planner.mark_refused", by=by, complete=bool(item.wanted_complete), error=item.write_error)


@transaction.atomic
def write_again(assignment: Assignment, *, by: User) -> PlannerItem:
    """Ask once more for a mark that the source did not take.

    Raises:
        NothingToWrite: the source has it.
    """
    item = _unwritten(assignment)
    item.wanted_at, item.write_error = timezone.now(), ""
    item.save(update_fields=["wanted_at", "write_error", "updated_at"])
    _tell(item, "planner.mark_wanted", by=by, complete=bool(item.wanted_complete))
    return item


@transaction.atomic
def keep_mark_here(assignment: Assignment, *, by: User) -> PlannerItem:
    """Give up telling the source: the mark stays here only.

    Raises:
        NothingToWrite: the source has it.
    """
    item = _unwritten(assignment)
    complete = bool(item.wanted_complete)
    item.wanted_complete, item.wanted_at, item.write_error = None, None, ""
    item.save(update_fields=["wanted_complete", "wanted_at", "write_error", "updated_at"])
    _tell(item, "planner.mark_kept_here", by=by, complete=complete)
    return item


@hook("connection.removed")
def forget_unwritten(connection: Any, by: User) -> None:
    """A connection goes: nobody can tell the source any more, and no mark waits for it."""
    source = f"connection:{connection.pk}"
    SourceImport.objects.filter(owner=connection.owner, source=source).update(takes_marks=False)
    PlannerItem.objects.filter(owner=connection.owner, wanted_complete__isnull=False).from_source(source).update(
        wanted_complete=None, wanted_at=None, write_error=""
    )


def _unwritten(assignment: Assignment) -> PlannerItem:
    rows = PlannerItem.objects.select_for_update(of=("self",)).filter(assignment=assignment)
    item = rows.filter(wanted_complete__isnull=False).select_related("owner").first()
    if item is None:
        raise NothingToWrite(f"“{assignment.name}” is marked at its source as it is here.")
    return item


def _tell(item: PlannerItem, type: str, *, by: Any, **facts: Any) -> None:
    data = {
        "name": item.title,
        "source": item.source,
        "id": item.external_id,
        "assignment": item.assignment_id,
        "course": item.course_id,
        **facts,
    }
    record(type, actor=by, subject=item, owner=item.owner, data=data)
