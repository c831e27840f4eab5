"""The smallest valid blocks and proposals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from factory.django import DjangoModelFactory

from courses.models import Assignment, PlanProposal, WorkBlock
from courses.tests.factories import NOW, UserFactory


class PlanProposalFactory(DjangoModelFactory):
    class Meta:
        model = PlanProposal

    owner = factory.SubFactory(UserFactory)
    state = PlanProposal.State.PROPOSED


class WorkBlockFactory(DjangoModelFactory):
    class Meta:
        model = WorkBlock

    owner = factory.SubFactory(UserFactory)
    kind = "assignment"
    work_id = factory.Sequence(lambda n: 1_000_000 + n)
    title = factory.Sequence(lambda n: f"Work {n}")
    starts_at = NOW + timedelta(days=1)
    ends_at = factory.LazyAttribute(lambda block: block.starts_at + timedelta(hours=1))
    state = WorkBlock.State.PLANNED


def block_of(assignment: Assignment, **fields: Any) -> WorkBlock:
    """A block for an assignment, as `courses.workplan` makes it."""
    known = {"title": assignment.name, "course": assignment.course, "due_at": assignment.due_at}
    return WorkBlockFactory(owner=assignment.owner, work_id=assignment.pk, **{**known, **fields})
