"""The pages of a plan: what they show, to whom, and with how few queries; the calendar's layer, actions and the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.actions import ActionContext, run_action
from courses.calendar.entries import busy_between, entries_between
from courses.models import OwnTask, PlanProposal, WorkBlock
from courses.moments import Clock
from courses.services import mark_done
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_workplan import PlanProposalFactory, WorkBlockFactory, block_of
from courses.workplan.pages import note_of, plan_page
from courses.workplan.registration import block_entries
from courses.workplan.week import draw_week
from courses.workplan.work import MOST_WORK, open_dues

pytestmark = pytest.mark.django_db
PAGES = ["plan", "workload", "worked", "plan-preferences"]


@pytest.fixture
def essay(owner: Any) -> Any:
    course = CourseFactory(owner=owner, name="Rhetoric")
    return AssignmentFactory(course=course, name="Essay", due_at=timezone.now() + timedelta(days=5))


def text(page: Any, name: str, **query: Any) -> str:
    return page.get(reverse(f"courses:{name}"), query).content.decode()


class TestEmptyPages:
    @pytest.mark.parametrize(
        ("name", "words"),
        [("plan", "Nothing to plan"), ("workload", "No work lies ahead"), ("worked", "Nothing planned yet")],
    )
    def test_it_says_what_will_be_here(self, page: Any, name: str, words: str) -> None:
        assert words in text(page, name)

    def test_with_work_and_no_plan_one_is_offered(self, page: Any, essay: Any) -> None:
        found = text(page, "plan")

        assert "No plan yet" in found
        assert "Propose a plan" in found


class TestPlanPage:
    def test_the_week_of_the_next_block_comes_first(self, page: Any, owner: Any, essay: Any) -> None:
        in_two_weeks = timezone.now() + timedelta(days=14)
        WorkBlockFactory(owner=owner, starts_at=in_two_weeks, ends_at=in_two_weeks + timedelta(hours=1))

        shown = page.get(reverse("courses:plan")).context["page"]

        assert in_two_weeks.date() - shown.monday < timedelta(days=8)
        assert any(day.lines for day in shown.days)

    def test_a_pending_proposal_is_looked_for_again_and_an_offer_is_not(
        self, page: Any, owner: Any, essay: Any
    ) -> None:
        PlanProposalFactory(owner=owner, state="pending")
        assert 'hx-trigger="every 1s"' in text(page, "plan")

        PlanProposal.objects.update(state="proposed")
        assert 'hx-trigger="every 1s"' not in text(page, "plan")

    def test_an_offer_names_what_does_not_fit_and_what_would_help(self, page: Any, owner: Any, essay: Any) -> None:
        left = {"title": "Essay", "url": "/assignments/1/", "why": "2 h of 3 h do not fit.", "help": ["Begin earlier."]}
        PlanProposalFactory(owner=owner, unplaced=[left])

        assert "What would help: Begin earlier." in text(page, "plan")

    def test_a_fault_stands_at_its_block_with_what_was_typed(self, page: Any, owner: Any) -> None:
        block = WorkBlockFactory(owner=owner, starts_at=timezone.now() + timedelta(hours=2))
        url = reverse("courses:move-block", args=[block.pk])

        answer = page.post(url, {"minutes": "9999"})

        assert answer.status_code == 422
        assert 'value="9999"' in answer.content.decode()
        assert "A block is 5 to 720 minutes long." in answer.content.decode()

    @pytest.mark.parametrize("typed", ["soon", "2026-13-45T10:00", "٣"])
    def test_a_start_that_is_none_is_refused_in_words(self, page: Any, owner: Any, typed: str) -> None:
        block = WorkBlockFactory(owner=owner, starts_at=timezone.now() + timedelta(hours=2))

        answer = page.post(reverse("courses:move-block", args=[block.pk]), {"starts_at": typed})

        assert answer.status_code == 422
        assert "Write a day and a time" in answer.content.decode()

    def test_a_time_that_the_clock_jumps_over_is_refused(self, page: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        block = WorkBlockFactory(owner=owner, starts_at=timezone.now() + timedelta(hours=2))
        spring = "2027-03-28T02:30"

        answer = page.post(reverse("courses:move-block", args=[block.pk]), {"starts_at": spring})

        assert answer.status_code == 422
        assert "The clock jumps over 02:30" in answer.content.decode()

    def test_blocks_that_are_none_are_not_taken_for_all(self, page: Any, owner: Any) -> None:
        proposal = PlanProposalFactory(owner=owner)
        WorkBlockFactory(owner=owner, proposal=proposal, state="proposed")

        answer = page.post(reverse("courses:accept-proposal", args=[proposal.pk]), {"blocks": "all"})

        assert answer.status_code == 422
        assert WorkBlock.objects.get().state == "proposed"

    def test_after_a_change_htmx_gets_the_week_with_an_undo(self, page: Any, owner: Any) -> None:
        block = WorkBlockFactory(owner=owner, starts_at=timezone.now() + timedelta(hours=2))
        headers = {"HX-Request": "true", "HX-Target": "plan"}

        answer = page.post(reverse("courses:remove-block", args=[block.pk]), headers=headers)

        assert answer.content.decode().lstrip().startswith('<div id="plan"')
        assert reverse("courses:restore-block", args=[block.pk]) in answer.content.decode()

    @pytest.mark.parametrize(
        ("name", "within", "asked", "target", "words"),
        [
            ("plan-by-hand", "plan", {}, "by-hand-form", "Essay (Rhetoric)"),
            ("workload", "workload", {"table": "1"}, "heat-table", ">Essay</a>"),
        ],
    )
    def test_what_is_long_comes_when_it_is_asked_for(
        self, page: Any, essay: Any, name: str, within: str, asked: dict[str, str], target: str, words: str
    ) -> None:
        url = reverse(f"courses:{name}")
        part = page.get(url, asked, headers={"HX-Request": "true", "HX-Target": target}).content.decode()

        assert words not in text(page, within)
        assert words in text(page, name, **asked) and url in text(page, within)  # without script
        assert words in part and "<html" not in part and f'id="{target}"' in part

    def test_without_work_there_is_no_form_to_fill_in(self, page: Any) -> None:
        found = text(page, "plan-by-hand")

        assert "Nothing to plan" in found and 'name="starts_at"' not in found

    def test_what_a_title_says_is_never_markup(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="<script>course</script>")
        soon = timezone.now() + timedelta(hours=2)
        AssignmentFactory(course=course, name='"><script>work</script>', due_at=soon + timedelta(days=2))
        WorkBlockFactory(owner=owner, title="<script>block</script>", course=course, starts_at=soon)

        for name in ("plan-by-hand", "workload"):
            found = text(page, name, day=f"{timezone.now():%Y-%m-%d}", table="1")
            assert "&lt;script&gt;work" in found
            assert not any(f"<script>{word}" in found for word in ("course", "work", "block"))
        assert "&lt;script&gt;block" in text(page, "plan")

    def test_a_strangers_blocks_are_not_shown(self, page: Any, stranger: Any) -> None:
        WorkBlockFactory(owner=stranger, title="Secret", starts_at=timezone.now())

        assert "Secret" not in text(page, "plan")


class TestNotes:
    def note(self, block: WorkBlock) -> str:
        clock = Clock(timezone.now(), block.owner.zone)
        key = (block.kind, block.work_id)
        dues = open_dues(block.owner, [key], clock)
        return note_of(block, dues.get(key), clock, is_open=key in dues)

    def test_nothing_is_said_of_a_block_that_stands_as_it_was(self, essay: Any) -> None:
        assert self.note(block_of(essay, starts_at=timezone.now() + timedelta(days=1))) == ""

    def test_of_done_work_the_block_is_marked_and_kept(self, essay: Any, owner: Any) -> None:
        block = block_of(essay, starts_at=timezone.now() + timedelta(days=1))
        mark_done(essay, done=True, by=owner)

        assert "done or gone" in self.note(block)
        assert WorkBlock.objects.filter(pk=block.pk, state="planned").exists()

    @pytest.mark.parametrize("closed", [{"lock_at": timezone.now()}, {"course__state": "completed"}])
    def test_nobody_plans_what_is_closed_or_concluded(self, essay: Any, closed: dict[str, Any]) -> None:
        block = block_of(essay, starts_at=timezone.now() + timedelta(days=1))
        for name, value in closed.items():
            thing = essay.course if name.startswith("course__") else essay
            setattr(thing, name.removeprefix("course__"), value)
            thing.save()

        assert "done or gone" in self.note(block)
        [entry] = block_entries(block.owner, block.starts_at, block.ends_at)
        assert not entry.is_busy

    def test_of_more_work_than_is_read_no_block_is_called_free(self, page: Any, owner: Any) -> None:
        now = timezone.now()
        sooner = [OwnTask(owner=owner, title=f"Task {n}", due_at=now + timedelta(hours=1)) for n in range(MOST_WORK)]
        OwnTask.objects.bulk_create(sooner)
        last = OwnTask.objects.create(owner=owner, title="Last of all", due_at=now + timedelta(days=9))
        about = {"owner": owner, "kind": "task", "starts_at": now + timedelta(hours=2), "due_at": last.due_at}
        WorkBlockFactory(**about, work_id=last.pk)

        assert "done or gone" not in text(page, "plan")
        OwnTask.objects.filter(pk=last.pk).update(done_at=now)
        assert "done or gone" in text(page, "plan")

    def test_a_deadline_that_moved_before_the_block_is_told(self, essay: Any) -> None:
        block = block_of(essay, starts_at=timezone.now() + timedelta(days=4))
        essay.due_at -= timedelta(days=3)
        essay.save()

        assert "this block lies after it" in self.note(block)

    def test_a_block_whose_time_is_over_asks_how_it_went(self, essay: Any) -> None:
        assert "say how long you worked" in self.note(block_of(essay, starts_at=timezone.now() - timedelta(hours=3)))


class TestQueries:
    @pytest.mark.parametrize("name", PAGES)
    def test_they_do_not_grow_with_what_there_is(
        self, page: Any, owner: Any, name: str, essay: Any, connection: Any
    ) -> None:
        def fill(count: int) -> None:
            for number in range(count):
                work = AssignmentFactory(course=CourseFactory(owner=owner), due_at=timezone.now() + timedelta(days=3))
                start = timezone.now() + timedelta(minutes=number)
                block_of(work, starts_at=start, ends_at=start + timedelta(minutes=30), proposal=proposal)

        proposal = PlanProposalFactory(owner=owner)
        fill(3)
        url = reverse(f"courses:{name}")
        page.get(url)
        with CaptureQueriesContext(connection) as few:
            page.get(url)
        fill(10)
        with CaptureQueriesContext(connection) as many:
            page.get(url)

        assert len(many) == len(few)
        assert len(many) <= 15

    @pytest.fixture
    def connection(self) -> Any:
        from django.db import connection

        return connection


class TestCalendarLayer:
    def test_accepted_blocks_take_time_and_proposed_ones_do_not(self, owner: Any) -> None:
        start = datetime(2026, 12, 1, 9, tzinfo=UTC)
        planned = block_of(AssignmentFactory(course=CourseFactory(owner=owner), due_at=None), starts_at=start)
        WorkBlockFactory(owner=owner, starts_at=start, state="proposed", proposal=PlanProposalFactory(owner=owner))

        [entry] = entries_between(owner, start, start + timedelta(days=1), only=["blocks"])

        assert (entry.key, entry.title, entry.is_busy) == (f"block:{planned.pk}", planned.title, True)
        assert busy_between(owner, start, start + timedelta(days=1)) == [(start, start + timedelta(hours=1))]
        assert busy_between(owner, start, start + timedelta(days=1), leaving_out=["blocks"]) == []


class TestThePictureOfAWeek:
    def test_a_block_lies_by_the_clock_on_the_wall_when_the_clock_jumps(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        sunday = datetime(2026, 3, 29, tzinfo=berlin)
        night = (sunday.replace(hour=1), datetime(2026, 3, 29, 4, tzinfo=berlin))

        week = draw_week([sunday.date()], [], working=[night], busy=[], now=sunday, zone=berlin)

        assert [mark.label for mark in week.hours][:4] == ["01:00", "02:00", "03:00", "04:00"]
        assert week.open[0].height == 3 * week.hour - 2

    def test_a_block_over_midnight_is_drawn_on_both_days(self, owner: Any) -> None:
        start = datetime(2026, 12, 1, 23, tzinfo=UTC)
        WorkBlockFactory(owner=owner, starts_at=start, ends_at=start + timedelta(hours=2))

        found = plan_page(owner, Clock(start, ZoneInfo("UTC")), start.date())

        assert len(found.week.boxes) == 2
        assert len(found.days) == 1


class TestApi:
    def test_the_workload_says_each_day_and_how_effort_is_known(self, api: Any, essay: Any) -> None:
        found = api.get("/api/v1/workload/", {"weeks": 4, "spread": "due"}).json()

        assert (found["minutes"], len(found["days"])) == (60, 1)
        assert found["days"][0]["work"][0]["effort"] == "assumed, since it has no points"

    @pytest.mark.parametrize("query", [{"weeks": 0}, {"weeks": 99}, {"weeks": "x"}, {"spread": "nowhere"}])
    def test_a_workload_that_makes_no_sense_is_refused(self, api: Any, query: dict) -> None:
        assert api.get("/api/v1/workload/", query).status_code == 422

    def test_asking_for_a_proposal_gives_the_address_of_its_status(self, api: Any) -> None:
        answer = api.post("/api/v1/plan-proposals/", {"weeks": 2})

        assert answer.status_code == 202
        assert api.get(answer["Location"]).json()["state"] == "pending"

    def test_blocks_are_found_by_time_and_state(self, api: Any, owner: Any) -> None:
        start = timezone.now() + timedelta(days=1)
        block = WorkBlockFactory(owner=owner, starts_at=start)
        WorkBlockFactory(owner=owner, starts_at=start + timedelta(days=20))

        found = api.get("/api/v1/work-blocks/", {"until": (start + timedelta(days=2)).isoformat(), "state": "planned"})

        assert [row["id"] for row in found.json()["results"]] == [block.pk]


class TestActions:
    def test_a_workflow_asks_for_a_plan(self, owner: Any) -> None:
        answer = run_action("plan.propose", ActionContext(owner, owner), {"weeks": 2})

        assert PlanProposal.objects.get(pk=answer["proposal"]).owner == owner

    def test_a_workflow_reads_the_workload(self, owner: Any, essay: Any) -> None:
        assert run_action("workload.read", ActionContext(owner, owner), {})["minutes"] == 60


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "x"])
def test_a_day_that_no_page_shows_gives_the_week_of_today(page: Any, day: str) -> None:
    assert page.get(f"/planner/plan/?day={day}").status_code == 200
    assert page.get(f"/planner/workload/?day={day}").status_code == 200


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_block_in_a_year_that_no_page_shows_is_refused(page: Any, start: str) -> None:
    form = {"work": "assignment:1", "starts_at": start, "minutes": "60", "day": start[:10]}
    assert page.post("/planner/plan/blocks/new/", form).status_code == 422
