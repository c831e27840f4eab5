"""What the planner shows, read in a fixed number of queries: ahead, late, the sources' items, own tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value, Window
from django.db.models.functions import Abs, Cast, Coalesce, Extract, Greatest

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, Course, OwnTask, PlannerItem
from courses.moments import Clock
from courses.planning.rows import AssignmentRow, ItemRow, PlanRow, TaskRow
from courses.querysets import COURSE_TAG_FIELDS, ROW_FIELDS

MOST_ROWS = 100
MOST_AHEAD = 60
"""Of assignments: the page that has all is a link away."""
MOST_LATE = 20
MOST_DONE = 40
MOST_ITEMS = 40
MOST_UNDATED = 40
MOST_LATE_TASKS = 500
"""Where all that is late is asked for."""
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
    """The rows in order, and how much of what is late, ahead or done was left out."""

    rows: list[PlanRow] = field(default_factory=list)
    late_left_out: int = 0
    late_tasks_left_out: int = 0
    is_done_cut: bool = False
    is_cut: bool = False

    def in_order(self) -> Plan:
        """Sort the rows, and give the plan."""
        self.rows.sort(key=lambda row: row.order)
        return self


@dataclass(frozen=True)
class Waiting:
    """How many own tasks and assignments are late or due today, and how many assignments are late."""

    count: int
    late_work: int


def count_due(user: User, clock: Clock) -> Waiting:
    """Count what waits in the planner. One query."""
    tomorrow = clock.today + timedelta(days=1)
    rows = _DUE.rows(owner=user.pk, now=clock.now, until=clock.midnight(tomorrow), tomorrow=tomorrow)
    return Waiting(sum(row[0] for row in rows), sum(row[1] for row in rows))


@dataclass
class PlanReader:
    """Reads for one choice. `courses` are all that go on (`CourseQuerySet.going_on`), by id: their work is not joined
    to them again. `waiting`, if it was counted, makes a statement cheaper."""

    user: User
    clock: Clock
    choice: Choice
    courses: dict[int, Course]
    waiting: Waiting | None = None
    lately: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.lately = self.clock.now - LATELY

    def plan(
        self, *, until: datetime | None = None, most_tasks: int = MOST_ROWS, has_all_late_tasks: bool = False
    ) -> Plan:
        """Read what is to be done, up to a moment if one is given; with `choice.show` what is done, or dismissed.

        What is done never crowds out what is to do, nor what is late what is ahead. At most six queries, whatever
        there is.
        """
        choice, now, plan = self.choice, self.clock.now, Plan()
        is_shown, lately = choice.show != "dismissed", self.lately if choice.show == "done" else None
        if choice.has("assignment"):
            self._add_assignments(plan, until)
        if choice.has("item"):
            items = _ITEMS.objects(
                owner=self.user.pk,
                course=choice.course,
                show=choice.show,
                lately=lately,
                now=now if is_shown else None,
                since=now - ITEMS_BACK if is_shown else None,
                until=(until or now + ITEMS_AHEAD) if is_shown else None,
            )
            plan.rows += [ItemRow(item, self.clock) for item in items]
        if choice.has("task"):
            self._add_tasks(plan, most_tasks, MOST_LATE_TASKS if has_all_late_tasks else MOST_LATE)
        return plan.in_order()

    def days(self, first: date, last: date) -> Plan:
        """Read what is due, planned or takes place on some days (`last` is left out), done or not. Three queries."""
        choice, clock, plan = self.choice, self.clock, Plan()
        asked = {
            "owner": self.user.pk,
            "course": choice.course,
            "is_dismissed": choice.show == "dismissed",
            "start": clock.midnight(first),
            "end": clock.midnight(last),
            "first": first,
            "last": last,
        }
        if choice.has("assignment"):
            plan.rows += self._work_rows(_WORK_OF_DAYS, **asked)
        if choice.has("item"):
            plan.rows += [ItemRow(item, clock) for item in _ITEMS_OF_DAYS.objects(**asked)]
        if choice.has("task"):
            plan.rows += [TaskRow(task, clock) for task in _TASKS_OF_DAYS.objects(**asked)]
        return plan.in_order()

    def loose(self) -> Plan:
        """Read what has no place in a week: what is late, and what has no date. Three queries."""
        choice, plan = self.choice, Plan()
        if choice.has("assignment") and choice.show != "dismissed":
            self._add_late_work(plan)
        if choice.has("task") and choice.show != "dismissed":
            self._add_late_tasks(plan, MOST_LATE)
            undated = _UNDATED_TASKS.objects(owner=self.user.pk, course=choice.course)
            plan.rows += [TaskRow(task, self.clock) for task in undated]
        return plan.in_order()

    def _work(self, statement: KeptQuery, **values: Any) -> list[Assignment]:
        """Ask for assignments of the chosen course, or of those that go on, which they know then."""
        if self.choice.course:
            return statement.objects(**values | {"course": self.choice.course, "courses": None})
        found: list[Assignment] = statement.objects(**values | {"course": None, "courses": list(self.courses)})
        for row in found:
            row._state.fields_cache["course"] = self.courses[row.course_id]
        return found

    def _work_rows(self, statement: KeptQuery, **values: Any) -> list[AssignmentRow]:
        return [AssignmentRow(row, self.clock) for row in self._work(statement, **values)]

    def _add_assignments(self, plan: Plan, until: datetime | None) -> None:
        owner, now = self.user.pk, self.clock.now
        if self.choice.show == "dismissed":
            plan.rows += self._work_rows(_DISMISSED_WORK, owner=owner)
            return
        self._add_late_work(plan)
        ahead = self._work_rows(_WORK, owner=owner, now=now, today=self.clock.today, until=until)
        plan.is_cut |= len(ahead) == MOST_AHEAD
        plan.rows += ahead
        if self.choice.show == "done":
            done = self._work_rows(_DONE_WORK, owner=owner, lately=self.lately)
            plan.is_done_cut |= len(done) == MOST_DONE
            plan.rows += done

    def _add_late_work(self, plan: Plan) -> None:
        """Add the newest debts. How many more there are is known of all courses already, or else counted with them."""
        waiting = None if self.choice.course else self.waiting
        late = self._work(_LATE, owner=self.user.pk, now=self.clock.now, is_counted=waiting is None)
        if len(late) == MOST_LATE:
            total = waiting.late_work if waiting is not None else late[0].late_count  # type: ignore[attr-defined]
            plan.late_left_out = max(0, total - len(late))
        plan.rows += [AssignmentRow(row, self.clock) for row in late]

    def _add_tasks(self, plan: Plan, most: int, most_late: int) -> None:
        asked = {"owner": self.user.pk, "course": self.choice.course}
        if self.choice.show == "dismissed":
            plan.rows += [TaskRow(task, self.clock) for task in _DISMISSED_TASKS.objects(**asked)]
            return
        self._add_late_tasks(plan, most_late)
        lately = self.lately if self.choice.show == "done" else None
        found = _TASKS.objects(**asked, now=self.clock.now, today=self.clock.today, lately=lately, count=most)
        if len(found) == most:
            plan.is_cut |= found[-1].done_at is None
            plan.is_done_cut |= lately is not None
        plan.rows += [TaskRow(task, self.clock) for task in found]

    def _add_late_tasks(self, plan: Plan, most: int) -> None:
        asked = {"owner": self.user.pk, "course": self.choice.course}
        late = _LATE_TASKS.objects(**asked, now=self.clock.now, today=self.clock.today, count=most)
        plan.late_tasks_left_out = late[0].late_count - len(late) if late else 0
        plan.rows += [TaskRow(task, self.clock) for task in late]


def open_tasks_between(user: User, start: datetime, end: datetime) -> list[OwnTask]:
    """Read the open own tasks that are due from `start` (included) to `end` (excluded), the soonest first. One query.

    `courses.planning.rows.TaskRow` makes the line of each.
    """
    rows = OwnTask.objects.whole_of(user).open().due_between(start, end, user.zone).for_list()
    clock = Clock(start, user.zone)
    return sorted(rows, key=lambda task: task.due_at or clock.midnight(task.due_on))


# The statements. Each is built once for every shape of a choice (`coreengine.database.kept_queries`).


def _own(model: Any, owner: int) -> Any:
    return model.objects.visible_to(owner_with(owner))


def _work(owner: int, course: int | None, courses: int | None) -> QuerySet[Assignment]:
    if course:
        rows = _own(Assignment, owner).present().in_course(course).select_related("course", "submission")
        return rows.only(*ROW_FIELDS, *PLAN_FIELDS)  # type: ignore[no-any-return]
    rows = Assignment.objects.in_known_courses(owner_with(owner), courses).present().select_related("submission")
    return rows.only(*(name for name in ROW_FIELDS if name not in COURSE_TAG_FIELDS), "course", *PLAN_FIELDS)


def _late(owner: int, course: int | None, courses: int | None, now: datetime, is_counted: bool) -> QuerySet[Assignment]:
    """The newest debts: they can most likely still be paid. An index has them, unless all are to be counted."""
    rows = _work(owner, course, courses).overdue(now)  # type: ignore[attr-defined]
    rows = rows.annotate(late_count=Window(Count("pk"))) if is_counted else rows
    return rows.order_by("-due_at", "-pk")[:MOST_LATE]


def _work_ahead(
    owner: int, course: int | None, courses: int | None, now: datetime, today: date, until: datetime | None
) -> QuerySet[Assignment]:
    near = Q(due_at__gte=now) & (Q(due_at__lt=until) if until else Q())
    near |= Q(due_at__isnull=True) | Q(planned_on__gte=today, due_at__gte=now)
    return _work(owner, course, courses).outstanding(now).filter(near).by_due_date()[:MOST_AHEAD]  # type: ignore[attr-defined]


def _done_work(owner: int, course: int | None, courses: int | None, lately: datetime) -> QuerySet[Assignment]:
    """What was ticked off or handed in lately, the latest first."""
    done = Q(done_at__gte=lately) | Q(submission__submitted_at__gte=lately)
    rows = _work(owner, course, courses).filter(done, dismissed_at__isnull=True)
    return rows.order_by(Greatest("done_at", "submission__submitted_at").desc(), "-pk")[:MOST_DONE]


def _dismissed_work(owner: int, course: int | None, courses: int | None) -> QuerySet[Assignment]:
    return _work(owner, course, courses).filter(dismissed_at__isnull=False).order_by("-due_at", "-pk")[:MOST_ROWS]


def _work_of_days(
    owner: int, course: int | None, courses: int | None, is_dismissed: bool, start: datetime, end: datetime,
    first: date, last: date,
) -> QuerySet[Assignment]:  # fmt: skip
    on_days = Q(due_at__gte=start, due_at__lt=end) | Q(planned_on__gte=first, planned_on__lt=last)
    rows = _work(owner, course, courses).filter(on_days, dismissed_at__isnull=not is_dismissed)
    return rows.by_due_date()[:MOST_ROWS]  # type: ignore[attr-defined]


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
        # The nearest, before and after: a full timetable hides no page that should have been read yesterday.
        nearness = Abs(Extract(ExpressionWrapper(F("starts_at") - now, DurationField()), "epoch"))
        return rows.order_by(nearness, "pk")[:MOST_ITEMS]
    return rows.order_by("-starts_at", "pk")[:MOST_ITEMS]


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


def _tasks(
    owner: int, course: int | None, now: datetime, today: date, lately: datetime | None, count: int
) -> QuerySet[OwnTask]:
    """The open ones that are not late, the soonest first; then, with `lately`, the done ones, the latest first."""
    ahead = Q(due_at__gte=now) | Q(due_on__gte=today) | Q(due_at__isnull=True, due_on__isnull=True)
    shown = Q(ahead, done_at__isnull=True)
    if lately is not None:
        shown |= Q(done_at__gte=lately)
    rows = _own_tasks(owner, course).filter(shown, dismissed_at__isnull=True).for_list()
    return rows.order_by(F("done_at").desc(nulls_first=True), _DUE_MOMENT.asc(nulls_last=True), "pk")[:count]


def _late_tasks(owner: int, course: int | None, now: datetime, today: date, count: int) -> QuerySet[OwnTask]:
    """The newest debts, as of assignments."""
    rows = _own_tasks(owner, course).open().filter(Q(due_at__lt=now) | Q(due_on__lt=today)).for_list()
    return rows.annotate(late_count=Window(Count("pk"))).order_by(_DUE_MOMENT.desc(), "-pk")[:count]


def _dismissed_tasks(owner: int, course: int | None) -> QuerySet[OwnTask]:
    rows = _own_tasks(owner, course).filter(dismissed_at__isnull=False).for_list()
    return rows.order_by("-dismissed_at", "-pk")[:MOST_ROWS]


# To put moments and days into one order.
_DUE_MOMENT = Coalesce("due_at", Cast("due_on", DateTimeField()))


def _tasks_of_days(
    owner: int, course: int | None, is_dismissed: bool, start: datetime, end: datetime, first: date, last: date
) -> QuerySet[OwnTask]:
    rows = _own_tasks(owner, course).due_within(start, end, first, last)
    return rows.filter(dismissed_at__isnull=not is_dismissed).for_list()[:MOST_ROWS]


def _undated_tasks(owner: int, course: int | None) -> QuerySet[OwnTask]:
    rows = _own_tasks(owner, course).open().filter(due_at__isnull=True, due_on__isnull=True)
    return rows.for_list().order_by("pk")[:MOST_UNDATED]


def _due(owner: int, now: datetime, until: datetime, tomorrow: date) -> QuerySet[Any]:
    """Two rows at most: how many assignments and how many of them are late, how many tasks and 0."""
    tasks = _own_tasks(owner, None).open().filter(Q(due_at__lt=until) | Q(due_on__lt=tomorrow))
    work = _own(Assignment, owner).present().in_active_courses(now).outstanding(now).filter(due_at__lt=until)
    work, tasks = (rows.order_by().values("owner_id").annotate(count=Count("pk")) for rows in (work, tasks))
    work = work.annotate(late=Count("pk", filter=Q(due_at__lt=now))).values_list("count", "late")
    return work.union(tasks.annotate(late=Value(0)).values_list("count", "late"), all=True)


_OF_DAYS = {"owner": int, "course": int, "start": datetime, "end": datetime, "first": date, "last": date}
_LATE = KeptQuery(_late, owner=int, course=int, courses=int, now=datetime)
_WORK = KeptQuery(_work_ahead, owner=int, course=int, courses=int, now=datetime, today=date, until=datetime)
_DONE_WORK = KeptQuery(_done_work, owner=int, course=int, courses=int, lately=datetime)
_DISMISSED_WORK = KeptQuery(_dismissed_work, owner=int, course=int, courses=int)
_WORK_OF_DAYS = KeptQuery(_work_of_days, **_OF_DAYS, courses=int)
_ITEMS = KeptQuery(_items, owner=int, course=int, lately=datetime, now=datetime, since=datetime, until=datetime)
_ITEMS_OF_DAYS = KeptQuery(_items_of_days, **_OF_DAYS)
_TASKS = KeptQuery(_tasks, owner=int, course=int, now=datetime, today=date, lately=datetime)
_LATE_TASKS = KeptQuery(_late_tasks, owner=int, course=int, now=datetime, today=date)
_DISMISSED_TASKS = KeptQuery(_dismissed_tasks, owner=int, course=int)
_TASKS_OF_DAYS = KeptQuery(_tasks_of_days, **_OF_DAYS)
_UNDATED_TASKS = KeptQuery(_undated_tasks, owner=int, course=int)
_DUE = KeptQuery(_due, owner=int, now=datetime, until=datetime, tomorrow=date)
