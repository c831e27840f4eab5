"""What the pages show, gathered in few queries and with every text ready to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.filters import CourseFilter
from courses.models import Announcement, Assignment, AssignmentGroup, Course
from courses.moments import Clock, ago, moment, short_date
from courses.rows import WorkRow
from courses.texts import one_line
from courses.work_state import WorkState


def clock_of(user: User) -> Clock:
    """Now, in the student's zone."""
    return Clock(timezone.now(), user.zone)


@dataclass(frozen=True)
class CourseLine:
    """One course of the list."""

    course: Course
    grade: str
    todo: str
    overdue: str
    next_due: str
    is_concluded: bool


@dataclass
class TermSection:
    title: str
    detail: str
    lines: list[CourseLine] = field(default_factory=list)


def course_sections(user: User, courses: list[Course], clock: Clock) -> list[TermSection]:
    """Sort courses by term, newest first, each with what is to do in it (one query for all)."""
    counts = _work_counts(user, courses, clock.now)
    sections: dict[int, TermSection] = {}
    for course in courses:
        key = course.term_id or 0
        if key not in sections:
            sections[key] = TermSection(*_term_words(course, clock))
        todo, late, next_due = counts.get(course.pk, (0, 0, None))
        sections[key].lines.append(
            CourseLine(
                course=course,
                grade=course.grade_text,
                todo=f"{todo} to do" if todo else "",
                overdue=f"{late} overdue" if late else "",
                next_due=moment(next_due, clock).within if next_due else "",
                is_concluded=course.is_concluded(clock.now),
            )
        )
    return list(sections.values())


def show_tabs(user: User, now: datetime) -> list[tuple[str, str, int]]:
    """The tabs of the list, each with how many courses it shows; one query for all."""
    counts = next(iter(_SHOWN.rows(owner=user.pk, now=now)), None)
    return [(key, label, counts[_SHOWS.index(key)] if counts else 0) for key, label in CourseFilter.SHOW]


_SHOWS = ("active", "concluded", "hidden", "all")


def _shown(owner: int, now: datetime) -> QuerySet[Any]:
    concluded = Course.objects.get_queryset().concluded_rule(now)
    own = Course.objects.visible_to(owner_with(owner)).shown_once().order_by()
    # Grouped by what all of them share: that is one row, or none without courses.
    found = own.values("owner_id").annotate(
        active=Count("pk", filter=~concluded & Q(is_hidden=False)),
        concluded=Count("pk", filter=concluded & Q(is_hidden=False)),
        hidden=Count("pk", filter=Q(is_hidden=True)),
        all=Count("pk"),
    )
    return found.values_list(*_SHOWS)


_SHOWN = KeptQuery(_shown, owner=int, now=datetime)


def _term_words(course: Course, clock: Clock) -> tuple[str, str]:
    if course.term is None:
        return "No term", ""
    days = [clock.day_of(day) for day in (course.term.starts_at, course.term.ends_at) if day]
    return course.term.name, " – ".join(f"{short_date(day)} {day.year}" for day in days)


def _work_counts(user: User, courses: list[Course], now: datetime) -> dict[int, tuple[int, int, datetime | None]]:
    rows = _COUNTED_WORK.rows(owner=user.pk, courses=[course.pk for course in courses], now=now)
    return {pk: (todo, late, next_due) for pk, todo, late, next_due in rows}


def _counted_work(owner: int, courses: int, now: datetime) -> QuerySet[Any]:
    """How much is to do and late in each course, and when the next of it is due."""
    own = Assignment.objects.visible_to(owner_with(owner)).in_sight().outstanding(now)
    own = own.filter(Q(course__pk__any_of=courses) | Q(course__same_as__pk__any_of=courses))
    found = own.order_by().values(shown_course=Coalesce("course__same_as", "course"))
    # Of what is outstanding, all that was due is late.
    return found.annotate(
        todo=Count("pk", filter=Q(due_at__isnull=True) | Q(due_at__gte=now)),
        late=Count("pk", filter=Q(due_at__lt=now)),
        next_due=Min("due_at", filter=Q(due_at__gte=now)),
    ).values_list("shown_course", "todo", "late", "next_due")


_COUNTED_WORK = KeptQuery(_counted_work, owner=int, courses=int, now=datetime)


@dataclass
class GroupSection:
    """The assignments of one group, with what the group weighs."""

    title: str
    detail: str
    pk: int = 0
    rows: list[WorkRow] = field(default_factory=list)


@dataclass(frozen=True)
class NewsLine:
    """One announcement of a list."""

    announcement: Announcement
    text: str
    when: str


def group_sections(
    rows: list[Assignment], lines: dict[int, WorkRow], empty: Sequence[AssignmentGroup] = ()
) -> list[GroupSection]:
    """Sort lines of work by their group, in the course's order; `empty` are groups to show without work."""
    sections: dict[int, tuple[int, GroupSection]] = {}

    def section(group: AssignmentGroup | None) -> GroupSection:
        key = group.pk if group else 0
        if key not in sections:
            # Own tasks and what belongs to no group come last.
            order = group.position if group else 1_000_000
            title = group.name if group else "Own tasks"
            sections[key] = (order, GroupSection(title, _group_words(group), key))
        return sections[key][1]

    for row in rows:
        found = section(row.group)
        if row.group is None and not row.is_by_hand:
            found.title = "Other work"
        found.rows.append(lines[row.pk])
    for group in empty:
        section(group)
    return [section for _, section in sorted(sections.values(), key=lambda pair: pair[0])]


def _group_words(group: AssignmentGroup | None) -> str:
    if group is None:
        return ""
    words = [f"{group.weight:g} % of the grade"] if group.weight else []
    if group.drop_lowest:
        words.append("lowest dropped" if group.drop_lowest == 1 else f"{group.drop_lowest} lowest dropped")
    if group.drop_highest:
        words.append("highest dropped" if group.drop_highest == 1 else f"{group.drop_highest} highest dropped")
    return ", ".join(words)


def summary_of(lines: list[WorkRow]) -> str:
    """ "2 overdue, 5 to do, 9 done"."""
    late = sum(1 for line in lines if line.late)
    todo = sum(1 for line in lines if line.state in (WorkState.UPCOMING, WorkState.UNDATED))
    done = sum(1 for line in lines if line.done)
    parts = [f"{late} overdue"] if late else []
    parts += [f"{todo} to do"] if todo else []
    parts += [f"{done} done"] if done else []
    return ", ".join(parts)


def news_line(announcement: Announcement, clock: Clock) -> NewsLine:
    return NewsLine(announcement, one_line(announcement.message_html, 160), ago(announcement.posted_at, clock.now))


@dataclass(frozen=True)
class Fact:
    label: str
    value: str
    title: str = ""


def assignment_facts(assignment: Assignment, clock: Clock) -> list[Fact]:
    """What is known of an assignment (read `with_modules`), in the order in which a student asks."""
    facts: list[Fact] = []

    def at(label: str, when: datetime | None) -> None:
        if when is not None:
            said = moment(when, clock)
            facts.append(Fact(label, f"{said.main}, {said.detail}", said.exact))

    at("Due", assignment.due_at)
    if assignment.points_text:
        facts.append(Fact("Worth", assignment.points_text))
    if assignment.group is not None:
        weight = f", {assignment.group.weight:g} %" if assignment.group.weight else ""
        facts.append(Fact("Group", f"{assignment.group.name}{weight}"))
    at("Opens", assignment.unlock_at)
    at("Closes", assignment.lock_at)
    if assignment.submission_types:
        facts.append(Fact("Handed in", ", ".join(_type_words(kind) for kind in assignment.submission_types)))
    if assignment.allowed_extensions:
        facts.append(Fact("File types", ", ".join(assignment.allowed_extensions)))
    if assignment.omit_from_final_grade:
        facts.append(Fact("Counts", "not in the final grade"))
    if assignment.missing_since is None and assignment.module_names:  # type: ignore[attr-defined]
        facts.append(Fact("Module", ", ".join(assignment.module_names)))  # type: ignore[attr-defined]
    return facts


def submission_facts(assignment: Assignment, clock: Clock) -> list[Fact]:
    """What the source says of the student's own work."""
    submission = assignment.own_submission
    if submission is None:
        return []
    facts: list[Fact] = []
    for label, when in [("Submitted", submission.submitted_at), ("Graded", submission.graded_at)]:
        if when is not None:
            said = moment(when, clock)
            facts.append(Fact(label, f"{said.main}, {said.detail}", said.exact))
    if submission.score is not None or submission.grade:
        facts.append(Fact("Score", submission.score_text(assignment.points_possible)))
    if submission.grade and submission.score is not None and submission.grade != f"{submission.score:g}":
        facts.append(Fact("Grade", submission.grade))
    if submission.late:
        hours = submission.seconds_late / 3600
        by = f" by {hours:.0f} h" if hours >= 1 else ""
        facts.append(Fact("Late", f"yes{by}"))
    if submission.points_deducted:
        facts.append(Fact("Deducted", f"{submission.points_deducted:g} points"))
    if submission.attempt:
        facts.append(Fact("Attempt", str(submission.attempt)))
    return facts


_TYPES = {
    "online_upload": "file upload",
    "online_text_entry": "text",
    "online_url": "web address",
    "online_quiz": "quiz",
    "discussion_topic": "discussion",
    "media_recording": "recording",
    "external_tool": "external tool",
    "student_annotation": "annotation",
    "on_paper": "on paper",
    "none": "nothing to hand in",
    "not_graded": "not graded",
    "not_reported": "the source does not say",
}


def _type_words(kind: str) -> str:
    return _TYPES.get(kind, kind.replace("_", " "))
