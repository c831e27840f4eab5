"""What becomes of work that vanished at its source: kept as the student's own, put away, or left in sight."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.errors import NotVanished
from courses.models import Assignment
from courses.sameness.services import join

KEPT_FIELDS = ("course_id", "name", "description_html", "due_at", "points_possible", "html_url", "notes", "done_at")


@transaction.atomic
def keep_as_own(assignment: Assignment, *, by: User) -> Assignment:
    """Make vanished work the student's own and give it back. If the source lists it again, the two are one.

    Keeping twice is harmless. Deleting what was kept takes it back.

    Raises:
        NotVanished: the source still lists it.
    """
    assignment = _vanished(assignment)
    if assignment.same_as is not None:
        return assignment.same_as
    own = Assignment(owner=assignment.owner, **{name: getattr(assignment, name) for name in KEPT_FIELDS})
    own.save()
    data = {"name": own.name, "course": own.course_id, "by_hand": True, "kept_from": assignment.pk}
    record("assignment.created", actor=by, subject=own, owner=own.owner, data=data)
    join(own, assignment, by=by)
    return own


@transaction.atomic
def put_away(assignment: Assignment, *, by: User) -> Assignment:
    """Take vanished work out of the lists. It comes back when the source lists it again, or by `take_back`.

    Raises:
        NotVanished: the source still lists it.
    """
    assignment = _vanished(assignment)
    if assignment.put_away_at is None:
        assignment.put_away_at = timezone.now()
        assignment.save(update_fields=["put_away_at"])
        _tell("assignment.put_away", assignment, by)
    return assignment


@transaction.atomic
def take_back(assignment: Assignment, *, by: User) -> Assignment:
    """Show work again that was put away. Harmless where it was not."""
    assignment = _locked(assignment)
    if assignment.put_away_at is not None:
        assignment.put_away_at = None
        assignment.save(update_fields=["put_away_at"])
        _tell("assignment.taken_back", assignment, by)
    return assignment


def _vanished(assignment: Assignment) -> Assignment:
    assignment = _locked(assignment)
    if assignment.missing_since is None:
        raise NotVanished(f"“{assignment.name}” is still listed by its source: mark it done instead.")
    return assignment


def _locked(assignment: Assignment) -> Assignment:
    rows = Assignment.objects.select_for_update(of=("self",)).select_related("owner", "course", "same_as")
    return rows.get(pk=assignment.pk)


def _tell(type: str, assignment: Assignment, by: User) -> None:
    data = {"name": assignment.name, "course": assignment.course_id}
    record(type, actor=by, subject=assignment, owner=assignment.owner, data=data)
