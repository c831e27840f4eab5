"""Every change of a plan through both doors: page and API give the same outcome, and a stranger gets nowhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.models import Event
from courses.models import PlanPreferences, PlanProposal, WorkBlock
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_workplan import PlanProposalFactory, WorkBlockFactory

pytestmark = pytest.mark.django_db


class Doors:
    """One call by either door; answers are reduced to what both can say."""

    def __init__(self, kind: str, page: Any, api: Any) -> None:
        self.is_page, self.page, self.api = kind == "page", page, api

    def send(self, url: str, api_url: str, data: dict[str, Any] | None = None, *, method: str = "post") -> int:
        if self.is_page:
            self.answer = self.page.post(url, data or {})
            return 200 if self.answer.status_code == 302 else self.answer.status_code
        self.answer = getattr(self.api, method)(f"/api/v1/{api_url}", data or {})
        return 200 if self.answer.status_code in (201, 202, 204) else self.answer.status_code

    def block(self, act: str, block: WorkBlock, data: dict[str, Any] | None = None) -> int:
        """Do something to a block: start, stop, complete, skip, reopen, restore, or move and remove."""
        url = reverse(f"courses:{act}-block", args=[block.pk])
        if act == "move":
            return self.send(url, f"work-blocks/{block.pk}/", data, method="patch")
        if act == "remove":
            return self.send(url, f"work-blocks/{block.pk}/", data, method="delete")
        return self.send(url, f"work-blocks/{block.pk}/{act}/", data)

    def proposal(self, act: str, proposal: PlanProposal, data: dict[str, Any] | None = None) -> int:
        url = reverse(f"courses:{act}-proposal", args=[proposal.pk])
        return self.send(url, f"plan-proposals/{proposal.pk}/{act}/", data)

    @property
    def words(self) -> str:
        return self.answer.content.decode()


@pytest.fixture(params=["page", "api"])
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


@pytest.fixture
def proposal(owner: Any) -> PlanProposal:
    """A proposal with two blocks for tomorrow and the day after."""
    proposal = PlanProposalFactory(owner=owner)
    for days in (1, 2):
        start = timezone.now() + timedelta(days=days)
        WorkBlockFactory(owner=owner, proposal=proposal, starts_at=start, state="proposed")
    return proposal


def ahead(owner: Any, hours: float = 5, **fields: Any) -> WorkBlock:
    return WorkBlockFactory(owner=owner, starts_at=timezone.now() + timedelta(hours=hours), **fields)


class TestProposals:
    def test_asking_for_one_replaces_the_open_one(self, doors: Doors, owner: Any, proposal: PlanProposal) -> None:
        assert doors.send(reverse("courses:propose"), "plan-proposals/", {"weeks": 2}) == 200

        proposal.refresh_from_db()
        newest = PlanProposal.objects.exclude(pk=proposal.pk).get()
        assert (proposal.state, newest.state, newest.weeks, newest.owner) == ("replaced", "pending", 2, owner)

    def test_too_far_ahead_is_refused(self, doors: Doors) -> None:
        assert doors.send(reverse("courses:propose"), "plan-proposals/", {"weeks": 60}) == 422
        assert not PlanProposal.objects.exists()

    def test_accepting_all(self, doors: Doors, owner: Any, proposal: PlanProposal) -> None:
        assert doors.proposal("accept", proposal) == 200

        proposal.refresh_from_db()
        assert (proposal.state, {block.state for block in proposal.blocks.all()}) == ("accepted", {"planned"})
        assert Event.objects.get(type="plan.accepted").data["blocks"] == 2

    def test_accepting_one_leaves_the_other_on_offer(self, doors: Doors, proposal: PlanProposal) -> None:
        first, second = proposal.blocks.in_order()

        assert doors.proposal("accept", proposal, {"blocks": [first.pk]}) == 200

        proposal.refresh_from_db()
        second.refresh_from_db()
        assert (proposal.state, second.state) == ("proposed", "proposed")

    def test_a_strangers_block_cannot_be_accepted_along(
        self, doors: Doors, stranger: Any, proposal: PlanProposal
    ) -> None:
        other = ahead(stranger, state="proposed", proposal=PlanProposalFactory(owner=stranger))

        assert doors.proposal("accept", proposal, {"blocks": [other.pk]}) == 422
        other.refresh_from_db()
        assert other.state == "proposed"

    def test_a_block_upon_another_is_not_accepted(self, doors: Doors, owner: Any, proposal: PlanProposal) -> None:
        WorkBlockFactory(owner=owner, title="Rehearsal", starts_at=proposal.blocks.in_order()[0].starts_at)

        assert doors.proposal("accept", proposal) == 409
        assert "Rehearsal" in doors.words

    def test_refusing_and_taking_that_back(self, doors: Doors, owner: Any, proposal: PlanProposal) -> None:
        assert doors.proposal("refuse", proposal) == 200
        assert not WorkBlock.objects.visible_to(owner).exists()

        assert doors.proposal("reopen", proposal) == 200
        assert WorkBlock.objects.visible_to(owner).count() == 2

    def test_an_acceptance_is_taken_back(self, doors: Doors, owner: Any, proposal: PlanProposal) -> None:
        doors.proposal("accept", proposal)

        assert doors.proposal("reopen", proposal) == 200
        assert set(WorkBlock.objects.visible_to(owner).values_list("state", flat=True)) == {"proposed"}

    @pytest.mark.parametrize("act", ["accept", "refuse"])
    def test_what_is_decided_is_not_decided_again(self, doors: Doors, proposal: PlanProposal, act: str) -> None:
        doors.proposal("refuse", proposal)

        assert doors.proposal(act, proposal) == 409

    def test_a_replaced_one_does_not_come_back(self, doors: Doors, owner: Any, proposal: PlanProposal) -> None:
        doors.proposal("refuse", proposal)
        PlanProposalFactory(owner=owner)

        assert doors.proposal("reopen", proposal) == 409

    @pytest.mark.parametrize("act", ["accept", "refuse", "reopen"])
    def test_a_strangers_is_not_there(self, doors: Doors, stranger: Any, act: str) -> None:
        assert doors.proposal(act, PlanProposalFactory(owner=stranger)) == 404


class TestBlocks:
    def test_adding_one_by_hand(self, doors: Doors, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner), name="Essay")
        start = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
        data = {"kind": "assignment", "work_id": work.pk, "work": f"assignment:{work.pk}"}

        status = doors.send(
            reverse("courses:add-block"), "work-blocks/", {**data, "starts_at": start.isoformat(), "minutes": 45}
        )

        block = WorkBlock.objects.get()
        assert status == 200
        assert (block.owner, block.title, block.starts_at, block.minutes) == (owner, "Essay", start, 45)
        assert block.state == "planned"

    def test_a_strangers_work_cannot_be_planned(self, doors: Doors, stranger: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=stranger))
        start = (timezone.now() + timedelta(days=1)).isoformat()
        data = {"kind": "assignment", "work_id": work.pk, "work": f"assignment:{work.pk}", "starts_at": start}

        assert doors.send(reverse("courses:add-block"), "work-blocks/", {**data, "minutes": 45}) == 422
        assert not WorkBlock.objects.exists()

    def test_moving_and_shortening(self, doors: Doors, owner: Any) -> None:
        block = ahead(owner)
        start = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)

        assert doors.block("move", block, {"starts_at": start.isoformat(), "minutes": 30}) == 200
        block.refresh_from_db()
        assert (block.starts_at, block.minutes) == (start, 30)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"starts_at": "2020-01-01T10:00:00Z"}, "That time is over"),
            ({"minutes": 2}, "5 to 720 minutes"),
            ({"minutes": 5000}, "5 to 720 minutes"),
            ({"starts_at": f"{timezone.now().year + 2}-01-01T10:00:00Z"}, "one year ahead"),
            ({"starts_at": "2999-01-01T10:00:00Z"}, "year from 1971 to 2199"),
        ],
    )
    def test_a_move_that_makes_no_sense_is_refused(self, doors: Doors, owner: Any, data: dict, words: str) -> None:
        assert doors.block("move", ahead(owner), data) == 422
        assert words in doors.words

    def test_a_move_upon_another_block_is_refused(self, doors: Doors, owner: Any) -> None:
        other, block = ahead(owner, 50, title="Rehearsal"), ahead(owner)

        assert doors.block("move", block, {"starts_at": other.starts_at.isoformat()}) == 422
        assert "Rehearsal" in doors.words

    def test_removing_and_taking_that_back(self, doors: Doors, owner: Any) -> None:
        block = ahead(owner)

        assert doors.block("remove", block) == 200
        assert not WorkBlock.objects.visible_to(owner).exists()
        assert doors.block("restore", block) == 200
        assert WorkBlock.objects.visible_to(owner).exists()

    def test_starting_and_stopping_counts_the_minutes(self, doors: Doors, owner: Any) -> None:
        block = ahead(owner)

        assert doors.block("start", block) == 200
        WorkBlock.objects.update(started_at=timezone.now() - timedelta(minutes=50))
        assert doors.block("stop", block) == 200

        block.refresh_from_db()
        assert (block.state, block.actual_minutes) == ("done", 50)
        assert Event.objects.get(type="block.completed").data["actual_minutes"] == 50

    def test_one_block_runs_at_a_time(self, doors: Doors, owner: Any) -> None:
        ahead(owner, 1, started_at=timezone.now(), title="Rehearsal")

        assert doors.block("start", ahead(owner)) == 409
        assert "Rehearsal" in doors.words

    def test_saying_how_long_one_worked_and_taking_that_back(self, doors: Doors, owner: Any) -> None:
        block = ahead(owner)

        assert doors.block("complete", block, {"minutes": 50}) == 200
        block.refresh_from_db()
        assert (block.state, block.actual_minutes) == ("done", 50)
        assert doors.block("reopen", block) == 200
        block.refresh_from_db()
        assert (block.state, block.actual_minutes) == ("planned", None)

    def test_no_minutes_are_no_work(self, doors: Doors, owner: Any) -> None:
        assert doors.block("complete", ahead(owner), {"minutes": 0}) == 422

    def test_skipping(self, doors: Doors, owner: Any) -> None:
        block = ahead(owner)

        assert doors.block("skip", block) == 200
        block.refresh_from_db()
        assert block.state == "skipped"

    @pytest.mark.parametrize(
        ("act", "state"),
        [
            ("start", "proposed"),
            ("complete", "proposed"),
            ("skip", "proposed"),
            ("stop", "planned"),
            ("move", "skipped"),
        ],
    )
    def test_what_does_not_suit_its_state_is_refused(self, doors: Doors, owner: Any, act: str, state: str) -> None:
        proposal = PlanProposalFactory(owner=owner)
        block = ahead(owner, state=state, proposal=proposal)

        assert doors.block(act, block, {"minutes": 30}) == 409

    @pytest.mark.parametrize("act", ["move", "remove", "restore", "start", "stop", "complete", "skip", "reopen"])
    def test_a_strangers_block_is_not_there(self, doors: Doors, stranger: Any, act: str) -> None:
        assert doors.block(act, ahead(stranger), {"minutes": 30}) == 404


def preferences_form(**changes: Any) -> dict[str, Any]:
    defaults = PlanPreferences()
    numbers = {name: getattr(defaults, name) for name in NUMBERS}
    hours = {}
    for day, span in enumerate(defaults.hours):
        hours |= {f"day_{day}_from": span[0] if span else "", f"day_{day}_to": span[1] if span else ""}
    return {**numbers, "latest": "21:00", **hours, **changes}


NUMBERS = [
    *("shortest_minutes", "longest_minutes", "break_minutes", "most_per_day_minutes", "buffer_hours"),
    *("minutes_per_percent", "default_minutes"),
]


class TestPreferences:
    def test_saving_them(self, page: Any, api: Any, owner: Any) -> None:
        url = reverse("courses:plan-preferences")
        assert (
            page.post(url, preferences_form(day_6_from="10:00", day_6_to="12:00", break_minutes=20)).status_code == 302
        )
        row = PlanPreferences.objects.get(owner=owner)
        assert (row.hours[6], row.break_minutes) == (["10:00", "12:00"], 20)

        assert api.patch("/api/v1/plan-preferences/", {"break_minutes": 5}).json()["break_minutes"] == 5
        row.refresh_from_db()
        assert (row.hours[6], row.break_minutes) == (["10:00", "12:00"], 5)

    @pytest.mark.parametrize(
        ("form", "data", "words"),
        [
            ({"day_0_to": "08:00"}, {"hours": [["09:00", "08:00"], *[None] * 6]}, "end before they begin"),
            ({"longest_minutes": 20}, {"longest_minutes": 20}, "at least as long as the shortest"),
            ({f"day_{d}_{n}": "" for d in range(7) for n in ("from", "to")}, {"hours": [None] * 7}, "at least one day"),
            ({"buffer_hours": 9999}, {"buffer_hours": 9999}, "336"),
        ],
    )
    def test_what_makes_no_sense_is_refused_with_what_was_typed(
        self, page: Any, api: Any, form: dict, data: dict, words: str
    ) -> None:
        answer = page.post(reverse("courses:plan-preferences"), preferences_form(**form))
        assert answer.status_code == 422
        assert words in answer.content.decode()

        answer = api.patch("/api/v1/plan-preferences/", data)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not PlanPreferences.objects.exists()

    @pytest.mark.parametrize("hours", [5, [["09:00"]], [["nine", "ten"], *[None] * 6], [[None, None], *[None] * 6]])
    def test_hours_that_are_none_are_refused(self, api: Any, hours: Any) -> None:
        assert api.patch("/api/v1/plan-preferences/", {"hours": hours}).status_code == 422
