"""Importing a course's modules with their items."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from courses.importing.assignments import imported_course
from courses.importing.compare import (
    BATCH,
    NAMES_SAID,
    ImportResult,
    apply,
    differences,
    finish_import,
    lock_source,
    note_import,
    said,
    write_changed,
)
from courses.importing.records import ModuleItemRecord, ModuleRecord, Problem, read_batch
from courses.models import Assignment, Course, Module, ModuleItem, SourceImport


@dataclass
class ItemPlan:
    """What the comparison found to do with items, before anything is written."""

    created: list[ModuleItem] = field(default_factory=list)
    changed: list[ModuleItem] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    missing: list[int] = field(default_factory=list)
    added_names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    touched: set[str] = field(default_factory=set)


@transaction.atomic
def import_modules(owner: User, *, source: str, course_id: str, modules: list[Any], by: Any) -> ImportResult:
    """Make the modules of one course ours, in the source's order; what vanished is marked, not deleted.

    `course_id` is the source's id of the course and `modules` are raw records (see `ModuleRecord`). Items are tied
    to assignments that are known here, so assignments should be imported first. Running it again with the same
    records changes nothing.

    Raises:
        CourseNotImported: the source's course is not here yet.
    """
    lock_source(owner, source)
    course = imported_course(owner, source=source, course_id=course_id)
    note, is_baseline = note_import(owner, source=source, kind=SourceImport.Kind.MODULES, course=course)
    batch = read_batch(ModuleRecord, modules)
    result = ImportResult(problems=batch.problems)
    rows = Module.objects.filter(owner=owner).from_source(source)
    found = (rows.filter(external_id__in=batch.named_ids) | rows.filter(course=course)).prefetch_related("items")
    known = {row.external_id: row for row in found}
    records = [record for record in batch.records if _is_of(record, course_id, result)]

    created: list[Module] = []
    changed: dict[str, tuple[Module, dict[str, list[Any]]]] = {}
    fields: set[str] = set()
    for record in records:
        values = _values(record, course)
        row = known.get(record.id)
        if row is None:
            created.append(Module(owner=owner, source=source, external_id=record.id, **values))
            continue
        if changes := differences(row, values):
            apply(row, values)
            row.updated_at = timezone.now()
            fields |= changes.keys()
            changed[record.id] = (row, changes)
    Module.objects.bulk_create(created, batch_size=BATCH)
    write_changed(Module, [row for row, _ in changed.values()], fields | {"updated_at"})
    stored = {**{row.external_id: row for row in created}, **known}
    plan = _plan_items(records, stored, {row.external_id for row in created}, course, source, result)
    _write_items(plan)
    vanished = _mark_missing(course, known, batch.named_ids)

    drafts = [_created(row, is_baseline, len(plan.added_names[row.external_id])) for row in created]
    drafts += _updated(changed, plan, stored, {row.external_id for row in created})
    drafts += [EventDraft("module.missing", row, {"name": row.name, "course": course.pk}) for row in vanished]
    record_many(drafts, actor=by, owner=owner)
    touched = changed.keys() | (plan.touched - {row.external_id for row in created})
    result.created, result.changed, result.missing = len(created), len(touched), len(vanished)
    result.unchanged = len(records) - len(created) - len(touched)
    finish_import(note, result)
    return result


def _is_of(record: ModuleRecord, course_id: str, result: ImportResult) -> bool:
    if record.course_id in ("", course_id):
        return True
    reason = f"course_id: belongs to course {record.course_id}, not {course_id}"
    result.problems.append(Problem(-1, record.id, record.name, reason))
    return False


def _values(record: ModuleRecord, course: Course) -> dict[str, Any]:
    return {
        "course_id": course.pk,
        "name": record.name,
        "position": record.position,
        "state": record.known_state,
        "unlock_at": record.unlock_at,
        "completed_at": record.completed_at,
        "is_sequential": record.is_sequential,
        "requirement_type": record.known_requirement_type,
        "prerequisite_ids": record.prerequisite_ids,
        "missing_since": None,
    }


def _plan_items(
    records: list[ModuleRecord],
    stored: dict[str, Module],
    new_ids: set[str],
    course: Course,
    source: str,
    result: ImportResult,
) -> ItemPlan:
    """Compare the items of every module that told its items; those of the others stay as they are."""
    plan = ItemPlan()
    read: list[tuple[Module, list[ModuleItemRecord], set[str]]] = []
    for record in records:
        if record.items is None:
            continue
        items = read_batch(ModuleItemRecord, record.items)
        result.problems += [
            Problem(p.index, p.id, p.name, f"item of {record.name}: {p.reason}") for p in items.problems
        ]
        read.append((stored[record.id], items.records, items.named_ids))
    work = _work_by_key(course, source)
    for module, items, named in read:
        known = {} if module.external_id in new_ids else {item.external_id: item for item in module.items.all()}
        for item_record in items:
            values = _item_values(item_record, work)
            item = known.get(item_record.id)
            if item is None:
                plan.created.append(ModuleItem(module=module, external_id=item_record.id, **values))
                plan.added_names[module.external_id].append(item_record.title)
            elif changes := differences(item, values):
                apply(item, values)
                plan.changed.append(item)
                plan.fields |= changes.keys()
                plan.touched.add(module.external_id)
        gone = [item for key, item in known.items() if key not in named and item.missing_since is None]
        if gone:
            plan.missing += [item.pk for item in gone]
            plan.touched.add(module.external_id)
    plan.touched |= plan.added_names.keys()
    return plan


def _work_by_key(course: Course, source: str) -> dict[str, int]:
    """The course's assignments by what the planner and the assignment list call them."""
    rows = Assignment.objects.filter(course=course).from_source(source).only("external_id", "planner_id")
    keys: dict[str, int] = {}
    for row in rows:
        keys[f"assignment:{row.external_id}"] = row.pk
        keys[row.planner_key] = row.pk
    return keys


def _item_values(record: ModuleItemRecord, work: dict[str, int]) -> dict[str, Any]:
    needed = record.requirement
    return {
        "title": record.title,
        "kind": record.known_kind,
        "position": record.position,
        "indent": record.indent,
        "content_id": record.content_id,
        "assignment_id": next((work[key] for key in record.planner_ids if key in work), None),
        "html_url": record.html_url,
        "external_url": record.external_url,
        "requirement_type": needed.known_type if needed else "",
        "min_score": needed.min_score if needed else None,
        "is_completed": needed.completed if needed else None,
        "points_possible": record.points_possible,
        "due_at": record.due_at,
        "unlock_at": record.unlock_at,
        "lock_at": record.lock_at,
        "missing_since": None,
    }


def _write_items(plan: ItemPlan) -> None:
    for item in plan.created:
        # The module had no key when its items were planned; Django copies it only at assignment.
        item.module_id = item.module.pk
    ModuleItem.objects.bulk_create(plan.created, batch_size=BATCH)
    write_changed(ModuleItem, plan.changed, plan.fields)
    ModuleItem.objects.filter(pk__in=plan.missing).update(missing_since=timezone.now())


def _mark_missing(course: Course, known: dict[str, Module], named_ids: set[str]) -> list[Module]:
    vanished = [
        row
        for identity, row in known.items()
        if identity not in named_ids and row.missing_since is None and row.course_id == course.pk
    ]
    now = timezone.now()
    Module.objects.filter(pk__in=[row.pk for row in vanished]).update(missing_since=now, updated_at=now)
    return vanished


def _created(row: Module, is_baseline: bool, item_count: int) -> EventDraft:
    data = {"name": row.name, "course": row.course_id, "items": item_count, "baseline": is_baseline}
    return EventDraft("module.created", row, data)


def _updated(
    changed: dict[str, tuple[Module, dict[str, list[Any]]]],
    plan: ItemPlan,
    stored: dict[str, Module],
    new_ids: set[str],
) -> list[EventDraft]:
    """One event for each module in which something changed: opened by the source, new items, or other fields."""
    drafts = []
    for identity in sorted((changed.keys() | plan.touched) - new_ids):
        row = stored[identity]
        changes = changed[identity][1] if identity in changed else {}
        data: dict[str, Any] = {"name": row.name, "course": row.course_id, "changes": said(changes)}
        if added := plan.added_names.get(identity):
            data |= {"added": added[:NAMES_SAID], "added_count": len(added)}
        before = changes.get("state", [""])[0]
        if before == Module.State.LOCKED and row.state in (Module.State.UNLOCKED, Module.State.STARTED):
            drafts.append(EventDraft("module.unlocked", row, data))
        else:
            drafts.append(EventDraft("module.updated", row, data))
    return drafts
