"""What the university knows, as plain objects; moments are aware datetimes in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

STUDENT: dict[str, Any] = {
    "id": 7301,
    "name": "Alex Rivera",
    "sortable_name": "Rivera, Alex",
    "short_name": "Alex",
    "login_id": "alex.rivera",
    "primary_email": "alex.rivera@demo.university.edu",
    "time_zone": "America/New_York",
    "locale": "en",
}
"""The one student of the university; his password is `demo`."""


@dataclass
class Group:
    id: int
    name: str
    position: int
    weight: float
    drop_lowest: int = 0


@dataclass
class Comment:
    """What a teacher wrote about a submission."""

    author: str
    text: str
    written_at: datetime


@dataclass
class Submission:
    """The student's side of an assignment. `score` is set only once a teacher has graded."""

    state: str = "unsubmitted"
    submitted_at: datetime | None = None
    graded_at: datetime | None = None
    posted_at: datetime | None = None
    score: float | None = None
    late: bool = False
    missing: bool = False
    excused: bool = False
    seconds_late: int = 0
    points_deducted: float | None = None
    comments: list[Comment] = field(default_factory=list)

    @property
    def visible_score(self) -> float | None:
        """The score as the student may see it: grades that are not posted yet stay hidden."""
        return self.score if self.posted_at else None


@dataclass
class Assignment:
    id: int
    name: str
    group: Group
    position: int
    description: str
    due_at: datetime | None
    unlock_at: datetime | None
    lock_at: datetime | None
    points: float
    grading_type: str
    types: list[str]
    extensions: list[str]
    is_new_quiz: bool
    quiz_id: int | None
    """A classic quiz has an id of its own beside that of its assignment; a New Quiz has none here."""
    updated_at: datetime
    submission: Submission


@dataclass
class File:
    id: int
    name: str
    folder: str
    updated_at: datetime
    content_type: str
    source: str
    locked: bool = False
    revision: int = 1
    replaced_by: str = ""
    """The text that replaced the bundled one, when a teacher uploaded a new file of the same name."""


@dataclass
class Announcement:
    id: int
    title: str
    message: str
    author: str
    posted_at: datetime


@dataclass
class CalendarEvent:
    id: int
    title: str
    starts_at: datetime
    ends_at: datetime
    location: str
    description: str
    is_all_day: bool = False


@dataclass
class ModuleItem:
    id: int
    title: str
    type: str
    content_id: int | None = None
    page_url: str = ""
    external_url: str = ""
    indent: int = 0
    is_new_quiz: bool = False
    min_score: float | None = None
    """Work that has to reach so many points, rather than only be handed in."""


@dataclass
class Module:
    id: int
    name: str
    position: int
    unlock_at: datetime | None
    requires: list[int]
    items: list[ModuleItem]
    state: str
    is_sequential: bool = False
    needs: str = "all"


@dataclass
class Page:
    id: int
    url: str
    title: str
    body: str


@dataclass
class Course:
    id: int
    name: str
    code: str
    syllabus: str
    color: str
    teachers: list[str]
    files_tab: bool
    groups: list[Group]
    assignments: list[Assignment]
    modules: list[Module]
    announcements: list[Announcement]
    files: list[File]
    pages: list[Page]
    events: list[CalendarEvent] = field(default_factory=list)
    is_concluded: bool = False
    is_restricted: bool = False
    is_deleted: bool = False


@dataclass
class Semester:
    """The whole term as it stands on `today`."""

    id: int
    name: str
    today: date
    starts_at: datetime
    ends_at: datetime
    courses: list[Course] = field(default_factory=list)

    def course(self, course_id: int) -> Course | None:
        return next((course for course in self.courses if course.id == course_id), None)

    def find_assignment(self, assignment_id: int) -> tuple[Course, Assignment] | None:
        for course in self.courses:
            for assignment in course.assignments:
                if assignment.id == assignment_id:
                    return course, assignment
        return None

    def find_quiz(self, quiz_id: int) -> tuple[Course, Assignment] | None:
        pairs = [(course, found) for course in self.courses for found in course.assignments]
        return next((pair for pair in pairs if pair[1].quiz_id == quiz_id), None)

    def find_file(self, file_id: int) -> tuple[Course, File] | None:
        for course in self.courses:
            for file in course.files:
                if file.id == file_id:
                    return course, file
        return None
