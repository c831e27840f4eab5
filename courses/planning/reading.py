"""What the planner shows, read in a fixed number of queries: ahead, late, the sources' items, own tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Q, QuerySet, Window

from coreengine.accounts.models import User
from courses.models import Assignment, OwnTask, PlannerItem
from courses.moments import Clock
from courses.planning.rows import PlanRow, assignment_row, item_row, task_row
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
    lately = clock.now - LATELY
    plan = Plan()
    if choice.has("assignment"):
        _add_assignments(plan, user, clock, choice, lately, until)
    if choice.has("item"):
        _add_items(plan, user, clock, choice, lately, until)
    if choice.has("task"):
        rows = _of_show(OwnTask.objects.visible_to(user).whole(), choice, lately)
        rows = rows.in_course(choice.course) if choice.course else rows
        found = list(rows.for_list().order_by(F("due_at").asc(nulls_last=True), "due_on", "pk")[:MOST_TASKS])
        plan.rows += [task_row(task, clock) for task in found]
        plan.is_cut |= len(found) == MOST_TASKS
    plan.rows.sort(key=lambda row: row.order)
    return plan


def read_days(user: User, clock: Clock, choice: Choice, first: date, last: date) -> Plan:
    """Read what is due, planned or takes place on some days (`last` is left out), done or not. Three queries."""
    start, end = clock.midnight(first), clock.midnight(last)
    on_days = Q(planned_on__gte=first, planned_on__lt=last)
    plan = Plan()
    if choice.has("assignment"):
        rows = _work(user, clock, choice).filter(Q(due_at__gte=start, due_at__lt=end) | on_days)
        rows = rows.filter(dismissed_at__isnull=choice.show != "dismissed")
        plan.rows += [assignment_row(row, clock) for row in rows.by_due_date()[:MOST_AHEAD]]
    if choice.has("item"):
        goes_on = Q(starts_at__lt=end) & (Q(ends_at__gt=start) | Q(starts_at__gte=start))
        items = _items(user, choice).filter(goes_on | on_days, dismissed_at__isnull=choice.show != "dismissed")
        plan.rows += [item_row(item, clock) for item in items.order_by("starts_at", "pk")[:MOST_ITEMS]]
    if choice.has("task"):
        tasks = OwnTask.objects.visible_to(user).whole().due_between(start, end, clock.zone)
        tasks = tasks.filter(dismissed_at__isnull=choice.show != "dismissed")
        tasks = tasks.in_course(choice.course) if choice.course else tasks
        plan.rows += [task_row(task, clock) for task in tasks.for_list()[:MOST_TASKS]]
    plan.rows.sort(key=lambda row: row.order)
    return plan


def read_loose(user: User, clock: Clock, choice: Choice) -> Plan:
    """Read what has no place in a week: what is late, and what has no date. Two queries."""
    plan = Plan()
    if choice.has("assignment") and choice.show != "dismissed":
        late = _late(_work(user, clock, choice), clock)
        plan.late_left_out = late[0].late_count - len(late) if late else 0
        plan.rows += [assignment_row(row, clock) for row in late]
    if choice.has("task") and choice.show != "dismissed":
        over = Q(due_at__lt=clock.now) | Q(due_on__lt=clock.today) | Q(due_at__isnull=True, due_on__isnull=True)
        tasks = OwnTask.objects.visible_to(user).whole().open().filter(over)
        tasks = tasks.in_course(choice.course) if choice.course else tasks
        plan.rows += [task_row(task, clock) for task in tasks.for_list().order_by("pk")[:MOST_LATE]]
    plan.rows.sort(key=lambda row: row.order)
    return plan


def open_tasks_between(user: User, start: datetime, end: datetime) -> list[OwnTask]:
    """Read the open own tasks that are due from `start` (included) to `end` (excluded), the soonest first. One query.

    `courses.planning.rows.task_row` makes the line of each.
    """
    rows = OwnTask.objects.visible_to(user).whole().open().due_between(start, end, user.zone).for_list()
    clock = Clock(start, user.zone)
    return sorted(rows, key=lambda task: task.due_at or clock.midnight(task.due_on))


def due_count(user: User, clock: Clock) -> int:
    """How many own tasks and assignments are late or due today. One query."""
    tomorrow = clock.today + timedelta(days=1)
    tasks = OwnTask.objects.visible_to(user).whole().open()
    tasks = tasks.filter(Q(due_at__lt=clock.midnight(tomorrow)) | Q(due_on__lt=tomorrow))
    work = Assignment.objects.visible_to(user).present().in_active_courses(clock.now)
    work = work.filter(due_at__lt=clock.midnight(tomorrow), done_at__isnull=True, dismissed_at__isnull=True)
    ids = work.outstanding(clock.now).order_by().values("pk")
    return ids.union(tasks.order_by().values("pk"), all=True).count()


def _work(user: User, clock: Clock, choice: Choice) -> QuerySet:
    rows = Assignment.objects.visible_to(user).present()
    rows = rows.in_course(choice.course) if choice.course else rows.in_active_courses(clock.now)
    return rows.select_related("course", "submission").only(*ROW_FIELDS, *PLAN_FIELDS)


def _items(user: User, choice: Choice) -> QuerySet:
    rows = PlannerItem.objects.visible_to(user).present().beside_assignments()
    rows = rows.in_course(choice.course) if choice.course else rows.exclude(course__is_hidden=True)
    return rows.select_related("course").only(*ITEM_FIELDS)


def _late(work: QuerySet, clock: Clock) -> list[Assignment]:
    """The newest debts: they can most likely still be paid."""
    rows = work.overdue(clock.now).annotate(late_count=Window(Count("pk")))
    return list(rows.order_by("-due_at", "-pk")[:MOST_LATE])


def _of_show(rows: QuerySet, choice: Choice, lately: datetime) -> QuerySet:
    """Keep the open ones; with what was done lately; or only the dismissed ones."""
    if choice.show == "dismissed":
        return rows.filter(dismissed_at__isnull=False)
    done = Q(done_at__gte=lately) if choice.show == "done" else Q(pk__in=[])
    return rows.filter(Q(done_at__isnull=True) | done, dismissed_at__isnull=True)


def _add_assignments(
    plan: Plan, user: User, clock: Clock, choice: Choice, lately: datetime, until: datetime | None
) -> None:
    work = _work(user, clock, choice)
    if choice.show == "dismissed":
        rows: Iterable[Assignment] = work.filter(dismissed_at__isnull=False).order_by("-due_at", "-pk")[:MOST_AHEAD]
        plan.rows += [assignment_row(row, clock) for row in rows]
        return
    late = _late(work, clock)
    plan.late_left_out = late[0].late_count - len(late) if late else 0
    near = Q(due_at__gte=clock.now) & (Q(due_at__lt=until) if until else Q())
    near |= Q(due_at__isnull=True) | Q(planned_on__gte=clock.today, due_at__gte=clock.now)
    if choice.show == "done":
        near |= Q(done_at__gte=lately) | Q(submission__submitted_at__gte=lately)
    # States are told in Python: building the rule's SQL costs more than reading some rows too many.
    found = list(work.filter(near, dismissed_at__isnull=True).by_due_date()[:MOST_AHEAD])
    plan.is_cut |= len(found) == MOST_AHEAD
    known = {row.pk for row in late}
    for row in found:
        state = row.state_at(clock.now)
        if row.pk not in known and (state in OUTSTANDING or (choice.show == "done" and _is_recent(row, lately))):
            plan.rows.append(assignment_row(row, clock))
    plan.rows += [assignment_row(row, clock) for row in late]


def _is_recent(row: Assignment, lately: datetime) -> bool:
    submission = row.own_submission
    ends = [row.done_at, submission.submitted_at if submission else None]
    return any(end is not None and end >= lately for end in ends)


def _add_items(plan: Plan, user: User, clock: Clock, choice: Choice, lately: datetime, until: datetime | None) -> None:
    rows = _of_show(_items(user, choice), choice, lately)
    last = until or clock.now + ITEMS_AHEAD
    if choice.show != "dismissed":
        ahead = Q(kind="calendar_event") & (Q(starts_at__gte=clock.now) | Q(ends_at__gte=clock.now))
        rows = rows.filter(ahead | (~Q(kind="calendar_event") & Q(starts_at__gte=clock.now - ITEMS_BACK)))
        rows = rows.filter(starts_at__lt=last)
    plan.rows += [item_row(item, clock) for item in rows.order_by("starts_at", "pk")[:MOST_ITEMS]]
