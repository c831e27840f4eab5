"""What a student changes by hand: courses, assignments, own marks. Imports have `courses.importing`."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.errors import ComesFromSource
from courses.importing.compare import apply, differences, said
from courses.importing.courses import free_hue
from courses.marks import want_mark
from courses.models import Assignment, AssignmentRepository, Course, CourseResource, SamenessChoice, Term
from courses.rules import check_assignment, check_changes, check_course, check_group_of_course
from courses.sameness.services import dress_twins, lock_sameness, match_again, twins_for_update
from resources.models import Repository, Resource
from resources.repositories.importing import facts
from resources.services import write_note

DELETED_KEPT_FOR = timedelta(days=30)
MOST_REPOSITORIES = 20


@transaction.atomic
def create_course(owner: User, *, by: User, **values: Any) -> Course:
    """Make a course by hand. Without `hue` it gets the colour that the student's courses use least.

    Raises:
        ValidationError: by field, in words for the form.
    """
    check_course({"name": "", **values})
    values = _with_term(owner, values)
    if values.get("hue") is None:
        taken = Counter(Course.objects.visible_to(owner).values_list("hue", flat=True))
        values["hue"] = free_hue(taken)
    course = Course(owner=owner, hue_is_own=True, **values)
    course.full_clean(exclude=["owner", "term"])
    course.save()
    record("course.created", actor=by, subject=course, owner=owner, data={"name": course.name, "by_hand": True})
    return course


@transaction.atomic
def update_course(course: Course, *, by: User, changes: dict[str, Any]) -> Course:
    """Change a course: all of one made by hand; of one from a source, only what is the student's own.

    Raises:
        ValidationError: by field; also for a field that the source owns.
    """
    course = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    check_changes(course, changes)
    check_course(_with_stored(course, changes, ["starts_at", "ends_at"]))
    values = _with_term(course.owner, changes)
    found = differences(course, values)
    if "hue" in values and not course.hue_is_own:
        # Also where it is the same colour: it is chosen now, and no import changes it any more.
        Course.objects.filter(pk=course.pk).update(hue_is_own=True)
    if not found:
        return course
    apply(course, values)
    course.full_clean(exclude=["owner", "term", "external_id", "source"])
    course.save(update_fields=[*found, "updated_at"])
    data = {"name": course.name, "changes": said(found), "by_hand": True}
    record("course.updated", actor=by, subject=course, owner=course.owner, data=data)
    dress_twins(course)
    if found.get("state", [""])[-1] == Course.State.COMPLETED:
        data = {"name": course.name, "course": course.pk, "by": "hand"}
        record("course.concluded", actor=by, subject=course, owner=course.owner, data=data)
    return course


@transaction.atomic
def delete_course(course: Course, *, by: User) -> Course:
    """Put a course made by hand, with its assignments, where `restore_course` finds it for thirty days.

    Raises:
        ComesFromSource: it would come back with the next sync; hide it instead.
    """
    course = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    if not course.is_by_hand:
        raise ComesFromSource(
            f"{course.title} comes from a connected source and would return with the next sync. Hide it instead."
        )
    if course.deleted_at is None:
        _purge_deleted(course.owner)
        course.deleted_at = timezone.now()
        course.save(update_fields=["deleted_at"])
        record("course.deleted", actor=by, subject=course, owner=course.owner, data={"name": course.name})
        _match_again(course, by)
    return course


@transaction.atomic
def restore_course(course: Course, *, by: User) -> Course:
    """Take back the deletion of a course. Harmless where it is not deleted."""
    course = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    if course.deleted_at is not None:
        course.deleted_at = None
        course.save(update_fields=["deleted_at"])
        record("course.restored", actor=by, subject=course, owner=course.owner, data={"name": course.name})
        _match_again(course, by)
    return course


@transaction.atomic
def create_assignment(course: Course, *, by: User, **values: Any) -> Assignment:
    """Add the student's own assignment to any course.

    Raises:
        ValidationError: by field, in words for the form.
    """
    check_assignment({"name": "", **values})
    check_group_of_course(course, values.get("group"))
    assignment = Assignment(owner=course.owner, course=course, **values)
    assignment.full_clean(exclude=["owner", "course"])
    assignment.save()
    due_at = said({"due_at": [None, assignment.due_at]})["due_at"][1]
    data = {"name": assignment.name, "course": course.pk, "due_at": due_at, "by_hand": True}
    record("assignment.created", actor=by, subject=assignment, owner=course.owner, data=data)
    return assignment


@transaction.atomic
def update_assignment(assignment: Assignment, *, by: User, changes: dict[str, Any]) -> Assignment:
    """Change an assignment: all of one made by hand; of one from a source, only the student's notes.

    Raises:
        ValidationError: by field; also for a field that the source owns.
    """
    twins = twins_for_update(assignment)
    assignment = _locked(assignment)
    check_changes(assignment, changes)
    check_assignment(_with_stored(assignment, changes, ["unlock_at", "lock_at"]))
    if "group" in changes:
        changes = dict(changes)
        group = changes.pop("group")
        check_group_of_course(assignment.course, group)
        changes["group_id"] = group.pk if group else None
    found = differences(assignment, changes)
    if not found:
        return assignment
    apply(assignment, changes)
    assignment.full_clean(exclude=["owner", "course", "external_id", "source", "group"])
    assignment.save(update_fields=[*found, "updated_at"])
    data = {"name": assignment.name, "course": assignment.course_id, "changes": said(found), "by_hand": True}
    record("assignment.updated", actor=by, subject=assignment, owner=assignment.owner, data=data)
    if "notes" in found:
        # Notes of its own that the same work has from another source stay; what was the same text stays the same.
        alike = [twin.pk for twin in twins if twin.notes in ("", found["notes"][0])]
        Assignment.objects.filter(pk__in=alike).update(notes=assignment.notes)
    return assignment


@transaction.atomic
def mark_done(assignment: Assignment, *, done: bool, by: User) -> Assignment:
    """Set or take back the student's own mark that this is done. The first mark's time stands.

    Where the source can be told, the mark is on its way there from now on (`courses.marks`). An import touches it
    only where the student changed it at the source. The same work from other sources is marked with it.
    """
    twins = twins_for_update(assignment)
    assignment = _locked(assignment)
    if done == (assignment.done_at is not None):
        return assignment
    assignment.done_at = timezone.now() if done else None
    assignment.save(update_fields=["done_at"])
    record(
        "assignment.done" if done else "assignment.reopened",
        actor=by,
        subject=assignment,
        owner=assignment.owner,
        data={"name": assignment.name, "course": assignment.course_id},
    )
    want_mark(assignment, complete=done, by=by)
    for twin in twins:
        twin.done_at = assignment.done_at
        twin.save(update_fields=["done_at"])
        want_mark(twin, complete=done, by=by)
    return assignment


@transaction.atomic
def delete_assignment(assignment: Assignment, *, by: User) -> Assignment:
    """Put an assignment made by hand where `restore_assignment` finds it for thirty days.

    Raises:
        ComesFromSource: it would come back with the next sync; mark it done instead.
    """
    assignment = _locked(assignment)
    if not assignment.is_by_hand:
        raise ComesFromSource(
            f"{assignment.name} comes from a connected source and would return with the next sync. "
            "Mark it done instead."
        )
    if assignment.deleted_at is None:
        _purge_deleted(assignment.owner)
        assignment.deleted_at = timezone.now()
        assignment.save(update_fields=["deleted_at"])
        data = {"name": assignment.name, "course": assignment.course_id}
        record("assignment.deleted", actor=by, subject=assignment, owner=assignment.owner, data=data)
        _match_again(assignment, by)
    return assignment


@transaction.atomic
def restore_assignment(assignment: Assignment, *, by: User) -> Assignment:
    """Take back the deletion of an assignment. Harmless where it is not deleted."""
    assignment = _locked(assignment)
    if assignment.deleted_at is not None:
        assignment.deleted_at = None
        assignment.save(update_fields=["deleted_at"])
        data = {"name": assignment.name, "course": assignment.course_id}
        record("assignment.restored", actor=by, subject=assignment, owner=assignment.owner, data=data)
        _match_again(assignment, by)
    return assignment


@transaction.atomic
def attach_resource(course: Course, resource: Resource, *, by: User) -> CourseResource:
    """Attach something of the student's vault to a course. Attaching twice is harmless."""
    if course.owner_id != resource.owner_id:
        raise ValidationError({"resource": "There is no such thing in your vault."})
    link, is_new = CourseResource.objects.get_or_create(course=course, resource=resource)
    if is_new:
        data = {"resource": resource.pk, "title": resource.title}
        record("course.resource_attached", actor=by, subject=course, owner=course.owner, data=data)
    return link


@transaction.atomic
def write_course_note(course: Course, *, by: User, title: str, body: str = "") -> Resource:
    """Write a note into the vault and attach it to a course; errors as of the vault's `write_note`."""
    note = write_note(by=by, title=title, body=body)
    attach_resource(course, note, by=by)
    return note


@transaction.atomic
def detach_resource(course: Course, resource: Resource, *, by: User) -> None:
    """Take a thing off a course, and off the same course from other sources; it stays in the vault.

    Harmless where it is not attached.
    """
    count, _ = CourseResource.objects.filter(resource=resource).in_course(course).delete()
    if count:
        data = {"resource": resource.pk, "title": resource.title}
        record("course.resource_detached", actor=by, subject=course, owner=course.owner, data=data)


@transaction.atomic
def link_repository(assignment: Assignment, repository: Repository, *, by: User) -> AssignmentRepository:
    """Say that an assignment is worked on in a repository. Linking twice is harmless.

    Raises:
        ValidationError: at `repository`: it is nobody's one may see, or there are too many.
    """
    if assignment.owner_id != repository.owner_id:
        raise ValidationError({"repository": "There is no such repository among yours."})
    assignment = _locked(assignment)
    links = AssignmentRepository.objects.filter(assignment=assignment)
    link = links.filter(repository=repository).first()
    if link is not None:
        return link
    if links.count() >= MOST_REPOSITORIES:
        raise ValidationError({"repository": f"An assignment has at most {MOST_REPOSITORIES} repositories."})
    link = AssignmentRepository.objects.create(assignment=assignment, repository=repository)
    _record_link("repository.linked", link, by)
    return link


@transaction.atomic
def unlink_repository(assignment: Assignment, repository: Repository, *, by: User) -> None:
    """Take a repository off an assignment; nothing in it is touched. Harmless where it is not linked."""
    link = AssignmentRepository.objects.filter(assignment=assignment, repository=repository).first()
    if link is not None:
        link.delete()
        _record_link("repository.unlinked", link, by)


def _record_link(type: str, link: AssignmentRepository, by: User) -> None:
    """Tell of a link made or gone, with how many there are now: the first and the last are of interest to a source."""
    repository, assignment = link.repository, link.assignment
    links = AssignmentRepository.objects.filter(repository=repository).count()
    data = {**facts(repository), "assignment": assignment.pk, "assignment_name": assignment.name, "links": links}
    record(type, actor=by, subject=repository, owner=repository.owner, data=data)


def _match_again(thing: Course | Assignment, by: User) -> None:
    """What is the same as a thing that was deleted steps forward, and back when it is restored."""
    choices = SamenessChoice.objects.filter(owner=thing.owner, is_same=True)
    if choices.filter(Q(first=thing.pk) | Q(second=thing.pk)).exists():
        lock_sameness(thing.owner)
        match_again(thing, by=by)


def _locked(assignment: Assignment) -> Assignment:
    return (
        Assignment.objects.select_for_update(of=("self",))
        .select_related("course", "owner", "submission")
        .get(pk=assignment.pk)
    )


def _with_stored(thing: Course | Assignment, changes: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Add what is stored to what changes, for a check that looks at several fields together."""
    return {**{name: getattr(thing, name) for name in names}, **changes} if changes.keys() & set(names) else changes


def _with_term(owner: User, values: dict[str, Any]) -> dict[str, Any]:
    """Replace the term's name by the term: a known one of this name, else a new one made by hand."""
    values = dict(values)
    if "term_name" in values:
        name = (values.pop("term_name") or "").strip()
        values["term_id"] = _named_term(owner, name).pk if name else None
    return values


def _named_term(owner: User, name: str) -> Term:
    known = Term.objects.filter(owner=owner, name__iexact=name).order_by("-starts_at", "pk").first()
    if known is not None:
        return known
    term = Term(owner=owner, name=name)
    term.full_clean(exclude=["owner"])
    term.save()
    return term


def _purge_deleted(owner: User) -> None:
    """Forget for good what was deleted long ago; done with each new deletion, so it needs no clock of its own."""
    long_ago = timezone.now() - DELETED_KEPT_FOR
    Assignment.objects.filter(owner=owner, deleted_at__lt=long_ago).delete()
    Course.objects.filter(owner=owner, deleted_at__lt=long_ago).delete()
