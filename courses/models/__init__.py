"""What a student studies: terms, courses, the work in them and the news about them."""

from courses.models.announcements import Announcement
from courses.models.archives import CourseArchive
from courses.models.assignments import Assignment, AssignmentGroup, Submission
from courses.models.calendar import CalendarEvent, CalendarFeed, CalendarOccurrence, CalendarSource
from courses.models.courses import AiPolicy, Course, Term
from courses.models.drafts import ImportDraft
from courses.models.feedback import SubmissionComment
from courses.models.grades import CourseGrading, GradeScenario
from courses.models.imports import SourceImport
from courses.models.links import CourseResource
from courses.models.modules import Module, ModuleItem
from courses.models.people import CoursePerson
from courses.models.planner import PlannerItem
from courses.models.prerequisites import CoursePrerequisite
from courses.models.reminders import DigestSlot, DueSignal, Reminder, ReminderRule, ReminderSettings
from courses.models.repositories import AssignmentRepository
from courses.models.sameness import SamenessChoice
from courses.models.tasks import OwnTask, TaskSeries
from courses.models.visits import DashboardVisit
from courses.models.workplan import PlanPreferences, PlanProposal, WorkBlock

__all__ = [
    "AiPolicy",
    "Announcement",
    "Assignment",
    "AssignmentRepository",
    "AssignmentGroup",
    "CalendarEvent",
    "CalendarFeed",
    "CalendarOccurrence",
    "CalendarSource",
    "Course",
    "CourseArchive",
    "CourseGrading",
    "CoursePrerequisite",
    "CoursePerson",
    "CourseResource",
    "DashboardVisit",
    "DigestSlot",
    "DueSignal",
    "GradeScenario",
    "ImportDraft",
    "Module",
    "ModuleItem",
    "OwnTask",
    "PlanPreferences",
    "PlanProposal",
    "PlannerItem",
    "SamenessChoice",
    "Reminder",
    "ReminderRule",
    "ReminderSettings",
    "SourceImport",
    "Submission",
    "TaskSeries",
    "SubmissionComment",
    "Term",
    "WorkBlock",
]
