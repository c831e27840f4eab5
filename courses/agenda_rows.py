"""The rows of the agenda, in two statements whatever there is: which work each section shows, and that work.

The first counts each section and names its first or last ones by their ids alone. Sorting whole rows, of which a
student with 3,000 assignments sees ninety, took the database twice as long as all of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Case, Count, Func, Q, QuerySet, SmallIntegerField, Value, When

from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment
from courses.work_state import can_be_late, is_owed, is_settled_by_source, waits_for_grade

SHOWN = 20
"""Of a section; the rest is one link away."""
FEW_SHOWN = 8
"""Of what is late, missing, waiting or far away."""
MOST = {"today": SHOWN, "week": SHOWN, "next": SHOWN}
SECTIONS = ("gone", "missing", "overdue", "today", "week", "next", "later", "waiting")
BEHIND = ("overdue", "missing", "waiting", "gone")
"""The sections that show their newest ones; the others show what comes first."""


@dataclass(frozen=True)
class AgendaRow:
    """One assignment with the section it belongs to and how many that section has."""

    work: Assignment
    section: str
    total: int


class _First(Func):
    """The first ids of a list."""

    template = f"(%(expressions)s)[:{SHOWN}]"
    output_field = ArrayField(BigIntegerField())


class _Last(Func):
    """The last ids of a list of a given length; a slice that begins before the list begins where the list does."""

    arg_joiner = ")["
    template = f"(%(expressions)s - {FEW_SHOWN - 1}:]"
    output_field = ArrayField(BigIntegerField())


def _value(section: str) -> Value:
    """A section as the database has it: it sorts two thousand numbers in half the time of as many words."""
    return Value(SECTIONS.index(section), output_field=SmallIntegerField())


def _sections(
    owner: int, now: datetime, lately: datetime, today: datetime, tomorrow: datetime, monday: datetime,
    after_next: datetime,
) -> QuerySet[Any]:  # fmt: skip
    """Of each section, dated and undated: how many, and the ids of its first and its last ones."""
    of_today = Q(due_at__gte=today) & Q(due_at__lt=tomorrow)
    is_behind = Q(submission__missing=True) | (Q(due_at__lt=now) & can_be_late())
    is_ahead = Q(due_at__gte=now) | Q(due_at__isnull=True, source="")
    # What its source no longer has is shown for a while.
    is_gone = Q(missing_since__gte=lately) & (Q(due_at__isnull=True) | Q(due_at__gte=lately))
    is_open = Q(done_at__isnull=True, dismissed_at__isnull=True)
    is_present = Q(missing_since__isnull=True)
    ticked = Q(done_at__isnull=False) & (Q(submission__isnull=True) | Q(submission__excused=False))
    waiting = waits_for_grade() & ~Q(grading_type="not_graded")
    shown = (
        (
            is_owed()
            & ((is_open & ((is_present & (is_behind | is_ahead)) | is_gone)) | (is_present & Q(done_at__gte=today)))
        )
        | (is_present & is_settled_by_source() & (of_today | waiting))
        | (is_present & of_today & ticked)
    )
    # Of what is shown by the above: a test need only tell it from what comes after.
    section = Case(
        When(missing_since__isnull=False, then=_value("gone")),
        When(of_today & is_settled_by_source(), then=_value("today")),
        When(is_settled_by_source(), then=_value("waiting")),
        When(submission__missing=True, done_at__isnull=True, then=_value("missing")),
        When(due_at__lt=now, done_at__isnull=True, then=_value("overdue")),
        When(due_at__isnull=True, done_at__isnull=True, then=_value("later")),
        When(due_at__isnull=True, then=_value("today")),
        When(due_at__lt=tomorrow, then=_value("today")),
        When(due_at__lt=monday, then=_value("week")),
        When(due_at__lt=after_next, then=_value("next")),
        default=_value("later"),
    )
    ids = ArrayAgg("pk", order_by=["due_at", "position", "pk"])
    rows = Assignment.objects.visible_to(owner_with(owner)).in_sight().in_active_courses(now).filter(shown)
    rows = rows.annotate(section=section, undated=Q(due_at__isnull=True)).values("section", "undated")
    rows = rows.annotate(total=Count("pk"), first=_First(ids), last=_Last(ids, Count("pk")))
    return rows.order_by().values_list("section", "undated", "total", "first", "last")


def _work(owner: int, ids: int) -> QuerySet[Any]:
    return Assignment.objects.visible_to(owner_with(owner)).filter(pk__any_of=ids).for_list().order_by()


_SECTIONS = KeptQuery(
    _sections,
    owner=int,
    now=datetime,
    lately=datetime,
    today=datetime,
    tomorrow=datetime,
    monday=datetime,
    after_next=datetime,
)
_WORK = KeptQuery(_work, owner=int, ids=int)


def read_rows(owner: int, **moments: datetime) -> list[AgendaRow]:
    """Read each section's rows by time: of what is behind the newest ones, undated first; else the soonest, undated
    last.

    Shown: what is open and ahead, and what was due or ticked off today, as settled; what is late, missing by the
    source's word, waiting for a grade, or vanished `lately`. Each thing stands in one section.
    """
    totals: dict[str, int] = {}
    ids: dict[str, list[int]] = {}
    # The dated ones come first (False before True).
    for number, undated, total, first, last in sorted(_SECTIONS.rows(owner=owner, **moments)):
        section = SECTIONS[number]
        known = ids.setdefault(section, [])
        totals[section] = totals.get(section, 0) + total
        if section in BEHIND:
            ids[section] = (last + known if undated else last)[-FEW_SHOWN:]
        else:
            ids[section] = (known + first)[: MOST.get(section, FEW_SHOWN)]
    wanted = [pk for each in ids.values() for pk in each]
    found = {work.pk: work for work in _WORK.objects(owner=owner, ids=wanted)} if wanted else {}
    # What was deleted between the two statements is not there any more.
    return [AgendaRow(found[pk], section, totals[section]) for section in ids for pk in ids[section] if pk in found]
