"""The records of courses that an import accepts; how each value is read: `coreengine.kernel.importing.records`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

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
from courses.models import Course, Submission

__all__ = ["Batch", "Problem", "read_batch"]


class TermRecord(Record):
    name: Name
    start_at: Time = None
    end_at: Time = None


class CourseRecord(Record):
    """`name` may be missing only on the stub that Canvas gives of a course it does not let the student see."""

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
    teachers: Names = Field(default_factory=list)
    is_restricted: Flag = False

    @property
    def known_state(self) -> str:
        return self.state if self.state in Course.State.values else Course.State.AVAILABLE


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

    @property
    def known_state(self) -> str:
        """The source's word where we know it, else what its times say."""
        if self.state in Submission.State.values:
            return self.state
        return Submission.State.SUBMITTED if self.submitted_at else Submission.State.UNSUBMITTED


class AssignmentRecord(Record):
    course_id: OptionalId = ""
    name: Name
    description_html: LongText = ""
    due_at: Time = None
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
