"""Keeping `same_as` right: after an import, and when the student joins or parts two things.

Everything that is one has one row that is shown (`same_as` is null there) and others that point to it, never to each
other. Reads only look at `same_as`; nothing here runs when a page is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record, record_many
from coreengine.kernel.importing.compare import apply, differences, lock_source
from courses.errors import NotTheSameKind
from courses.models import Announcement, Assignment, Course, PlannerItem, SamenessChoice
from courses.sameness.reading import course_things, dated_things, roots_of, work_things
from courses.sameness.rules import Pair, same_courses, same_things

Kind = SamenessChoice.Kind
STUDENTS_OWN = ("nickname", "hue", "is_hidden")
"""What a course that is not shown takes over from the one that is, so that its work looks the same in lists."""


def lock_sameness(owner: User) -> None:
    """Let one change at a time to what is the same as what, until the transaction ends.

    Imports take it before they touch a row: two sources' imports would else wait for each other's rows.
    """
    lock_source(owner, "", area="sameness")


def match_courses(owner: User, *, by: Any) -> None:
    """Find courses that several sources have, after their import; then what is the same in them."""
    rows = {row.pk: row for row in Course.objects.filter(owner=owner, deleted_at__isnull=True).select_related("term")}
    joined, parted = choices_of(owner, Kind.COURSE)
    if len({row.source for row in rows.values()} - {""}) < 2 and not joined and not _has_twins(rows.values()):
        return
    shown = same_courses(course_things(rows.values()), joined=joined, parted=parted)
    moved = _moved(rows, shown)
    if not moved:
        return
    before = {pk: row.same_as_id for pk, row in rows.items()}
    touched = {pk for row in moved for pk in (row.pk, shown[row.pk], before[row.pk]) if pk}
    _set_same_as(Course, rows, shown, moved, by=by, owner=owner)
    _dress(rows, before)
    match_work(owner, courses=touched, by=by)
    match_dated(owner, Announcement, courses=touched, by=by)
    match_dated(owner, PlannerItem, by=by)


def match_work(owner: User, *, courses: Iterable[int], by: Any) -> None:
    """Find work that several sources have, in these courses and those that are the same; one query where none is."""
    joined, parted = choices_of(owner, Kind.ASSIGNMENT)
    roots = _reached(owner, roots_of(owner, courses), joined)
    columns = ("source", "external_id", "name", "due_at", "html_url", "missing_since", "submission_types", "same_as")
    work = Assignment.objects.filter(owner=owner, deleted_at__isnull=True)
    work = work.filter(Q(course__in=roots) | Q(course__same_as__in=roots)).select_related("course")
    if not joined and not work.exclude(same_as=None).exists() and _sources(work) < 2:
        return
    rows = {
        row.pk: row for row in work.only(*columns, "notes", "done_at", "owner_id", "course__same_as").order_by("pk")
    }
    shown = same_things(work_things(rows.values()), joined=joined, parted=parted)
    moved = _moved(rows, shown)
    if moved:
        _set_same_as(Assignment, rows, shown, moved, by=by, owner=owner)
        _carry_own(rows, {shown[row.pk] for row in moved})


def match_dated(owner: User, model: type[Any], *, by: Any, courses: Iterable[int] | None = None) -> None:
    """Find events or announcements that several sources have; of some courses, or all that the student has."""
    things = model.objects.filter(owner=owner)
    if model is PlannerItem:
        things = things.beside_assignments()
    if courses is not None:
        roots = roots_of(owner, courses)
        things = things.filter(Q(course__in=roots) | Q(course__same_as__in=roots))
    if _sources(things) < 2 and not things.exclude(same_as=None).exists():
        return
    fields = ("starts_at", "missing_since") if model is PlannerItem else ("posted_at",)
    columns = ("source", "external_id", "title", "html_url", "same_as", "owner_id", *fields, "course__same_as")
    rows = {row.pk: row for row in things.select_related("course").only(*columns)}
    shown = same_things(dated_things(rows.values()))
    moved = _moved(rows, shown)
    if moved:
        _set_same_as(model, rows, shown, moved, by=by, owner=owner, is_told=False)


@transaction.atomic
def join(thing: Assignment | Course, other: Assignment | Course, *, by: User) -> Assignment | Course:
    """Take two of the student's things for one from now on, whatever the rules say; give the one that is shown.

    Saying it twice is harmless. `part` takes it back.

    Raises:
        NotTheSameKind: they are one thing already in the database's eyes, or of two kinds, or of two students.
    """
    _say(thing, other, is_same=True, by=by)
    return _shown(thing)


@transaction.atomic
def part(thing: Assignment | Course, other: Assignment | Course, *, by: User) -> Assignment | Course:
    """Take two things for two from now on, whatever the rules say; give `other` as it is then. `join` takes it back.

    Raises:
        NotTheSameKind: as for `join`.
    """
    _say(thing, other, is_same=False, by=by)
    return _shown(other)


def group_of(thing: Assignment | Course) -> list[Any]:
    """All rows that are this thing, the one that is shown first, then in the order in which they came. One query."""
    root = thing.same_as_id or thing.pk
    rows = type(thing)._default_manager.filter(Q(pk=root) | Q(same_as=root)).order_by("pk")
    return sorted(rows, key=lambda row: row.pk != root)


def twins_for_update(thing: Assignment) -> list[Assignment]:
    """The other rows that are this work, locked; one query where there are none."""
    root = thing.same_as_id or thing.pk
    others = Assignment.objects.filter(Q(pk=root) | Q(same_as=root)).exclude(pk=thing.pk)
    if not others.exists():
        return []
    # First this lock, as imports do: else an import and a tick could each wait for what the other holds.
    lock_sameness(thing.owner)
    return list(others.select_related("owner").order_by("pk").select_for_update(of=("self",)))


def match_again(thing: Assignment | Course, *, by: Any) -> None:
    """Look again at what is the same as this thing, after it was deleted or restored."""
    if isinstance(thing, Course):
        match_courses(thing.owner, by=by)
    else:
        match_work(thing.owner, courses=[thing.course_id, *_homes_of_twins(thing)], by=by)


def choices_of(owner: User, kind: str) -> tuple[list[Pair], list[Pair]]:
    """What the student said of things of a kind: pairs that are one, and pairs that are two."""
    said = SamenessChoice.objects.filter(owner=owner, kind=kind).values_list("first", "second", "is_same")
    rows = list(said)
    return [(a, b) for a, b, is_same in rows if is_same], [(a, b) for a, b, is_same in rows if not is_same]


def _say(thing: Any, other: Any, *, is_same: bool, by: User) -> None:
    if type(thing) is not type(other) or thing.pk == other.pk or thing.owner_id != other.owner_id:
        raise NotTheSameKind("Choose another thing of the same kind.")
    lock_sameness(thing.owner)
    kind = Kind.COURSE if isinstance(thing, Course) else Kind.ASSIGNMENT
    # The word is about what is shown as one: to part one from a group is to part it from every other in it.
    ours = [row.pk for row in group_of(thing) if row.pk != other.pk]
    theirs = [row.pk for row in group_of(other)] if is_same else [other.pk]
    pairs = [(thing.pk, other.pk)] if is_same else [(a, b) for a in ours for b in theirs]
    for first, second in pairs:
        pair = {"first": min(first, second), "second": max(first, second)}
        SamenessChoice.objects.update_or_create(owner=thing.owner, kind=kind, **pair, defaults={"is_same": is_same})
    if is_same:
        _forget_partings(thing.owner, kind, ours, theirs, keep=(thing.pk, other.pk))
    data = {"name": str(thing), "other": other.pk, "other_name": str(other), "by_hand": True}
    record(f"{kind}.{'joined' if is_same else 'parted'}", actor=by, subject=thing, owner=thing.owner, data=data)
    if isinstance(thing, Course):
        match_courses(thing.owner, by=by)
    else:
        match_work(thing.owner, courses=[thing.course_id, other.course_id], by=by)


def _forget_partings(owner: User, kind: str, ours: list[int], theirs: list[int], *, keep: Pair) -> None:
    """A new "these are the same" goes before what was parted between the two groups earlier."""
    said = SamenessChoice.objects.filter(owner=owner, kind=kind, is_same=False)
    said.filter(Q(first__in=ours, second__in=theirs) | Q(first__in=theirs, second__in=ours)).delete()


def _shown(thing: Any) -> Any:
    thing.refresh_from_db(fields=["same_as"])
    return type(thing)._default_manager.get(pk=thing.same_as_id or thing.pk)


def _homes_of_twins(thing: Assignment) -> list[int]:
    return list(Assignment.objects.filter(same_as=thing).values_list("course_id", flat=True))


def _sources(rows: Any) -> int:
    return int(rows.exclude(source="").order_by().values("source").distinct().count())


def _has_twins(rows: Iterable[Any]) -> bool:
    return any(row.same_as_id for row in rows)


def _moved(rows: dict[int, Any], shown: dict[int, int]) -> list[Any]:
    return [row for row in rows.values() if row.same_as_id != _pointer(row.pk, shown)]


def _pointer(pk: int, shown: dict[int, int]) -> int | None:
    return None if shown[pk] == pk else shown[pk]


def _set_same_as(
    model: type[Any],
    rows: dict[int, Any],
    shown: dict[int, int],
    moved: list[Any],
    *,
    by: Any,
    owner: User,
    is_told: bool = True,
) -> None:
    """Point rows to what is shown for them, one statement for each thing shown, and record it."""
    by_pointer: dict[int | None, list[int]] = defaultdict(list)
    drafts = []
    for row in moved:
        before, row.same_as_id = row.same_as_id, _pointer(row.pk, shown)
        by_pointer[row.same_as_id].append(row.pk)
        told = {"name": str(row), "source": row.source, "same_as": row.same_as_id, "before": before}
        drafts.append(EventDraft(f"{model._meta.model_name}.matched", row, told))
    if len(by_pointer) > 20:
        model._default_manager.bulk_update(moved, ["same_as"], batch_size=500)
    else:
        for pointer, pks in by_pointer.items():
            model._default_manager.filter(pk__in=pks).update(same_as=pointer)
    if is_told:
        record_many(drafts, actor=by, owner=owner)


def _reached(owner: User, roots: set[int], joined: list[Pair]) -> set[int]:
    """Add the courses that the student's own joinings lead to, so that a group is always seen whole."""
    if not joined:
        return roots
    pks = {pk for pair in joined for pk in pair}
    homes = dict(Assignment.objects.filter(owner=owner, pk__in=pks).values_list("pk", "course_id"))
    root_of = dict(_roots(owner, homes.values()))
    found = set(roots)
    while True:
        more = {
            root_of[homes[b]]
            for pair in joined
            for a, b in (pair, pair[::-1])
            if a in homes and b in homes and root_of[homes[a]] in found
        } - found
        if not more:
            return found
        found |= more


def _roots(owner: User, courses: Collection[int] | Iterable[int]) -> list[tuple[int, int]]:
    rows = Course.objects.filter(owner=owner, pk__in=set(courses)).values_list("pk", "same_as_id")
    return [(pk, same_as or pk) for pk, same_as in rows]


def _dress(rows: dict[int, Course], before: dict[int, int | None]) -> None:
    """Give courses that are not shown the student's own fields of the one that is, and give them back when parted.

    A course that steps forward in its group keeps what it wears: it is the same course to the student.
    """
    groups: dict[int, list[Course]] = defaultdict(list)
    for row in rows.values():
        groups[row.same_as_id or row.pk].append(row)
    for pk, group in groups.items():
        main, own = rows[pk], {}
        if main.before_same is not None:
            own = {} if before[pk] in {row.pk for row in group} else main.before_same
        nicknames = [row.nickname for row in group if row.pk != pk and row.before_same is None and row.nickname]
        if nicknames and not own.get("nickname", main.nickname):
            own = {**own, "nickname": nicknames[0]}
        _wear(main, own, kept=None)
        for twin in group:
            if twin.pk != pk:
                kept = twin.before_same or {name: getattr(twin, name) for name in STUDENTS_OWN}
                _wear(twin, {"nickname": main.title, "hue": main.hue, "is_hidden": main.is_hidden}, kept=kept)


def _wear(course: Course, wanted: dict[str, Any], *, kept: dict[str, Any] | None) -> None:
    changes = differences(course, {**wanted, "before_same": kept})
    if changes:
        apply(course, {**wanted, "before_same": kept})
        course.save(update_fields=list(changes))


def dress_twins(course: Course) -> None:
    """Let the courses that are the same take over what the student just changed on the one that is shown."""
    twins = Course.objects.filter(same_as=course)
    twins.update(nickname=course.title, hue=course.hue, is_hidden=course.is_hidden)


def _carry_own(rows: dict[int, Assignment], shown: set[int]) -> None:
    """Let what the student wrote on any of them be found on the one that is shown; nothing is taken away anywhere."""
    groups: dict[int, list[Assignment]] = defaultdict(list)
    for row in rows.values():
        groups[row.same_as_id or row.pk].append(row)
    for pk in sorted(shown):
        group, main = groups.get(pk, []), rows.get(pk)
        if main is None or len(group) < 2:
            continue
        done = min((row.done_at for row in group if row.done_at), default=None)
        notes = main.notes or next((row.notes for row in sorted(group, key=lambda r: r.pk) if row.notes), "")
        if notes != main.notes:
            Assignment.objects.filter(pk=pk).update(notes=notes)
        late = [row.pk for row in group if row.done_at is None]
        if done is not None and late:
            Assignment.objects.filter(pk__in=late).update(done_at=done)
