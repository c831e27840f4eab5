"""The heat map of coming work: weeks down, days across, and what one day asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from coreengine.accounts.models import User
from courses.moments import Clock, long_date, span_of_days
from courses.workplan.effort import minutes_words
from courses.workplan.wording import due_words
from courses.workplan.work import PlannableWork, preferences_of, work_to_plan
from courses.workplan.workload import ON_DUE_DAY, SPREAD, Day, Share, step_of, workload

WEEKS = [4, 8, 16]
SPREADS = {SPREAD: "Over the days before", ON_DUE_DAY: "On the due day"}


@dataclass(slots=True)
class Cell:
    """One day."""

    day: date
    number: str
    month: str
    minutes: int
    short: str
    step: int
    due: int
    words: str
    is_past: bool
    is_today: bool
    is_chosen: bool


@dataclass(frozen=True)
class HeatWeek:
    """One row."""

    title: str
    cells: list[Cell]
    total: str
    minutes: int


@dataclass(slots=True)
class ShareLine:
    """What one piece of work asks of a day."""

    title: str
    url: str
    course: str
    hue: int
    minutes: str
    of: str
    how: str
    due: str


@dataclass(frozen=True)
class DayDetail:
    """The work of one day."""

    day: date
    title: str
    total: str
    lines: list[ShareLine]


@dataclass(frozen=True)
class HeatPage:
    """The whole page."""

    weeks: list[HeatWeek]
    count: int
    spread: str
    chosen: DayDetail | None
    table: list[DayDetail] | None
    """The same as a table, where it is asked for: it is long."""
    undated: list[PlannableWork]
    total: str
    busiest: str

    @property
    def has_any(self) -> bool:
        return bool(self.busiest)


def heat_page(
    user: User, clock: Clock, *, weeks: int, spread: str, chosen: date | None, with_table: bool = False
) -> HeatPage:
    """Read the work of the coming weeks: a fixed number of queries, and nothing kept."""
    works = work_to_plan(user, clock, preferences_of(user))
    days = workload(works, clock, weeks=weeks, spread=spread)
    full = [day for day in days if day.minutes]
    busiest = max(full, key=lambda day: day.minutes, default=None)
    picked = next((day for day in days if day.day == chosen), None) if chosen else None
    return HeatPage(
        weeks=[_week(days[start : start + 7], clock, chosen) for start in range(0, len(days), 7)],
        count=weeks,
        spread=spread,
        chosen=_detail(picked, clock) if picked else None,
        table=[_detail(day, clock) for day in full] if with_table else None,
        undated=[work for work in works if work.due_at is None],
        total=minutes_words(sum(day.minutes for day in full)),
        busiest=f"{long_date(busiest.day)}, {minutes_words(busiest.minutes)}" if busiest else "",
    )


def _week(days: list[Day], clock: Clock, chosen: date | None) -> HeatWeek:
    minutes = sum(day.minutes for day in days)
    title = span_of_days(days[0].day, days[-1].day)
    return HeatWeek(title, [_cell(day, clock, chosen) for day in days], minutes_words(minutes), minutes)


def _cell(day: Day, clock: Clock, chosen: date | None) -> Cell:
    due, minutes = len(day.due), day.minutes
    said = f"{minutes_words(minutes)} of work" if minutes else "no work"
    counted = f", {due} due" if due else ""
    return Cell(
        day=day.day,
        number=str(day.day.day),
        month=f"{day.day:%b}" if day.day.day == 1 else "",
        minutes=minutes,
        short=_short(minutes),
        step=step_of(minutes),
        due=due,
        words=f"{long_date(day.day)}: {said}{counted}",
        is_past=day.day < clock.today,
        is_today=day.day == clock.today,
        is_chosen=day.day == chosen,
    )


def _short(minutes: int) -> str:
    """ "40m", "2h", "2.5h": what fits into a cell."""
    if not minutes:
        return ""
    if minutes < 60:
        return f"{minutes}m"
    return f"{round(minutes / 60, 1):g}h"


def _detail(day: Day, clock: Clock) -> DayDetail:
    shares = sorted(day.shares, key=lambda share: (share.due_on, -share.minutes, share.work.key))
    return DayDetail(day.day, long_date(day.day), minutes_words(day.minutes), [_line(share, clock) for share in shares])


def _line(share: Share, clock: Clock) -> ShareLine:
    work = share.work
    assert work.due_at is not None  # only dated work has a share
    left = work.remaining_minutes
    of = "" if left == share.minutes else f"of {minutes_words(left)} left"
    return ShareLine(
        title=work.title,
        url=work.url,
        course=work.course,
        hue=work.hue,
        minutes=minutes_words(share.minutes),
        of=of,
        how=work.effort.words,
        due=due_words(work.due_at, clock),
    )
