"""What each part of a course's page shows, in few queries and with every text ready to print."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.texts import size_words
from coreengine.kernel.typing import Request
from courses.ai_policy import policy_note
from courses.course_page.activity import activity_lines
from courses.grading.courses import CourseGrades, grades_of
from courses.handmade.rules import weights_note
from courses.models import (
    Announcement,
    Assignment,
    AssignmentGroup,
    AssignmentRepository,
    Course,
    CoursePerson,
    CourseResource,
)
from courses.module_pages import module_sections, planned_lines
from courses.moments import Clock, ago, moment, short_date
from courses.pages import group_sections, news_line, summary_of
from courses.querysets import ROW_FIELDS
from courses.repository_marks import read_repositories
from courses.rows import WorkRow, row_of
from courses.texts import shown_html
from courses.work_state import WorkState
from resources.models import Repository, Resource
from resources.repositories.ci import CiWords, words_of

NEXT_ROWS = 5
LATE_ROWS = 3
NEWS_SHOWN = 3
WORK_SHOWN = 400
NEWS_PAGE = 30
MOST_FILES = 500
OFFERED = 30
_GROUP_FIELDS = [f"group__{name}" for name in ("name", "position", "weight", "drop_lowest", "drop_highest")]


def work_of(course: Course, request: Request, clock: Clock) -> list[Assignment]:
    """The course's work with where it stands, by due date. Two queries."""
    rows: list[Assignment] = _WORK.objects(owner=request.user.pk, course=course.pk, now=clock.now)
    for row in rows:
        row.course = course
    if getattr(course, "repositories_count", 1):  # what `with_counts` counted; without it they are asked for
        read_repositories(rows)
    return rows


def _work(owner: int, course: int, now: datetime) -> QuerySet[Assignment]:
    rows = Assignment.objects.visible_to(owner_with(owner)).in_course(course).in_sight().with_work_state(now)
    rows = rows.select_related("submission", "group").only(*ROW_FIELDS, "course_id", *_GROUP_FIELDS)
    return rows.by_due_date()[: WORK_SHOWN + 1]


def _news(owner: int, course: int) -> QuerySet[Announcement]:
    rows = Announcement.objects.visible_to(owner_with(owner)).in_course(course).shown_once()
    return rows.for_list().newest_first()[:NEWS_SHOWN]


_WORK = KeptQuery(_work, owner=int, course=int, now=datetime)
_NEWS = KeptQuery(_news, owner=int, course=int)


@dataclass(frozen=True)
class GradeNote:
    """Where the grade stands, in words."""

    percent: str
    letter: str
    detail: str
    source: str


def grade_note(course: Course) -> GradeNote | None:
    """Where the grade of a course stands; None before anything is graded. Three queries."""
    grades: CourseGrades = grades_of([course])[0]
    if grades.percent is None and not course.grade_text:
        return None
    graded = sum(1 for work in grades.works if work.score is not None and not work.not_counted)
    open_count = sum(1 for work in grades.works if work.score is None and not work.not_counted and work.points)
    detail = f"{graded} graded" if graded else "nothing graded here yet"
    if open_count:
        detail += f", {open_count} still to come"
    source = "" if grades.difference is None else f"the source says {course.grade_text}"
    if grades.percent is None:
        return GradeNote(course.grade_text, "", "as the source says", "")
    return GradeNote(f"{grades.percent:g} %", grades.letter.name if grades.letter else "", detail, source)


def overview(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """What is next, the latest news, where the grade stands."""
    rows = work_of(course, request, clock)
    lines = [row_of(row, clock) for row in rows]
    late = [line for line in lines if line.late]
    ahead = [line for line in lines if line.state in (WorkState.UPCOMING, WorkState.UNDATED)]
    news = _NEWS.objects(owner=request.user.pk, course=course.pk)
    return {
        "next_rows": [*late[-LATE_ROWS:], *ahead[:NEXT_ROWS]],
        "more_late": max(0, len(late) - LATE_ROWS),
        "has_work": bool(rows),
        "summary": summary_of(lines),
        "news": [news_line(each, clock) for each in news],
        "grade": grade_note(course),
        "planned": planned_lines(course, clock),
        "policy": policy_note(course),
        "facts": _facts(course, clock),
        "syllabus": shown_html(course.syllabus_html, course.html_url),
    }


def _facts(course: Course, clock: Clock) -> list[tuple[str, str]]:
    facts = [("Code", course.code), ("Term", course.term.name if course.term else "")]
    if course.teachers:
        facts.append(("Teacher" if len(course.teachers) == 1 else "Teachers", ", ".join(course.teachers)))
    for label, at in (("Begins", course.starts_at), ("Ends", course.ends_at)):
        if at is not None:
            day = clock.day_of(at)
            facts.append((label, f"{short_date(day)} {day.year}"))
    if course.period_text:
        facts.append((course.period_title, course.period_text))
    if course.is_concluded(clock.now):
        facts.append(("State", "concluded"))
    facts.append(("Kept", "by hand" if course.is_by_hand else "in step with its source"))
    return [(label, value) for label, value in facts if value]


def assignments(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """All work, by group; of a course made by hand also the groups that are empty."""
    rows = work_of(course, request, clock)
    lines = {row.pk: row_of(row, clock) for row in rows}
    sections = group_sections(rows[:WORK_SHOWN], lines)
    groups: list[AssignmentGroup] = []
    if course.is_by_hand:
        groups = list(course.groups.all())
        shown = {section.pk for section in sections}
        sections += group_sections([], {}, [group for group in groups if group.pk not in shown])
    return {
        "groups": sections,
        "weights_note": weights_note(groups),
        "has_more": len(rows) > WORK_SHOWN,
        "summary": summary_of(list(lines.values())),
    }


def modules(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """The modules with their items."""
    rows = work_of(course, request, clock)
    lines: dict[int, WorkRow] = {row.pk: row_of(row, clock) for row in rows}
    return {"modules": module_sections(course, lines, clock)}


def announcements(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """What teachers told the course, newest first, page by page."""
    own = Announcement.objects.visible_to(request.user).in_course(course).shown_once()
    rows = own.for_list().newest_first()
    page = Paginator(rows, NEWS_PAGE).get_page(request.GET.get("page"))
    return {"page": page, "lines": [news_line(each, clock) for each in page]}


@dataclass(frozen=True)
class ThingLine:
    """One thing of the vault on a course's page."""

    pk: int
    title: str
    url: str
    icon: str
    facts: list[str]
    download_url: str


@dataclass
class Folder:
    title: str
    things: list[ThingLine] = field(default_factory=list)


def _links(request: Request, course: Course, *kinds: str) -> list[CourseResource]:
    rows = CourseResource.objects.visible_to(request.user).in_course(course).filter(resource__kind__in=kinds)
    names = ("title", "kind", "content_type", "size_bytes", "url", "owner_id", "updated_at", "file_name", "blob_id")
    rows = rows.select_related("resource").only("folder", "course_id", *(f"resource__{name}" for name in names))
    return list(rows.order_by("folder", "resource__title", "pk")[: MOST_FILES + 1])


def _thing(resource: Resource, clock: Clock) -> ThingLine:
    facts = [resource.type_label]
    if resource.kind == Resource.Kind.FILE:
        facts.append(size_words(resource.size_bytes))
    elif resource.kind == Resource.Kind.LINK:
        facts.append(resource.host)
    facts.append(f"changed {ago(resource.updated_at, clock.now)}")
    return ThingLine(
        resource.pk,
        resource.title,
        f"/vault/{resource.pk}/",
        resource.icon,
        [fact for fact in facts if fact],
        f"/vault/{resource.pk}/file/" if resource.blob_id else "",
    )


def resources(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """Files and links of the vault that belong to the course, by folder; and the newest that could."""
    links = _links(request, course, Resource.Kind.FILE, Resource.Kind.LINK)
    folders = [
        Folder(name, [_thing(link.resource, clock) for link in group])
        for name, group in groupby(links[:MOST_FILES], key=lambda link: link.folder)
    ]
    return {
        "folders": folders,
        "has_more": len(links) > MOST_FILES,
        "others": _others(request, course, Resource.Kind.FILE, Resource.Kind.LINK),
    }


def _others(request: Request, course: Course, *kinds: str) -> list[Resource]:
    own = Resource.objects.visible_to(request.user).kept().filter(kind__in=kinds)
    own = own.exclude(course_links__course__in=Course.objects.same_ids(course))
    return list(own.only("title", "owner_id").order_by("-updated_at")[:OFFERED])


def notes(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """The course's own notes, edited in place, and the notes of the vault about it."""
    links = _links(request, course, Resource.Kind.NOTE)
    return {
        "things": [_thing(link.resource, clock) for link in links],
        "others": _others(request, course, Resource.Kind.NOTE),
        "edits": request.GET.get("edit") == "1",
    }


def people(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """Teachers, assistants and the student's own contacts."""
    rows = list(CoursePerson.objects.visible_to(request.user).in_course(course).present().by_role())
    named = {row.name for row in rows}
    # A feed, or a source before its next sync, tells of teachers by name only.
    return {"people": rows, "names": [name for name in course.teachers if name not in named]}


@dataclass(frozen=True)
class RepositoryLine:
    """One repository with the work it is for."""

    repository: Repository
    commit: str
    ci: CiWords | None
    works: list[tuple[str, str, str]]


def repositories(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """The repositories that work of the course is done in."""
    links = AssignmentRepository.objects.visible_to(request.user).in_course(course)
    links = links.select_related("repository", "assignment").defer(
        *("repository__search_vector", "assignment__search_vector", "assignment__description_html", "assignment__notes")
    )
    found: dict[int, RepositoryLine] = {}
    for link in links.order_by("-repository__last_commit_at", "pk"):
        repository = link.repository
        at = repository.last_commit_at
        commit = f"last commit {ago(at, clock.now)}" if at else "no commit yet"
        line = found.setdefault(repository.pk, RepositoryLine(repository, commit, words_of(repository.ci_status), []))
        due = moment(link.assignment.due_at, clock).main if link.assignment.due_at else ""
        line.works.append((link.assignment.name, f"/assignments/{link.assignment_id}/", due))
    return {"repositories": list(found.values())}


def activity(request: Request, course: Course, clock: Clock) -> dict[str, Any]:
    """What happened in the course, newest first."""
    before = request.GET.get("before", "")
    lines, older = activity_lines(request.user, course, clock, before=int(before) if before.isdecimal() else None)
    return {"days": lines, "older": older}
