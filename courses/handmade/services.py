"""Changing what is kept by hand: groups of work, results, the order of courses, a course for a new term."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from coreengine.kernel.importing.compare import apply, differences, said
from coreengine.kernel.models import Event
from courses.handmade.rules import MOST_GROUPS, RESULT_FIELDS, check_by_hand, check_group, check_result
from courses.models import Assignment, AssignmentGroup, Course, Submission
from courses.services import create_course

GROUP_FIELDS = ("name", "weight", "drop_lowest", "drop_highest", "position")
MOST_COURSES = 500


@transaction.atomic
def create_group(course: Course, *, by: User, **values: Any) -> AssignmentGroup:
    """Add a group of work to a course made by hand, at the end of its groups.

    Raises:
        ValidationError: by field, in words for the form.
    """
    course = _locked(course)
    check_by_hand(course)
    check_group(course, {"name": "", **values})
    count = course.groups.count()
    if count >= MOST_GROUPS:
        raise ValidationError(f"A course has at most {MOST_GROUPS} groups.")
    group = AssignmentGroup(course=course, position=count + 1)
    apply(group, {**values, "name": values["name"].strip()})
    group.full_clean(exclude=["course"])
    group.save()
    _tell("course.group_created", group, by)
    return group


@transaction.atomic
def update_group(group: AssignmentGroup, *, by: User, changes: dict[str, Any]) -> AssignmentGroup:
    """Change a group of work of a course made by hand; errors as of `create_group`."""
    course = _locked(group.course)
    group = AssignmentGroup.objects.select_for_update().get(pk=group.pk)
    check_by_hand(course)
    check_group(course, changes, but=group)
    found = differences(group, changes)
    if found:
        apply(group, changes)
        group.full_clean(exclude=["course"])
        group.save(update_fields=list(found))
        _tell("course.group_updated", group, by, changes=said(found))
    return group


@transaction.atomic
def delete_group(group: AssignmentGroup, *, by: User) -> Event:
    """Take a group away; its work stays in the course, in no group. `restore_group` brings it back from the event."""
    course = _locked(group.course)
    check_by_hand(course)
    works = list(Assignment.objects.filter(group=group).values_list("pk", flat=True))
    facts = {name: getattr(group, name) for name in GROUP_FIELDS}
    event = _tell("course.group_deleted", group, by, facts=facts, works=works)
    group.delete()
    return event


@transaction.atomic
def restore_group(course: Course, event: Event, *, by: User) -> AssignmentGroup:
    """Bring back a group as it was when it was deleted, with the work in it that is in no other group by now.

    Raises:
        ValidationError: there is another group of this name by now.
    """
    course = _locked(course)
    check_by_hand(course)
    values = {name: value for name, value in event.data["facts"].items() if name in GROUP_FIELDS}
    check_group(course, values)
    group = AssignmentGroup(course=course, **values)
    group.full_clean(exclude=["course"])
    group.save()
    Assignment.objects.filter(course=course, pk__in=event.data["works"], group__isnull=True).update(group=group)
    _tell("course.group_created", group, by)
    return group


@transaction.atomic
def set_result(assignment: Assignment, *, by: User, changes: dict[str, Any]) -> Submission:
    """Note how a piece of work of a course made by hand went: handed in, late, the score, the grade.

    A score makes it graded, unless `state` says otherwise. Emptying everything takes the result back.

    Raises:
        ValidationError: by field; also where a source has the say.
    """
    rows = Assignment.objects.select_for_update(of=("self",)).select_related("course", "owner")
    assignment = rows.get(pk=assignment.pk)
    check_result(assignment, changes)
    submission = Submission.objects.select_for_update().filter(assignment=assignment).first()
    submission = submission or Submission(assignment=assignment)
    before = {name: getattr(submission, name) for name in RESULT_FIELDS}
    apply(submission, {name: value for name, value in changes.items() if name in RESULT_FIELDS})
    _settle(submission, changes)
    submission.full_clean(exclude=["assignment"])
    found = {name: [old, getattr(submission, name)] for name, old in before.items() if getattr(submission, name) != old}
    if not found:
        return submission
    submission.save()
    is_graded = submission.state == Submission.State.GRADED and found.keys() & {"score", "grade", "state"}
    data = {
        "name": assignment.name,
        "course": assignment.course_id,
        "changes": said(found),
        "score": submission.score,
        "grade": submission.grade,
        "points_possible": assignment.points_possible,
        "by_hand": True,
    }
    type = "submission.graded" if is_graded else "submission.updated"
    record(type, actor=by, subject=assignment, owner=assignment.owner, data=data)
    return submission


def _settle(submission: Submission, changes: dict[str, Any]) -> None:
    """Make state and times follow from what was said."""
    states, now = Submission.State, timezone.now()
    has_grade = submission.score is not None or bool(submission.grade)
    if "state" not in changes and changes.keys() & {"score", "grade"}:
        if has_grade:
            submission.state = states.GRADED
        elif submission.state == states.GRADED:
            submission.state = states.SUBMITTED if submission.submitted_at else states.UNSUBMITTED
    if submission.state == states.GRADED and has_grade:
        submission.graded_at = submission.graded_at or now
        submission.posted_at = submission.posted_at or now
    else:
        submission.graded_at = submission.posted_at = None
    if submission.state in (states.SUBMITTED, states.PENDING_REVIEW) and submission.submitted_at is None:
        submission.submitted_at = now


@transaction.atomic
def order_courses(owner: User, course_ids: Sequence[int], *, by: User) -> list[int]:
    """Put the student's courses in this order; those that are not named follow in the order they had.

    Returns the order before, so that it can be put back. Another student's ids are ignored.
    """
    rows = Course.objects.visible_to(owner).in_own_order()
    courses = {
        course.pk: course
        for course in rows.select_for_update().only("pk", "position", "position_is_own")[:MOST_COURSES]
    }
    before = list(courses)
    named = [pk for pk in dict.fromkeys(course_ids) if pk in courses]
    after = [*named, *(pk for pk in before if pk not in set(named))]
    if after == before and all(course.position_is_own for course in courses.values()):
        return before
    changed = []
    for place, pk in enumerate(after):
        course = courses[pk]
        if course.position != place or not course.position_is_own:
            course.position, course.position_is_own = place, True
            changed.append(course)
    Course.objects.bulk_update(changed, ["position", "position_is_own"])
    record("courses.ordered", actor=by, subject=("courses.order", owner.pk), owner=owner, data={"courses": after})
    return before


def move_course(course: Course, *, up: bool, by: User) -> list[int]:
    """Move a course one place up or down among those of its term that go on; returns the order before."""
    rows = Course.objects.visible_to(course.owner).filter(term=course.term).active(timezone.now())
    beside = list(rows.in_own_order().values_list("pk", flat=True))
    order = list(Course.objects.visible_to(course.owner).in_own_order().values_list("pk", flat=True))
    if course.pk in beside:
        place = beside.index(course.pk) + (-1 if up else 1)
        if 0 <= place < len(beside):
            other = beside[place]
            order.remove(course.pk)
            order.insert(order.index(other) + (0 if up else 1), course.pk)
    return order_courses(course.owner, order, by=by)


@transaction.atomic
def duplicate_course(
    course: Course, *, by: User, name: str, term_name: str = "", first_day: datetime | None = None
) -> Course:
    """Make a course by hand after another one: its groups and work, without results, done marks and notes on work.

    With `first_day` all dates move by as many whole days as lie between the first days of the two courses, and
    keep their time of day; without it, or where the old course has no first day, the new work has no dates.

    Raises:
        ValidationError: by field, in words for the form.
    """
    course = Course.objects.select_related("owner", "term").get(pk=course.pk)
    old_start = course.starts_at or (course.term.starts_at if course.term else None)
    zone = course.owner.zone
    shift = (first_day.astimezone(zone).date() - old_start.astimezone(zone).date()) if first_day and old_start else None

    def moved(moment: datetime | None) -> datetime | None:
        if moment is None or shift is None:
            return None
        local = moment.astimezone(zone).replace(tzinfo=None) + shift
        return local.replace(tzinfo=zone)

    made = create_course(
        course.owner,
        by=by,
        name=name,
        term_name=term_name,
        starts_at=first_day,
        ends_at=moved(course.ends_at),
        code=course.code,
        hue=course.hue,
        notes=course.notes,
    )
    groups: dict[int | None, AssignmentGroup | None] = {None: None}
    for group in course.groups.all():
        values = {field: getattr(group, field) for field in GROUP_FIELDS}
        groups[group.pk] = AssignmentGroup.objects.create(course=made, **values)
    works = Assignment.objects.visible_to(course.owner).filter(course=course).present().order_by("position", "pk")
    Assignment.objects.bulk_create(
        Assignment(
            owner=course.owner,
            course=made,
            group=groups[work.group_id],
            name=work.name,
            description_html=work.description_html,
            due_at=moved(work.due_at),
            unlock_at=moved(work.unlock_at),
            lock_at=moved(work.lock_at),
            points_possible=work.points_possible,
            grading_type=work.grading_type,
            position=work.position,
            omit_from_final_grade=work.omit_from_final_grade,
        )
        for work in works
    )
    record("course.duplicated", actor=by, subject=made, owner=course.owner, data={"name": made.name, "of": course.pk})
    return made


def proposed_first_day(course: Course) -> datetime | None:
    """The first day of a course a year later, on the same day of the week."""
    start = course.starts_at or (course.term.starts_at if course.term else None)
    return start + timedelta(weeks=52) if start else None


def _locked(course: Course) -> Course:
    return Course.objects.select_for_update(of=("self",)).select_related("owner").get(pk=course.pk)


def _tell(type: str, group: AssignmentGroup, by: User, **facts: Any) -> Event:
    course = group.course
    data = {"name": course.name, "group_name": group.name, "weight": group.weight, "by_hand": True, **facts}
    return record(type, actor=by, subject=course, owner=course.owner, data=data)
