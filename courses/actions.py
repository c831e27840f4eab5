"""What workflows can ask of this app: the system actions that turn a source's records into courses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses import course_actions, reading_actions, repository_actions  # noqa: F401  (registration on import)
from courses.calendar import actions as calendar_actions  # noqa: F401  (registration on import)
from courses.grading import actions as grading_actions  # noqa: F401
from courses.handmade import actions as handmade_actions  # noqa: F401
from courses.importing.announcements import import_announcements
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.importing.files import import_files
from courses.importing.folders import attach_by_folder
from courses.importing.modules import import_modules
from courses.importing.people import import_people
from courses.importing.planner import import_planner
from courses.marks import note_refusal, note_written, unwritten_marks
from courses.planning import actions as planning_actions  # noqa: F401  (registration on import)
from courses.reminders import actions as reminder_actions  # noqa: F401  (registration on import)
from courses.workplan import actions as plan_actions  # noqa: F401  (registration on import)

MOST_RECORDS = 10_000


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    source: str = Field(min_length=1, max_length=100, description="Who the records come from: connection:12")


class ImportList(Params):
    is_complete: bool = Field(
        default=True, description="Whether the list is all there is; what a part of it leaves out has not vanished"
    )


class ImportCourses(ImportList):
    courses: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_courses returned")


class ImportAssignments(ImportList):
    course_id: str = Field(min_length=1, max_length=200, description="The source's id of the course")
    assignments: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_assignments returned")


class ImportAnnouncements(Params):
    announcements: list[Any] = Field(
        max_length=MOST_RECORDS, description="What the source's get_announcements returned"
    )


class ImportFiles(Params):
    course_id: str = Field(min_length=1, max_length=200, description="The source's id of the course")
    files: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's download_file returned, as a list")


class ImportModules(Params):
    course_id: str = Field(min_length=1, max_length=200, description="The source's id of the course")
    modules: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_modules returned")


class ImportPeople(Params):
    course_id: str = Field(min_length=1, max_length=200, description="The source's id of the course")
    people: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_people returned")


class ImportPlanner(Params):
    items: list[Any] = Field(max_length=MOST_RECORDS, description="The source's planner items")
    start: datetime | None = Field(default=None, description="From when on the list is complete")
    end: datetime | None = Field(default=None, description="Until when the list is complete")
    takes_marks: bool | None = Field(
        default=None, description="Whether the source can be told what the student marks as done here"
    )


class UnwrittenMarks(Params):
    pass


class NoteWritten(Params):
    id: str = Field(min_length=1, max_length=240, description="The planner's name of it: assignment:12")
    complete: bool = Field(description="What the source has now")
    dismissed: bool | None = Field(default=None, description="The same of being dismissed, where it is known")
    override_id: str = Field(default="", max_length=200, description="The source's id of the mark")


class NoteRefusal(Params):
    id: str = Field(min_length=1, max_length=240, description="The planner's name of it: assignment:12")
    error: str = Field(max_length=5_000, description="Why the source did not take the mark")


@system_action("courses.import", params=ImportCourses, writes=True, summary="Bring courses in from a source")
def import_courses_action(context: ActionContext, params: ImportCourses) -> dict[str, Any]:
    result = import_courses(
        context.owner,
        source=params.source,
        courses=params.courses,
        by=context.actor,
        is_complete=params.is_complete,
    )
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
        is_complete=params.is_complete,
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


@system_action(
    "modules.import", params=ImportModules, writes=True, summary="Bring one course's modules in from a source"
)
def import_modules_action(context: ActionContext, params: ImportModules) -> dict[str, Any]:
    result = import_modules(
        context.owner, source=params.source, course_id=params.course_id, modules=params.modules, by=context.actor
    )
    return result.as_json()


@system_action(
    "people.import", params=ImportPeople, writes=True, summary="Bring one course's teachers and assistants in"
)
def import_people_action(context: ActionContext, params: ImportPeople) -> dict[str, Any]:
    result = import_people(
        context.owner, source=params.source, course_id=params.course_id, people=params.people, by=context.actor
    )
    return result.as_json()


@system_action(
    "planner.import",
    params=ImportPlanner,
    writes=True,
    summary="Bring a source's planner in, and what the student marked as done there",
)
def import_planner_action(context: ActionContext, params: ImportPlanner) -> dict[str, Any]:
    result = import_planner(
        context.owner,
        source=params.source,
        items=params.items,
        by=context.actor,
        start=params.start,
        end=params.end,
        takes_marks=params.takes_marks,
    )
    return result.as_json()


@system_action(
    "planner.unwritten", params=UnwrittenMarks, writes=False, summary="List the marks that a source has not taken yet"
)
def unwritten_marks_action(context: ActionContext, params: UnwrittenMarks) -> dict[str, Any]:
    """Give `{count, marks: [{id, course_id, kind, complete, dismissed, override_id, title}]}`, the oldest first."""
    marks = unwritten_marks(context.owner, params.source)
    return {"count": len(marks), "marks": marks}


@system_action("planner.written", params=NoteWritten, writes=True, summary="Note that a source has taken a mark")
def note_written_action(context: ActionContext, params: NoteWritten) -> dict[str, Any]:
    is_settled = note_written(
        context.owner,
        source=params.source,
        external_id=params.id,
        complete=params.complete,
        dismissed=params.dismissed,
        override_id=params.override_id,
        by=context.actor,
    )
    return {"is_settled": is_settled}


@system_action(
    "planner.refused", params=NoteRefusal, writes=True, summary="Note that a source did not take a mark, and why"
)
def note_refusal_action(context: ActionContext, params: NoteRefusal) -> dict[str, Any]:
    note_refusal(context.owner, source=params.source, external_id=params.id, error=params.error, by=context.actor)
    return {}


class AttachByFolder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    files: list[Any] = Field(max_length=MOST_RECORDS, description="What files.import returned as resources")


@system_action(
    "courses.attach_by_folder",
    params=AttachByFolder,
    writes=True,
    summary="Attach files to the course that a folder around them is named after",
)
def attach_by_folder_action(context: ActionContext, params: AttachByFolder) -> dict[str, Any]:
    files = [item for item in params.files if isinstance(item, dict) and isinstance(item.get("resource"), int)]
    return attach_by_folder(context.owner, files=files, by=context.actor)
