"""What the pages of a plan show, with every text ready to print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.calendar.entries import busy_between
from courses.models import PlanPreferences, PlanProposal, WorkBlock
from courses.moments import Clock, day_name, long_date, span_of_days, wall_time
from courses.querysets import COURSE_LONG_FIELDS
from courses.rows import Badge
from courses.workplan.effort import minutes_words
from courses.workplan.free import working_spans
from courses.workplan.proposing import LAYER
from courses.workplan.rules import rhythm_of
from courses.workplan.week import Week, draw_week
from courses.workplan.wording import due_words, said_moment
from courses.workplan.work import (
    Key,
    address_of,
    open_dues,
    open_work,
    preferences_of,
)

State = WorkBlock.State
BADGES = {
    State.PROPOSED: Badge("info", "sparkles", "Proposed"),
    State.PLANNED: Badge("", "calendar-check", "Planned"),
    State.SKIPPED: Badge("", "skip-forward", "Skipped"),
}


@dataclass(frozen=True)
class BlockLine:
    """One block, in the list and in the picture."""

    pk: int
    title: str
    url: str
    course: str
    hue: int
    starts_at: datetime
    ends_at: datetime
    time: str
    minutes: int
    length: str
    state: str
    badge: Badge
    note: str
    due: str
    local_start: str
    is_open: bool
    is_running: bool
    is_over: bool

    @property
    def words(self) -> str:
        """All of it in one line, for a pointer that rests on the box and for screen readers."""
        return ", ".join(
            filter(None, [self.title, self.course, f"{self.time} ({self.length})", self.badge.label, self.note])
        )


@dataclass
class DayLines:
    """The blocks of one day."""

    day: date
    title: str
    lines: list[BlockLine] = field(default_factory=list)

    @property
    def total(self) -> str:
        return minutes_words(sum(line.minutes for line in self.lines if line.state != State.SKIPPED))


@dataclass(frozen=True)
class Offer:
    """What the open proposal says of itself."""

    proposal: PlanProposal
    sentence: str
    detail: str
    weeks: list[tuple[date, str, int]]
    """Monday, its name, how many blocks are proposed in that week."""


@dataclass(frozen=True)
class PlanPage:
    """One week of the plan, with what is on offer."""

    monday: date
    title: str
    days: list[DayLines]
    week: Week
    offer: Offer | None
    pending: PlanProposal | None
    failed: PlanProposal | None
    has_work: bool
    has_any: bool
    summary: str

    @property
    def proposed(self) -> list[int]:
        """The blocks on offer in this week."""
        return [line.pk for day in self.days for line in day.lines if line.state == State.PROPOSED]

    @property
    def before(self) -> date:
        return self.monday - timedelta(days=7)

    @property
    def after(self) -> date:
        return self.monday + timedelta(days=7)


def plan_page(user: User, clock: Clock, day: date | None) -> PlanPage:
    """Read one week of the plan: that of the day, else that of the next block, so that no empty week comes first.

    A fixed number of queries, whatever there is to do. Only the work of that week's blocks is read.
    """
    latest = PlanProposal.objects.visible_to(user).order_by("-made_at", "-pk").first()
    ahead, offered = _ahead(user, latest, clock)
    day = day or (clock.day_of(ahead) if ahead else clock.today)
    monday = day - timedelta(days=day.weekday())
    start, end = clock.midnight(monday), clock.midnight(monday + timedelta(days=7))
    preferences = preferences_of(user)
    blocks: list[WorkBlock] = _BLOCKS.objects(owner=user.pk, start=start, end=end)
    dues = open_dues(user, {(block.kind, block.work_id) for block in blocks}, clock)
    lines = [line_of(block, dues, clock) for block in blocks]
    days = [monday + timedelta(days=number) for number in range(7)]
    return PlanPage(
        monday=monday,
        title=_week_title(monday, clock),
        days=_by_day(lines, days, clock),
        week=_picture(user, days, lines, start, end, preferences, clock),
        offer=_offer(latest, offered, clock) if latest and latest.state == "proposed" else None,
        pending=latest if latest and latest.state == "pending" else None,
        failed=latest if latest and latest.state == "failed" else None,
        has_work=bool(dues or open_work(user, clock, preferences)),
        has_any=bool(lines or offered) or WorkBlock.objects.visible_to(user).exists(),
        summary=_summary(lines),
    )


def _picture(
    user: User,
    days: Sequence[date],
    lines: Sequence[BlockLine],
    start: datetime,
    end: datetime,
    preferences: PlanPreferences,
    clock: Clock,
) -> Week:
    working = [span for _, span in working_spans(start, end, rhythm_of(preferences), clock.zone)]
    busy = busy_between(user, start, end, leaving_out=[LAYER])
    return draw_week(days, lines, working=working, busy=busy, now=clock.now, zone=clock.zone)


def _ahead(user: User, latest: PlanProposal | None, clock: Clock) -> tuple[datetime | None, list[datetime]]:
    """When the next block begins that is not over, and when those on offer do."""
    found = _AHEAD.rows(owner=user.pk, now=clock.now)
    ahead = next((starts_at for starts_at, ends_at, _, _ in found if ends_at > clock.now), None)
    if latest is None or latest.state != "proposed":
        return ahead, []
    return ahead, [row[0] for row in found if row[2] == State.PROPOSED and row[3] == latest.pk]


def _offer(proposal: PlanProposal, offered: Sequence[datetime], clock: Clock) -> Offer:
    facts, weeks = proposal.facts, {}
    for begins in offered:
        day = clock.day_of(begins)
        monday = day - timedelta(days=day.weekday())
        weeks[monday] = weeks.get(monday, 0) + 1
    count = len(offered)
    sentence = f"{count} {'block' if count == 1 else 'blocks'} proposed" if count else "Nothing is proposed"
    undated = facts.get("undated") or 0
    detail = [
        f"{minutes_words(facts.get('minutes', 0))} for {facts.get('works', 0)} pieces of work" if count else "",
        "all of it before its deadline" if count and not proposal.unplaced else "",
        f"{undated} without a date {'is' if undated == 1 else 'are'} not planned" if undated else "",
    ]
    named = [(monday, _week_title(monday, clock), number) for monday, number in sorted(weeks.items())]
    return Offer(proposal, sentence, "; ".join(filter(None, detail)), named)


def line_of(block: WorkBlock, dues: Mapping[Key, datetime | None], clock: Clock) -> BlockLine:
    """Make the line of one block; its course should be joined. `dues` has the deadlines of all work that is open."""
    key = (block.kind, block.work_id)
    due_at = dues.get(key)
    begins, ends = block.starts_at.astimezone(clock.zone), block.ends_at.astimezone(clock.zone)
    badge = BADGES.get(State(block.state)) or Badge(
        "completed", "check", f"Worked {minutes_words(block.actual_minutes or 0)}"
    )
    if block.is_running:
        badge = Badge("running", "timer", "Running")
    return BlockLine(
        pk=block.pk,
        title=block.title,
        url=address_of(*key),
        course=block.course.title if block.course else "",
        hue=block.course.hue if block.course else 0,
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        time=f"{wall_time(begins)} – {wall_time(ends)}",
        minutes=block.minutes,
        length=minutes_words(block.minutes),
        state=block.state,
        badge=badge,
        note=note_of(block, due_at, clock, is_open=key in dues),
        due=due_words(due_at, clock) if due_at else "",
        local_start=f"{begins.date().isoformat()}T{wall_time(begins)}",
        is_open=block.state in (State.PROPOSED, State.PLANNED),
        is_running=block.is_running,
        is_over=block.ends_at <= clock.now,
    )


def note_of(block: WorkBlock, due_at: datetime | None, clock: Clock, *, is_open: bool) -> str:
    """Say what has become of a block since it was planned; nothing where it stands as it was.

    `is_open` says whether its work is still to do, `due_at` when it is due now.
    """
    if block.state not in (State.PROPOSED, State.PLANNED):
        return ""
    if not is_open:
        return "The work is done or gone: this block is free again."
    if due_at is not None and block.ends_at > due_at and due_at != block.due_at:
        return f"The deadline moved to {said_moment(due_at, clock)}: this block lies after it."
    if block.ends_at <= clock.now:
        return (
            "Its time is over: say how long you worked, or skip it."
            if block.state == State.PLANNED
            else "Its time is over."
        )
    if due_at is not None and block.ends_at > due_at > clock.now:
        return "It lies after the deadline."
    if due_at is not None and block.due_at is not None and due_at != block.due_at:
        return f"The deadline moved to {said_moment(due_at, clock)}."
    return "Closer to the deadline than you like." if block.is_in_buffer else ""


def _by_day(lines: Iterable[BlockLine], days: Sequence[date], clock: Clock) -> list[DayLines]:
    found = {day: DayLines(day, _day_title(day, clock)) for day in days}
    for line in lines:
        day = clock.day_of(line.starts_at)
        found[day if day in found else days[0]].lines.append(line)
    return [each for each in found.values() if each.lines]


def _day_title(day: date, clock: Clock) -> str:
    name = day_name(day, clock.today)
    return f"{name}, {long_date(day)}" if name in ("Today", "Tomorrow", "Yesterday") else long_date(day)


def _week_title(monday: date, clock: Clock) -> str:
    this = clock.today - timedelta(days=clock.today.weekday())
    names = {this: "This week", this + timedelta(days=7): "Next week", this - timedelta(days=7): "Last week"}
    return names.get(monday, span_of_days(monday, monday + timedelta(days=6)))


def _summary(lines: Iterable[BlockLine]) -> str:
    totals = {State.PLANNED: 0, State.PROPOSED: 0, State.DONE: 0}
    for line in lines:
        if line.state in totals:
            totals[State(line.state)] += line.minutes
    words = {State.PLANNED: "planned", State.PROPOSED: "proposed", State.DONE: "behind you"}
    return ", ".join(f"{minutes_words(total)} {words[state]}" for state, total in totals.items() if total)


def _blocks(owner: int, start: datetime, end: datetime) -> QuerySet[WorkBlock]:
    blocks = WorkBlock.objects.visible_to(owner_with(owner)).between(start, end).select_related("course").in_order()
    return blocks.defer(*(f"course__{name}" for name in COURSE_LONG_FIELDS))


def _still_ahead(owner: int, now: datetime) -> QuerySet[Any]:
    rows = WorkBlock.objects.visible_to(owner_with(owner))
    rows = rows.filter(Q(state=State.PROPOSED) | Q(state=State.PLANNED, ends_at__gt=now)).in_order()
    return rows.values_list("starts_at", "ends_at", "state", "proposal_id")


_BLOCKS = KeptQuery(_blocks, owner=int, start=datetime, end=datetime)
_AHEAD = KeptQuery(_still_ahead, owner=int, now=datetime)
