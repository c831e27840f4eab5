"""From a student's work and calendar to a proposal, through the worker's own function."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from coreengine.kernel.models import Event
from courses.calendar import entries
from courses.calendar.entries import Entry, Layer, register_layer
from courses.models import PlanProposal, WorkBlock
from courses.moments import Clock
from courses.tests.factories import AssignmentFactory, CourseFactory, SubmissionFactory
from courses.tests.factories_workplan import PlanProposalFactory, block_of
from courses.workplan import proposing, services
from courses.workplan.work import preferences_of, work_to_plan

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)


@pytest.fixture
def monday(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Time stands still on a Monday morning."""
    monkeypatch.setattr(timezone, "now", lambda: MONDAY)
    return MONDAY


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calendar of one's own for a test."""
    monkeypatch.setattr(entries, "_layers", dict(entries._layers))


def essay(owner: Any, *, days: float = 4, **fields: Any) -> Any:
    course = fields.pop("course", None) or CourseFactory(owner=owner)
    return AssignmentFactory(course=course, due_at=MONDAY + timedelta(days=days), **fields)


def solved(owner: Any, **options: Any) -> PlanProposal:
    proposal = services.propose_plan(owner, by=owner, **options)
    proposing.solve_pending(proposal.pk)
    proposal.refresh_from_db()
    return proposal


class TestSolving:
    def test_an_essay_is_placed_before_its_deadline_and_told_in_the_log(self, owner: Any, monday: datetime) -> None:
        work = essay(owner)

        proposal = solved(owner)

        [block] = proposal.blocks.all()
        assert (block.work_id, block.title, block.minutes, block.state) == (work.pk, work.name, 60, "proposed")
        assert block.ends_at <= work.due_at - timedelta(hours=24)
        assert (proposal.state, proposal.facts["minutes"]) == ("proposed", 60)
        assert Event.objects.get(type="plan.proposed").data == {"blocks": 1, "minutes": 60, "unplaced": 0}

    def test_busy_time_of_the_calendar_is_left_free(self, owner: Any, monday: datetime, layers: None) -> None:
        busy = Entry("event:1", "event", "Job", MONDAY, MONDAY + timedelta(days=2), is_busy=True)
        register_layer(Layer("test", "Test", "calendar", lambda *span: [busy], 99))
        essay(owner)

        assert all(block.starts_at >= busy.ends_at for block in solved(owner).blocks.all())

    def test_what_is_accepted_stays_and_is_not_planned_twice(self, owner: Any, monday: datetime) -> None:
        work = essay(owner)
        kept = block_of(work, starts_at=MONDAY + timedelta(hours=1), ends_at=MONDAY + timedelta(hours=1, minutes=40))

        [block] = solved(owner).blocks.all()

        kept.refresh_from_db()
        assert kept.state == "planned"
        assert block.minutes == 20

    def test_what_does_not_fit_says_by_how_much_and_what_would_help(self, owner: Any, monday: datetime) -> None:
        services.save_preferences(owner, by=owner, changes={"hours": [["09:00", "10:00"], *[None] * 6]})
        essay(owner, days=1, points_possible=100)

        [left] = solved(owner).unplaced

        assert left["minutes"] == 540
        assert left["why"].startswith("9 h of 10 h do not fit: only 1 h of working time")
        assert left["help"]

    def test_done_submitted_locked_and_old_work_is_not_planned(self, owner: Any, monday: datetime) -> None:
        essay(owner, done_at=MONDAY)
        essay(owner, lock_at=MONDAY - timedelta(days=1))
        essay(owner, days=-20)
        handed_in = essay(owner, imported=True)
        SubmissionFactory(assignment=handed_in, submitted_at=MONDAY)

        assert solved(owner).facts["works"] == 0

    def test_recently_overdue_work_is_wanted_within_a_week(self, owner: Any, monday: datetime) -> None:
        essay(owner, days=-2)

        [block] = solved(owner).blocks.all()

        assert block.ends_at <= MONDAY + timedelta(days=7)

    def test_a_second_worker_changes_nothing(self, owner: Any, monday: datetime) -> None:
        essay(owner)
        proposal = solved(owner)

        proposing.solve_pending(proposal.pk)

        assert WorkBlock.objects.count() == 1

    def test_an_answer_that_comes_after_a_newer_request_is_dropped(self, owner: Any, monday: datetime) -> None:
        essay(owner)
        old = services.propose_plan(owner, by=owner)
        question = proposing.ask(owner, weeks=4, clock=Clock(MONDAY, owner.zone))
        services.propose_plan(owner, by=owner)

        proposing.keep(old, question, proposing.Solution(), seconds=1)

        old.refresh_from_db()
        assert (old.state, WorkBlock.objects.count()) == ("replaced", 0)

    def test_a_fault_is_told_on_the_row(self, owner: Any, monday: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        proposal = services.propose_plan(owner, by=owner)
        monkeypatch.setattr(proposing, "solve", lambda *a, **k: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            proposing.solve_pending(proposal.pk)

        proposal.refresh_from_db()
        assert proposal.state == "failed"
        assert "Ask for it again" in proposal.error


class TestForgottenProposals:
    def test_one_whose_message_was_lost_is_named_and_a_hopeless_one_given_up(self, owner: Any, stranger: Any) -> None:
        lost = PlanProposalFactory(owner=owner, state="pending")
        hopeless = PlanProposalFactory(owner=stranger, state="pending")
        PlanProposal.objects.filter(pk=lost.pk).update(made_at=timezone.now() - timedelta(minutes=5))
        PlanProposal.objects.filter(pk=hopeless.pk).update(made_at=timezone.now() - timedelta(hours=1))

        assert proposing.forgotten_proposals() == [lost.pk]
        hopeless.refresh_from_db()
        assert hopeless.state == "failed"


class TestWorkToPlan:
    def test_the_effort_says_what_it_is_made_of(self, owner: Any, monday: datetime) -> None:
        course = CourseFactory(owner=owner)
        group = course.groups.create(name="Homework", weight=30)
        course.groups.create(name="Final", weight=70).assignments.create(
            owner=owner, course=course, name="Final", points_possible=100
        )
        essay(owner, course=course, group=group, points_possible=40)
        essay(owner, course=course, group=group, points_possible=60, done_at=MONDAY)

        [work] = [w for w in work_to_plan(owner, Clock(MONDAY, owner.zone), preferences_of(owner)) if w.due_at]

        assert work.effort.words == "estimated from 40 points of 100 in a group that weighs 30 %"
        assert work.effort.minutes == 360

    def test_its_queries_do_not_grow(self, owner: Any, monday: datetime, django_assert_num_queries: Any) -> None:
        for _ in range(3):
            essay(owner)
        preferences = preferences_of(owner)
        with django_assert_num_queries(4):
            work_to_plan(owner, Clock(MONDAY, owner.zone), preferences)
        for _ in range(10):
            essay(owner)

        with django_assert_num_queries(4):
            assert len(work_to_plan(owner, Clock(MONDAY, owner.zone), preferences)) == 13
