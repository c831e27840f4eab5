"""What a student studies: terms, courses, the work in them and the news about them."""

from courses.models.announcements import Announcement
from courses.models.assignments import Assignment, AssignmentGroup, Submission
from courses.models.courses import Course, Term
from courses.models.grades import CourseGrading, GradeScenario
from courses.models.imports import SourceImport
from courses.models.links import CourseResource
from courses.models.modules import Module, ModuleItem
from courses.models.planner import PlannerItem
from courses.models.reminders import DigestSlot, DueSignal, Reminder, ReminderRule, ReminderSettings
from courses.models.repositories import AssignmentRepository

__all__ = [
    "Announcement",
    "Assignment",
    "AssignmentRepository",
    "AssignmentGroup",
    "Course",
    "CourseGrading",
    "CourseResource",
    "DigestSlot",
    "DueSignal",
    "GradeScenario",
    "Module",
    "ModuleItem",
    "PlannerItem",
    "Reminder",
    "ReminderRule",
    "ReminderSettings",
    "SourceImport",
    "Submission",
    "Term",
]
