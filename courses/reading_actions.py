"""What workflows can ask of a student's courses: read only, so that a step may do it as often as it likes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from coreengine.kernel.texts import plain_text
from courses.grading.averages import average
from courses.grading.courses import grades_of
from courses.models import Announcement, Assignment, Course, CourseResource
from courses.moments import Clock, day_name, long_date
from resources.models import Resource

MOST_ROWS = 200
MOST_TEXT = 20_000


class ListCourses(BaseModel):
    """The courses that go on."""

    model_config = ConfigDict(extra="forbid")


class DueAssignments(BaseModel):
    """What is due soon and not handed in."""

    model_config = ConfigDict(extra="forbid")

    within_hours: int = Field(default=48, ge=1, le=24 * 60, description="How far ahead to look")
    include_overdue: bool = Field(default=False, description="Also what should have been handed in already")


class ListGrades(BaseModel):
    """How the courses that go on stand."""

    model_config = ConfigDict(extra="forbid")


class RecentAnnouncements(BaseModel):
    """What teachers told lately."""

    model_config = ConfigDict(extra="forbid")

    within_hours: int = Field(default=24, ge=1, le=24 * 60, description="How far back to look")


class CourseFiles(BaseModel):
    """The files that are attached to a course."""

    model_config = ConfigDict(extra="forbid")

    course: int = Field(description="The course's id, or 0 for every course that goes on")
    not_from: str = Field(default="", max_length=80, description="Leave out what this source brought: connection:12")


@system_action("courses.files", params=CourseFiles, writes=False, summary="List the files of a course", is_brief=True)
def course_files(context: ActionContext, params: CourseFiles) -> dict[str, Any]:
    """Give `{count, courses, text, files: [{id, name, title, course, blob, content_type, size_bytes, url}]}`, by name.

    `blob` is what a plugin's action that writes a file takes; `text` is the list as Markdown.
    """
    courses = Course.objects.visible_to(context.owner)
    chosen = courses.filter(pk=params.course) if params.course else courses.active(timezone.now())
    rows = CourseResource.objects.filter(
        Q(course__in=chosen) | Q(course__same_as__in=chosen),
        resource__kind=Resource.Kind.FILE,
        resource__trashed_at=None,
    ).select_related("course", "resource__blob")
    if params.not_from:
        rows = rows.exclude(resource__source=params.not_from)
    rows = rows.defer("resource__text", "resource__vector", "resource__heading_vector")
    links = list(rows.order_by("course__name", "resource__file_name", "pk")[:MOST_ROWS])
    files = [
        {
            "id": link.resource.pk,
            "name": link.resource.file_name,
            "title": link.resource.title,
            "course": link.course.title,
            "blob": link.resource.blob.sha256,
            "content_type": link.resource.content_type,
            "size_bytes": link.resource.size_bytes,
            "url": link.resource.get_absolute_url(),
        }
        for link in links
        if link.resource.blob is not None
    ]
    lines = [f"- {one_line(file['name'])} ({one_line(file['course'])})" for file in files]
    names = list(dict.fromkeys(file["course"] for file in files))
    return {"count": len(files), "courses": names, "text": "\n".join(lines), "files": files}


@system_action("courses.list", params=ListCourses, writes=False, summary="List the courses that go on", is_brief=True)
def list_courses(context: ActionContext, params: ListCourses) -> dict[str, Any]:
    """Give `{count, courses: [{id, name, code, url, source, external_id}]}`.

    `source` and `external_id` say where a course came from, such as `connection:12`; empty when made by hand.
    """
    rows = Course.objects.visible_to(context.owner).active(timezone.now()).by_name()[:MOST_ROWS]
    courses = [
        {
            "id": course.pk,
            "name": course.title,
            "code": course.code,
            "url": course.get_absolute_url(),
            "source": course.source,
            "external_id": course.external_id,
        }
        for course in rows
    ]
    return {"count": len(courses), "courses": courses}


@system_action(
    "assignments.due",
    params=DueAssignments,
    writes=False,
    summary="List what is due soon and not handed in",
    is_brief=True,
)
def due_assignments(context: ActionContext, params: DueAssignments) -> dict[str, Any]:
    """Give `{count, text, assignments: [{id, name, course, due_at, due, is_overdue, points, url}]}`, soonest first.

    `text` is the list as Markdown, one line each; `due` says the time as a person would, in the student's zone.
    """
    now = timezone.now()
    clock = Clock(now, context.owner.zone)
    work = Assignment.objects.visible_to(context.owner).present().in_active_courses(now).for_list().outstanding(now)
    work = work.filter(due_at__lt=now + timedelta(hours=params.within_hours))
    if not params.include_overdue:
        work = work.filter(due_at__gte=now)
    rows = list(work.by_due_date()[:MOST_ROWS])
    assignments = [
        {
            "id": row.pk,
            "name": row.name,
            "course": row.course.title,
            "due_at": row.due_at.isoformat(),
            "due": due_words(row.due_at, clock),
            "is_overdue": row.due_at < now,
            "points": row.points_possible,
            "url": row.get_absolute_url(),
        }
        for row in rows
        if row.due_at is not None
    ]
    lines = [f"- **{one_line(a['name'])}** ({one_line(a['course'])}), {a['due']}" for a in assignments]
    return {"count": len(assignments), "text": "\n".join(lines), "assignments": assignments}


@system_action(
    "grades.list", params=ListGrades, writes=False, summary="List the grades of the courses that go on", is_brief=True
)
def list_grades(context: ActionContext, params: ListGrades) -> dict[str, Any]:
    """Give `{count, average, text, courses: [{id, name, percent, letter, goal, source_percent, url}]}`.

    `percent` is the score so far, `average` the grade point average; `text` is the list as Markdown, one line each.
    """
    rows = Course.objects.visible_to(context.owner).active(timezone.now()).for_list().by_name()[:MOST_ROWS]
    grades = grades_of(list(rows))
    courses = [
        {
            "id": each.course.pk,
            "name": each.course.title,
            "percent": each.percent,
            "letter": each.letter.name if each.letter else None,
            "goal": each.goal,
            "source_percent": each.course.current_score,
            "url": reverse("courses:grades", args=[each.course.pk]),
        }
        for each in grades
    ]
    lines = [
        f"- **{one_line(each.course.title)}**: "
        + (f"{each.percent:g} % ({each.letter.name})" if each.percent is not None and each.letter else "no grade yet")
        for each in grades
    ]
    return {"count": len(courses), "average": average(grades)[0], "text": "\n".join(lines), "courses": courses}


@system_action(
    "announcements.recent",
    params=RecentAnnouncements,
    writes=False,
    summary="List what teachers announced lately",
    is_brief=True,
)
def recent_announcements(context: ActionContext, params: RecentAnnouncements) -> dict[str, Any]:
    """Give `{count, text, announcements: [{id, title, course, author, posted_at, text, url}]}`, newest first.

    `text` has all of them, a heading each: what an agent can be asked to sum up.
    """
    now = timezone.now()
    since = now - timedelta(hours=params.within_hours)
    rows = (
        Announcement.objects.visible_to(context.owner).shown_once().in_active_courses(now).filter(posted_at__gte=since)
    )
    announcements = [
        {
            "id": row.pk,
            "title": row.title,
            "course": row.course.title,
            "author": row.author,
            "posted_at": row.posted_at.isoformat(),
            "text": plain_text(row.message_html)[:MOST_TEXT],
            "url": row.get_absolute_url(),
        }
        for row in rows.for_list().newest_first()[:MOST_ROWS]
    ]
    text = "\n\n".join(f"# {a['title']} ({a['course']})\n\n{a['text']}" for a in announcements)[:MOST_TEXT]
    return {"count": len(announcements), "text": text, "announcements": announcements}


def due_words(due_at: datetime, clock: Clock) -> str:
    """No "in 5 h": who reads it reads it later."""
    if due_at < clock.now:
        return f"overdue since {long_date(clock.day_of(due_at))}"
    day = day_name(clock.day_of(due_at), clock.today)
    day = day.lower() if day in {"Today", "Tomorrow"} else day
    return f"due {day} at {due_at.astimezone(clock.zone):%H:%M}"


def one_line(text: str) -> str:
    """A name as part of one line of Markdown: nobody's name may break the list."""
    return " ".join(text.replace("*", "").replace("[", "(").replace("]", ")").split())
