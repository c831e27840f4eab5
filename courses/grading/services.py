"""What a student keeps about grades: scales, credits, a goal, groups and scores of own courses, scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.errors import ComesFromSource
from courses.grading.courses import CourseGrades
from courses.grading.group_rows import checked_groups
from courses.grading.late import checked_policy
from courses.grading.scales import checked_scale
from courses.grading.scenarios import checked_changes, checked_extra, read_score
from courses.importing.compare import apply, differences, said
from courses.models import Assignment, AssignmentGroup, Course, CourseGrading, GradeScenario, Submission

MOST_SCENARIOS = 20
DELETED_KEPT_FOR = timedelta(days=30)


@transaction.atomic
def update_grading(course: Course, *, by: User, changes: Mapping[str, Any]) -> CourseGrading:
    """Change the student's own rules of a course: `scale` (rows, or None for the one that holds without), `credits`,
    `counts_in_average`, `goal`, `late_policy` (of a course made by hand). What is not named stays as it is.

    Raises:
        ValidationError: by field.
    """
    Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    row, _made = CourseGrading.objects.get_or_create(course=course, defaults={"owner": course.owner})
    values = dict(changes)
    if "scale" in values:
        values["scale"] = _scale_rows(values["scale"])
    if "late_policy" in values:
        values["late_policy"] = checked_policy(values["late_policy"])
        if values["late_policy"] and not course.is_by_hand:
            reason = "The source's scores have paid for lateness already: only a course made by hand has a policy here."
            raise ValidationError({"late_policy": reason})
    found = differences(row, values)
    apply(row, values)
    row.full_clean(exclude=["owner", "course"])
    row.save()
    if found:
        data = {"name": course.name, "changes": said(found)}
        record("course.grading_updated", actor=by, subject=course, owner=course.owner, data=data)
    return row


@transaction.atomic
def update_own_scale(owner: User, rows: Any, *, by: User) -> CourseGrading:
    """Set the scale that stands in for every course without one of its own; None takes it away.

    Raises:
        ValidationError: under `scale`.
    """
    User.objects.select_for_update().get(pk=owner.pk)
    row, _made = CourseGrading.objects.get_or_create(owner=owner, course=None)
    before, row.scale = row.scale, _scale_rows(rows)
    row.save()
    if row.scale != before:
        record("grading.scale_updated", actor=by, subject=owner, owner=owner, data={"scale": row.scale})
    return row


def _scale_rows(rows: Any) -> list[list[Any]] | None:
    return [[step.name, step.least, step.points] for step in checked_scale(rows)] if rows else None


@transaction.atomic
def update_groups(course: Course, rows: Sequence[Mapping[str, Any]], *, by: User) -> list[AssignmentGroup]:
    """Set the groups of a course made by hand: rows of `id` (of a known one), `name`, `weight`, `drop_lowest`,
    `drop_highest`, `never_drop` (ids of work). One that is not in the rows goes; its work stays, without a group.

    Raises:
        ComesFromSource: the source has the groups.
        ValidationError: by `groups.<place>`.
    """
    course = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    _check_by_hand(course, "groups")
    known = {group.pk: group for group in course.groups.all()}
    works = set(course.assignments.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    kept = []
    for position, values in enumerate(checked_groups(rows, known=set(known), works=works), start=1):
        group = known.pop(values.pop("id"), None) or AssignmentGroup(course=course)
        apply(group, {**values, "position": position})
        group.save()
        kept.append(group)
    AssignmentGroup.objects.filter(pk__in=known).delete()
    data = {"name": course.name, "groups": [[group.name, group.weight] for group in kept]}
    record("course.groups_updated", actor=by, subject=course, owner=course.owner, data=data)
    return kept


@transaction.atomic
def grade_by_hand(assignment: Assignment, *, by: User, changes: Mapping[str, Any]) -> Assignment:
    """Set what work made by hand gave: `score`, `submitted_at`, `excused`, `group` (id), `omit_from_final_grade`.

    Raises:
        ComesFromSource: the source grades it.
        ValidationError: by field.
    """
    assignment = (
        Assignment.objects.select_for_update(of=("self",)).select_related("course", "owner").get(pk=assignment.pk)
    )
    if not assignment.is_by_hand:
        raise ComesFromSource(f"{assignment.name} comes from a connected source, which grades it.")
    _check_by_hand(assignment.course, "scores of your own tasks")
    values = _checked_grade(assignment, changes)
    own: dict[str, Any] = {name: values.pop(name) for name in ("group_id", "omit_from_final_grade") if name in values}
    changed = differences(assignment, own)
    if changed:
        apply(assignment, own)
        assignment.save(update_fields=[*changed, "updated_at"])
        data = {"name": assignment.name, "course": assignment.course_id, "changes": said(changed), "by_hand": True}
        record("assignment.updated", actor=by, subject=assignment, owner=assignment.owner, data=data)
    submission = Submission.objects.select_for_update().filter(assignment=assignment).first()
    submission = submission or Submission(assignment=assignment)
    found = differences(submission, values)
    if found:
        _write_grade(assignment, submission, values, by)
    return assignment


def _write_grade(assignment: Assignment, submission: Submission, values: dict[str, Any], by: User) -> None:
    now = timezone.now()
    score = values.get("score", submission.score)
    submitted_at = values.get("submitted_at", submission.submitted_at)
    is_graded = score is not None or values.get("excused", submission.excused)
    state = Submission.State.GRADED if is_graded else Submission.State.SUBMITTED
    values["state"] = state if is_graded or submitted_at else Submission.State.UNSUBMITTED
    if "score" in values and score != submission.score:
        values["graded_at"] = values["posted_at"] = now if score is not None else None
    due_at = assignment.due_at
    values["late"] = bool(due_at and submitted_at and submitted_at > due_at)
    found = differences(submission, values)
    apply(submission, values)
    submission.save()
    data = {
        "name": assignment.name,
        "course": assignment.course_id,
        "changes": said(found),
        "by_hand": True,
        "score": score,
        "grade": "",
        "points_possible": assignment.points_possible,
    }
    is_news = "score" in found and score is not None
    record(
        "submission.graded" if is_news else "submission.updated",
        actor=by,
        subject=assignment,
        owner=assignment.owner,
        data=data,
    )


def _checked_grade(assignment: Assignment, changes: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(changes)
    errors: dict[str, str] = {}
    if "score" in values:
        try:
            values["score"] = read_score(values["score"])
        except ValueError as error:
            errors["score"] = str(error)[:1].upper() + str(error)[1:]
    if "group" in values:
        values["group_id"] = number = values.pop("group") or None
        if number is not None and not AssignmentGroup.objects.filter(pk=number, course=assignment.course_id).exists():
            errors["group"] = "Choose one of the course's groups."
    moment = values.get("submitted_at")
    if isinstance(moment, datetime) and moment > timezone.now() + timedelta(minutes=5):
        errors["submitted_at"] = "This lies in the future: say when you handed it in."
    if errors:
        raise ValidationError(errors)
    return values


def _check_by_hand(course: Course, what: str) -> None:
    if not course.is_by_hand:
        raise ComesFromSource(f"{course.title} comes from a connected source, which has its {what}.")


@transaction.atomic
def save_scenario(
    grades: CourseGrades, name: str, given: Mapping[Any, Mapping[str, Any]], extra: Sequence[Any] = (), *, by: User
) -> GradeScenario:
    """Keep changes under a name; a scenario of the course that has it already is replaced.

    Raises:
        ValidationError: by field; also when there are too many.
    """
    course = Course.objects.select_for_update(of=("self",)).get(pk=grades.course.pk)
    name = _name(name)
    row = _own(course).filter(name=name).first() or GradeScenario(course=course, owner_id=course.owner_id)
    return _write(row, grades, name, given, extra, by)


@transaction.atomic
def update_scenario(
    scenario: GradeScenario,
    grades: CourseGrades,
    *,
    by: User,
    name: str | None = None,
    given: Mapping[Any, Mapping[str, Any]] | None = None,
    extra: Sequence[Any] | None = None,
) -> GradeScenario:
    """Give a scenario another name or other changes; what is None stays as it is.

    Raises:
        ValidationError: by field; also for the name of another scenario.
    """
    row = GradeScenario.objects.select_for_update().get(pk=scenario.pk)
    # What is kept already is not checked again: work that has gone since then must not hold up a new name.
    name = row.name if name is None else _name(name)
    return _write(row, grades, name, given, extra, by)


@transaction.atomic
def copy_scenario(scenario: GradeScenario, *, by: User) -> GradeScenario:
    """Make another scenario with the same changes, under a name that is free.

    Raises:
        ValidationError: the course has too many.
    """
    course = Course.objects.select_for_update(of=("self",)).get(pk=scenario.course_id)
    taken = set(_own(course).values_list("name", flat=True))
    tails = (" (copy)", *(f" (copy {number})" for number in range(2, MOST_SCENARIOS + 2)))
    names = (scenario.name[: 80 - len(tail)] + tail for tail in tails)
    row = GradeScenario(course=course, owner_id=course.owner_id, changes=scenario.changes, extra=scenario.extra)
    return _write(row, None, next(name for name in names if name not in taken), None, None, by)


@transaction.atomic
def delete_scenario(scenario: GradeScenario, *, by: User) -> GradeScenario:
    """Put a scenario where `restore_scenario` finds it for thirty days."""
    row = GradeScenario.objects.select_for_update().get(pk=scenario.pk)
    if row.deleted_at is None:
        now = timezone.now()
        GradeScenario.objects.filter(owner_id=row.owner_id, deleted_at__lt=now - DELETED_KEPT_FOR).delete()
        row.deleted_at = now
        row.save(update_fields=["deleted_at"])
        _record("scenario.deleted", row, by)
    return row


@transaction.atomic
def restore_scenario(scenario: GradeScenario, *, by: User) -> GradeScenario:
    """Take back the deletion of a scenario; where its name has been given anew since, it gets another.

    Raises:
        ValidationError: the course has too many by now.
    """
    row = GradeScenario.objects.select_for_update().get(pk=scenario.pk)
    if row.deleted_at is None:
        return row
    course = Course.objects.select_for_update(of=("self",)).get(pk=row.course_id)
    if _own(course).filter(name=row.name).exists():
        row.name = f"{row.name[:68]} (restored)"
    row.deleted_at = None
    _check_count(course)
    row.full_clean(exclude=["owner", "changes", "extra"])
    row.save()
    _record("scenario.restored", row, by)
    return row


def _own(course: Course) -> Any:
    return GradeScenario.objects.filter(course=course, deleted_at__isnull=True)


def _check_count(course: Course) -> None:
    if _own(course).count() >= MOST_SCENARIOS:
        raise ValidationError({"name": f"A course has at most {MOST_SCENARIOS} scenarios. Delete one first."})


def _write(
    row: GradeScenario,
    grades: CourseGrades | None,
    name: str,
    given: Mapping[Any, Mapping[str, Any]] | None,
    extra: Sequence[Any] | None,
    by: User,
) -> GradeScenario:
    is_new = row.pk is None
    if is_new:
        _check_count(row.course)
    if given is not None and grades is not None:
        row.changes = {str(number): change for number, change in checked_changes(grades, given).items()}
    if extra is not None and grades is not None:
        row.extra = checked_extra(grades, extra)
    row.name = name
    row.full_clean(exclude=["owner", "changes", "extra"])
    row.save()
    _record("scenario.created" if is_new else "scenario.updated", row, by)
    return row


def _record(type: str, row: GradeScenario, by: User) -> None:
    data = {"name": row.name, "scenario": row.pk}
    record(type, actor=by, subject=row.course, owner=row.owner, data=data)


def _name(text: str) -> str:
    return " ".join(text.split())
