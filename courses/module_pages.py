"""What pages show of modules and of the planner, with every text ready to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, Course, Module, ModuleItem, PlannerItem
from courses.module_reading import Names, ReadModule, before, read_modules_and_names
from courses.moments import Clock, day_name, moment
from courses.rows import Badge, WorkRow
from resources.models import Resource

Kind = ModuleItem.Kind
MOST_INDENT = 4
PLANNED_SHOWN = 5
STATES: dict[str, tuple[str, str, str]] = {
    Module.State.COMPLETED: ("completed", "circle-check", "Completed"),
    Module.State.STARTED: ("running", "circle-dot", "Started"),
    Module.State.LOCKED: ("", "lock", "Locked"),
}
ICONS = {
    Kind.ASSIGNMENT: "list-todo",
    Kind.QUIZ: "list-checks",
    Kind.DISCUSSION: "message-square",
    Kind.FILE: "file-text",
    Kind.PAGE: "book-open",
    Kind.LINK: "link",
    Kind.TOOL: "puzzle",
    Kind.SUBHEADER: "",
    Kind.OTHER: "file",
}


@dataclass(frozen=True)
class ItemLine:
    """One step of a module: where it leads, and what of it is done."""

    title: str
    icon: str
    kind: str
    url: str
    is_outside: bool
    indent: int
    is_heading: bool
    is_required: bool
    is_done: bool
    facts: list[str]
    work: WorkRow | None


@dataclass
class ModuleSection:
    """One module, folded unless it is what the student is at."""

    pk: int
    title: str
    badge: Badge | None
    detail: str
    done: int
    needed: int
    progress: str
    is_open: bool
    items: list[ItemLine] = field(default_factory=list)


Files = Mapping[tuple[str, str], Resource]
"""Files of the vault by source and the source's id."""


def module_sections(course: Course, work: Mapping[int, WorkRow], clock: Clock) -> list[ModuleSection]:
    """Gather the modules of a course with their items: three queries, whatever their number.

    `work` has the lines of the course's assignments by key, as the page shows them elsewhere.
    """
    modules, names = read_modules_and_names(course)
    return sections_of(course, modules, names, work, clock)


def sections_of(
    course: Course, modules: Sequence[ReadModule], names: Names, work: Mapping[int, WorkRow], clock: Clock
) -> list[ModuleSection]:
    """The same for modules that are read already: one query, for the files they lead to."""
    files = _files(course, modules)
    current = next((each.module.pk for each in modules if each.module.state not in ("completed", "locked")), None)
    return [
        _section(each.module, each.items, work, files, names, clock, is_open=each.module.pk == current)
        for each in modules
    ]


def _ahead(course: int, now: datetime) -> QuerySet[PlannerItem]:
    rows = PlannerItem.objects.in_course(course).present().beside_assignments().ahead(now)
    return rows.only("title", "html_url", "starts_at", "is_all_day", "location")[:PLANNED_SHOWN]


_AHEAD = KeptQuery(_ahead, course=int, now=datetime)


def _files(course: Course, modules: Sequence[ReadModule]) -> Files:
    """The files of the vault that items lead to."""
    wanted = {(item.source, item.content_id) for each in modules for item in each.items if item.kind == Kind.FILE}
    if not wanted:
        return {}
    rows = Resource.objects.visible_to(owner_with(course.owner_id)).kept()
    rows = rows.filter(source__in={source for source, _ in wanted}, external_id__in={name for _, name in wanted})
    return {(row.source, row.external_id): row for row in rows.only("source", "external_id", "title", "owner_id")}


def _section(
    module: Module,
    items: list[ModuleItem],
    work: Mapping[int, WorkRow],
    files: Files,
    names: Names,
    clock: Clock,
    *,
    is_open: bool,
) -> ModuleSection:
    required = [item for item in items if item.is_required]
    done = sum(1 for item in required if item.is_completed)
    needs_one = module.requirement_type == Module.Requirement.ONE
    needed = min(1, len(required)) if needs_one else len(required)
    state = STATES.get(module.state)
    return ModuleSection(
        pk=module.pk,
        title=module.name,
        badge=Badge(*state) if state else None,
        detail=_detail(module, names, clock),
        done=min(done, needed),
        needed=needed,
        progress=_progress(done, needed, needs_one=needs_one),
        is_open=is_open,
        items=[_line(item, work, files, clock) for item in items],
    )


def _progress(done: int, needed: int, *, needs_one: bool) -> str:
    if not needed:
        return ""
    if needs_one:
        return "one is enough" if not done else "done"
    return f"{done} of {needed}"


def _detail(module: Module, names: Names, clock: Clock) -> str:
    """Say what stands in the way of a module, else how it is to be gone through."""
    if module.state == Module.State.LOCKED:
        if module.unlock_at is not None and module.unlock_at > clock.now:
            said = moment(module.unlock_at, clock)
            return f"opens {said.main}, {said.detail}"
        earlier = before(module, names)
        unfinished = [other for other in earlier if other.state != Module.State.COMPLETED]
        if earlier:
            return f"after {' and '.join(other.name for other in unfinished or earlier)}"
    return "in order" if module.is_sequential else ""


def _line(item: ModuleItem, work: Mapping[int, WorkRow], files: Files, clock: Clock) -> ItemLine:
    row = work.get(item.work_id) if item.work_id else None  # type: ignore[attr-defined]  # annotated
    resource = files.get((item.source, item.content_id)) if item.kind == Kind.FILE else None
    inside = row.url if row else resource.get_absolute_url() if resource else ""
    kind = Kind(item.kind)
    return ItemLine(
        title=item.title,
        icon=ICONS[kind],
        kind=str(kind.label),
        url=inside or item.html_url or item.external_url,
        is_outside=not inside,
        indent=min(item.indent, MOST_INDENT),
        is_heading=kind == Kind.SUBHEADER,
        is_required=item.is_required,
        is_done=bool(item.is_completed),
        facts=_facts(item, row, clock),
        work=row,
    )


def _facts(item: ModuleItem, row: WorkRow | None, clock: Clock) -> list[str]:
    facts = []
    if item.is_required:
        facts.append(_requirement_words(item))
    if row is None and item.points_possible:
        facts.append("1 point" if item.points_possible == 1 else f"{item.points_possible:g} points")
    if row is None and item.due_at is not None:
        facts.append(f"due {moment(item.due_at, clock).within}")
    return facts


def _requirement_words(item: ModuleItem) -> str:
    """ "hand in", "score at least 25", in the past where it is done."""
    needs = ModuleItem.Requirement
    if item.requirement_type in (needs.MIN_SCORE, needs.MIN_PERCENTAGE):
        least = "" if item.min_score is None else f" {item.min_score:g}"
        percent = " %" if item.requirement_type == needs.MIN_PERCENTAGE else ""
        return f"scored at least{least}{percent}" if item.is_completed else f"score at least{least}{percent}"
    words = {
        needs.MUST_VIEW: ("look at it", "seen"),
        needs.MUST_SUBMIT: ("hand in", "handed in"),
        needs.MUST_CONTRIBUTE: ("contribute", "contributed"),
        needs.MUST_MARK_DONE: ("mark as done at the source", "marked as done"),
    }
    return words[needs(item.requirement_type)][bool(item.is_completed)]


@dataclass(frozen=True)
class PlannedLine:
    """Something of the planner that is no assignment: an event, a page to read, a note."""

    title: str
    url: str
    when: str
    exact: str
    where: str


def planned_lines(course: Course, clock: Clock) -> list[PlannedLine]:
    """What the course has ahead beside its assignments, the soonest first. One query."""
    return [_planned(row, clock) for row in _AHEAD.objects(course=course.pk, now=clock.now)]


def _planned(row: PlannerItem, clock: Clock) -> PlannedLine:
    assert row.starts_at is not None
    said = moment(row.starts_at, clock)
    when = f"{said.main}, {said.detail}"
    if row.is_all_day:
        when = f"{day_name(clock.day_of(row.starts_at), clock.today)}, all day"
    return PlannedLine(row.title, row.html_url, when, said.exact, row.location)


@dataclass(frozen=True)
class MarkNote:
    """How an assignment's mark stands at its source; `title` says what the source did not take."""

    state: str
    error: str
    is_done: bool
    title: str


def mark_note(assignment: Assignment) -> MarkNote | None:
    """What to say of a mark on its way to the source; None where there is nothing. Reads the planner item."""
    item: PlannerItem | None = getattr(assignment, "planner_item", None)
    if item is None or (item.write_state == "settled" and not item.is_marked_complete):
        return None
    return MarkNote(item.write_state, item.write_error, assignment.done_at is not None, refused_words(item))


def refused_words(item: PlannerItem) -> str:
    """Say what the source of a planner item did not take."""
    if item.wanted_complete is not None:
        return (
            "Marked as done here, but not at the source"
            if item.wanted_complete
            else "Not done here, but still marked at the source"
        )
    return "Dismissed here, but not at the source" if item.wanted_dismissed else "Dismissed only at the source"
