"""The modules of a course with their items, whatever sources have them.

Two sources of one course may both have its modules. One that another source has under the same name is folded: it is
shown once, as the course's own source has it, and what only the other has in it follows below. Ids are a source's own,
so prerequisites and files are looked for within the source that names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from coreengine.database.kept_queries import KeptQuery
from courses.models import Course, Module, ModuleItem

Names = Mapping[tuple[int, str], Module]
"""What is shown for a module, by the course that names it and the source's id."""


@dataclass
class ReadModule:
    """One module that is shown. Its items carry their `source`, and `work_id`: as which assignment theirs is shown."""

    module: Module
    items: list[ModuleItem] = field(default_factory=list)


def read_modules(course: Course, *, is_alone: bool = False) -> list[ReadModule]:
    """Read the modules of a course in order, those of other sources last. Two queries.

    `is_alone` leaves out what the same course has from other sources.
    """
    return read_modules_and_names(course, is_alone=is_alone)[0]


def read_modules_and_names(course: Course, *, is_alone: bool = False) -> tuple[list[ReadModule], Names]:
    """The same, with the names by which `before` finds what a module waits for."""
    rows = _MODULES.objects(course=course.pk, is_alone=is_alone)
    modules = sorted(rows, key=lambda module: module.course_id != course.pk)
    shown: dict[int, ReadModule] = {}
    by_name: dict[str, Module] = {}
    names: dict[tuple[int, str], Module] = {}
    homes: dict[int, tuple[ReadModule, bool]] = {}
    for module in modules:
        first = by_name.setdefault(_plain(module.name), module)
        is_folded = first.course_id != module.course_id
        root = first if is_folded else module
        names[module.course_id, module.external_id] = root
        homes[module.pk] = (shown.setdefault(root.pk, ReadModule(root)), is_folded)
    if homes:
        _add_items(homes)
    return list(shown.values()), names


def before(module: Module, names: Names) -> list[Module]:
    """The modules that come before one, as they are shown."""
    found = (names.get((module.course_id, key)) for key in module.prerequisite_ids)
    return [other for other in found if other is not None and other.pk != module.pk]


def _add_items(homes: Mapping[int, tuple[ReadModule, bool]]) -> None:
    items: dict[int, list[ModuleItem]] = {pk: [] for pk in homes}
    for item in _ITEMS.objects(modules=list(homes)):
        items[item.module_id].append(item)
    for pk, (home, is_folded) in homes.items():
        known = {key for item in home.items for key in _keys(item)} if is_folded else set()
        home.items += [item for item in items[pk] if not known & _keys(item)]


def _modules(course: int, is_alone: bool) -> QuerySet[Module]:
    rows = Module.objects.filter(course_id=course) if is_alone else Module.objects.in_course(course)
    return rows.present().in_order()


def _items(modules: int) -> QuerySet[ModuleItem]:
    rows = ModuleItem.objects.filter(module__pk__any_of=modules).present().in_order()
    return rows.annotate(work_id=Coalesce("assignment__same_as_id", "assignment_id"), source=F("module__source"))


_MODULES = KeptQuery(_modules, course=int)
_ITEMS = KeptQuery(_items, modules=int)


def _keys(item: ModuleItem) -> set[object]:
    """What two sources' items have in common when they are one."""
    work = item.work_id  # type: ignore[attr-defined]  # annotated
    return {(item.kind, _plain(item.title)), *([work] if work else [])}


def _plain(text: str) -> str:
    """As the database compares names (`ModuleQuerySet.shown_once`)."""
    return text.upper()
