"""The smallest valid objects of reminders."""

from __future__ import annotations

from datetime import timedelta

import factory
from factory.django import DjangoModelFactory

from courses.models import Reminder, ReminderRule, ReminderSettings
from courses.tests.factories import NOW, AssignmentFactory, UserFactory


class ReminderSettingsFactory(DjangoModelFactory):
    """Settings of a student whose reminders were in step an hour before NOW, with no rules."""

    class Meta:
        model = ReminderSettings

    owner = factory.SubFactory(UserFactory)
    derived_at = NOW - timedelta(hours=1)


class ReminderRuleFactory(DjangoModelFactory):
    class Meta:
        model = ReminderRule

    owner = factory.SubFactory(UserFactory)
    kind = "assignment"
    lead_minutes = 24 * 60


class ReminderFactory(DjangoModelFactory):
    """A reminder of an assignment that is due in a day, an hour before it; it is due at NOW + 23 h."""

    class Meta:
        model = Reminder

    class Params:
        assignment = factory.SubFactory(AssignmentFactory, due_at=NOW + timedelta(days=1))

    owner = factory.LazyAttribute(lambda o: o.assignment.owner)
    target_kind = "assignment"
    target_id = factory.LazyAttribute(lambda o: o.assignment.pk)
    lead_minutes = 60
    target_at = factory.LazyAttribute(lambda o: o.assignment.due_at)
    fire_at = factory.LazyAttribute(lambda o: o.target_at - timedelta(minutes=o.lead_minutes))
