"""Factories of people, feedback, drafts and archives."""

from __future__ import annotations

from typing import Any

import factory
from factory.django import DjangoModelFactory

from courses.models import AssignmentGroup, CourseArchive, CoursePerson, SubmissionComment
from courses.tests.factories import SOURCE, AssignmentFactory, CourseFactory


class GroupFactory(DjangoModelFactory):
    class Meta:
        model = AssignmentGroup

    course = factory.SubFactory(CourseFactory)
    name = factory.Sequence(lambda n: f"Group {n}")


class PersonFactory(DjangoModelFactory):
    class Meta:
        model = CoursePerson

    class Params:
        imported = factory.Trait(source=SOURCE, external_id=factory.Sequence(lambda n: f"p{n}"))

    course = factory.SubFactory(CourseFactory)
    owner = factory.SelfAttribute("course.owner")
    name = factory.Sequence(lambda n: f"Person {n}")


class CommentFactory(DjangoModelFactory):
    class Meta:
        model = SubmissionComment

    assignment = factory.SubFactory(AssignmentFactory, imported=True)
    external_id = factory.Sequence(lambda n: f"k{n}")
    author = "Ada Lovelace"
    text = "Well done."


class ArchiveFactory(DjangoModelFactory):
    class Meta:
        model = CourseArchive

    owner: Any = None
    title = "Autumn"
    course_ids = factory.LazyFunction(list)
