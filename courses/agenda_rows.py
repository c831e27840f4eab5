"""The rows of the agenda, read in two statements whatever there is: each section's first ones and its whole count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from courses.kept_queries import KeptQuery, owner_with
from courses.models import Assignment
from courses.work_state import can_be_late, is_owed, is_settled_by_source, waits_for_grade

SHOWN = 20
"""Of a section; the rest is one link away."""
FEW_SHOWN = 8
"""Of what is late, missing, waiting or far away."""
OPEN = {"done_at__isnull": True, "dismissed_at__isnull": True}
"""Neither ticked off nor dismissed from the planner."""


@dataclass(frozen=True)
class AgendaRow:
    """One assignment with the section it belongs to and how many that section has."""

    work: Assignment
    section: str
    total: int


def _sectioned(rows: Any, section: Case, order: Any) -> QuerySet[Any]:
    rows = rows.for_list().annotate(
        section=section,
        rank=Window(RowNumber(), partition_by="section", order_by=order),
        total=Window(Count("pk"), partition_by="section"),
    )
    most = Case(When(section__in=["today", "week", "next"], then=Value(SHOWN)), default=Value(FEW_SHOWN))
    # In no order: the database would sort all of them, and not only those that are left.
    return rows.filter(rank__lte=most).order_by()


def _ahead(
    owner: int, now: datetime, today: datetime, tomorrow: datetime, monday: datetime, after_next: datetime
) -> QuerySet[Any]:
    """What is open and ahead, and what was due or ticked off today, as settled."""
    near = Q(due_at__gte=today) | Q(due_at__isnull=True, source="") | Q(done_at__gte=today)
    is_open = Q(is_owed(), Q(due_at__gte=now) | Q(due_at__isnull=True), **OPEN)
    of_today = Q(
        Q(done_at__isnull=False, submission__isnull=True)
        | Q(done_at__isnull=False, submission__excused=False)
        | is_settled_by_source(),
        due_at__gte=today,
        due_at__lt=tomorrow,
    )
    ticked = Q(is_owed(), done_at__gte=today)
    section = Case(
        When(due_at__isnull=True, done_at__isnull=True, then=Value("later")),
        When(due_at__isnull=True, then=Value("today")),
        When(due_at__lt=tomorrow, then=Value("today")),
        When(due_at__lt=monday, then=Value("week")),
        When(due_at__lt=after_next, then=Value("next")),
        default=Value("later"),
    )
    rows = _own(owner).present().in_active_courses(now).filter(near, is_open | of_today | ticked)
    return _sectioned(rows, section, (F("due_at").asc(nulls_last=True), F("position").asc(), F("pk").asc()))


def _behind(owner: int, now: datetime, lately: datetime) -> QuerySet[Any]:
    """What is late, missing by the source's word, waiting for a grade, or vanished lately: the newest first."""
    owed = Q(is_owed(), **OPEN)
    late = Q(owed, Q(submission__missing=True) | Q(can_be_late(), due_at__lt=now), missing_since__isnull=True)
    waiting = Q(waits_for_grade(), ~Q(grading_type="not_graded"), missing_since__isnull=True)
    gone = Q(owed, Q(due_at__isnull=True) | Q(due_at__gte=lately), missing_since__gte=lately)
    section = Case(
        When(missing_since__isnull=False, then=Value("gone")),
        When(waits_for_grade(), then=Value("waiting")),
        When(submission__missing=True, then=Value("missing")),
        default=Value("overdue"),
    )
    rows = _own(owner).in_sight().in_active_courses(now).filter(late | waiting | gone)
    return _sectioned(rows, section, (F("due_at").desc(nulls_last=True), F("pk").desc()))


def _own(owner: int) -> Any:
    return Assignment.objects.visible_to(owner_with(owner))


_AHEAD = KeptQuery(
    _ahead, owner=int, now=datetime, today=datetime, tomorrow=datetime, monday=datetime, after_next=datetime
)
_BEHIND = KeptQuery(_behind, owner=int, now=datetime, lately=datetime)


def read_ahead(owner: int, **moments: datetime) -> list[AgendaRow]:
    """Read what is ahead, of each section the soonest first."""
    return _made(_AHEAD.objects(owner=owner, **moments))


def read_behind(owner: int, *, now: datetime, lately: datetime) -> list[AgendaRow]:
    """Read what is behind, of each section the newest first."""
    return _made(_BEHIND.objects(owner=owner, now=now, lately=lately))


def _made(rows: list[Any]) -> list[AgendaRow]:
    """Each section in its order."""
    return [AgendaRow(work, work.section, work.total) for work in sorted(rows, key=attrgetter("rank"))]
