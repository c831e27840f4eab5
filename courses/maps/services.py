"""The changes of the map across courses."""

from __future__ import annotations

from django.db import transaction

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.maps.rules import check_prerequisite
from courses.models import Course, CoursePrerequisite


@transaction.atomic
def add_prerequisite(course: Course, required: Course, *, by: User) -> CoursePrerequisite:
    """Say that a course needs another. Saying it twice is harmless.

    Raises:
        ValidationError: at `required`: not the student's, the course itself, or a circle.
    """
    # One arrow at a time: two at once could close a circle that neither of them saw.
    User.objects.select_for_update(of=("self",)).only("pk").get(pk=course.owner_id)
    known = CoursePrerequisite.objects.filter(course=course, required=required).first()
    if known is not None:
        return known
    check_prerequisite(course, required)
    link = CoursePrerequisite.objects.create(owner_id=course.owner_id, course=course, required=required)
    data = {"required": required.pk, "name": course.title, "required_name": required.title}
    record("course.prerequisite_added", actor=by, subject=course, owner=course.owner, data=data)
    return link


@transaction.atomic
def remove_prerequisite(link: CoursePrerequisite, *, by: User) -> None:
    """Take an arrow off the map."""
    data = {"required": link.required_id, "name": link.course.title, "required_name": link.required.title}
    link.delete()
    record("course.prerequisite_removed", actor=by, subject=link.course, owner=link.owner, data=data)
