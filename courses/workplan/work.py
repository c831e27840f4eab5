"""What can be planned. Every part of this app that has work to do registers a source of it.

A source reads what is still to be done, and says of single things whether they are: a block of finished work takes
nobody's time. Assignments are here, own tasks in `courses.workplan.own_tasks`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Sum

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, PlanPreferences, WorkBlock
from courses.moments import Clock
from courses.workplan.effort import Effort, effort_of

Key = tuple[str, int]
MOST_WORK = 500


@dataclass(slots=True)
class PlannableWork:
    """One thing still to do: what a plan makes blocks for. `worked_minutes` are done already."""

    kind: str
    id: int
    title: str
    url: str
    due_at: datetime | None
    effort: Effort
    course_id: int | None = None
    course: str = ""
    hue: int = 0
    opens_at: datetime | None = None
    worked_minutes: int = 0
    towards: Key | None = None
    """What this is a step of: its effort is a part of that one's, and counts here alone."""
    steps_minutes: int = 0
    """How much of the effort are steps that are work of their own."""
    is_done: bool = False
    """Of a step: it is kept until what it leads to is done, since it took a part of that."""
    due_again: Callable[[datetime], Iterable[datetime]] | None = field(default=None, compare=False, repr=False)
    """Of what repeats: the deadlines that follow this one, before a moment."""

    @property
    def key(self) -> Key:
        return self.kind, self.id

    @property
    def name(self) -> str:
        """The key as forms and addresses have it."""
        return f"{self.kind}:{self.id}"

    def to_come(self, end: datetime) -> list[PlannableWork]:
        """The same at the times that follow, before a moment: nothing was done for them yet."""
        again = self.due_again(end) if self.due_again is not None else ()
        return [replace(self, due_at=due_at, worked_minutes=0, steps_minutes=0, due_again=None) for due_at in again]

    @property
    def remaining_minutes(self) -> int:
        return max(0, self.effort.minutes - self.steps_minutes - self.worked_minutes)


ReadWork = Callable[[User, Clock, PlanPreferences, list[int] | None], Iterable[PlannableWork]]
OpenDues = Callable[[User, Iterable[int], Clock], dict[int, datetime | None]]


@dataclass(frozen=True)
class Source:
    """A kind of work; `read` gives what is still to do, with and without a date, in a fixed number of queries: all of
    it, or of these ids.

    `open_dues(owner, ids, clock)` gives the deadlines of those that `read` would give, however many there are, in one
    query; `address` leads to one, done too.
    """

    kind: str
    read: ReadWork
    open_dues: OpenDues
    address: str


_sources: dict[str, Source] = {}


def register_source(source: Source) -> None:
    """Add a kind of work to every student's plan."""
    _sources[source.kind] = source


def known_kinds() -> list[str]:
    """List the kinds of work that can be planned."""
    return sorted(_sources)


def address_of(kind: str, work_id: int) -> str:
    """Where a piece of work is shown; "" for a kind that nobody registers any more."""
    return _sources[kind].address.format(work_id) if kind in _sources else ""


def open_dues(owner: User, keys: Iterable[Key], clock: Clock) -> dict[Key, datetime | None]:
    """The deadlines of those of these that are still to be done; one query a kind."""
    return {
        (kind, pk): due_at
        for kind, ids in _by_kind(keys).items()
        for pk, due_at in _sources[kind].open_dues(owner, ids, clock).items()
    }


def preferences_of(owner: User) -> PlanPreferences:
    """The student's preferences, or the defaults (not saved) where there are none; for reading."""
    kept: list[PlanPreferences] = _PREFERENCES.objects(owner=owner.pk)
    return kept[0] if kept else PlanPreferences(owner=owner)


def _preferences(owner: int) -> QuerySet[PlanPreferences]:
    return PlanPreferences.objects.filter(owner_id=owner)


_PREFERENCES = KeptQuery(_preferences, owner=int)


def work_to_plan(owner: User, clock: Clock, preferences: PlanPreferences) -> list[PlannableWork]:
    """Read all that is still to do, with how long the student worked on it; in the order of `open_work`.

    One query more than the sources make: what was worked on each thing already. An own task towards an assignment is
    a part of its work and not more of it: what the task takes is left to the task and taken off the assignment, which
    keeps nothing where its tasks are estimated at more than itself.
    """
    found, worked = _read(owner, clock, preferences), worked_minutes(owner)
    steps: dict[Key, int] = defaultdict(int)
    for work in found:
        if work.towards is not None:
            steps[work.towards] += _taken_by(work, worked.get(work.key, 0))
    return [
        replace(work, worked_minutes=worked.get(work.key, 0), steps_minutes=steps.get(work.key, 0))
        if work.key in worked or work.key in steps
        else work
        for work in found
        if not work.is_done
    ]


def open_work(owner: User, clock: Clock, preferences: PlanPreferences) -> list[PlannableWork]:
    """Read all that is still to do, the soonest deadline first, work without a date last; each source gives so many.

    What was worked on each, and what its steps take, is left at none.
    """
    return [work for work in _read(owner, clock, preferences) if not work.is_done]


def open_work_of(
    owner: User, keys: Iterable[Key], clock: Clock, preferences: PlanPreferences
) -> dict[Key, PlannableWork]:
    """Read those of these that are still to do; what was worked on each, and what its steps take, is left at none."""
    return {
        work.key: work
        for kind, ids in _by_kind(keys).items()
        for work in _sources[kind].read(owner, clock, preferences, sorted(ids))
        if not work.is_done
    }


def _by_kind(keys: Iterable[Key]) -> dict[str, set[int]]:
    """The ids of each kind that is known."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for kind, pk in keys:
        if kind in _sources:
            wanted[kind].add(pk)
    return wanted


def _read(owner: User, clock: Clock, preferences: PlanPreferences) -> list[PlannableWork]:
    found = [work for source in _sources.values() for work in source.read(owner, clock, preferences, None)]
    return sorted(found, key=lambda work: (work.due_at is None, work.due_at or clock.now, work.kind, work.id))


def _taken_by(step: PlannableWork, worked: int) -> int:
    """How much of the whole one step is: its estimate or more, if more was worked; of a done one no assumption."""
    return worked if step.is_done and not step.effort.is_estimate else max(worked, step.effort.minutes)


def worked_minutes(owner: User) -> dict[Key, int]:
    """How long the student worked on each thing, by the blocks that are done."""
    return {(kind, work_id): total for kind, work_id, total in _WORKED.rows(owner=owner.pk)}


def read_assignments(
    owner: User, clock: Clock, preferences: PlanPreferences, ids: list[int] | None = None
) -> list[PlannableWork]:
    """The assignments still to be done in courses that go on: two queries, whatever their number.

    Nobody plans what is closed already: nothing could be handed in.
    """
    rows = _WORK.rows(owner=owner.pk, now=clock.now, ids=ids)
    if not rows:
        return []
    totals = _totals(owner, clock.now)
    efforts: dict[tuple[Any, ...], Effort] = {}
    found = []
    for pk, title, due_at, opens_at, closes_at, *facts, course_id, name, nickname, hue in rows:
        if closes_at is not None and closes_at <= clock.now:
            continue
        key = (course_id, *facts)
        effort = efforts.get(key)
        if effort is None:
            effort = efforts[key] = _effort(totals.get(course_id, _NOTHING), preferences, *facts)
        address, course = address_of("assignment", pk), nickname or name
        work = PlannableWork("assignment", pk, title, address, due_at, effort, course_id, course, hue, opens_at)
        found.append(work)
    return found


def open_assignments(owner: User, ids: Iterable[int], clock: Clock) -> dict[int, datetime | None]:
    """The deadlines of those of these assignments that are still to be done; one query."""
    return dict(_OPEN_ASSIGNMENTS.rows(owner=owner.pk, ids=list(ids), now=clock.now))


def _open_assignments(owner: int, ids: int, now: datetime) -> QuerySet[Any]:
    rows = Assignment.objects.visible_to(owner_with(owner)).in_active_courses(now).present().outstanding(now)
    rows = rows.filter(Q(lock_at__isnull=True) | Q(lock_at__gt=now), pk__any_of=ids)
    return rows.order_by().values_list("pk", "due_at")


_OPEN_ASSIGNMENTS = KeptQuery(_open_assignments, owner=int, ids=int, now=datetime)


@dataclass(frozen=True)
class _Totals:
    """What a course's points and weights add up to."""

    points: float
    group_points: dict[int | None, float]
    weights: dict[int, float]

    @property
    def all_weights(self) -> float:
        return sum(weight for group, weight in self.weights.items() if self.group_points.get(group))


_NOTHING = _Totals(0, {}, {})


def _totals(owner: User, now: datetime) -> dict[int, _Totals]:
    """Give those of every course that goes on; one query."""
    points: dict[int, dict[int | None, float]] = defaultdict(dict)
    weights: dict[int, dict[int, float]] = defaultdict(dict)
    for course, group, weight, total in _TOTALS.rows(owner=owner.pk, now=now):
        points[course][group] = total or 0
        if weight:
            weights[course][group] = weight
    return {course: _Totals(sum(own.values()), own, weights.get(course, {})) for course, own in points.items()}


def _effort(
    total: _Totals, preferences: PlanPreferences, estimate: int | None, points: float | None, group: int | None,
    is_omitted: bool,
) -> Effort:  # fmt: skip
    is_weighted = bool(total.weights)
    return effort_of(
        estimate=estimate,
        points=points,
        group_points=total.group_points.get(group, 0) if is_weighted else total.points,
        group_weight=total.weights.get(group or 0, 0) if is_weighted else None,
        all_weights=total.all_weights,
        counts=not is_omitted,
        minutes_per_percent=preferences.minutes_per_percent,
        default_minutes=preferences.default_minutes,
    )


# The statements, kept as SQL.


def _going_on(owner: int, now: datetime) -> Any:
    """What lies in courses that go on; bare values, since five hundred models cost more than a page may take."""
    rows = Assignment.objects.visible_to(owner_with(owner))
    return rows.in_active_courses(now)


def _work(owner: int, now: datetime, ids: int | None) -> QuerySet[Any]:
    rows = _going_on(owner, now).present().outstanding(now).by_due_date()
    if ids is not None:
        rows = rows.filter(pk__any_of=ids)
    return rows.values_list(
        *("pk", "name", "due_at", "unlock_at", "lock_at"),
        *("estimate_minutes", "points_possible", "group_id", "omit_from_final_grade"),
        *("course_id", "course__name", "course__nickname", "course__hue"),
    )[:MOST_WORK]


def _counted(owner: int, now: datetime) -> QuerySet[Any]:
    rows = _going_on(owner, now).filter(missing_since=None, omit_from_final_grade=False).order_by()
    rows = rows.values("course_id", "group_id", "group__weight").annotate(total=Sum("points_possible"))
    return rows.values_list("course_id", "group_id", "group__weight", "total")


def _worked(owner: int) -> QuerySet[Any]:
    rows = WorkBlock.objects.visible_to(owner_with(owner)).filter(state="done").order_by()
    return rows.values("kind", "work_id").annotate(total=Sum("actual_minutes")).values_list("kind", "work_id", "total")


_WORK = KeptQuery(_work, owner=int, now=datetime, ids=int)
_TOTALS = KeptQuery(_counted, owner=int, now=datetime)
_WORKED = KeptQuery(_worked, owner=int)
