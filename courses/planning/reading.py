"""What the planner shows, read in a fixed number of queries: ahead, late, the sources' items, own tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Window

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, OwnTask, PlannerItem
from courses.moments import Clock
from courses.planning.rows import AssignmentRow, ItemRow, PlanRow, TaskRow
from courses.querysets import COURSE_TAG_FIELDS, ROW_FIELDS
from courses.work_state import OUTSTANDING

MOST_AHEAD = 100
MOST_LATE = 20
MOST_ITEMS = 40
MOST_TASKS = 100
LATELY = timedelta(days=7)
ITEMS_BACK, ITEMS_AHEAD = timedelta(days=30), timedelta(days=60)
PLAN_FIELDS = ("estimate_minutes", "planned_on", "started_at", "plan_position")
ITEM_FIELDS = [
    *("title", "kind", "owner_id", "source", "starts_at", "ends_at", "is_all_day", "location", "assignment_id"),
    *("done_at", "dismissed_at", "write_error", *PLAN_FIELDS, *COURSE_TAG_FIELDS),
]
KINDS = {"task": "Own tasks", "assignment": "Assignments", "item": "Events and notes"}
SHOWS = {"": "To do", "done": "With what is done", "dismissed": "Dismissed"}


@dataclass(frozen=True)
class Choice:
    """Which rows: of one course, of one kind, and whether also the done ones, or the dismissed ones alone."""

    course: int | None = None
    kind: str = ""
    show: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.course or self.kind or self.show)

    def has(self, kind: str) -> bool:
        return self.kind in ("", kind)


@dataclass
class Plan:
    """The rows in order, and how much of what is late or ahead was left out."""

    rows: list[PlanRow] = field(default_factory=list)
    late_left_out: int = 0
    is_cut: bool = False


def read_plan(user: User, clock: Clock, choice: Choice, *, until: datetime | None = None) -> Plan:
    """Read what is to be done, up to a moment if one is given; with `choice.show` what is done lately, or dismissed.

    At most four queries, whatever there is.
    """
    lately, is_shown = clock.now - LATELY, choice.show != "dismissed"
    plan = Plan()
    if choice.has("assignment"):
        _add_assignments(plan, user, clock, choice, lately, until)
    if choice.has("item"):
        items = _ITEMS.objects(
            owner=user.pk,
            course=choice.course,
            show=choice.show,
            lately=lately if choice.show == "done" else None,
            now=clock.now if is_shown else None,
            since=clock.now - ITEMS_BACK if is_shown else None,
            until=(until or clock.now + ITEMS_AHEAD) if is_shown else None,
        )
        plan.rows += [ItemRow(item, clock) for item in items]
    if choice.has("task"):
        found = _TASKS.objects(
            owner=user.pk,
            course=choice.course,
            show=choice.show,
            lately=lately if choice.show == "done" else None,
        )
        plan.rows += [TaskRow(task, clock) for task in found]
        plan.is_cut |= len(found) == MOST_TASKS
    plan.rows.sort(key=lambda row: row.order)
    return plan


def read_days(user: User, clock: Clock, choice: Choice, first: date, last: date) -> Plan:
    """Read what is due, planned or takes place on some days (`last` is left out), done or not. Three queries."""
    asked = {
        "owner": user.pk,
        "course": choice.course,
        "is_dismissed": choice.show == "dismissed",
        "start": clock.midnight(first),
        "end": clock.midnight(last),
        "first": first,
        "last": last,
    }
    now = None if choice.course else clock.now
    plan = Plan()
    if choice.has("assignment"):
        plan.rows += [AssignmentRow(row, clock) for row in _WORK_OF_DAYS.objects(**asked, now=now)]
    if choice.has("item"):
        plan.rows += [ItemRow(item, clock) for item in _ITEMS_OF_DAYS.objects(**asked)]
    if choice.has("task"):
        plan.rows += [TaskRow(task, clock) for task in _TASKS_OF_DAYS.objects(**asked)]
    plan.rows.sort(key=lambda row: row.order)
    return plan


def read_loose(user: User, clock: Clock, choice: Choice) -> Plan:
    """Read what has no place in a week: what is late, and what has no date. Two queries."""
    plan = Plan()
    if choice.has("assignment") and choice.show != "dismissed":
        late = _LATE.objects(owner=user.pk, course=choice.course, now=clock.now)
        plan.late_left_out = late[0].late_count - len(late) if late else 0
        plan.rows += [AssignmentRow(row, clock) for row in late]
    if choice.has("task") and choice.show != "dismissed":
        tasks = _LOOSE_TASKS.objects(owner=user.pk, course=choice.course, now=clock.now, today=clock.today)
        plan.rows += [TaskRow(task, clock) for task in tasks]
    plan.rows.sort(key=lambda row: row.order)
    return plan


def open_tasks_between(user: User, start: datetime, end: datetime) -> list[OwnTask]:
    """Read the open own tasks that are due from `start` (included) to `end` (excluded), the soonest first. One query.

    `courses.planning.rows.TaskRow` makes the line of each.
    """
    rows = OwnTask.objects.whole_of(user).open().due_between(start, end, user.zone).for_list()
    clock = Clock(start, user.zone)
    return sorted(rows, key=lambda task: task.due_at or clock.midnight(task.due_on))


def due_count(user: User, clock: Clock) -> int:
    """How many own tasks and assignments are late or due today. One query."""
    tomorrow = clock.today + timedelta(days=1)
    return _DUE.total(owner=user.pk, now=clock.now, until=clock.midnight(tomorrow), tomorrow=tomorrow)


def _add_assignments(
    plan: Plan, user: User, clock: Clock, choice: Choice, lately: datetime, until: datetime | None
) -> None:
    if choice.show == "dismissed":
        now = None if choice.course else clock.now
        rows = _DISMISSED_WORK.objects(owner=user.pk, course=choice.course, now=now)
        plan.rows += [AssignmentRow(row, clock) for row in rows]
        return
    late = _LATE.objects(owner=user.pk, course=choice.course, now=clock.now)
    plan.late_left_out = late[0].late_count - len(late) if late else 0
    found = _WORK.objects(
        owner=user.pk,
        course=choice.course,
        show=choice.show,
        now=clock.now,
        today=clock.today,
        until=until,
        lately=lately if choice.show == "done" else None,
    )
    plan.is_cut |= len(found) == MOST_AHEAD
    known = {row.pk for row in late}
    for row in found:
        state = row.state_at(clock.now)
        if row.pk not in known and (state in OUTSTANDING or (choice.show == "done" and _is_recent(row, lately))):
            row.work_state = state
            plan.rows.append(AssignmentRow(row, clock))
    plan.rows += [AssignmentRow(row, clock) for row in late]


def _is_recent(row: Assignment, lately: datetime) -> bool:
    submission = row.own_submission
    ends = [row.done_at, submission.submitted_at if submission else None]
    return any(end is not None and end >= lately for end in ends)


# The statements. Each is built once for every shape of a choice (`coreengine.database.kept_queries`).


def _own(model: Any, owner: int) -> Any:
    return model.objects.visible_to(owner_with(owner))


def _work(owner: int, course: int | None, now: datetime) -> QuerySet[Assignment]:
    rows = _own(Assignment, owner).present()
    rows = rows.in_course(course) if course else rows.in_active_courses(now)
    return rows.select_related("course", "submission").only(*ROW_FIELDS, *PLAN_FIELDS)


def _late(owner: int, course: int | None, now: datetime) -> QuerySet[Assignment]:
    """The newest debts: they can most likely still be paid."""
    rows = _work(owner, course, now).overdue(now).annotate(late_count=Window(Count("pk")))  # type: ignore[attr-defined]
    return rows.order_by("-due_at", "-pk")[:MOST_LATE]


def _work_ahead(
    owner: int, course: int | None, show: str, now: datetime, today: date, until: datetime | None, lately: datetime
) -> QuerySet[Assignment]:
    near = Q(due_at__gte=now) & (Q(due_at__lt=until) if until else Q())
    near |= Q(due_at__isnull=True) | Q(planned_on__gte=today, due_at__gte=now)
    if show == "done":
        near |= Q(done_at__gte=lately) | Q(submission__submitted_at__gte=lately)
    # States are told in Python, row by row: some rows too many cost less than the rule in the database.
    return _work(owner, course, now).filter(near, dismissed_at__isnull=True).by_due_date()[:MOST_AHEAD]  # type: ignore[attr-defined]


def _dismissed_work(owner: int, course: int | None, now: datetime) -> QuerySet[Assignment]:
    return _work(owner, course, now).filter(dismissed_at__isnull=False).order_by("-due_at", "-pk")[:MOST_AHEAD]


def _work_of_days(
    owner: int, course: int | None, is_dismissed: bool, start: datetime, end: datetime, first: date, last: date,
    now: datetime,
) -> QuerySet[Assignment]:  # fmt: skip
    on_days = Q(due_at__gte=start, due_at__lt=end) | Q(planned_on__gte=first, planned_on__lt=last)
    rows = _work(owner, course, now).filter(on_days, dismissed_at__isnull=not is_dismissed)
    return rows.by_due_date()[:MOST_AHEAD]  # type: ignore[attr-defined]


def _of_show(rows: Any, show: str, lately: datetime) -> Any:
    """Keep the open ones; with what was done lately; or only the dismissed ones."""
    if show == "dismissed":
        return rows.filter(dismissed_at__isnull=False)
    done = Q(done_at__gte=lately) if show == "done" else Q(pk__in=[])
    return rows.filter(Q(done_at__isnull=True) | done, dismissed_at__isnull=True)


def _own_items(owner: int, course: int | None) -> Any:
    rows = _own(PlannerItem, owner).present().beside_assignments()
    rows = rows.in_course(course) if course else rows.exclude(course__is_hidden=True)
    return rows.select_related("course").only(*ITEM_FIELDS)


def _items(
    owner: int, course: int | None, show: str, lately: datetime, now: datetime, since: datetime, until: datetime
) -> QuerySet[PlannerItem]:
    rows = _of_show(_own_items(owner, course), show, lately)
    if show != "dismissed":
        ahead = Q(kind="calendar_event") & (Q(starts_at__gte=now) | Q(ends_at__gte=now))
        rows = rows.filter(ahead | (~Q(kind="calendar_event") & Q(starts_at__gte=since)), starts_at__lt=until)
    return rows.order_by("starts_at", "pk")[:MOST_ITEMS]


def _items_of_days(
    owner: int, course: int | None, is_dismissed: bool, start: datetime, end: datetime, first: date, last: date
) -> QuerySet[PlannerItem]:
    goes_on = Q(starts_at__lt=end) & (Q(ends_at__gt=start) | Q(starts_at__gte=start))
    on_days = Q(planned_on__gte=first, planned_on__lt=last)
    rows = _own_items(owner, course).filter(goes_on | on_days, dismissed_at__isnull=not is_dismissed)
    return rows.order_by("starts_at", "pk")[:MOST_ITEMS]


def _own_tasks(owner: int, course: int | None) -> Any:
    rows = OwnTask.objects.whole_of(owner_with(owner))
    return rows.in_course(course) if course else rows


def _tasks(owner: int, course: int | None, show: str, lately: datetime) -> QuerySet[OwnTask]:
    rows = _of_show(_own_tasks(owner, course), show, lately).for_list()
    return rows.order_by(F("due_at").asc(nulls_last=True), "due_on", "pk")[:MOST_TASKS]


def _tasks_of_days(
    owner: int, course: int | None, is_dismissed: bool, start: datetime, end: datetime, first: date, last: date
) -> QuerySet[OwnTask]:
    rows = _own_tasks(owner, course).due_within(start, end, first, last)
    return rows.filter(dismissed_at__isnull=not is_dismissed).for_list()[:MOST_TASKS]


def _loose_tasks(owner: int, course: int | None, now: datetime, today: date) -> QuerySet[OwnTask]:
    over = Q(due_at__lt=now) | Q(due_on__lt=today) | Q(due_at__isnull=True, due_on__isnull=True)
    return _own_tasks(owner, course).open().filter(over).for_list().order_by("pk")[:MOST_LATE]


def _due(owner: int, now: datetime, until: datetime, tomorrow: date) -> QuerySet[Any]:
    """Two rows at most: how many assignments, how many tasks."""
    tasks = _own_tasks(owner, None).open().filter(Q(due_at__lt=until) | Q(due_on__lt=tomorrow))
    work = _own(Assignment, owner).present().in_active_courses(now).outstanding(now).filter(due_at__lt=until)
    return work.as_count().union(tasks.as_count(), all=True)


_OF_DAYS = {"owner": int, "course": int, "start": datetime, "end": datetime, "first": date, "last": date}
_LATE = KeptQuery(_late, owner=int, course=int, now=datetime)
_WORK = KeptQuery(_work_ahead, owner=int, course=int, now=datetime, today=date, until=datetime, lately=datetime)
_DISMISSED_WORK = KeptQuery(_dismissed_work, owner=int, course=int, now=datetime)
_WORK_OF_DAYS = KeptQuery(_work_of_days, **_OF_DAYS, now=datetime)
_ITEMS = KeptQuery(_items, owner=int, course=int, lately=datetime, now=datetime, since=datetime, until=datetime)
_ITEMS_OF_DAYS = KeptQuery(_items_of_days, **_OF_DAYS)
_TASKS = KeptQuery(_tasks, owner=int, course=int, lately=datetime)
_TASKS_OF_DAYS = KeptQuery(_tasks_of_days, **_OF_DAYS)
_LOOSE_TASKS = KeptQuery(_loose_tasks, owner=int, course=int, now=datetime, today=date)
_DUE = KeptQuery(_due, owner=int, now=datetime, until=datetime, tomorrow=date)
