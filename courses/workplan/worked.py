"""Planned beside actual: how much was planned and how much was worked, by week and by piece of work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

from django.db.models import QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import WorkBlock
from courses.moments import Clock, span_of_days
from courses.querysets import COURSE_LONG_FIELDS
from courses.workplan.effort import minutes_words
from courses.workplan.work import Key, PlannableWork, address_of, open_work_of, preferences_of

WEEKS = 8
MOST_WORKS = 60
BAR, GAP, CHART_HEIGHT, LEFT, BASE = 22, 96, 150, 8, 22


@dataclass(frozen=True)
class WeekSum:
    """One week; bars are in units of the picture."""

    monday: date
    title: str
    planned: int
    worked: int
    x: int
    planned_height: int
    worked_height: int
    is_current: bool

    @property
    def planned_y(self) -> int:
        return CHART_HEIGHT - BASE - self.planned_height

    @property
    def worked_x(self) -> int:
        return self.x + BAR + 4

    @property
    def worked_y(self) -> int:
        return CHART_HEIGHT - BASE - self.worked_height

    @property
    def middle(self) -> int:
        return self.x + BAR + 2

    @property
    def planned_words(self) -> str:
        return minutes_words(self.planned)

    @property
    def worked_words(self) -> str:
        return minutes_words(self.worked)


@dataclass(frozen=True)
class WorkSum:
    """One piece of work that blocks were made for."""

    title: str
    url: str
    course: str
    hue: int
    effort: str
    effort_words: str
    planned: int
    worked: int
    most: int

    @property
    def planned_words(self) -> str:
        return minutes_words(self.planned)

    @property
    def worked_words(self) -> str:
        return minutes_words(self.worked)

    @property
    def difference(self) -> str:
        if not self.worked:
            return ""
        gap = self.worked - self.planned
        return "as planned" if not gap else f"{minutes_words(abs(gap))} {'more' if gap > 0 else 'less'}"


@dataclass(frozen=True)
class WorkedPage:
    """The two lists, and the picture of the first."""

    weeks: list[WeekSum]
    works: list[WorkSum]
    width: int = LEFT + WEEKS * GAP
    height: int = CHART_HEIGHT

    base = CHART_HEIGHT - BASE
    label_y = CHART_HEIGHT - 5
    bar = BAR

    @property
    def has_any(self) -> bool:
        return bool(self.works)


def worked_page(user: User, clock: Clock) -> WorkedPage:
    """Read the last weeks, this one and the next. Counted as planned: what was accepted, also what was skipped."""
    this = clock.today - timedelta(days=clock.today.weekday())
    first = this - timedelta(days=7 * (WEEKS - 2))
    start, end = clock.midnight(first), clock.midnight(first + timedelta(days=7 * WEEKS))
    blocks: list[WorkBlock] = _SETTLED.objects(owner=user.pk, start=start, end=end)
    groups = _by_work(blocks)
    known = open_work_of(user, groups, clock, preferences_of(user)) if groups else {}
    return WorkedPage(_weeks(blocks, first, this, clock), _works(groups, known))


def _settled(owner: int, start: datetime, end: datetime) -> QuerySet[WorkBlock]:
    rows = WorkBlock.objects.visible_to(owner_with(owner)).settled().between(start, end).in_order()
    return rows.select_related("course").defer(*(f"course__{name}" for name in COURSE_LONG_FIELDS))


_SETTLED = KeptQuery(_settled, owner=int, start=datetime, end=datetime)


def _weeks(blocks: list[WorkBlock], first: date, this: date, clock: Clock) -> list[WeekSum]:
    sums = {first + timedelta(days=7 * number): [0, 0] for number in range(WEEKS)}
    for block in blocks:
        day = clock.day_of(block.starts_at)
        entry = sums.get(day - timedelta(days=day.weekday()))
        if entry is not None:
            entry[0] += block.minutes
            entry[1] += block.actual_minutes or 0
    most = max((value for pair in sums.values() for value in pair), default=0) or 1
    room = CHART_HEIGHT - BASE - 8
    return [
        WeekSum(
            monday,
            span_of_days(monday, monday + timedelta(days=6)),
            planned,
            worked,
            LEFT + GAP * number + (GAP - 2 * BAR - 4) // 2,
            round(planned * room / most),
            round(worked * room / most),
            monday == this,
        )
        for number, (monday, (planned, worked)) in enumerate(sums.items())
    ]


def _by_work(blocks: list[WorkBlock]) -> dict[Key, list[WorkBlock]]:
    """The blocks of each piece of work, the last first; of the works that were planned last."""
    found: dict[Key, list[WorkBlock]] = {}
    for block in reversed(blocks):
        found.setdefault((block.kind, block.work_id), []).append(block)
    return dict(islice(found.items(), MOST_WORKS))


def _works(groups: dict[Key, list[WorkBlock]], known: dict[Key, PlannableWork]) -> list[WorkSum]:
    sums = []
    for key, group in groups.items():
        last, work = group[0], known.get(key)
        planned, worked = sum(b.minutes for b in group), sum(b.actual_minutes or 0 for b in group)
        sums.append(
            WorkSum(
                title=last.title,
                url=work.url if work else address_of(last.kind, last.work_id),
                course=last.course.title if last.course else "",
                hue=last.course.hue if last.course else 0,
                effort=minutes_words(work.effort.minutes) if work else "",
                effort_words=work.effort.words if work else "",
                planned=planned,
                worked=worked,
                most=max(planned, worked, 1),
            )
        )
    return sums
