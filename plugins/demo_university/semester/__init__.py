"""The bundled semester: what is written in the YAML files beside this one, dated relative to a day."""

from .build import build_semester
from .model import Announcement, Assignment, Course, File, Semester, Submission

__all__ = ["Announcement", "Assignment", "Course", "File", "Semester", "Submission", "build_semester"]
