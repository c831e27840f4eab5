"""What an archive holds of one course: plain data, the same for its JSON and its pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from courses.grading.courses import CourseGrades, grades_of
from courses.grading.rules import rounded
from courses.models import (
    Announcement,
    Assignment,
    Course,
    CoursePerson,
    CourseResource,
    SubmissionComment,
)
from courses.models.repositories import AssignmentRepository
from courses.module_reading import read_modules
from resources.models import Resource

SCHEMA_VERSION = "1.0"
SCHEMA = "core-engine.course-archive"


def course_data(course: Course) -> dict[str, Any]:
    """Everything that is known of a course but the bytes of its files. About twelve queries, whatever its size."""
    grades = grades_of([course])[0]
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "course": _course(course),
        "people": _people(course),
        "grades": _grades(grades),
        "groups": [
            {
                "id": group.pk,
                "name": group.name,
                "weight": group.weight,
                "drop_lowest": group.drop_lowest,
                "drop_highest": group.drop_highest,
            }
            for group in grades.groups
        ],
        "assignments": _assignments(course, grades),
        "modules": _modules(course),
        "announcements": _announcements(course),
        "resources": _resources(course),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _course(course: Course) -> dict[str, Any]:
    return {
        "id": course.pk,
        "name": course.name,
        "nickname": course.nickname,
        "title": course.title,
        "code": course.code,
        "term": course.term.name if course.term else None,
        "starts_at": _iso(course.starts_at),
        "ends_at": _iso(course.ends_at),
        "time_zone": course.time_zone,
        "state": course.state,
        "hue": course.hue,
        "teachers": course.teachers,
        "html_url": course.html_url,
        "source": course.source,
        "external_id": course.external_id,
        "syllabus_html": course.syllabus_html,
        "notes_markdown": course.notes,
        "ai_policy": {"policy": course.ai_policy, "text": course.ai_policy_text, "where": course.ai_policy_where},
    }


def _of(course: Course, rows: Any) -> Any:
    """What belongs to a course. The one that is shown has also what the same course has from other sources, so that
    an archive has it once; one that is folded into another has its own alone, should somebody ask for just that.
    """
    return rows.filter(course=course) if course.same_as_id else rows.in_course(course)


def _people(course: Course) -> list[dict[str, Any]]:
    names = ("name", "role", "email", "html_url", "office_hours", "notes")
    rows = _of(course, CoursePerson.objects.all()).present().by_role()
    return [{name: getattr(row, name) for name in names} for row in rows]


def _grades(grades: CourseGrades) -> dict[str, Any]:
    course = grades.course
    parts, final = grades.current.groups, grades.final.percent
    return {
        "percent": grades.percent,
        "final_percent": None if final is None else rounded(final),
        "letter": grades.letter.name if grades.letter else None,
        "is_weighted": grades.is_weighted,
        "credits": grades.credits,
        "goal": grades.goal,
        "groups": [
            {"id": group.pk, "name": group.name, "percent": None if part is None else rounded(part)}
            for group in grades.groups
            for part in [parts[group.pk].percent]
        ],
        "source": {
            "current_score": course.current_score,
            "current_grade": course.current_grade,
            "final_score": course.final_score,
            "final_grade": course.final_grade,
        },
    }


def _assignments(course: Course, grades: CourseGrades) -> list[dict[str, Any]]:
    dropped = grades.current.dropped
    links: dict[int, list[dict[str, str]]] = {}
    for link in (
        AssignmentRepository.objects.filter(assignment__owner=course.owner)
        .in_course(course)
        .select_related("repository")
    ):
        found = {"full_name": link.repository.full_name, "html_url": link.repository.html_url}
        links.setdefault(link.assignment_id, []).append(found)
    comments = Prefetch("comments", SubmissionComment.objects.in_order())
    rows = _of(course, Assignment.objects.visible_to(course.owner))
    rows = rows if course.same_as_id else rows.shown_once()
    rows = rows.select_related("submission", "group").prefetch_related(comments).defer("search_vector")
    return [_assignment(row, dropped, links.get(row.pk, [])) for row in rows.by_due_date()]


def _assignment(row: Assignment, dropped: Any, repositories: list[dict[str, str]]) -> dict[str, Any]:
    submission = row.own_submission
    return {
        "id": row.pk,
        "name": row.name,
        "group": row.group.name if row.group else None,
        "due_at": _iso(row.due_at),
        "unlock_at": _iso(row.unlock_at),
        "lock_at": _iso(row.lock_at),
        "points_possible": row.points_possible,
        "grading_type": row.grading_type,
        "submission_types": row.submission_types,
        "omit_from_final_grade": row.omit_from_final_grade,
        "is_dropped": row.pk in dropped,
        "description_html": row.description_html,
        "notes_markdown": row.notes,
        "done_at": _iso(row.done_at),
        "html_url": row.html_url,
        "source": row.source,
        "external_id": row.external_id,
        "missing_since": _iso(row.missing_since),
        "submission": submission
        and {
            "state": submission.state,
            "submitted_at": _iso(submission.submitted_at),
            "graded_at": _iso(submission.graded_at),
            "score": submission.score,
            "grade": submission.grade,
            "late": submission.late,
            "missing": submission.missing,
            "excused": submission.excused,
            "attempt": submission.attempt,
            "points_deducted": submission.points_deducted,
            "html_url": submission.html_url,
        },
        "feedback": [
            {"author": comment.author, "text": comment.text, "written_at": _iso(comment.written_at)}
            for comment in row.comments.all()
        ],
        "repositories": repositories,
    }


def _modules(course: Course) -> list[dict[str, Any]]:
    modules = read_modules(course, is_alone=course.same_as_id is not None)
    return [
        {
            "name": each.module.name,
            "state": each.module.state,
            "items": [
                {
                    "title": item.title,
                    "kind": item.kind,
                    "indent": item.indent,
                    "assignment": item.work_id,
                    "url": item.html_url or item.external_url,
                    "is_completed": item.is_completed,
                }
                for item in each.items
            ],
        }
        for each in modules
    ]


def _announcements(course: Course) -> list[dict[str, Any]]:
    rows = _of(course, Announcement.objects.visible_to(course.owner))
    rows = rows if course.same_as_id else rows.shown_once()
    rows = rows.defer("search_vector").newest_first()
    return [
        {
            "title": row.title,
            "author": row.author,
            "posted_at": _iso(row.posted_at),
            "message_html": row.message_html,
            "html_url": row.html_url,
        }
        for row in rows
    ]


def _resources(course: Course) -> list[dict[str, Any]]:
    """The things of the vault; `path` (in the archive) and `problem` are filled in when the bytes are written."""
    links = _of(course, CourseResource.objects.visible_to(course.owner)).select_related("resource")
    names = ("title", "kind", "body", "url", "tags", "file_name", "content_type", "size_bytes", "owner_id", "blob_id")
    links = links.only("folder", "course_id", *(f"resource__{name}" for name in names))
    things: dict[int, dict[str, Any]] = {}  # the same thing may be attached to the course of each source
    for link in links.order_by("folder", "resource__title", "pk"):
        things.setdefault(link.resource_id, _thing(link.resource, link.folder))
    return list(things.values())


def _thing(resource: Resource, folder: str) -> dict[str, Any]:
    is_file = resource.kind == Resource.Kind.FILE
    return {
        "id": resource.pk,
        "kind": resource.kind,
        "title": resource.title,
        "folder": folder,
        "tags": list(resource.tags),
        "url": resource.url,
        "markdown": resource.body,
        "file_name": resource.file_name if is_file else "",
        "content_type": resource.content_type if is_file else "",
        "size_bytes": resource.size_bytes if is_file else None,
        "path": None,
        "problem": None,
    }


def local(moment: str | None, zone: ZoneInfo) -> str:
    """A moment of the data in words: "Mon 30 Nov 2026, 23:59"."""
    if not moment:
        return ""
    at = datetime.fromisoformat(moment).astimezone(zone)
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M}"
