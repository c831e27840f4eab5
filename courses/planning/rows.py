"""One line of the planner, whatever it is, with every text ready to print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.utils.functional import cached_property

from courses.models import Assignment, OwnTask, PlannerItem
from courses.moments import Clock, Moment, day_name, in_sentence, moment, short_date, wall_time, weekday
from courses.planning.recurrence import read_rule
from courses.rows import SETTLED, can_mark, facts_of, settled_text, state_shown
from courses.work_state import OUTSTANDING, WorkState

KIND_WORDS = {"calendar_event": "event", "wiki_page": "page to read", "discussion_topic": "discussion"}


@dataclass
class PlanRow:
    """One line. `day` is where it stands in the student's plan, `due_day` when it is due; `minutes` an estimate.

    Its words are said when they are asked for: a view reads more rows than it shows, and most show no date.
    """

    key: str
    kind: str
    title: str
    url: str
    course: str
    course_id: int | None
    hue: int | None
    when_text: str
    day: date | None
    due_day: date | None
    late: bool
    done: bool
    dismissed: bool
    column: str
    can_mark: bool
    can_move: bool
    can_edit: bool
    repeats: bool
    minutes: int | None
    order: tuple = field(repr=False)
    say_when: Callable[[], Moment | None] = field(repr=False)
    say_time: Callable[[], str] = field(repr=False)
    say_facts: Callable[[], list[str]] = field(repr=False)

    @cached_property
    def when(self) -> Moment | None:
        """When it is due, or is."""
        return self.say_when()

    @cached_property
    def time(self) -> str:
        """The time of the day on which it stands: "17:00"; "" where it has none."""
        return self.say_time()

    @cached_property
    def facts(self) -> list[str]:
        """What else there is to say of it."""
        return self.say_facts()

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


def task_row(task: OwnTask, clock: Clock) -> PlanRow:
    """Make the line of an own task; read it with `for_list`."""
    due_day = task.due_day(clock.zone)
    course = task.course if task.course and task.course.deleted_at is None else None
    late = task.is_overdue(clock.now, clock.zone)
    at = task.due_at or (clock.midnight(due_day) if due_day else None)
    return PlanRow(
        key=f"task:{task.pk}",
        kind="task",
        title=task.title,
        url=f"/planner/tasks/{task.pk}/",
        course=course.title if course else "",
        course_id=course.pk if course else None,
        hue=course.hue if course else None,
        when_text="" if due_day else "no date",
        day=due_day,
        due_day=due_day,
        late=late,
        done=task.done_at is not None,
        dismissed=task.dismissed_at is not None,
        column="done" if task.done_at else "doing" if task.started_at else "todo",
        can_mark=True,
        can_move=True,
        can_edit=True,
        repeats=task.series_id is not None,
        minutes=task.estimate_minutes,
        order=_order(task.plan_position, at, task.title),
        say_when=lambda: _said(task.due_at, due_day, clock),
        say_time=lambda: _wall_time(task.due_at, clock),
        say_facts=lambda: _task_facts(task),
    )


def _task_facts(task: OwnTask) -> list[str]:
    facts = []
    if count := getattr(task, "subtask_count", 0):
        facts.append(f"{task.subtask_done_count} of {count}")  # type: ignore[attr-defined]
    facts += filter(None, [minutes_words(task.estimate_minutes)])
    if task.series is not None:
        facts.append(rule_words(task.series.rule))
    if task.assignment_id is not None:
        facts.append(f"for {task.__dict__.get('assignment_name') or task.assignment.name}")  # type: ignore[union-attr]
    return facts


def _said(at: datetime | None, day: date | None, clock: Clock) -> Moment | None:
    """A moment, or a day without a time, in words."""
    if at is not None:
        return moment(at, clock)
    return day_moment(day, clock) if day else None


def _wall_time(at: datetime | None, clock: Clock) -> str:
    return wall_time(at.astimezone(clock.zone)) if at else ""


def assignment_row(assignment: Assignment, clock: Clock) -> PlanRow:
    """Make the line of an assignment; its course and submission should be joined."""
    state = state_shown(assignment, clock)
    late = state == WorkState.OVERDUE
    due_day = clock.day_of(assignment.due_at) if assignment.due_at else None
    day = due_day
    is_planned = assignment.planned_on is not None and state in OUTSTANDING and not late
    if is_planned:
        day = max(assignment.planned_on, clock.today)  # type: ignore[type-var]
    return PlanRow(
        key=f"assignment:{assignment.pk}",
        kind="assignment",
        title=assignment.name,
        url=f"/assignments/{assignment.pk}/",
        course=assignment.course.title,
        course_id=assignment.course_id,
        hue=assignment.course.hue,
        when_text=settled_text(assignment, state),
        day=day,
        due_day=due_day,
        late=late,
        done=state in SETTLED,
        dismissed=state == WorkState.DISMISSED,
        column="done" if state in SETTLED else "doing" if assignment.started_at else "todo",
        can_mark=can_mark(state),
        can_move=state not in SETTLED or state == WorkState.DONE,
        can_edit=True,
        repeats=False,
        minutes=assignment.estimate_minutes,
        order=_order(assignment.plan_position, assignment.due_at, assignment.name),
        say_when=lambda: _said(assignment.due_at, None, clock),
        say_time=lambda: _wall_time(assignment.due_at, clock) if day == due_day else "",
        say_facts=lambda: _assignment_facts(assignment, clock, is_planned=is_planned),
    )


def _assignment_facts(assignment: Assignment, clock: Clock, *, is_planned: bool) -> list[str]:
    facts = [*facts_of(assignment), *filter(None, [minutes_words(assignment.estimate_minutes)])]
    if is_planned and assignment.planned_on is not None:
        facts.append(f"planned {in_sentence(day_name(assignment.planned_on, clock.today))}")
    return facts


def item_row(item: PlannerItem, clock: Clock) -> PlanRow:
    """Make the line of what a source's planner lists beside assignments; its course should be joined."""
    begins = clock.day_of(item.starts_at) if item.starts_at else None
    is_over = bool(item.starts_at) and (item.ends_at or item.starts_at) < clock.now  # type: ignore[operator]
    is_open = not item.is_settled
    late = is_open and not item.is_event and is_over
    day = begins
    if item.planned_on and is_open and not late:
        day = max(item.planned_on, clock.today)
    elif is_open and begins and item.is_event and begins < clock.today and not is_over:
        day = clock.today  # it goes on
    at = None if item.is_all_day else item.starts_at
    return PlanRow(
        key=f"item:{item.pk}",
        kind="item",
        title=item.title,
        url=f"/planner/items/item:{item.pk}/",
        course=item.course.title if item.course else "",
        course_id=item.course_id,
        hue=item.course.hue if item.course else None,
        when_text="" if begins else "no date",
        day=day,
        due_day=begins,
        late=late,
        done=item.done_at is not None or (item.is_event and is_over),
        dismissed=item.dismissed_at is not None,
        column="done" if item.done_at else "doing" if item.started_at else "todo",
        can_mark=True,
        can_move=not item.is_event,
        can_edit=False,
        repeats=False,
        minutes=item.estimate_minutes,
        order=_order(item.plan_position, item.starts_at, item.title),
        say_when=lambda: _said(at, begins, clock),
        say_time=lambda: _wall_time(at, clock),
        say_facts=lambda: _item_facts(item),
    )


def _item_facts(item: PlannerItem) -> list[str]:
    facts = [KIND_WORDS[item.kind]] if item.kind in KIND_WORDS else []
    facts += filter(None, [item.location, minutes_words(item.estimate_minutes)])
    if item.write_error:
        facts.append("not marked at the source")
    return facts


def row_of_thing(thing: OwnTask | Assignment | PlannerItem, clock: Clock) -> PlanRow:
    """Make the line of anything that the planner shows."""
    if isinstance(thing, OwnTask):
        return task_row(thing, clock)
    return assignment_row(thing, clock) if isinstance(thing, Assignment) else item_row(thing, clock)


def _order(position: int | None, at: datetime | None, title: str) -> tuple:
    """What was dragged comes first, in its order; the rest by date, what has none last."""
    return (position is None, position or 0, at is None, at.timestamp() if at else 0.0, title)
