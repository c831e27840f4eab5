"""Own tasks as lines of the agenda, beside assignments: what is late, what is ahead, and what was ticked off today."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, DateTimeField, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import Cast, Coalesce, RowNumber

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.agenda_rows import FEW_SHOWN, SHOWN
from courses.models import OwnTask
from courses.moments import Clock, moment
from courses.planning.rows import day_moment, minutes_words
from courses.rows import Badge, WorkRow
from courses.work_rows import DatedRow, FoundRows, RowSource, register_rows

_COLUMNS = (
    *("section", "total", "pk", "title", "due_on", "due_at", "done_at", "estimate_minutes"),
    *(f"course__{name}" for name in ("name", "nickname", "hue", "deleted_at")),
)


def _lines(
    owner: int, now: datetime, midnight: datetime, monday: datetime, after: datetime, today: date, next_on: date,
    after_on: date,
) -> QuerySet[Any]:  # fmt: skip
    """The first ones of each section with the section's count: the newest of what is late, else the soonest."""
    rows = OwnTask.objects.whole_of(owner_with(owner))
    rows = rows.filter(Q(done_at__isnull=True) | Q(done_at__gte=midnight), dismissed_at__isnull=True)
    section = Case(
        When(done_at__isnull=False, then=Value("done")),
        When(Q(due_at__lt=now) | Q(due_on__lt=today), then=Value("late")),
        When(Q(due_at__lt=monday) | Q(due_on__lt=next_on), then=Value("week")),
        When(Q(due_at__lt=after) | Q(due_on__lt=after_on), then=Value("next")),
        default=Value("later"),
    )
    at = Coalesce("due_at", Cast("due_on", DateTimeField()))
    rows = rows.annotate(
        section=section,
        at=at,
        rank=Window(RowNumber(), partition_by="section", order_by=[F("at").asc(nulls_last=True), F("pk").asc()]),
        total=Window(Count("pk"), partition_by="section"),
    ).annotate(back=F("total") - F("rank"))
    most = Case(When(section="week", then=Value(2 * SHOWN)), default=Value(SHOWN))
    shown = Q(section="late", back__lt=FEW_SHOWN) | (~Q(section="late") & Q(rank__lte=most))
    return rows.filter(shown).order_by(F("at").asc(nulls_last=True), "pk").values_list(*_COLUMNS)


_LINES = KeptQuery(
    _lines,
    owner=int,
    now=datetime,
    midnight=datetime,
    monday=datetime,
    after=datetime,
    today=date,
    next_on=date,
    after_on=date,
)


def read_tasks(owner: User, clock: Clock) -> FoundRows:
    """Read the own tasks of the agenda. One query."""
    after_on = clock.next_monday + timedelta(days=7)
    rows = _LINES.rows(
        owner=owner.pk,
        now=clock.now,
        midnight=clock.midnight(clock.today),
        monday=clock.midnight(clock.next_monday),
        after=clock.midnight(after_on),
        today=clock.today,
        next_on=clock.next_monday,
        after_on=after_on,
    )
    found = FoundRows()
    late_count = 0
    for section, total, *values in rows:
        line = _line(clock, section == "late", *values)
        if section == "late":
            late_count = total
            found.late.append(line)
        else:
            found.ahead.append(line)
    return FoundRows(found.ahead, found.late, late_count)


def _line(
    clock: Clock, late: bool, pk: int, title: str, due_on: date | None, due_at: datetime | None,
    done_at: datetime | None, minutes: int | None, name: str | None, nickname: str | None, hue: int | None,
    deleted_at: datetime | None,
) -> DatedRow:  # fmt: skip
    when = moment(due_at, clock) if due_at else day_moment(due_on, clock) if due_on else None
    has_course, done = name is not None and deleted_at is None, done_at is not None
    row = WorkRow(
        pk=pk,
        name=title,
        url=f"/planner/tasks/{pk}/",
        done_url=f"/planner/tasks/{pk}/done/",
        course=(nickname or name or "") if has_course else "",
        hue=(hue or 0) if has_course else 0,
        state="done" if done else "overdue" if late else "upcoming",
        facts=["own task", *filter(None, [minutes_words(minutes)])],
        note="",
        when=when,
        when_text="Done" if done else "" if when else "no date",
        badge=Badge("overdue", "alarm-clock", "Overdue") if late else None,
        late=late,
        done=done,
        can_mark=True,
        kind="task",
    )
    return DatedRow(due_at or (clock.midnight(due_on) if due_on else None), row)


def register() -> None:
    """Add own tasks to the agenda; called once, when the app is ready."""
    register_rows(RowSource("tasks", read_tasks, all_url="/planner/"))
