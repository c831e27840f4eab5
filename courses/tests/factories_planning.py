"""Own tasks and planner items for tests."""

from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from courses.models import OwnTask, PlannerItem
from courses.tests.factories import NOW, SOURCE, UserFactory


class OwnTaskFactory(DjangoModelFactory):
    class Meta:
        model = OwnTask

    owner = factory.SubFactory(UserFactory)
    title = factory.Sequence(lambda n: f"Task {n}")


class PlannerItemFactory(DjangoModelFactory):
    class Meta:
        model = PlannerItem

    owner = factory.SubFactory(UserFactory)
    source = SOURCE
    external_id = factory.Sequence(lambda n: f"planner_note:{n}")
    kind = "planner_note"
    title = factory.Sequence(lambda n: f"Note {n}")
    starts_at = NOW
