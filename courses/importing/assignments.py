"""Importing a course's assignments with their groups and the student's submissions."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from courses.errors import CourseNotImported
from courses.importing.comments import import_comments
from courses.importing.compare import (
    BATCH,
    NAMES_SAID,
    ImportResult,
    apply,
    differences,
    finish_import,
    lock_student,
    note_import,
    said,
    write_changed,
)
from courses.importing.grade_events import Grade, grade_drafts, seen_grade
from courses.importing.records import AssignmentRecord, GroupRecord, Problem, SubmissionRecord, read_batch
from courses.models import Assignment, AssignmentGroup, Course, SourceImport, Submission
from courses.sameness.services import match_work


@dataclass
class Plan:
    """What the comparison found to do, before anything is written."""

    created: list[Assignment] = field(default_factory=list)
    changed: dict[int, Assignment] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    new_submissions: list[Submission] = field(default_factory=list)
    changed_submissions: list[Submission] = field(default_factory=list)
    submission_fields: set[str] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    drafts: list[EventDraft] = field(default_factory=list)
    grades: list[tuple[Assignment, Grade | None, Submission]] = field(default_factory=list)
    unchanged: int = 0


@transaction.atomic
def import_assignments(
    owner: User, *, source: str, course_id: str, assignments: list[Any], by: Any, is_complete: bool = True
) -> ImportResult:
    """Make the assignments of one course ours: create, update, mark the vanished, keep what the student wrote.

    `course_id` is the source's id of the course and `assignments` are raw records (see `AssignmentRecord`).
    Running it again with the same records changes nothing. Two thousand take a few statements, not thousands.
    What a list that is not complete leaves out has not vanished.

    Raises:
        CourseNotImported: the source's course is not here yet.
    """
    lock_student(owner, source)
    course = imported_course(owner, source=source, course_id=course_id)
    note, is_baseline = note_import(owner, source=source, kind=SourceImport.Kind.ASSIGNMENTS, course=course)
    batch = read_batch(AssignmentRecord, assignments)
    result = ImportResult(problems=batch.problems)
    records = _of_this_course(batch.records, course_id, result)
    rows = Assignment.objects.filter(owner=owner).from_source(source).select_related("submission")
    # An id names one assignment of the source, so one that moved from another course is found and moved here too.
    known = {row.external_id: row for row in rows.filter(external_id__in=batch.named_ids) | rows.filter(course=course)}
    groups = _import_groups(course, records)

    plan = Plan()
    for record in records:
        _plan_one(plan, record, known.get(record.id), owner, course, source, groups, is_baseline)
    _write(plan)
    missing = _mark_missing(plan, course, known, batch.named_ids) if is_complete else 0

    known.update({row.external_id: row for row in plan.created})
    _import_comments(plan, course, records, known, is_baseline)
    for row, seen, submission in plan.grades:  # the events name the assignment's key, which it has by now
        plan.drafts += grade_drafts(row, seen, submission, course)
    record_many(plan.drafts, actor=by, owner=owner)
    match_work(owner, courses=[course.pk], by=by)
    result.created, result.missing = len(plan.created), missing
    result.changed, result.unchanged = len(plan.touched), plan.unchanged
    result.extra = {
        "ids": {record.id: known[record.id].pk for record in records},
        "names": [row.name for row in plan.created[:NAMES_SAID]],
    }
    finish_import(note, result)
    return result


def imported_course(owner: User, *, source: str, course_id: str) -> Course:
    """Find the course that a source knows by this id.

    Raises:
        CourseNotImported: there is none.
    """
    course = Course.objects.filter(owner=owner, external_id=course_id).from_source(source).first()
    if course is None:
        raise CourseNotImported(f"Course {course_id} of {source} is not here yet: import the courses first.")
    return course


def _of_this_course(records: list[AssignmentRecord], course_id: str, result: ImportResult) -> list[AssignmentRecord]:
    own = [record for record in records if record.course_id in ("", course_id)]
    result.problems += [
        Problem(-1, record.id, record.name, f"course_id: belongs to course {record.course_id}, not {course_id}")
        for record in records
        if record.course_id not in ("", course_id)
    ]
    return own


def _import_groups(course: Course, records: list[AssignmentRecord]) -> dict[str, AssignmentGroup]:
    """Create or update the groups that the assignments name; one that is no longer named stays as it is."""
    named: dict[str, GroupRecord] = {record.group.id: record.group for record in records if record.group}
    groups = {group.external_id: group for group in course.groups.exclude(external_id="")}
    for identity, record in named.items():
        values = record.model_dump(exclude={"id"})
        group = groups.get(identity)
        if group is None:
            groups[identity] = AssignmentGroup.objects.create(course=course, external_id=identity, **values)
        elif differences(group, values):
            apply(group, values)
            group.save(update_fields=list(values))
    return groups


def _plan_one(
    plan: Plan,
    record: AssignmentRecord,
    row: Assignment | None,
    owner: User,
    course: Course,
    source: str,
    groups: dict[str, AssignmentGroup],
    is_baseline: bool,
) -> None:
    values = _values(record, course, groups, row)
    about = {"name": record.name, "course": course.pk}
    if row is None:
        row = Assignment(owner=owner, source=source, external_id=record.id, **values)
        plan.created.append(row)
        plan.drafts.append(
            EventDraft("assignment.created", row, {**about, "due_at": _iso(values["due_at"]), "baseline": is_baseline})
        )
        if record.submission:
            _plan_submission(plan, row, record.submission, about, told=() if is_baseline else ("submission.graded",))
        return
    changes = differences(row, values)
    if changes:
        apply(row, values)
        row.updated_at = timezone.now()
        plan.changed[row.pk] = row
        plan.fields |= changes.keys()
        plan.drafts.append(EventDraft("assignment.updated", row, {**about, "changes": said(changes)}))
    submission_changed = record.submission is not None and _plan_submission(plan, row, record.submission, about)
    if changes or submission_changed:
        plan.touched.add(row.pk)
    else:
        plan.unchanged += 1


def _plan_submission(
    plan: Plan, row: Assignment, record: SubmissionRecord, about: dict[str, Any], *, told: Container[str] | None = None
) -> bool:
    """Plan what a submission's record changes, and say whether it changes anything.

    Of new work a grade is told like any other, the rest of its submission is no news (`told` names the events).
    """
    values = _submission_values(record)
    submission = row.own_submission
    seen = seen_grade(row, submission)
    if submission is None:
        before, submission = Submission(assignment=row), Submission(assignment=row, **values)
        plan.new_submissions.append(submission)
        changes = differences(before, values)
    else:
        changes = differences(submission, values)
        if changes:
            apply(submission, values)
            plan.changed_submissions.append(submission)
            plan.submission_fields |= changes.keys()
    event = _submission_event(values, changes)
    if changes and (told is None or event in told):
        data = {**about, "changes": said(changes), "score": record.score, "grade": record.grade}
        data["points_possible"] = row.points_possible
        plan.drafts.append(EventDraft(event, row, data))
        plan.grades.append((row, seen, submission))
    return bool(changes)


def _submission_event(values: dict[str, Any], changes: dict[str, list[Any]]) -> str:
    is_graded = values["state"] == Submission.State.GRADED and (values["score"] is not None or values["grade"])
    if is_graded and changes.keys() & {"state", "score", "grade"}:
        return "submission.graded"
    if values["submitted_at"] is not None and changes.keys() & {"submitted_at", "attempt"}:
        return "submission.submitted"
    return "submission.updated"


def _write(plan: Plan) -> None:
    Assignment.objects.bulk_create(plan.created, batch_size=BATCH)
    write_changed(Assignment, list(plan.changed.values()), plan.fields | {"updated_at"})
    for submission in plan.new_submissions:
        # The assignment had no key when the submission was planned; Django copies it only at assignment.
        submission.assignment_id = submission.assignment.pk
    Submission.objects.bulk_create(plan.new_submissions, batch_size=BATCH)
    write_changed(Submission, plan.changed_submissions, plan.submission_fields)


def _import_comments(
    plan: Plan, course: Course, records: list[AssignmentRecord], known: dict[str, Assignment], is_baseline: bool
) -> None:
    """Bring in what was written about the work, for the records that tell of it."""
    given = {
        record.id: record.submission.comments
        for record in records
        if record.submission is not None and record.submission.comments is not None
    }
    if not given:
        return
    for row in import_comments(given, known):
        data = {"name": row.name, "course": course.pk, "baseline": is_baseline}
        plan.drafts.append(EventDraft("submission.commented", row, data))


def _mark_missing(plan: Plan, course: Course, known: dict[str, Assignment], named_ids: set[str]) -> int:
    vanished = [
        row
        for identity, row in known.items()
        if identity not in named_ids and row.missing_since is None and row.course_id == course.pk
    ]
    now = timezone.now()
    Assignment.objects.filter(pk__in=[row.pk for row in vanished]).update(missing_since=now, updated_at=now)
    plan.drafts += [EventDraft("assignment.missing", row, {"name": row.name, "course": course.pk}) for row in vanished]
    return len(vanished)


def _values(
    record: AssignmentRecord, course: Course, groups: dict[str, AssignmentGroup], row: Assignment | None
) -> dict[str, Any]:
    values = {
        "course_id": course.pk,
        "group_id": groups[record.group.id].pk if record.group else None,
        "name": record.name,
        "description_html": record.description_html,
        "due_at": record.due_at or _end_of(record.due_on, course),
        "unlock_at": record.unlock_at,
        "lock_at": record.lock_at,
        "points_possible": record.points_possible,
        "grading_type": record.grading_type,
        "submission_types": record.submission_types,
        "allowed_extensions": record.allowed_extensions,
        "html_url": record.html_url,
        "position": record.position,
        "state": record.state,
        "omit_from_final_grade": record.omit_from_final_grade,
        "planner_id": record.planner_id,
        "missing_since": None,
        "put_away_at": None,
    }
    if not record.is_partial or row is None:
        return values
    # What only a fuller source knows stays; so does its hour, where this one gives the same day without an hour.
    said = (record.model_fields_set - {"submission_types"}) | {"missing_since", "put_away_at", "course_id"}
    if record.due_on is not None:
        on_the_day = row.due_at is not None and row.due_at.astimezone(_zone(course)).date() == record.due_on
        said = said - {"due_at"} if on_the_day else said | {"due_at"}
    return {name: value for name, value in values.items() if (name if name != "group_id" else "group") in said}


def _end_of(day: date | None, course: Course) -> datetime | None:
    """Give the last second of a day in the course's time zone, as Canvas sets it; in the student's, if unknown."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=_zone(course)).astimezone(UTC) if day else None


def _zone(course: Course) -> ZoneInfo:
    try:
        return ZoneInfo(course.time_zone) if course.time_zone else course.owner.zone
    except (ValueError, ZoneInfoNotFoundError):
        return course.owner.zone


def _submission_values(record: SubmissionRecord) -> dict[str, Any]:
    return {**record.model_dump(exclude={"state", "comments"}), "state": record.known_state}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
