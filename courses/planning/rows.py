"""One line of the planner, whatever it is, with every text ready to print."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import cached_property

from courses.models import Assignment, Course, OwnTask, PlannerItem
from courses.moments import Clock, Moment, day_name, in_sentence, moment, short_date, wall_time, weekday
from courses.planning.recurrence import read_rule
from courses.rows import SETTLED, can_mark, facts_of, settled_text, state_shown
from courses.work_state import OUTSTANDING, WorkState

KIND_WORDS = {"calendar_event": "event", "wiki_page": "page to read", "discussion_topic": "discussion"}


class PlanRow:
    """One line. `day` is where it stands in the student's plan, `due_day` when it is due; `minutes` an estimate.

    Each kind of thing has a class of its own. What puts a line into its place is worked out at once, its words when
    they are asked for: a view reads more rows than it shows.
    """

    kind: str
    address: str
    key: str
    title: str
    day: date | None
    due_day: date | None
    late: bool
    done: bool
    dismissed: bool
    minutes: int | None
    order: tuple[Any, ...]

    def __init__(self, thing: Any, clock: Clock) -> None:
        self.thing, self.clock = thing, clock
        self.minutes = thing.estimate_minutes

    @property
    def url(self) -> str:
        return self.address.format(self.thing.pk)

    @property
    def repeats(self) -> bool:
        return False

    @property
    def column(self) -> str:
        """Of the board: what is in hand was begun, and is not done."""
        return "done" if self.is_in_done_column else "doing" if self.thing.started_at else "todo"

    @property
    def is_in_done_column(self) -> bool:
        return self.thing.done_at is not None

    @property
    def done_at(self) -> datetime | None:
        """When it was done, if that is known."""
        at: datetime | None = self.thing.done_at
        return at

    @property
    def shown_course(self) -> Course | None:
        course: Course | None = self.thing.course
        return course

    @property
    def course(self) -> str:
        return self.shown_course.title if self.shown_course else ""

    @property
    def course_id(self) -> int | None:
        return self.shown_course.pk if self.shown_course else None

    @property
    def hue(self) -> int | None:
        return self.shown_course.hue if self.shown_course else None

    @property
    def when_text(self) -> str:
        """What stands in place of a date."""
        return "" if self.due_day else "no date"

    @property
    def can_mark(self) -> bool:
        return True

    @property
    def can_move(self) -> bool:
        return True

    @property
    def due_at(self) -> datetime | None:
        """The moment, where it has one and not just a day."""
        at: datetime | None = self.thing.due_at
        return at

    @cached_property
    def when(self) -> Moment | None:
        """When it is due, or is."""
        if self.due_at is not None:
            return moment(self.due_at, self.clock)
        return day_moment(self.due_day, self.clock) if self.due_day else None

    @property
    def time(self) -> str:
        """The time of the day on which it stands: "17:00"; "" where it has none."""
        return wall_time(self.due_at.astimezone(self.clock.zone)) if self.due_at else ""

    @property
    def facts(self) -> list[str]:
        """What else there is to say of it."""
        return []

    @property
    def skip_label(self) -> str:
        return "Skip this one" if self.repeats else "Dismiss"


def minutes_words(minutes: int | None) -> str:
    """ "45 min", "1 h 30 min", "2 h"."""
    if not minutes:
        return ""
    hours, rest = divmod(minutes, 60)
    return " ".join(filter(None, [f"{hours} h" if hours else "", f"{rest} min" if rest else ""]))


def day_moment(day: date, clock: Clock) -> Moment:
    """A day without a time, in words."""
    far = abs((day - clock.today).days) >= 7
    exact = f"{weekday(day)} {short_date(day)} {day.year}"
    return Moment(day_name(day, clock.today), weekday(day) if far else "", day.isoformat(), exact)


def rule_words(rule: str) -> str:
    """How a series repeats; a rule that an older version wrote and this one cannot read says so itself."""
    try:
        return read_rule(rule).words()
    except ValidationError:
        return rule


class TaskRow(PlanRow):
    """The line of an own task; read it with `for_list`."""

    kind = "task"
    address = "/planner/tasks/{}/"
    thing: OwnTask

    def __init__(self, task: OwnTask, clock: Clock) -> None:
        super().__init__(task, clock)
        self.key, self.title = f"task:{task.pk}", task.title
        self.day = self.due_day = task.due_day(clock.zone)
        self.late = task.is_overdue(clock.now, clock.zone)
        self.done, self.dismissed = task.done_at is not None, task.dismissed_at is not None
        at = task.due_at or (clock.midnight(self.due_day) if self.due_day else None)
        self.order = _order(task.plan_position, at, task.title)

    @property
    def repeats(self) -> bool:
        return self.thing.series_id is not None

    @property
    def shown_course(self) -> Course | None:
        course = self.thing.course
        return course if course and course.deleted_at is None else None

    @property
    def facts(self) -> list[str]:
        task, facts = self.thing, []
        if count := getattr(task, "subtask_count", 0):
            facts.append(f"{task.subtask_done_count} of {count}")  # type: ignore[attr-defined]
        facts += filter(None, [minutes_words(task.estimate_minutes)])
        if task.series is not None:
            facts.append(rule_words(task.series.rule))
        if task.assignment_id is not None:
            facts.append(f"for {task.__dict__.get('assignment_name') or task.assignment.name}")  # type: ignore[union-attr]
        return facts


class AssignmentRow(PlanRow):
    """The line of an assignment; its course and submission should be joined."""

    kind = "assignment"
    address = "/assignments/{}/"
    thing: Assignment

    def __init__(self, assignment: Assignment, clock: Clock) -> None:
        super().__init__(assignment, clock)
        self.key, self.title = f"assignment:{assignment.pk}", assignment.name
        self.state = state = state_shown(assignment, clock)
        self.late, self.done = state == WorkState.OVERDUE, state in SETTLED
        self.dismissed = state == WorkState.DISMISSED
        self.day = self.due_day = clock.day_of(assignment.due_at) if assignment.due_at else None
        self.is_planned = assignment.planned_on is not None and state in OUTSTANDING and not self.late
        if self.is_planned:
            self.day = max(assignment.planned_on, clock.today)  # type: ignore[type-var]
        self.order = _order(assignment.plan_position, assignment.due_at, assignment.name)

    @property
    def is_in_done_column(self) -> bool:
        return self.done

    @property
    def done_at(self) -> datetime | None:
        submission = self.thing.own_submission
        ends = [self.thing.done_at, submission.submitted_at if submission else None]
        return max(filter(None, ends), default=None)

    @property
    def when_text(self) -> str:
        return settled_text(self.thing, self.state)

    @property
    def can_mark(self) -> bool:
        return can_mark(self.state)

    @property
    def can_move(self) -> bool:
        return not self.done or self.state == WorkState.DONE

    @property
    def time(self) -> str:
        return super().time if self.day == self.due_day else ""

    @property
    def facts(self) -> list[str]:
        assignment = self.thing
        facts = [*facts_of(assignment), *filter(None, [minutes_words(assignment.estimate_minutes)])]
        if self.is_planned and assignment.planned_on is not None:
            facts.append(f"planned {in_sentence(day_name(assignment.planned_on, self.clock.today))}")
        return facts


class ItemRow(PlanRow):
    """The line of what a source's planner lists beside assignments; its course should be joined."""

    kind = "item"
    address = "/planner/items/item:{}/"
    thing: PlannerItem

    def __init__(self, item: PlannerItem, clock: Clock) -> None:
        super().__init__(item, clock)
        self.key, self.title = f"item:{item.pk}", item.title
        begins = clock.day_of(item.starts_at) if item.starts_at else None
        is_over = bool(item.starts_at) and (item.ends_at or item.starts_at) < clock.now  # type: ignore[operator]
        is_open = not item.is_settled
        self.late = is_open and not item.is_event and is_over
        self.done = item.done_at is not None or (item.is_event and is_over)
        self.dismissed = item.dismissed_at is not None
        self.day = self.due_day = begins
        if item.planned_on and is_open and not self.late:
            self.day = max(item.planned_on, clock.today)
        elif is_open and begins and item.is_event and begins < clock.today and not is_over:
            self.day = clock.today  # it goes on
        self.order = _order(item.plan_position, item.starts_at, item.title)

    @property
    def done_at(self) -> datetime | None:
        return self.thing.done_at or self.thing.ends_at or self.thing.starts_at

    @property
    def can_move(self) -> bool:
        return not self.thing.is_event

    @property
    def due_at(self) -> datetime | None:
        return None if self.thing.is_all_day else self.thing.starts_at

    @property
    def facts(self) -> list[str]:
        item = self.thing
        facts = [KIND_WORDS[item.kind]] if item.kind in KIND_WORDS else []
        facts += filter(None, [item.location, minutes_words(item.estimate_minutes)])
        if item.write_error:
            facts.append("not marked at the source")
        return facts


def row_of_thing(thing: OwnTask | Assignment | PlannerItem, clock: Clock) -> PlanRow:
    """Make the line of anything that the planner shows."""
    if isinstance(thing, OwnTask):
        return TaskRow(thing, clock)
    return AssignmentRow(thing, clock) if isinstance(thing, Assignment) else ItemRow(thing, clock)


def _order(position: int | None, at: datetime | None, title: str) -> tuple:
    """What was dragged comes first, in its order; the rest by date, what has none last."""
    return (position is None, position or 0, at is None, at.timestamp() if at else 0.0, title)
