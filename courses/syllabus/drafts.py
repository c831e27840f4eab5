"""Changing drafts of imports: begin one, correct it, bring it in at once or not at all, and take it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record, record_many
from courses.errors import DraftIsOver, NothingToImport
from courses.handmade.rules import MOST_GROUPS
from courses.models import Assignment, AssignmentGroup, Course, ImportDraft, Submission
from courses.services import create_course
from courses.syllabus.dates import Term, order_of
from courses.syllabus.prose import syllabus_rows
from courses.syllabus.reading import check_text
from courses.syllabus.rows import FIELDS, GROUP, WORK, Row, read_due, read_number, review, same_name
from courses.syllabus.tables import END_OF_DAY, Table, date_order, read_table, table_rows

KEPT_FOR = timedelta(days=14)
MOST_DRAFTS = 30
ORDERS = ("dmy", "mdy")


@transaction.atomic
def begin_import(
    owner: User,
    *,
    by: User,
    kind: str,
    text: str,
    course: Course | None = None,
    course_name: str = "",
    file_name: str = "",
    encoding: str = "",
) -> ImportDraft:
    """Keep a text and read it; nothing of it is in any course yet. The oldest drafts make room for new ones.

    Raises:
        ValidationError: by field: there is no text, it is too long, or it is no table.
    """
    text = check_text(text)
    if course is None and not course_name.strip():
        raise ValidationError({"course": "Choose a course, or name a new one."})
    draft = ImportDraft(
        owner=owner,
        course=course,
        course_name="" if course else course_name.strip()[:255],
        kind=kind,
        text=text,
        file_name=file_name[:255],
        encoding=encoding[:32],
        expires_at=timezone.now() + KEPT_FOR,
    )
    read_text_into(draft, text)
    forget_stale(owner)
    return draft


def read_text_into(draft: ImportDraft, text: str) -> ImportDraft:
    """Read a checked text into a draft, and keep it."""
    draft.text = text
    _read_again(draft)
    draft.save()
    return draft


def forget_stale(owner: User) -> None:
    """The oldest drafts make room for new ones."""
    stale = ImportDraft.objects.filter(owner=owner).values_list("pk", flat=True)[MOST_DRAFTS:]
    ImportDraft.objects.filter(pk__in=list(stale)).delete()


def table_of(draft: ImportDraft) -> Table | None:
    """The draft's table as it is divided now; None of a syllabus."""
    if draft.kind != ImportDraft.Kind.TABLE:
        return None
    return read_table(draft.text, delimiter=draft.choices.get("delimiter", ""), columns=draft.choices.get("columns"))


def term_of(draft: ImportDraft) -> Term:
    """When the draft's course goes on: it tells the years that are not written."""
    zone = draft.owner.zone
    course = draft.course
    start = end = None
    if course is not None:
        start = course.starts_at or (course.term.starts_at if course.term else None)
        end = course.ends_at or (course.term.ends_at if course.term else None)
    today = timezone.now().astimezone(zone).date()
    return Term(start.astimezone(zone).date() if start else None, end.astimezone(zone).date() if end else None, today)


def needed_order(draft: ImportDraft) -> str:
    """How dates with slashes are meant: "dmy" or "mdy", "ask" where the student has to say, or nothing."""
    if draft.choices.get("order") in ORDERS:
        return draft.choices["order"]
    table = table_of(draft)
    return date_order(table) if table is not None else order_of(draft.text.split("\n"))


def default_time(draft: ImportDraft) -> time:
    """The hour of a day without one."""
    try:
        return time.fromisoformat(draft.choices.get("time", ""))
    except ValueError:
        return END_OF_DAY


def _read_again(draft: ImportDraft) -> None:
    order, term = needed_order(draft), term_of(draft)
    table = table_of(draft)
    if table is not None:
        draft.rows = table_rows(table, order=order, term=term, default=default_time(draft))
    else:
        draft.rows = syllabus_rows(draft.text, order=order, term=term, default=default_time(draft))
    review(draft.rows, draft.course, draft.owner.zone)
    for row in draft.rows:
        if row["same"] or row["problems"]:
            row["take"] = False


@transaction.atomic
def choose(draft: ImportDraft, *, by: User, choices: Mapping[str, Any]) -> ImportDraft:
    """Say how the text is to be read: `delimiter`, `columns`, `order`, `time`. It is read anew, corrections are lost.

    Raises:
        DraftIsOver: it was brought in or has expired.
        ValidationError: the text cannot be read this way.
    """
    draft = _open(draft)
    wanted = {name: value for name, value in choices.items() if name in ("delimiter", "columns", "order", "time")}
    if wanted.get("delimiter", "") != draft.choices.get("delimiter", "") and "delimiter" in wanted:
        wanted["columns"] = None
    draft.choices = {**draft.choices, **wanted}
    _read_again(draft)
    return _kept(draft)


@transaction.atomic
def correct(draft: ImportDraft, *, by: User, rows: Mapping[int, Mapping[str, Any]]) -> ImportDraft:
    """Keep what the student wrote into rows of the preview, by their number: fields as texts, and `take`."""
    draft = _open(draft)
    for row in draft.rows:
        given = rows.get(row["number"])
        if given is None:
            continue
        for name in FIELDS:
            if name in given:
                row[name] = str(given[name] or "").replace("\x00", "").strip()
        if "take" in given:
            row["take"] = bool(given["take"])
    review(draft.rows, draft.course, draft.owner.zone)
    return _kept(draft)


@transaction.atomic
def drop_draft(draft: ImportDraft, *, by: User) -> None:
    """Forget a draft; what it brought in stays."""
    ImportDraft.objects.filter(pk=draft.pk).delete()


def chosen_rows(draft: ImportDraft) -> list[Row]:
    """The rows that would be brought in: chosen and without a problem."""
    return [row for row in draft.rows if row["take"] and not row["problems"]]


@transaction.atomic
def apply_import(draft: ImportDraft, *, by: User) -> ImportDraft:
    """Bring the chosen rows in, all of them or, if anything fails, none.

    A row with a problem is left out. In a course from a source the work stands beside the source's, in no group.

    Raises:
        DraftIsOver: it was brought in already, or has expired.
        NothingToImport: no row that can be brought in is chosen.
    """
    draft = _open(draft)
    review(draft.rows, draft.course, draft.owner.zone)
    rows = chosen_rows(draft)
    if not rows:
        raise NothingToImport("Choose at least one row without a problem. Nothing was brought in.")
    made: dict[str, Any] = {"course": None, "groups": [], "assignments": []}
    course = draft.course
    if course is None:
        course = create_course(draft.owner, by=by, name=draft.course_name)
        made["course"] = course.pk
        draft.course = course
    groups = _make_groups(course, rows, made) if course.is_by_hand else {}
    works = _make_works(course, rows, groups)
    made["assignments"] = [work.pk for work in works]
    _make_results(course, [row for row in rows if row["kind"] == WORK], works)
    drafts = [
        EventDraft("assignment.created", work, {"name": work.name, "course": course.pk, "by_hand": True})
        for work in works
    ]
    record_many(drafts, actor=by, owner=draft.owner)
    draft.made, draft.applied_at, draft.undone_at = made, timezone.now(), None
    draft.expires_at = timezone.now() + KEPT_FOR
    draft.save()
    facts = {"name": course.name, "what": what_words(made), "draft": draft.pk, "by_hand": True}
    record("course.imported", actor=by, subject=course, owner=draft.owner, data=facts)
    return draft


def what_words(made: Mapping[str, Any]) -> str:
    """ "12 tasks and 3 groups"."""
    counts = [(len(made.get("assignments", [])), "task"), (len(made.get("groups", [])), "group")]
    return " and ".join(f"{count} {word if count == 1 else word + 's'}" for count, word in counts if count)


def _make_groups(course: Course, rows: list[Row], made: dict[str, Any]) -> dict[str, AssignmentGroup]:
    """Find or make the groups that rows are, or name. A group that is there keeps its weight."""
    groups = {same_name(group.name): group for group in course.groups.all()}
    wanted: dict[str, tuple[str, float | None]] = {}
    for row in rows:
        if row["kind"] == GROUP:
            wanted[same_name(row["name"])] = (row["name"], read_number(row["weight"]))
    for row in rows:
        key = same_name(row["group"])
        if row["kind"] == WORK and key:
            name, weight = wanted.get(key, (row["group"], None))
            wanted[key] = (name, weight if weight is not None else read_number(row["weight"]))
    if len(groups.keys() | wanted.keys()) > MOST_GROUPS:
        raise NothingToImport(f"A course has at most {MOST_GROUPS} groups. Nothing was brought in.")
    position = len(groups)
    for key, (name, weight) in wanted.items():
        if key not in groups:
            position += 1
            groups[key] = AssignmentGroup.objects.create(course=course, name=name, weight=weight, position=position)
            made["groups"].append(groups[key].pk)
    return groups


def _make_works(course: Course, rows: list[Row], groups: Mapping[str, AssignmentGroup]) -> list[Assignment]:
    zone = course.owner.zone
    works = [
        Assignment(
            owner=course.owner,
            course=course,
            group=groups.get(same_name(row["group"])),
            name=row["name"],
            due_at=read_due(row["due"], zone),
            points_possible=read_number(row["points"]),
            notes=row["notes"],
            html_url=row["url"],
            position=place,
        )
        for place, row in enumerate((row for row in rows if row["kind"] == WORK), start=1)
    ]
    return Assignment.objects.bulk_create(works, batch_size=500)


def _make_results(course: Course, rows: list[Row], works: list[Assignment]) -> None:
    if not course.is_by_hand:
        return
    now = timezone.now()
    Submission.objects.bulk_create(
        Submission(
            assignment=work,
            state=Submission.State.GRADED,
            score=read_number(row["score"]),
            graded_at=now,
            posted_at=now,
        )
        for row, work in zip(rows, works, strict=True)
        if row["score"]
    )


@transaction.atomic
def undo_import(draft: ImportDraft, *, by: User) -> ImportDraft:
    """Take away exactly what a draft brought in; its rows can be brought in again. Twice is harmless.

    The work goes where deleted work is found for thirty days. A group stays where other work is in it by now.

    Raises:
        DraftIsOver: it was never brought in.
    """
    draft = ImportDraft.objects.select_for_update(of=("self",)).select_related("owner", "course__term").get(pk=draft.pk)
    if draft.applied_at is None:
        raise DraftIsOver("This import was not brought in, so there is nothing to take back.")
    if draft.undone_at is not None:
        return draft
    now = timezone.now()
    works = list(
        Assignment.objects.select_for_update(of=("self",)).filter(
            owner=draft.owner, pk__in=draft.made["assignments"], deleted_at__isnull=True
        )
    )
    Assignment.objects.filter(pk__in=[work.pk for work in works]).update(deleted_at=now)
    drafts = [EventDraft("assignment.deleted", work, {"name": work.name, "course": work.course_id}) for work in works]
    record_many(drafts, actor=by, owner=draft.owner)
    own_groups = AssignmentGroup.objects.visible_to(draft.owner).filter(pk__in=draft.made["groups"])
    own_groups.exclude(assignments__deleted_at__isnull=True, assignments__isnull=False).delete()
    course = draft.course
    if course is not None:
        facts = {"name": course.name, "what": what_words(draft.made), "draft": draft.pk, "by_hand": True}
        record("course.import_undone", actor=by, subject=course, owner=draft.owner, data=facts)
        if draft.made["course"] == course.pk and not Assignment.objects.visible_to(draft.owner).filter(course=course):
            draft.course_name, draft.course = course.name, None
            Course.objects.filter(pk=course.pk).update(deleted_at=now)
            record("course.deleted", actor=by, subject=course, owner=draft.owner, data={"name": course.name})
    draft.undone_at = now
    draft.save()
    return draft


def forget_expired(*, now: datetime | None = None) -> int:
    """Delete the drafts whose time is over; what they brought in stays. Returns how many."""
    count, _ = ImportDraft.objects.expired(now or timezone.now()).delete()
    return count


def _open(draft: ImportDraft) -> ImportDraft:
    draft = ImportDraft.objects.select_for_update(of=("self",)).select_related("owner", "course__term").get(pk=draft.pk)
    if draft.is_applied:
        raise DraftIsOver("This import is in your course already. Take it back first, or begin a new one.")
    if draft.expires_at <= timezone.now():
        raise DraftIsOver("This draft was kept for two weeks and is over. Begin a new one.")
    return draft


def _kept(draft: ImportDraft) -> ImportDraft:
    draft.expires_at = timezone.now() + KEPT_FOR
    draft.save()
    return draft
