"""The map of one course: its modules, what locks them, and how far the student is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.maps.drawing import MapNode, MapPicture, draw_map
from courses.models import Assignment, Course, Module
from courses.module_pages import ModuleSection, sections_of
from courses.module_reading import Names, before, read_modules_and_names
from courses.moments import Clock, moment
from courses.rows import row_of

State = Module.State
LOOKS = {
    State.COMPLETED: ("completed", "circle-check", "Completed"),
    State.STARTED: ("running", "circle-dot", "Started"),
    State.UNLOCKED: ("", "lock-open", "Open"),
    State.LOCKED: ("locked", "lock", "Locked"),
}
SHOWS = {"all": "All", "unlocked": "Unlocked for me", "completed": "Completed"}
SHOWN = {"unlocked": {State.UNLOCKED, State.STARTED}, "completed": {State.COMPLETED}}


@dataclass(frozen=True)
class MapStep:
    """One module in the list: how it stands, what it waits for, and its items as the course page shows them."""

    module: Module
    state: State
    label: str
    icon: str
    status: str
    waits_for: list[str]
    section: ModuleSection


@dataclass(frozen=True)
class ModuleMap:
    """The picture, the list, and the numbers. `shown` are the steps that the filter keeps."""

    steps: list[MapStep]
    shown: list[MapStep]
    picture: MapPicture
    show: str
    counts: dict[str, int]
    done_items: int
    needed_items: int

    @property
    def completed(self) -> int:
        return self.counts["completed"]


def module_map(course: Course, clock: Clock, show: str = "all") -> ModuleMap:
    """Read the modules of a course: four queries at most, whatever their number."""
    modules, names = read_modules_and_names(course)
    rows = _WORK.objects(owner=course.owner_id, course=course.pk, now=clock.now) if modules else []
    work = {row.pk: row_of(row, clock) for row in rows}
    sections = {section.pk: section for section in sections_of(course, modules, names, work, clock)}
    steps = map_steps([each.module for each in modules], names, sections, clock)
    shown = [step for step in steps if show not in SHOWN or step.state in SHOWN[show]]
    kept = {step.module.pk for step in shown}
    counts = {key: sum(1 for step in steps if step.state in states) for key, states in SHOWN.items()}
    counts["all"] = len(steps)
    return ModuleMap(
        steps=steps,
        shown=shown,
        picture=draw_map(_node(step, names, is_dim=step.module.pk not in kept) for step in steps),
        show=show if show in SHOWS else "all",
        counts=counts,
        done_items=sum(step.section.done for step in steps),
        needed_items=sum(step.section.needed for step in steps),
    )


def _work(owner: int, course: int, now: datetime) -> QuerySet[Assignment]:
    own = Assignment.objects.visible_to(owner_with(owner)).in_course(course).in_sight()
    return own.with_work_state(now).for_list()


_WORK = KeptQuery(_work, owner=int, course=int, now=datetime)


def map_steps(
    modules: Sequence[Module], names: Names, sections: Mapping[int, ModuleSection], clock: Clock
) -> list[MapStep]:
    """Say of each module how it stands for the student and what it waits for."""
    found = []
    for module in modules:
        state = standing(module, names, clock)
        status, icon, label = LOOKS[state]
        waits = waits_for(module, names, clock) if state == State.LOCKED else []
        found.append(MapStep(module, state, label, icon, status, waits, sections[module.pk]))
    return found


def standing(module: Module, names: Names, clock: Clock) -> State:
    """How a module stands. The source's word wins; a source that tells nothing is answered by dates and order."""
    if module.state:
        return State(module.state)
    if module.unlock_at is not None and module.unlock_at > clock.now:
        return State.LOCKED
    is_free = all(other.state == State.COMPLETED for other in before(module, names))
    return State.UNLOCKED if is_free else State.LOCKED


def waits_for(module: Module, names: Names, clock: Clock) -> list[str]:
    """Name what stands in the way: modules that are not completed, and a time that has not come."""
    found = [other.name for other in before(module, names) if other.state != State.COMPLETED]
    if module.unlock_at is not None and module.unlock_at > clock.now:
        said = moment(module.unlock_at, clock)
        found.append(f"{said.main}, {said.detail}")  # a name or a time: both stand behind "waits for"
    return found


def _node(step: MapStep, names: Names, *, is_dim: bool) -> MapNode:
    progress = f" · {step.section.progress}" if step.section.progress else ""
    waiting = f" until {step.waits_for[0]}" if len(step.waits_for) == 1 and not step.module.prerequisite_ids else ""
    return MapNode(
        name=str(step.module.pk),
        label=step.module.name,
        words=f"{step.label}{waiting or progress}",
        icon=step.icon,
        status=step.status,
        url=f"#module-{step.module.pk}",
        needs=tuple(str(other.pk) for other in before(step.module, names)),
        is_dim=is_dim,
    )
