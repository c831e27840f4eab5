"""What the planner adds to shared screens: its place, its keys, quick add, search, and a card beside an assignment."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.html import escape

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.screens import (
    NavItem,
    PageKeys,
    QuickAdd,
    SearchHit,
    SearchSource,
    register_nav,
    register_page_keys,
    register_quick_add,
    register_search,
    register_slot,
)
from coreengine.kernel.typing import Request
from courses.models import Assignment, OwnTask
from courses.pages import clock_of
from courses.planning import agenda_lines, layer
from courses.planning.counting import waiting_count
from courses.planning.rows import TaskRow, minutes_words
from courses.querysets import COURSE_LONG_FIELDS
from courses.texts import excerpt
from courses.work_state import OUTSTANDING

KEYS = (
    ("h", "Column to the left", "plan-left"),
    ("l", "Column to the right", "plan-right"),
    ("x", "Done, or not done", "plan-done"),
    ("d", "Dismiss, or skip", "plan-dismiss"),
    ("e", "Edit", "plan-edit"),
    ("m", "Move or change …", "plan-menu"),
    ("H", "Move a day or column to the left", "plan-earlier"),
    ("L", "Move a day or column to the right", "plan-later"),
    ("K", "Move up", "plan-up"),
    ("J", "Move down", "plan-down"),
    ("n", "New task", "plan-new"),
    ("u", "Undo", "plan-undo"),
)


def search_tasks(user: Any, query: str, limit: int) -> list[SearchHit]:
    clock = clock_of(user)
    hits = []
    for row in _FOUND.objects(owner=user.pk, words=query, limit=limit):
        day = row.due_day(clock.zone)
        facts = [
            row.parent.title if row.parent else "",
            row.course.title if row.course else "",
            f"due {day.day} {day:%b}" if day else "",
            "done" if row.done_at else "",
        ]
        text = excerpt(str(escape(row.notes)), query)
        url = (row.parent or row).get_absolute_url()
        hits.append(SearchHit(row.title, url, text, "task", " · ".join(filter(None, facts)), row.rank))  # type: ignore[attr-defined]
    return hits


def _found(owner: int, words: str, limit: int) -> QuerySet[OwnTask]:
    rows = OwnTask.objects.visible_to(owner_with(owner)).matching(words)
    return rows.select_related("course", "parent").defer(*_UNREAD)[:limit]


_UNREAD = (
    *("search_vector", "parent__search_vector", "parent__notes"),
    *(f"course__{name}" for name in COURSE_LONG_FIELDS),
)
_FOUND = KeptQuery(_found, owner=int, words=str)


def assignment_plan(request: Request, assignment: Assignment) -> dict[str, Any] | None:
    """The student's own plan for an assignment: when, how long, and the tasks towards it. One query."""
    clock = clock_of(request.user)
    tasks = _TOWARDS.objects(owner=request.user.pk, assignment=assignment.pk)
    rows = sorted((TaskRow(task, clock) for task in tasks), key=lambda row: (row.done, row.order))
    return {
        "assignment": assignment,
        "key": f"assignment:{assignment.pk}",
        "rows": rows,
        "is_open": assignment.state_at(clock.now) in OUTSTANDING,
        "minutes": minutes_words(assignment.estimate_minutes),
        "planned_on": assignment.planned_on,
    }


def _towards(owner: int, assignment: int) -> QuerySet[OwnTask]:
    return OwnTask.objects.whole_of(owner_with(owner)).filter(assignment=assignment).for_list()


_TOWARDS = KeptQuery(_towards, owner=int, assignment=int)


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_nav(NavItem("planner", "Planner", "list-todo", "courses:planner", 10, count=waiting_count))
    register_quick_add(QuickAdd("task", "Task", "list-plus", "courses:new-own-task", 10))
    register_page_keys(PageKeys("In the planner", "courses:planner", KEYS))
    register_search(SearchSource("tasks", "Own tasks", "list-plus", search_tasks, 15))
    register_slot("assignment_sidebar", "courses/planner/_assignment_plan.html", context=assignment_plan, order=20)
    layer.register()
    agenda_lines.register()
