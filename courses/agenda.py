"""What a student has to do, in the order of need: the heart of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, Q, Window

from coreengine.accounts.models import User
from courses.models import Assignment
from courses.moments import Clock, counted, long_date, short_date, span_of_days
from courses.repository_marks import read_repositories
from courses.rows import WorkRow, row_of
from courses.work_state import WorkState

# One page's worth: what is further away or more is one link away.
MOST_ROWS = 250
OVERDUE_SHOWN = 8
LATER_SHOWN = 8
OPEN_AHEAD = (WorkState.UPCOMING, WorkState.UNDATED)
SETTLED = (WorkState.DONE, WorkState.SUBMITTED, WorkState.GRADED)


@dataclass
class Section:
    key: str
    title: str
    detail: str
    late: bool = False
    rows: list[WorkRow] = field(default_factory=list)
    more_count: int = 0


@dataclass(frozen=True)
class Agenda:
    sections: list[Section]
    sentence: str


def build_agenda(user: User, clock: Clock) -> Agenda:
    """Read and sort a student's work: what is ahead, what is late, and where its code stands, a query each.

    Shown: what is outstanding in courses that go on, and what was due or ticked off today, as done. The newest
    debts are shown, since they can most likely still be paid; the old ones are one link away.
    """
    today, tomorrow = clock.midnight(clock.today), clock.midnight(clock.today + timedelta(days=1))
    work = Assignment.objects.visible_to(user).present().in_active_courses(clock.now).for_list()
    # The states of what is ahead are told in Python: building the rule's SQL costs more than reading some rows
    # too many.
    near = Q(due_at__gte=today) | Q(due_at__isnull=True, source="") | Q(done_at__gte=today)
    ahead = []
    for row in work.filter(near).by_due_date()[:MOST_ROWS]:
        row.work_state = state = row.state_at(clock.now)
        is_of_today = row.due_at is not None and today <= row.due_at < tomorrow
        is_ticked_today = state == WorkState.DONE and row.done_at >= today
        if state in OPEN_AHEAD or is_ticked_today or (is_of_today and state in SETTLED):
            ahead.append(row)
    late = list(
        work.overdue(clock.now).annotate(late_count=Window(Count("pk"))).order_by("-due_at", "-pk")[:OVERDUE_SHOWN]
    )
    late_count = late[0].late_count if late else 0
    read_repositories([*late, *ahead])
    return Agenda(_sections(late[::-1], late_count, ahead, clock), _sentence(late_count, ahead, clock))


def _sections(late: list[Assignment], late_count: int, ahead: list[Assignment], clock: Clock) -> list[Section]:
    today, monday = clock.today, clock.next_monday
    sunday, after_next = monday - timedelta(days=1), monday + timedelta(days=7)
    week = span_of_days(min(today + timedelta(days=1), sunday), sunday)
    sections = {
        "overdue": Section("overdue", "Overdue", str(late_count), late=True, more_count=late_count - len(late)),
        "today": Section("today", "Today", f"{today:%a} {short_date(today)}"),
        "week": Section("week", "This week", week),
        "next": Section("next", "Next week", span_of_days(monday, after_next - timedelta(days=1))),
        "later": Section("later", "Later", ""),
    }
    sections["overdue"].rows = [row_of(assignment, clock) for assignment in late]
    for assignment in ahead:
        section = sections[_section_key(assignment, today, monday, after_next, clock)]
        if section.key == "later" and len(section.rows) == LATER_SHOWN:
            section.more_count += 1  # a line that is not shown need not be worded
        else:
            section.rows.append(row_of(assignment, clock))
    return [section for section in sections.values() if section.rows]


def _section_key(assignment: Assignment, today: date, monday: date, after_next: date, clock: Clock) -> str:
    if assignment.due_at is None:
        return "today" if assignment.work_state in SETTLED else "later"
    day = clock.day_of(assignment.due_at)
    if day <= today:
        return "today"
    if day < monday:
        return "week"
    return "next" if day < after_next else "later"


def _sentence(late_count: int, rows: list[Assignment], clock: Clock) -> str:
    """Say in one sentence what is due."""
    ahead = [row.due_at for row in rows if row.work_state == WorkState.UPCOMING and row.due_at]
    start = f"{counted(late_count, 'thing')} {'is' if late_count == 1 else 'are'} overdue" if late_count else ""
    due = _due_words(ahead, clock)
    if start and due:
        return f"{start}, {due[0].lower()}{due[1:]}."
    return f"{start or due or 'Nothing is due'}."


def _due_words(ahead: list[datetime], clock: Clock) -> str:
    """ "Three things due by Wednesday": within three days if there is anything, else within seven, else the next."""
    for days in (3, 7):
        end = clock.midnight(clock.today + timedelta(days=days + 1))
        near = [due for due in ahead if due < end]
        if near:
            last = clock.day_of(max(near))
            by = "today" if last == clock.today else "tomorrow" if (last - clock.today).days == 1 else f"{last:%A}"
            joint = "" if by in ("today", "tomorrow") else "by "
            return f"{counted(len(near), 'thing')} due {joint}{by}"
    if not ahead:
        return ""
    return f"Nothing due this week, the next thing on {long_date(clock.day_of(min(ahead)))}"


def greeting(clock: Clock) -> str:
    """Greet by the time of day in the student's zone."""
    hour = clock.local.hour
    return "Good morning" if 5 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"
