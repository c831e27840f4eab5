"""The three views of the planner, made of the same rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import cached_property

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Course
from courses.moments import Clock, counted, day_of_text, short_date, span_of_days, weekday
from courses.planning.reading import KINDS, SHOWS, Choice, Plan, PlanReader, Waiting
from courses.planning.rows import PlanRow, minutes_words

VIEWS = {"list": ("List", "list"), "board": ("Board", "columns-3"), "week": ("Week", "calendar-days")}
BOARD_AHEAD = timedelta(days=14)
LATE_SHOWN = 20
SPAN_SHOWN = 30
DAY_SHOWN = 15
COLUMN_SHOWN = 40
COLUMN_LATE = 10
BOARD_TASKS = 60
"""Own tasks to fill a column of `COLUMN_SHOWN`, whatever was begun of them."""
LOOSE_SHOWN = 20
AHEAD = ("today", "tomorrow", "week", "next", "later")
COLUMN_TITLES = {"todo": "To do", "doing": "Doing", "done": "Done"}


@dataclass
class Group:
    """A heading with its rows: a span of days in the list, a column of the board, a day of the week.

    `day` and `column` say what becomes of a row that is dropped here; `accepts` is False where nothing can be. Of many
    rows `limit` are shown, of late ones the last, and `whole_url` shows all, those too that were not read (`unread`).
    """

    key: str
    title: str
    detail: str = ""
    rows: list[PlanRow] = field(default_factory=list)
    deadlines: list[PlanRow] = field(default_factory=list)
    day: date | None = None
    column: str = ""
    accepts: bool = True
    late: bool = False
    is_today: bool = False
    more: str = ""
    unread: int = 0
    minutes: int = 0
    limit: int = 0
    whole_url: str = ""

    @property
    def shown(self) -> list[PlanRow]:
        if not self.limit or len(self.rows) <= self.limit:
            return self.rows
        return self.rows[-self.limit :] if self.late else self.rows[: self.limit]

    @property
    def hidden_count(self) -> int:
        return len(self.rows) - len(self.shown) + self.unread

    @property
    def day_text(self) -> str:
        return self.day.isoformat() if self.day else "none" if self.key == "undated" else ""

    @property
    def sum_text(self) -> str:
        """How long all that was estimated takes."""
        return minutes_words(self.minutes)


@dataclass
class PlannerPage:
    """What the page shows. `query` keeps the choice for links; `state` is all of it, for forms."""

    view: str
    choice: Choice
    groups: list[Group]
    courses: list[Course]
    week: date
    today: date
    sentence: str
    is_empty: bool
    loose: list[Group] = field(default_factory=list)
    whole: str = ""
    """The key of the group that is shown whole."""

    def query(self, **changes: Any) -> str:
        """The query string of this page, with some of it changed."""
        values = {
            "view": self.view if self.view != "list" else "",
            "course": self.choice.course or "",
            "kind": self.choice.kind,
            "show": self.choice.show,
            "whole": self.whole,
            "week": "" if self.view != "week" or self.week <= self.today < self.week + WEEK else self.week.isoformat(),
            **changes,
        }
        query = QueryDict(mutable=True)
        query.update({name: value for name, value in values.items() if value})
        return f"?{query.urlencode()}" if query else "?"

    @property
    def course_choices(self) -> list[tuple[str, str]]:
        return [(str(course.pk), course.title) for course in self.courses]

    @cached_property
    def state(self) -> str:
        return f"/planner/{self.query()}".removesuffix("?")

    @cached_property
    def quoted_state(self) -> str:
        return quote(self.state)

    @property
    def views(self) -> list[tuple[str, str, str, bool]]:
        return [
            (self.query(view="" if key == "list" else key, week="", whole=""), label, icon, key == self.view)
            for key, (label, icon) in VIEWS.items()
        ]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [("", "Everything"), *KINDS.items()]

    @property
    def shows(self) -> list[tuple[str, str]]:
        return list(SHOWS.items())

    @property
    def previous_week(self) -> str:
        return self.query(week=(self.week - WEEK).isoformat())

    @property
    def next_week(self) -> str:
        return self.query(week=(self.week + WEEK).isoformat())

    @property
    def this_week(self) -> str:
        return self.query(week="")

    @property
    def is_this_week(self) -> bool:
        return self.week <= self.today < self.week + WEEK

    @property
    def week_text(self) -> str:
        return span_of_days(self.week, self.week + timedelta(days=6))


WEEK = timedelta(days=7)


def choice_of(query: QueryDict) -> tuple[str, Choice, date | None, str]:
    """Read view, filters, week and the group shown whole from a query string; what makes no sense is left out."""
    view = query.get("view", "")
    course = query.get("course", "")
    kind, show = query.get("kind", ""), query.get("show", "")
    choice = Choice(
        int(course) if course.isdecimal() and len(course) < 19 else None,
        kind if kind in KINDS else "",
        show if show in SHOWS else "",
    )
    return view if view in VIEWS else "list", choice, day_of_text(query.get("week", "")), query.get("whole", "")[:10]


def planner_page(
    user: User, clock: Clock, view: str, choice: Choice, week: date | None, whole: str = "", *,
    waiting: Waiting | None = None,
) -> PlannerPage:  # fmt: skip
    """Gather the planner in eight queries at most; with `waiting`, what was counted before, in cheaper ones."""
    known = {course.pk: course for course in _COURSES.objects(owner=user.pk, now=clock.now)}
    courses = [course for course in known.values() if course.same_as_id is None]
    start = week or clock.today
    monday = start - timedelta(days=start.weekday())
    loose: list[Group] = []
    found = Plan()
    reader = PlanReader(user, clock, _with_done(choice) if view == "board" else choice, known, waiting)
    if view == "board":
        plan = reader.plan(until=clock.midnight(clock.today) + BOARD_AHEAD, most_tasks=BOARD_TASKS)
        groups = _columns(plan)
    elif view == "week":
        plan = reader.days(monday, monday + WEEK)
        groups = _days(plan, clock, monday)
        found = reader.loose()
        loose = _loose(found, {row.key for row in plan.rows})
    else:
        plan = reader.plan(has_all_late_tasks=whole == "overdue")
        groups = _spans(plan, clock, choice)
    sentence = _sentence(plan, found, clock)
    is_empty = not plan.rows and not found.rows
    page = PlannerPage(view, choice, groups, courses, monday, clock.today, sentence, is_empty, loose, whole)
    for group in groups:
        group.limit = 0 if group.key == whole else group.limit
        group.whole_url = f"{page.query(whole=group.key)}#plan-{group.key}" if group.hidden_count else ""
    return page


def _courses(owner: int, now: datetime) -> QuerySet[Course]:
    return (
        Course.objects.visible_to(owner_with(owner))
        .going_on(now)
        .by_name()
        .only("name", "nickname", "hue", "position", "same_as")
    )


_COURSES = KeptQuery(_courses, owner=int, now=datetime)


def _with_done(choice: Choice) -> Choice:
    """The board always shows what was done lately: that is its third column."""
    return Choice(choice.course, choice.kind, choice.show or "done")


def _spans(plan: Plan, clock: Clock, choice: Choice) -> list[Group]:
    today, monday = clock.today, clock.next_monday
    tomorrow, after_next = today + timedelta(days=1), monday + WEEK
    week_day = min(tomorrow + timedelta(days=1), monday - timedelta(days=1))
    groups = {
        "overdue": Group("overdue", "Overdue", late=True, accepts=False),
        "today": Group("today", "Today", f"{weekday(today)} {short_date(today)}", day=today),
        "tomorrow": Group("tomorrow", "Tomorrow", f"{weekday(tomorrow)} {short_date(tomorrow)}", day=tomorrow),
        "week": Group("week", "This week", span_of_days(week_day, monday - timedelta(days=1)), day=week_day),
        "next": Group("next", "Next week", span_of_days(monday, after_next - timedelta(days=1)), day=monday),
        "later": Group("later", "Later", day=after_next),
        "undated": Group("undated", "No date"),
        "done": Group("done", "Done lately", accepts=False),
        "dismissed": Group("dismissed", "Dismissed", accepts=False),
    }
    for row in plan.rows:
        groups[_span_of(row, today, tomorrow, monday, after_next)].rows.append(row)
    left_out = plan.late_left_out + plan.late_tasks_left_out
    groups["overdue"].unread = plan.late_tasks_left_out
    if left_out:
        groups["overdue"].detail = str(len(groups["overdue"].rows) + left_out)
    if plan.late_left_out:
        groups["overdue"].more = f"{plan.late_left_out} more in Assignments"
    if plan.is_done_cut:
        groups["done"].detail = f"{len(groups['done'].rows)}+"
    _latest_first(groups["done"])
    for group in groups.values():
        group.limit = LATE_SHOWN if group.late else SPAN_SHOWN
    if plan.is_cut and (ahead := [groups[key] for key in AHEAD if groups[key].rows]):
        ahead[-1].more = "More in Assignments"
    _add_up(groups.values())
    return [group for group in groups.values() if group.rows]


def _span_of(row: PlanRow, today: date, tomorrow: date, monday: date, after_next: date) -> str:
    if row.dismissed:
        return "dismissed"
    if row.done:
        return "done"
    if row.late:
        return "overdue"
    if row.day is None:
        return "undated"
    if row.day <= tomorrow:
        return "today" if row.day <= today else "tomorrow"
    return "week" if row.day < monday else "next" if row.day < after_next else "later"


def _columns(plan: Plan) -> list[Group]:
    groups = {key: Group(key, title, column=key) for key, title in COLUMN_TITLES.items()}
    for row in plan.rows:
        groups[row.column].rows.append(row)
    _latest_first(groups["done"])
    _add_up(groups.values())
    for group in groups.values():
        unread = plan.late_left_out + plan.late_tasks_left_out if group.key == "todo" else 0
        is_cut = plan.is_done_cut if group.key == "done" else plan.is_cut and group.key == "todo"
        group.detail = f"{len(group.rows) + unread}{'+' if is_cut else ''}"
        left_out = len(group.rows) + unread - COLUMN_SHOWN
        if left_out > 0:
            group.rows, group.more = _fitting(group.rows), f"{left_out}{'+' if is_cut else ''} more"
    if not groups["todo"].more:
        groups["todo"].more = "What is due later"
    return list(groups.values())


def _fitting(rows: list[PlanRow]) -> list[PlanRow]:
    """As many as a column shows; of what is late the newest, and no more of it than leaves room for what comes."""
    late, others = [row for row in rows if row.late], [row for row in rows if not row.late]
    kept = max(COLUMN_LATE, COLUMN_SHOWN - len(others))
    return [*late[-kept:], *others][:COLUMN_SHOWN]


def _latest_first(done: Group) -> None:
    """What was done just now stands above what was done before."""
    done.rows.sort(key=lambda row: (row.done_at is not None, row.done_at), reverse=True)


def _days(plan: Plan, clock: Clock, monday: date) -> list[Group]:
    days = [monday + timedelta(days=number) for number in range(7)]
    groups = {
        day: Group(
            day.isoformat(), weekday(day), short_date(day), day=day, is_today=day == clock.today, limit=DAY_SHOWN
        )
        for day in days
    }
    for row in plan.rows:
        if row.day in groups:
            groups[row.day].rows.append(row)
        if row.due_day != row.day and row.due_day in groups:
            groups[row.due_day].deadlines.append(row)
    _add_up(groups.values())
    return list(groups.values())


def _loose(plan: Plan, shown: set[str]) -> list[Group]:
    """What is late and what has no date, without what stands in the week already."""
    rows = [row for row in plan.rows if row.key not in shown]
    late = Group("overdue", "Overdue", late=True, accepts=False, rows=[row for row in rows if row.late])
    undated = Group("undated", "No date", rows=[row for row in rows if row.day is None])
    for group in (late, undated):
        unread = plan.late_left_out + plan.late_tasks_left_out if group is late else 0
        left_out = len(group.rows) - LOOSE_SHOWN + unread
        group.rows = group.rows[-LOOSE_SHOWN:] if group.late else group.rows[:LOOSE_SHOWN]
        group.more = f"{left_out} more" if left_out > 0 else ""
    return [group for group in (late, undated) if group.rows]


def _add_up(groups: Any) -> None:
    for group in groups:
        group.minutes = sum(row.minutes or 0 for row in group.rows if not row.done)


def _sentence(plan: Plan, loose: Plan, clock: Clock) -> str:
    """Tell of all that was read, shown or not, and of what is late without having been read."""
    rows = {row.key: row for row in [*plan.rows, *loose.rows]}.values()
    # Late work of an old week may be among the oldest, which were only counted.
    known = {row.key for row in loose.rows}
    again = Counter(row.kind for row in plan.rows if row.late and row.key not in known)
    unread = plan.late_left_out + plan.late_tasks_left_out
    unread += max(0, loose.late_left_out - again["assignment"]) + max(0, loose.late_tasks_left_out - again["task"])
    late = sum(row.late for row in rows) + unread
    today = sum(row.day == clock.today and not (row.done or row.late or row.dismissed) for row in rows)
    parts = [f"{counted(late, 'thing')} overdue"] if late else []
    parts += [f"{counted(today, 'thing') if not late else counted(today, 'thing').lower()} for today"] if today else []
    return ", ".join(parts) + "." if parts else "Nothing is overdue, nothing is left for today."
