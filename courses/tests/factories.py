"""The smallest valid objects of this app, and records as a source sends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from factory.django import DjangoModelFactory

from coreengine.accounts.models import User
from courses.models import (
    Announcement,
    Assignment,
    Course,
    Module,
    ModuleItem,
    PlannerItem,
    Submission,
    Term,
)

# A Monday, in the middle of a semester.
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SOURCE = "connection:1"


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"student{n}@example.edu")
    name = "Mira Kaya"


class TermFactory(DjangoModelFactory):
    class Meta:
        model = Term

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Term {n}")


class CourseFactory(DjangoModelFactory):
    class Meta:
        model = Course

    class Params:
        imported = factory.Trait(source=SOURCE, external_id=factory.Sequence(lambda n: f"c{n}"))

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Course {n}")


class AssignmentFactory(DjangoModelFactory):
    class Meta:
        model = Assignment

    class Params:
        imported = factory.Trait(
            source=SOURCE, external_id=factory.Sequence(lambda n: f"a{n}"), submission_types=["online_upload"]
        )

    course = factory.SubFactory(CourseFactory)
    owner = factory.SelfAttribute("course.owner")
    name = factory.Sequence(lambda n: f"Assignment {n}")


class SubmissionFactory(DjangoModelFactory):
    class Meta:
        model = Submission

    assignment = factory.SubFactory(AssignmentFactory, imported=True)


class AnnouncementFactory(DjangoModelFactory):
    class Meta:
        model = Announcement

    course = factory.SubFactory(CourseFactory, imported=True)
    owner = factory.SelfAttribute("course.owner")
    source = SOURCE
    external_id = factory.Sequence(lambda n: f"n{n}")
    title = factory.Sequence(lambda n: f"Announcement {n}")
    posted_at = NOW


def course_record(id: str = "101", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": f"Operating Systems {id}",
        "course_code": f"CS {id}",
        "term": {
            "id": "t1",
            "name": "Autumn 2026",
            "start_at": "2026-09-01T00:00:00Z",
            "end_at": "2037-01-31T00:00:00Z",
        },
        "start_at": None,
        "end_at": None,
        "time_zone": "Europe/Berlin",
        "state": "available",
        "html_url": f"https://demo.university.edu/courses/{id}",
        "syllabus_html": "<p>Read the book.</p>",
        "current_score": 91.5,
        "current_grade": "A-",
        "final_score": 80,
        "final_grade": "B",
        "teachers": ["Ada Lovelace"],
        "is_restricted": False,
        **fields,
    }


def submission_record(**fields: Any) -> dict[str, Any]:
    return {
        "state": "unsubmitted",
        "submitted_at": None,
        "graded_at": None,
        "posted_at": None,
        "score": None,
        "grade": None,
        "late": False,
        "missing": False,
        "excused": False,
        "attempt": None,
        "seconds_late": 0,
        "points_deducted": None,
        "html_url": None,
        **fields,
    }


def assignment_record(id: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "course_id": "101",
        "name": f"Problem set {id}",
        "description_html": "<p>Solve it.</p>",
        "due_at": (NOW + timedelta(days=3)).isoformat(),
        "unlock_at": None,
        "lock_at": None,
        "points_possible": 40,
        "grading_type": "points",
        "submission_types": ["online_upload"],
        "allowed_extensions": ["pdf"],
        "html_url": f"https://demo.university.edu/courses/101/assignments/{id}",
        "position": 1,
        "state": "published",
        "omit_from_final_grade": False,
        "group": {
            "id": "g1",
            "name": "Homework",
            "position": 1,
            "weight": 40,
            "drop_lowest": 1,
            "drop_highest": 0,
            "never_drop": [],
        },
        "submission": submission_record(),
        **fields,
    }


def announcement_record(id: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "course_id": "101",
        "title": f"News {id}",
        "message_html": "<p>The lecture moves to <b>room 5</b>.</p>",
        "posted_at": "2026-11-20T10:00:00Z",
        "author": "Ada Lovelace",
        "html_url": "https://demo.university.edu/a/1",
        **fields,
    }


def item_record(id: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "title": f"Step {id}",
        "kind": "assignment",
        "position": 1,
        "indent": 0,
        "content_id": id,
        "planner_ids": [f"assignment:{id}"],
        "html_url": f"https://demo.university.edu/courses/101/modules/items/{id}",
        "external_url": "",
        "requirement": {"type": "must_submit", "min_score": None, "completed": False},
        "points_possible": 40,
        "due_at": None,
        "unlock_at": None,
        "lock_at": None,
        **fields,
    }


def module_record(id: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "course_id": "101",
        "name": f"Week {id}",
        "position": 1,
        "state": "started",
        "unlock_at": None,
        "completed_at": None,
        "is_sequential": False,
        "requirement_type": "all",
        "prerequisite_ids": [],
        "items": [],
        **fields,
    }


def planner_record(id: str = "assignment:1", **fields: Any) -> dict[str, Any]:
    kind, _, number = id.partition(":")
    return {
        "id": id,
        "course_id": "101",
        "assignment_id": number if kind == "assignment" else "",
        "kind": kind,
        "title": f"Planned {number}",
        "starts_at": (NOW + timedelta(days=3)).isoformat(),
        "ends_at": None,
        "location": "",
        "html_url": "https://demo.university.edu/courses/101/assignments/1",
        "override_id": "",
        "marked_complete": False,
        "dismissed": False,
        **fields,
    }


class ModuleFactory(DjangoModelFactory):
    class Meta:
        model = Module

    course = factory.SubFactory(CourseFactory, imported=True)
    owner = factory.SelfAttribute("course.owner")
    source = SOURCE
    external_id = factory.Sequence(lambda n: f"m{n}")
    name = factory.Sequence(lambda n: f"Week {n}")
    position = factory.Sequence(lambda n: n)


class ModuleItemFactory(DjangoModelFactory):
    class Meta:
        model = ModuleItem

    module = factory.SubFactory(ModuleFactory)
    external_id = factory.Sequence(lambda n: f"i{n}")
    title = factory.Sequence(lambda n: f"Step {n}")
    position = factory.Sequence(lambda n: n)


class PlannerItemFactory(DjangoModelFactory):
    class Meta:
        model = PlannerItem

    owner = factory.SelfAttribute("course.owner")
    course = factory.SubFactory(CourseFactory, imported=True)
    source = SOURCE
    external_id = factory.Sequence(lambda n: f"calendar_event:{n}")
    kind = "calendar_event"
    title = factory.Sequence(lambda n: f"Event {n}")
    starts_at = NOW + timedelta(days=2)
