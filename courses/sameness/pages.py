"""What the pages of a course and of its work say of other sources that have the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher
from typing import Any

from django.db.models import Q

from coreengine.kernel.sources import source_names
from coreengine.kernel.typing import Request
from courses.models import Assignment, Course
from courses.moments import Clock, moment
from courses.pages import clock_of
from courses.sameness.reading import NOT_REPORTED
from courses.sameness.rules import host_of, plain
from courses.sameness.services import group_of

CANDIDATES = 12
LOOKED_AT = 120
NEAR = timedelta(days=45)


@dataclass(frozen=True)
class OtherSource:
    """The same thing from elsewhere: what it is called there, and what the student wrote there only."""

    pk: int
    name: str
    source: str
    detail: str
    url: str
    notes: str
    is_gone: bool


@dataclass(frozen=True)
class SameCard:
    """The card "Sources". `shown` is the thing that is shown for this one, None where it is this one."""

    kind: str
    thing: Any
    source: str
    shown: Any
    others: list[OtherSource]
    candidates: list[tuple[int, str]]
    is_asked: bool
    done: str = ""
    undo: Any = None


def source_words(thing: Assignment | Course, names: Mapping[str, str]) -> str:
    """Where a thing comes from, for its student: the name of its source in `names`, else the host, or "by hand"."""
    if thing.is_by_hand:
        return "made by hand"
    if name := names.get(thing.source):
        return name
    host = host_of(thing.html_url)
    if isinstance(thing, Assignment) and thing.submission_types == NOT_REPORTED:
        return f"the calendar of {host}" if host else "a calendar feed"
    return host or "another source"


def same_work_card(request: Request, assignment: Assignment) -> dict[str, Any]:
    """The other sources of an assignment; one query for the sources' names where there are none.

    `?same` asks what it could be joined with.
    """
    clock = clock_of(request.user)
    group = _group(assignment)
    names = source_names(request.user, {row.source for row in group})
    others = [_other(row, clock, assignment, names) for row in group if row.pk != assignment.pk]
    candidates = []
    if "same" in request.GET:
        candidates = _work_candidates(request, assignment, {row.pk for row in group}, clock)
    source = source_words(assignment, names)
    return {"card": _card(request, "assignment", assignment, source, group, others, candidates)}


def same_course_card(request: Request, course: Course) -> dict[str, Any]:
    """The other sources of a course; one query for the sources' names where there are none.

    `?same` asks what it could be joined with.
    """
    group = _group(course)
    pks = {row.pk for row in group}
    names = source_names(request.user, {row.source for row in group})
    others = [
        OtherSource(
            row.pk,
            row.name,
            source_words(row, names),
            row.code,
            row.html_url,
            row.notes if row.notes != course.notes else "",
            row.missing_since is not None,
        )
        for row in group
        if row.pk != course.pk
    ]
    candidates = []
    if "same" in request.GET:
        rows = Course.objects.visible_to(request.user).shown_once().exclude(pk__in=pks).by_name()
        rows = list(rows.only("name", "nickname", "code", "source", "html_url")[:LOOKED_AT])
        theirs = source_names(request.user, {row.source for row in rows})
        candidates = [(row.pk, f"{row.title} ({source_words(row, theirs)})") for row in _nearest(rows, course.name)]
    source = source_words(course, names)
    return {"card": _card(request, "course", course, source, group, others, candidates)}


def _group(thing: Any) -> list[Any]:
    return group_of(thing) if thing.same_as_id or getattr(thing, "has_twins", True) else [thing]


def _other(row: Assignment, clock: Clock, shown: Assignment, names: Mapping[str, str]) -> OtherSource:
    due = ""
    if row.due_at is not None and row.due_at != shown.due_at:
        said = moment(row.due_at, clock)
        due = f"due {said.main}, {said.detail}"
    notes = row.notes if row.notes != shown.notes else ""
    source = source_words(row, names)
    return OtherSource(row.pk, row.name, source, due, row.html_url, notes, row.missing_since is not None)


def _work_candidates(request: Request, own: Assignment, leave_out: set[int], clock: Clock) -> list[tuple[int, str]]:
    root = own.course.same_as_id or own.course_id
    near = Q(course=root) | Q(course__same_as=root) | Q(source="")
    if own.due_at is not None:
        near |= Q(due_at__range=(own.due_at - NEAR, own.due_at + NEAR))
    rows = Assignment.objects.visible_to(request.user).in_sight().filter(near).exclude(pk__in=leave_out)
    rows = rows.select_related("course").only(
        "name", "due_at", "source", "course__name", "course__nickname", "course__hue"
    )
    found = []
    for row in _nearest(rows.order_by("pk")[:LOOKED_AT], own.name):
        due = f", due {moment(row.due_at, clock).within}" if row.due_at else ""
        found.append((row.pk, f"{row.name} ({row.course.title}{due})"))
    return found


def _nearest(rows: Iterable[Any], name: str) -> list[Any]:
    """Those whose names are most like this one first."""
    wanted = plain(name)
    return sorted(rows, key=lambda row: -SequenceMatcher(None, wanted, plain(row.name)).ratio())[:CANDIDATES]


def _card(
    request: Request,
    kind: str,
    thing: Any,
    source: str,
    group: list[Any],
    others: list[OtherSource],
    candidates: list[Any],
) -> SameCard:
    shown = group[0] if group[0].pk != thing.pk else None
    known = {str(row.pk): row for row in group}
    done, undo = "", None
    if (joined := known.get(request.GET.get("joined", ""))) is not None and len(group) > 1:
        done, undo = "joined", joined
    elif request.GET.get("parted", "").isdecimal():
        parted = type(thing)._default_manager.visible_to(request.user).filter(pk=request.GET["parted"][:18]).first()
        if parted is not None and str(parted.pk) not in known:
            done, undo = "parted", parted
    asked = "same" in request.GET
    return SameCard(kind, thing, source, shown, others, candidates, asked, done, undo)
