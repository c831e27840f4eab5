"""Importing a source's planner, and agreeing with it on what the student marked as done.

Both sides can be marked. The last word of the source is kept beside the student's own mark, so that each side's
changes are told apart: what changed there since the last import comes here, what was marked here and not taken
yet waits (`PlannerItem.wanted_complete`, `wanted_dismissed`), and where nothing changed nothing is touched.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from courses.importing.compare import (
    BATCH,
    ImportResult,
    apply,
    differences,
    finish_import,
    lock_source,
    note_import,
    said,
    write_changed,
)
from courses.importing.records import PlannerRecord, Problem, read_batch
from courses.models import Assignment, Course, PlannerItem, SourceImport

# The write-back's own fields are written one by one, under lock, and never by a bulk write of what was read before.
WRITE_FIELDS = {"wanted_complete", "wanted_dismissed", "write_error", "wanted_at"}

# Where the student's own mark is held, and how a change of it is told.
HELD = {"complete": "done_at", "dismissed": "dismissed_at"}
TOLD = {
    ("complete", True): "assignment.done",
    ("complete", False): "assignment.reopened",
    ("dismissed", True): "assignment.dismissed",
    ("dismissed", False): "assignment.returned",
}


@transaction.atomic
def import_planner(
    owner: User,
    *,
    source: str,
    items: list[Any],
    by: Any,
    start: datetime | None = None,
    end: datetime | None = None,
    takes_marks: bool | None = None,
) -> ImportResult:
    """Make a source's planner items ours, and take over what the student marked complete, or not, at the source.

    `items` are raw records (see `PlannerRecord`) from `start` to `end`; what lies there and is not in the list is
    marked missing, if both are given. `takes_marks` says whether the source can be told marks from here on. A mark
    made here that the source has not taken yet is never overwritten. Running it again with the same records changes
    nothing. `extra["marked"]` counts the marks that were taken over.
    """
    lock_source(owner, source)
    note, is_baseline = note_import(owner, source=source, kind=SourceImport.Kind.PLANNER)
    batch = read_batch(PlannerRecord, items)
    result = ImportResult(problems=batch.problems)
    courses = {course.external_id: course for course in Course.objects.filter(owner=owner).from_source(source)}
    # Assignments are locked before planner items, as where the student marks one: the other way round they could wait
    # for each other.
    work = _work(owner, source, batch.records)
    rows = PlannerItem.objects.filter(owner=owner).from_source(source).select_for_update()
    known = {row.external_id: row for row in rows.filter(external_id__in=batch.named_ids).order_by("pk")}
    taken = _taken(owner, source, work)

    created: list[PlannerItem] = []
    changed: list[PlannerItem] = []
    fields: set[str] = set()
    marks: dict[int, dict[str, bool]] = {}
    drafts: list[EventDraft] = []
    for record in batch.records:
        if record.course_id and record.course_id not in courses:
            reason = f"course_id: course {record.course_id} is not here yet"
            result.problems.append(Problem(-1, record.id, record.title, reason))
            continue
        row = known.get(record.id)
        assignment = _assignment_of(record, work, taken)
        values = _values(record, courses, assignment, owner)
        if row is None:
            row = PlannerItem(owner=owner, source=source, external_id=record.id, **values)
            created.append(row)
            if assignment is None:
                drafts.append(EventDraft("planner_item.created", row, {"name": row.title, "baseline": is_baseline}))
            said_first = {"complete": record.marked_complete, "dismissed": record.dismissed}
            _hear(row, assignment, {mark: True for mark, is_set in said_first.items() if is_set}, marks)
            continue
        changes = differences(row, values)
        if not changes:
            result.unchanged += 1
            continue
        if assignment is None:
            drafts.append(EventDraft("planner_item.updated", row, {"name": row.title, "changes": said(changes)}))
        news: dict[str, bool] = {}
        if "is_marked_complete" in changes and row.wanted_complete is None:
            news["complete"] = record.marked_complete
        if "is_dismissed" in changes and row.wanted_dismissed is None:
            news["dismissed"] = record.dismissed
        _hear(row, assignment, news, marks)
        fields |= {HELD[mark] for mark in news}
        apply(row, values)
        if _settle(row):
            fields |= WRITE_FIELDS
        row.updated_at = timezone.now()
        fields |= changes.keys() | {"updated_at"}
        changed.append(row)
    PlannerItem.objects.bulk_create(created, batch_size=BATCH)
    write_changed(PlannerItem, changed, fields)

    result.created, result.changed = len(created), len(changed)
    vanished = _mark_missing(owner, source, batch.named_ids, start, end)
    drafts += [EventDraft("planner_item.missing", row, {"name": row.title}) for row in vanished]
    taken_over = _take_marks(work, marks)
    record_many(drafts + taken_over, actor=by, owner=owner)
    result.missing, result.extra = len(vanished), {"marked": len(taken_over)}
    if takes_marks is not None and takes_marks != note.takes_marks:
        note.takes_marks = takes_marks
        note.save(update_fields=["takes_marks"])
    finish_import(note, result)
    return result


def _work(owner: User, source: str, records: list[PlannerRecord]) -> dict[str, Assignment]:
    """The assignments that the records are about, by the planner's name and by "assignment:" and their id."""
    ids = {record.assignment_id for record in records if record.assignment_id}
    rows = Assignment.objects.filter(owner=owner).from_source(source)
    rows = rows.filter(external_id__in=ids) | rows.filter(planner_id__in=[record.id for record in records])
    work: dict[str, Assignment] = {}
    columns = ("external_id", "planner_id", "name", "course_id", "done_at", "dismissed_at", "owner_id")
    for row in rows.only(*columns).order_by("pk").select_for_update():
        work[f"assignment:{row.external_id}"] = row
        work[row.planner_key] = row
    return work


def _taken(owner: User, source: str, work: dict[str, Assignment]) -> dict[int, str]:
    """Which planner item each of the assignments belongs to already."""
    pks = {row.pk for row in work.values()}
    rows = PlannerItem.objects.filter(owner=owner, assignment__in=pks).from_source(source)
    return dict(rows.values_list("assignment_id", "external_id"))


def _assignment_of(record: PlannerRecord, work: dict[str, Assignment], taken: dict[int, str]) -> Assignment | None:
    """The assignment of a record; one that another item holds stays with that."""
    found = work.get(record.id) or work.get(f"assignment:{record.assignment_id}")
    if found is None or taken.setdefault(found.pk, record.id) != record.id:
        return None
    return found


def _values(
    record: PlannerRecord, courses: dict[str, Course], assignment: Assignment | None, owner: User
) -> dict[str, Any]:
    course = courses.get(record.course_id)
    return {
        "course_id": course.pk if course else None,
        "assignment_id": assignment.pk if assignment else None,
        "kind": record.kind,
        "title": record.title,
        "starts_at": record.starts_at or _begin_of(record.starts_on, owner),
        "ends_at": record.ends_at,
        "is_all_day": record.starts_on is not None,
        "location": record.location,
        "details_html": record.details_html,
        "html_url": record.html_url or _address(record.html_path, course or next(iter(courses.values()), None)),
        "override_id": record.override_id,
        "is_marked_complete": record.marked_complete,
        "is_dismissed": record.dismissed,
        "missing_since": None,
    }


def _address(path: str, course: Course | None) -> str:
    """Give the address of a path at the place where a course is; nothing where that is not known."""
    if not path.startswith("/") or course is None or not course.html_url:
        return ""
    address = urljoin(course.html_url, path)
    return address if urlsplit(address).netloc == urlsplit(course.html_url).netloc else ""


def _begin_of(day: date | None, owner: User) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=owner.zone) if day else None


def _mark_missing(
    owner: User, source: str, named_ids: set[str], start: datetime | None, end: datetime | None
) -> list[PlannerItem]:
    if start is None or end is None:
        return []
    rows = PlannerItem.objects.filter(owner=owner, starts_at__gte=start, starts_at__lt=end).from_source(source)
    vanished = (
        rows.present()
        .exclude(external_id__in=named_ids)
        .filter(wanted_complete__isnull=True, wanted_dismissed__isnull=True)
    )
    found = list(vanished.only("title", "owner_id", "assignment_id"))
    PlannerItem.objects.filter(pk__in=[row.pk for row in found]).update(missing_since=timezone.now())
    return found


def _hear(
    row: PlannerItem, assignment: Assignment | None, news: dict[str, bool], marks: dict[int, dict[str, bool]]
) -> None:
    """Keep what the source newly says of a mark: for the assignment if there is one, else with the item itself."""
    if assignment is not None:
        if news:
            marks[assignment.pk] = news
        return
    now = timezone.now()
    for mark, is_set in news.items():
        setattr(row, HELD[mark], (getattr(row, HELD[mark]) or now) if is_set else None)


def _settle(row: PlannerItem) -> bool:
    """What is wanted and is there is wanted no more; True where that changed anything."""
    before = (row.wanted_complete, row.wanted_dismissed)
    if row.wanted_complete == row.is_marked_complete:
        row.wanted_complete = None
    if row.wanted_dismissed == row.is_dismissed:
        row.wanted_dismissed = None
    if before == (row.wanted_complete, row.wanted_dismissed):
        return False
    if row.wanted_complete is None and row.wanted_dismissed is None:
        row.wanted_at, row.write_error = None, ""
    return True


def _take_marks(work: dict[str, Assignment], marks: dict[int, dict[str, bool]]) -> list[EventDraft]:
    """Set or take back the own marks that the student changed at the source; say so."""
    rows = {row.pk: row for row in work.values() if row.pk in marks}
    now = timezone.now()
    drafts = []
    for pk, row in rows.items():
        for mark, is_set in marks[pk].items():
            if is_set == (getattr(row, HELD[mark]) is not None):
                continue
            Assignment.objects.filter(pk=pk).update(**{HELD[mark]: now if is_set else None})
            data = {"name": row.name, "course": row.course_id, "at_source": True}
            drafts.append(EventDraft(TOLD[mark, is_set], row, data))
    return drafts
