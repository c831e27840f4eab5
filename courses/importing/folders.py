"""Attaching files to the course that a folder around them is named after."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from courses.models import Course, CourseResource
from courses.services import attach_resource
from resources.models import Resource


@transaction.atomic
def attach_by_folder(owner: User, *, files: list[dict[str, Any]], by: User) -> dict[str, Any]:
    """Attach each file to the course whose name or code one of its folders bears, the innermost first.

    `files` are `{resource, folder}`, with folders as paths. Capitals do not count; a course that goes on is preferred
    to one that is over, and a newer to an older. Nothing is ever taken off a course. Twice is harmless.
    """
    folders = {int(item["resource"]): str(item.get("folder") or "") for item in files if item.get("resource")}
    courses = _by_name(owner)
    attached, names = 0, set()
    for resource in Resource.objects.visible_to(owner).kept().filter(pk__in=folders).light():
        folder = folders[resource.pk]
        course = next((courses[key] for part in reversed(folder.split("/")) if (key := _key(part)) in courses), None)
        if course is None:
            continue
        is_new = not CourseResource.objects.filter(course=course, resource=resource).exists()
        link = attach_resource(course, resource, by=by)
        if link.folder != folder:
            link.folder = folder
            link.save(update_fields=["folder"])
        attached += is_new
        names.add(course.title)
    return {"attached": attached, "courses": sorted(names)}


def _by_name(owner: User) -> dict[str, Course]:
    """Every name that a course goes by; of two with one name the better."""
    found: dict[str, Course] = {}
    active = set(Course.objects.visible_to(owner).active(timezone.now()).values_list("pk", flat=True))
    courses = sorted(Course.objects.visible_to(owner), key=lambda course: (course.pk in active, course.pk))
    for course in courses:
        for name in (course.name, course.title, course.code):
            if key := _key(name):
                found[key] = course
    return found


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()
