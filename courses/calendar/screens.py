"""What the calendar adds to shared screens: its place, its keys, its search, and where an assignment is told too."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Value
from django.db.models.functions import Concat, JSONObject
from django.utils.html import escape

from coreengine.accounts.models import User
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
from courses.calendar import layers
from courses.models import Assignment, CalendarEvent
from courses.moments import moment
from courses.pages import clock_of
from courses.texts import excerpt

KEYS = (
    ("t", "Today", "follow"),
    ("m", "Month", "follow"),
    ("w", "Week", "follow"),
    ("a", "Agenda", "follow"),
    ("n", "New event", "follow"),
    ("← → ↑ ↓", "From day to day", ""),
    ("PgUp PgDn", "Earlier, later", ""),
    ("Enter", "Open the day or the entry", ""),
    ("Alt ← → ↑ ↓", "Move your own event (in the week)", ""),
)


def search_events(user: Any, query: str, limit: int) -> list[SearchHit]:
    clock = clock_of(user)
    return [
        SearchHit(
            title=row.title,
            url=row.get_absolute_url(),
            snippet_html=excerpt(f"{escape(row.notes)} {escape(row.description)}", query),
            kind="event",
            meta=" · ".join(
                filter(None, [moment(row.starts_at, clock).exact, row.location, row.source.name if row.source else ""])
            ),
            rank=row.rank,
        )
        for row in _FOUND.objects(owner=user.pk, words=query, limit=limit)
    ]


def _found(owner: int, words: str, limit: int) -> QuerySet[CalendarEvent]:
    columns = ("title", "location", "description", "notes", "starts_at", "source__name")
    rows = CalendarEvent.objects.visible_to(owner_with(owner)).present().matching(words)
    return rows.select_related("source").only(*columns)[:limit]


_FOUND = KeptQuery(_found, owner=int, words=str)


def with_calendars(assignments: QuerySet[Assignment], owner: User) -> QuerySet[Assignment]:
    """Annotate `calendars`: the events of followed calendars that are each assignment, by id and calendar."""
    uid = Concat(Value("event-assignment-"), OuterRef("external_id"))
    events = CalendarEvent.objects.visible_to(owner).present().filter(source__isnull=False, uid=uid)
    facts = events.order_by("pk").values(facts=JSONObject(event="pk", calendar="source__name"))
    return assignments.annotate(calendars=ArraySubquery(facts[:5]))


def also_in(request: Request, assignment: Assignment) -> dict[str, Any] | None:
    """The calendars in which an assignment (read `with_calendars`) is too; it is shown once, as the assignment."""
    found = [] if assignment.is_by_hand else assignment.calendars  # type: ignore[attr-defined]
    return {"found": found} if found else None


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    layers.register()
    register_nav(NavItem("calendar", "Calendar", "calendar", "courses:calendar", 17))
    register_quick_add(QuickAdd("event", "Event", "calendar-plus", "courses:create-calendar-event", 15))
    register_search(SearchSource("events", "Events", "calendar", search_events, 25))
    register_slot("assignment_sidebar", "calendar/_also_in.html", context=also_in, order=50)
    register_page_keys(PageKeys("In the calendar", "courses:calendar", KEYS))
