"""The records of courses that an import accepts; how each value is read: `coreengine.kernel.importing.records`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from coreengine.kernel.importing.records import (
    Address,
    Batch,
    Count,
    Flag,
    Id,
    LongText,
    Name,
    Names,
    Number,
    OptionalId,
    Problem,
    Record,
    Short,
    SmallCount,
    Time,
    Word,
    Words,
    as_digest,
    as_list,
    as_text,
    as_utc,
    as_zero,
    cut,
    read_batch,
)
from courses.models import Course, CoursePerson, Module, ModuleItem, Submission

__all__ = ["Batch", "Problem", "read_batch"]


def _storable_day(value: date) -> date:
    if not 1970 <= value.year <= 2200:
        raise ValueError("the year is not between 1970 and 2200")
    return value


def _no_day(value: Any) -> Any:
    return None if value == "" else value


def _mail_or_nothing(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        return ""
    return value if len(value) <= 254 else ""


def _place(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else None


Place = Annotated[int | None, BeforeValidator(_place)]
Ids = Annotated[list[OptionalId], BeforeValidator(as_list), Field(max_length=500)]
Day = Annotated[Annotated[date, AfterValidator(_storable_day)] | None, BeforeValidator(_no_day)]
PlannerId = Annotated[str, BeforeValidator(as_text), Field(max_length=240)]


def _flag_or_nothing(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


Known = Annotated[bool | None, BeforeValidator(_flag_or_nothing)]
"""A flag that a source may not know."""


def _as_scale(value: Any) -> list[list[Any]] | None:
    """Rows of letter and least percentage, the highest first; None where a source gives something else."""
    if not isinstance(value, list) or not 1 <= len(value) <= 50:
        return None
    rows: list[list[Any]] = []
    for row in value:
        letter, least = (row[0], row[1]) if isinstance(row, list | tuple) and len(row) >= 2 else ("", None)
        is_number = isinstance(least, int | float) and not isinstance(least, bool) and 0 <= least <= 1000
        if not isinstance(letter, str) or not letter.strip() or not is_number:
            return None
        rows.append([letter.strip()[:32], round(float(least), 4)])
    return sorted(rows, key=lambda row: -row[1])


ScaleRows = Annotated[list[list[Any]] | None, BeforeValidator(_as_scale)]


class TermRecord(Record):
    name: Name
    start_at: Time = None
    end_at: Time = None


class CourseRecord(Record):
    """`name` may be missing only on the stub that Canvas gives of a course it does not let the student see."""

    is_partial: Flag = False
    """The source does not know everything: what the record does not say is left as it is."""
    name: Short = ""
    course_code: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(100))] = ""
    term: TermRecord | None = None
    start_at: Time = None
    end_at: Time = None
    time_zone: Word = ""
    state: Word = "available"
    html_url: Address = ""
    syllabus_html: LongText = ""
    current_score: Number = None
    current_grade: Word = ""
    final_score: Number = None
    final_grade: Word = ""
    period_title: Short = ""
    period_score: Number = None
    period_grade: Word = ""
    weighs_groups: Known = None
    hides_total: Flag = False
    grading_scheme: ScaleRows = None
    is_favorite: Flag = False
    teachers: Names = Field(default_factory=list)
    is_restricted: Flag = False
    nickname: Short = ""
    color: Word = ""
    position: Place = None

    @property
    def known_state(self) -> str:
        return self.state if self.state in Course.State.values else Course.State.AVAILABLE


class PersonRecord(Record):
    """One person of a course; what is no address of mail is left out."""

    name: Name
    role: Word = "teacher"
    email: Annotated[str, BeforeValidator(as_text), AfterValidator(_mail_or_nothing)] = ""
    html_url: Address = ""

    @property
    def known_role(self) -> str:
        return self.role if self.role in CoursePerson.Role.values else CoursePerson.Role.OTHER


class GroupRecord(Record):
    name: Name
    position: Count = 0
    weight: Number = None
    drop_lowest: SmallCount = 0
    drop_highest: SmallCount = 0
    never_drop: Annotated[list[OptionalId], BeforeValidator(as_list)] = Field(default_factory=list)


class SubmissionRecord(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, frozen=True)

    state: Word = "unsubmitted"
    submitted_at: Time = None
    graded_at: Time = None
    posted_at: Time = None
    score: Number = None
    grade: Word = ""
    late: Flag = False
    missing: Flag = False
    excused: Flag = False
    attempt: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    seconds_late: Annotated[int, BeforeValidator(as_zero), Field(ge=0, le=10**15)] = 0
    points_deducted: Number = None
    html_url: Address = ""
    comments: Annotated[list[Any] | None, Field(max_length=1_000)] = None
    """What was written about the work (`CommentRecord`); null where the source does not tell."""

    @property
    def known_state(self) -> str:
        """The source's word where we know it, else what its times say."""
        if self.state in Submission.State.values:
            return self.state
        return Submission.State.SUBMITTED if self.submitted_at else Submission.State.UNSUBMITTED


class CommentRecord(Record):
    """One comment on a submission."""

    author: Short = ""
    text: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(20_000)), Field(min_length=1)]
    written_at: Time = None


class AssignmentRecord(Record):
    """`due_on` is a day without a time, for a source that knows no more: its end in the course's time zone is meant."""

    is_partial: Flag = False
    """The source does not know everything: what the record does not say is left as it is."""
    course_id: OptionalId = ""
    name: Name
    description_html: LongText = ""
    due_at: Time = None
    due_on: Day = None
    unlock_at: Time = None
    lock_at: Time = None
    points_possible: Number = None
    grading_type: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(32))] = ""
    submission_types: Words = Field(default_factory=list)
    allowed_extensions: Annotated[
        list[Annotated[str, BeforeValidator(as_text), AfterValidator(cut(32))]], BeforeValidator(as_list)
    ] = Field(default_factory=list)
    html_url: Address = ""
    position: Count = 0
    state: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(32))] = "published"
    omit_from_final_grade: Flag = False
    planner_id: PlannerId = ""
    group: GroupRecord | None = None
    submission: SubmissionRecord | None = None


class AnnouncementRecord(Record):
    course_id: Id
    title: Name
    message_html: LongText = ""
    posted_at: Annotated[datetime, AfterValidator(as_utc)]
    author: Short = ""
    html_url: Address = ""


class FileRecord(Record):
    course_id: OptionalId = ""
    folder: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(1000))] = ""
    name: Name
    content_type: Short = ""
    size_bytes: Annotated[int, BeforeValidator(as_zero), Field(ge=0, le=10**15)] = 0
    updated_at: Time = None
    html_url: Address = ""
    locked: Flag = False
    blob: Annotated[str, BeforeValidator(as_digest), Field(max_length=200)] = ""


class RequirementRecord(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Word
    min_score: Number = None
    completed: Flag = False

    @property
    def known_type(self) -> str:
        return self.type if self.type in ModuleItem.Requirement.values else ModuleItem.Requirement.MUST_VIEW


class ModuleItemRecord(Record):
    """`kind` is one of `ModuleItem.Kind`; `planner_ids` are the names that the item's work may have in the planner."""

    title: Name
    kind: Word = "other"
    position: Count = 0
    indent: SmallCount = 0
    content_id: OptionalId = ""
    planner_ids: Ids = Field(default_factory=list)
    html_url: Address = ""
    external_url: Address = ""
    requirement: RequirementRecord | None = None
    points_possible: Number = None
    due_at: Time = None
    unlock_at: Time = None
    lock_at: Time = None

    @property
    def known_kind(self) -> str:
        return self.kind if self.kind in ModuleItem.Kind.values else ModuleItem.Kind.OTHER


class ModuleRecord(Record):
    """`items` is null where they could not be read; those that are known stay as they are then."""

    course_id: OptionalId = ""
    name: Name
    position: Count = 0
    state: Word = ""
    unlock_at: Time = None
    completed_at: Time = None
    is_sequential: Flag = False
    requirement_type: Word = "all"
    prerequisite_ids: Ids = Field(default_factory=list)
    items: Annotated[list[Any] | None, Field(max_length=5_000)] = None

    @property
    def known_state(self) -> str:
        return self.state if self.state in Module.State.values else ""

    @property
    def known_requirement_type(self) -> str:
        one = Module.Requirement.ONE
        return one if self.requirement_type == one else Module.Requirement.ALL


class PlannerRecord(Record):
    """`id` is the kind and the source's id of what is planned: "assignment:12", "calendar_event:7".

    `html_path` is an address without its host, which the addresses of the source's courses tell.
    """

    id: Annotated[str, BeforeValidator(as_text), Field(min_length=1, max_length=240)]
    course_id: OptionalId = ""
    assignment_id: OptionalId = ""
    kind: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(32)), Field(min_length=1)]
    title: Name
    starts_at: Time = None
    ends_at: Time = None
    starts_on: Day = None
    location: Short = ""
    details_html: LongText = ""
    html_url: Address = ""
    html_path: Annotated[str, BeforeValidator(as_text), Field(max_length=1_000)] = ""
    override_id: OptionalId = ""
    marked_complete: Flag = False
    dismissed: Flag = False
