"""What workflows can ask of this app: the system actions that turn a source's records into courses."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses import reading_actions  # noqa: F401  (registration on import)
from courses.importing.announcements import import_announcements
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.importing.files import import_files

MOST_RECORDS = 10_000


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    source: str = Field(min_length=1, max_length=100, description="Who the records come from: connection:12")


class ImportCourses(Params):
    courses: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_courses returned")


class ImportAssignments(Params):
    course_id: str = Field(min_length=1, max_length=200, description="The source's id of the course")
    assignments: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_assignments returned")


class ImportAnnouncements(Params):
    announcements: list[Any] = Field(
        max_length=MOST_RECORDS, description="What the source's get_announcements returned"
    )


class ImportFiles(Params):
    course_id: str = Field(min_length=1, max_length=200, description="The source's id of the course")
    files: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's download_file returned, as a list")


@system_action("courses.import", params=ImportCourses, writes=True, summary="Bring courses in from a source")
def import_courses_action(context: ActionContext, params: ImportCourses) -> dict[str, Any]:
    result = import_courses(context.owner, source=params.source, courses=params.courses, by=context.actor)
    return result.as_json()


@system_action(
    "assignments.import",
    params=ImportAssignments,
    writes=True,
    summary="Bring one course's assignments and submissions in from a source",
)
def import_assignments_action(context: ActionContext, params: ImportAssignments) -> dict[str, Any]:
    result = import_assignments(
        context.owner,
        source=params.source,
        course_id=params.course_id,
        assignments=params.assignments,
        by=context.actor,
    )
    return result.as_json()


@system_action(
    "announcements.import",
    params=ImportAnnouncements,
    writes=True,
    summary="Bring announcements in from a source",
)
def import_announcements_action(context: ActionContext, params: ImportAnnouncements) -> dict[str, Any]:
    result = import_announcements(
        context.owner, source=params.source, announcements=params.announcements, by=context.actor
    )
    return result.as_json()


@system_action(
    "courses.import_files",
    params=ImportFiles,
    writes=True,
    summary="Put downloaded files of a course into the vault and attach them to the course",
)
def import_files_action(context: ActionContext, params: ImportFiles) -> dict[str, Any]:
    result = import_files(
        context.owner, source=params.source, course_id=params.course_id, files=params.files, by=context.actor
    )
    return result.as_json()
