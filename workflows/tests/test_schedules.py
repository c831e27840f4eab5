"""Schedules: which slots there are, and that each is decided on once, by the clock of the database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from coreengine.kernel.clock_of_database import database_now
from coreengine.kernel.models import Notification
from workflows.models import Execution, ScheduleSlot, Workflow, WorkflowTrigger
from workflows.running import runner
from workflows.services import cancel_execution, delete_workflow, restore_workflow, set_active
from workflows.tests.factories import SOURCE, make_workflow
from workflows.triggers import ticking
from workflows.triggers.rows import set_triggers
from workflows.triggers.schedules import decide, tick
from workflows.triggers.slots import next_slot, next_slots, slots_after
from workflows.versions import save_version

BEGAN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scheduled(owner: Any, cron: str = "0 * * * *", *, source: str = SOURCE, zone: str = "UTC", **policy: Any) -> Any:
    """A trigger whose schedule began at BEGAN."""
    workflow = make_workflow(owner, source)
    set_triggers(workflow, [{"type": "schedule", "cron": cron, "time_zone": zone, **policy}], now=BEGAN)
    return workflow.triggers.get()


def outcomes(trigger: WorkflowTrigger) -> list[tuple[str, str]]:
    """Each slot's hour and minute with what became of it, oldest first."""
    return [(f"{row.slot:%H:%M}", row.outcome) for row in trigger.slots.order_by("slot")]


def at(hours: int, minutes: int = 0, seconds: int = 0) -> datetime:
    """A moment of the day on which the tests' schedules began."""
    return BEGAN.replace(hour=0, minute=0) + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def finish(trigger: WorkflowTrigger) -> None:
    """Let whatever the schedule started come to its end."""
    for execution in Execution.objects.filter(workflow=trigger.workflow).open():
        runner().advance(execution.pk)


class TestSlots:
    def local(self, cron: str, zone: str, moment: str, count: int) -> list[str]:
        found = next_slots(cron, zone, datetime.fromisoformat(moment), limit=count)
        return [slot.isoformat(timespec="minutes") for slot in found]

    def test_they_follow_the_clock_on_the_students_wall(self) -> None:
        assert self.local("0 7 * * *", "Europe/Berlin", "2026-10-24T12:00+00:00", 2) == [
            "2026-10-25T07:00+01:00",
            "2026-10-26T07:00+01:00",
        ]

    def test_a_slot_that_is_exactly_now_is_over(self) -> None:
        assert self.local("0 7 * * *", "UTC", "2026-07-01T07:00+00:00", 1) == ["2026-07-02T07:00+00:00"]

    def test_a_slot_in_the_gap_of_spring_is_due_at_the_first_moment_after_it(self) -> None:
        assert self.local("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00+00:00", 3) == [
            "2026-03-28T02:30+01:00",
            "2026-03-29T03:00+02:00",
            "2026-03-30T02:30+02:00",
        ]

    def test_several_slots_in_the_gap_are_one(self) -> None:
        assert self.local("0,20,40 2,3 * * *", "Europe/Berlin", "2026-03-29T00:30+00:00", 4) == [
            "2026-03-29T03:00+02:00",
            "2026-03-29T03:20+02:00",
            "2026-03-29T03:40+02:00",
            "2026-03-30T02:00+02:00",
        ]

    def test_a_slot_whose_hour_comes_twice_in_autumn_is_due_once(self) -> None:
        assert self.local("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+00:00", 2) == [
            "2026-10-25T02:30+02:00",
            "2026-10-26T02:30+01:00",
        ]
        between = "2026-10-25T00:45+00:00"  # after the first 02:30, before the second
        assert self.local("30 2 * * *", "Europe/Berlin", between, 1) == ["2026-10-26T02:30+01:00"]

    def test_every_so_often_follows_real_time_through_both_changes(self) -> None:
        for night in ("2026-10-24T22:10+00:00", "2026-03-28T22:10+00:00"):
            moments = next_slots("*/15 * * * *", "Europe/Berlin", datetime.fromisoformat(night), limit=24)
            instants = [slot.astimezone(UTC) for slot in moments]
            assert {b - a for a, b in zip(instants, instants[1:], strict=False)} == {timedelta(minutes=15)}

    def test_a_zone_that_shifts_by_half_an_hour(self) -> None:
        assert self.local("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T10:00+00:00", 1) == [
            "2026-10-04T02:30+11:00"
        ]

    def test_the_29th_of_february_comes_every_four_years(self) -> None:
        assert self.local("0 12 29 2 *", "Europe/Berlin", "2026-01-01T00:00+00:00", 2) == [
            "2028-02-29T12:00+01:00",
            "2032-02-29T12:00+01:00",
        ]

    def test_a_line_that_never_comes_true_has_no_slot(self) -> None:
        assert next_slot("0 0 30 2 *", "UTC", BEGAN) is None

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
    @pytest.mark.parametrize("cron", ["*/7 * * * *", "0 */3 * * *", "13 1-3 * * *", "30 2 * * 0"])
    def test_order_and_uniqueness_over_a_year(self, zone: str, cron: str) -> None:
        instants = []
        for slot in slots_after(cron, zone, datetime(2026, 1, 1, tzinfo=UTC)):
            if slot.year > 2026 or len(instants) > 3000:
                break
            instants.append(slot.astimezone(UTC))

        assert len(instants) > 40 and all(a < b for a, b in zip(instants, instants[1:], strict=False))


@pytest.mark.django_db
class TestMissed:
    def test_once_makes_up_for_the_newest(self, owner: Any) -> None:
        trigger = scheduled(owner)
        decide(trigger.pk, now=at(13, 20))

        assert outcomes(trigger) == [("10:00", "skipped"), ("12:00", "skipped"), ("13:00", "started")]
        assert sum(row.count for row in trigger.slots.all()) == 4
        assert Execution.objects.get().trigger["slot"] == "2026-03-02T13:00:00+00:00"

    def test_skip_makes_up_for_none(self, owner: Any) -> None:
        trigger = scheduled(owner, missed="skip")
        decide(trigger.pk, now=at(13, 20))

        assert Execution.objects.count() == 0 and sum(row.count for row in trigger.slots.all()) == 4
        assert {row.outcome for row in trigger.slots.all()} == {"skipped"}

    def test_skip_runs_what_is_on_time(self, owner: Any) -> None:
        trigger = scheduled(owner, missed="skip")
        decide(trigger.pk, now=at(10, 0, 40))

        assert outcomes(trigger) == [("10:00", "started")]

    def test_all_makes_up_for_each_one_after_the_other(self, owner: Any) -> None:
        trigger = scheduled(owner, missed="all")
        decide(trigger.pk, now=at(12, 30))
        assert outcomes(trigger) == [("10:00", "started"), ("11:00", "queued"), ("12:00", "queued")]

        for _ in range(2):
            finish(trigger)
            tick(now=at(12, 31))

        slots = [execution.trigger["slot"][11:16] for execution in Execution.objects.order_by("pk")]
        assert slots == ["10:00", "11:00", "12:00"]
        assert {outcome for _, outcome in outcomes(trigger)} == {"started"}

    def test_all_is_bounded_and_says_what_it_left_out(self, owner: Any) -> None:
        trigger = scheduled(owner, "* * * * *", missed="all", overlap="allow")
        decide(trigger.pk, now=at(12, 30))

        assert Execution.objects.count() == 100
        left_out = trigger.slots.get(outcome="skipped")
        assert left_out.count == 80 and "80 slots were missed" in left_out.reason

    def test_a_year_of_missed_minutes_is_decided_on_at_once(self, owner: Any) -> None:
        trigger = scheduled(owner, "* * * * *")
        decide(trigger.pk, now=BEGAN + timedelta(days=365))

        assert Execution.objects.count() == 1 and trigger.slots.count() <= 3
        trigger.refresh_from_db()
        assert trigger.next_at == BEGAN + timedelta(days=365, minutes=1)


@pytest.mark.django_db
class TestOverlap:
    def two_hours(self, trigger: WorkflowTrigger) -> list[tuple[str, str]]:
        decide(trigger.pk, now=at(10))
        decide(trigger.pk, now=at(11))
        return outcomes(trigger)

    def test_skip_leaves_the_slot_out_and_says_why(self, owner: Any) -> None:
        trigger = scheduled(owner)
        assert self.two_hours(trigger) == [("10:00", "started"), ("11:00", "skipped")]
        assert "was still under way" in trigger.slots.get(outcome="skipped").reason

        finish(trigger)
        decide(trigger.pk, now=at(12))
        assert outcomes(trigger)[-1] == ("12:00", "started")

    def test_queue_lets_it_wait_for_its_turn(self, owner: Any) -> None:
        trigger = scheduled(owner, overlap="queue")
        assert self.two_hours(trigger) == [("10:00", "started"), ("11:00", "queued")]

        tick(now=at(11, 1))
        assert Execution.objects.count() == 1
        finish(trigger)
        tick(now=at(11, 2))
        assert outcomes(trigger) == [("10:00", "started"), ("11:00", "started")]

    def test_allow_lets_them_go_side_by_side(self, owner: Any) -> None:
        trigger = scheduled(owner, overlap="allow")

        assert self.two_hours(trigger) == [("10:00", "started"), ("11:00", "started")]
        assert Execution.objects.open().count() == 2

    def test_a_cancelled_execution_makes_room(self, owner: Any) -> None:
        trigger = scheduled(owner)
        decide(trigger.pk, now=at(10))
        cancel_execution(Execution.objects.get(), by=owner)
        decide(trigger.pk, now=at(11))

        assert outcomes(trigger) == [("10:00", "started"), ("11:00", "started")]

    def test_a_queue_has_an_end(self, owner: Any) -> None:
        trigger = scheduled(owner, "* * * * *", overlap="queue")
        decide(trigger.pk, now=at(9, 31))
        rows = [ScheduleSlot(trigger=trigger, slot=at(8) - HOUR * n, outcome="queued") for n in range(100)]
        ScheduleSlot.objects.bulk_create(rows)
        decide(trigger.pk, now=at(9, 32))

        assert "100 slots wait" in trigger.slots.get(slot=at(9, 32)).reason


@pytest.mark.django_db
class TestDeciding:
    def test_beat_down_for_ten_minutes_with_thirty_schedules(self, owner: Any) -> None:
        policies = ["skip", "once", "all"]
        made = [
            scheduled(owner, f"{minute % 10}-59/10 * * * *", missed=policies[minute % 3], overlap="allow")
            for minute in range(30)
        ]
        for _ in range(3):
            tick(now=at(9, 40, 5))

        for trigger in made:
            rows = list(trigger.slots.all())
            assert sum(row.count for row in rows) == 1, trigger
            is_late = rows[0].slot < at(9, 39, 5)
            assert rows[0].outcome == ("skipped" if trigger.missed == "skip" and is_late else "started")
        assert Execution.objects.count() == ScheduleSlot.objects.filter(outcome="started").count()

    def test_a_slot_that_was_decided_on_stays_so_when_the_clock_goes_back(self, owner: Any) -> None:
        trigger = scheduled(owner)
        decide(trigger.pk, now=at(10))
        assert decide(trigger.pk, now=at(9, 40)) == [] and decide(trigger.pk, now=at(10)) == []

        trigger.refresh_from_db()
        assert Execution.objects.count() == 1 and trigger.next_at == at(11)

    def test_the_database_refuses_a_slot_twice(self, owner: Any) -> None:
        trigger = scheduled(owner)
        decide(trigger.pk, now=at(10))
        with pytest.raises(IntegrityError), transaction.atomic():
            ScheduleSlot.objects.create(trigger=trigger, slot=at(10), outcome="started")

        WorkflowTrigger.objects.update(decided_until=BEGAN)  # as if someone had lost the place
        assert decide(trigger.pk, now=at(10)) == [] and Execution.objects.count() == 1

    def test_the_clock_of_the_database_decides(self, owner: Any, monkeypatch: Any) -> None:
        trigger = scheduled(owner, "* * * * *")
        monkeypatch.setattr("workflows.triggers.schedules.database_now", lambda: at(9, 31))
        monkeypatch.setattr("django.utils.timezone.now", lambda: at(23))
        tick()

        assert outcomes(trigger) == [("09:31", "started")]

    def test_nothing_is_due_while_the_workflow_rests_nor_made_up_for_afterwards(self, owner: Any) -> None:
        trigger = scheduled(owner)
        set_active(trigger.workflow, False, by=owner)
        assert tick(now=at(12)) == 0 and decide(trigger.pk, now=at(12)) == []

        set_active(trigger.workflow, True, by=owner)
        trigger.refresh_from_db()
        assert trigger.next_at > database_now() and Execution.objects.count() == 0

    def test_a_removed_workflow_starts_nothing_until_it_is_back(self, owner: Any) -> None:
        trigger = scheduled(owner)
        delete_workflow(trigger.workflow, by=owner)
        assert decide(trigger.pk, now=at(10)) == []

        restore_workflow(Workflow.objects.get(), by=owner)
        trigger.refresh_from_db()
        assert trigger.next_at is not None

    def test_inputs_are_filled_in_from_the_trigger(self, owner: Any) -> None:
        trigger = scheduled(owner, inputs={"text": "slot {{ trigger.slot }}"})
        decide(trigger.pk, now=at(10))

        assert Execution.objects.get().inputs == {"text": "slot 2026-03-02T10:00:00+00:00"}

    @pytest.mark.parametrize(
        ("inputs", "words"), [({"txt": "x"}, "inputs.txt"), ({"text": "{{ trigger.slt }}"}, "slt"), ({"text": 5}, "5")]
    )
    def test_a_schedule_that_cannot_start_it_leaves_a_failed_execution_in_words(
        self, owner: Any, inputs: Any, words: str
    ) -> None:
        trigger = scheduled(owner, inputs=inputs)
        decide(trigger.pk, now=at(10))

        execution = Execution.objects.get()
        assert execution.status == "failed" and words in execution.error_message
        assert trigger.slots.get().outcome == "failed" and trigger.slots.get().execution == execution
        trigger.refresh_from_db()
        assert words in trigger.last_problem
        assert Notification.objects.get().url == f"/executions/{execution.pk}/"

    def test_one_schedule_that_breaks_does_not_keep_the_others(self, owner: Any, monkeypatch: Any) -> None:
        broken, fine = scheduled(owner, "0 10 * * *"), scheduled(owner)
        WorkflowTrigger.objects.filter(pk=broken.pk).update(cron="nonsense line of five words")
        tick(now=at(10))

        broken.refresh_from_db()
        assert "could not be worked out" in broken.last_problem and outcomes(fine) == [("10:00", "started")]

    def test_decisions_are_forgotten_after_a_month(self, owner: Any) -> None:
        trigger = scheduled(owner)
        decide(trigger.pk, now=at(10))

        assert ticking.drop_old() == 1 and Execution.objects.count() == 1


@pytest.mark.django_db
class TestVersions:
    def source(self, *triggers: str) -> str:
        return SOURCE + "triggers:\n" + "".join(f"  - {line}\n" for line in triggers)

    def test_an_equal_schedule_keeps_its_place_in_time(self, owner: Any) -> None:
        workflow = make_workflow(owner, self.source('{type: schedule, cron: "0 7 * * *"}'))
        before = workflow.triggers.get()
        save_version(
            workflow, by=owner, source=self.source('{type: schedule, cron: "0 7 * * *"}').replace("hello", "good day")
        )
        after = workflow.triggers.get()

        assert (after.pk, after.decided_until) == (before.pk, before.decided_until)

    def test_another_line_is_another_schedule_and_the_old_one_rests(self, owner: Any) -> None:
        workflow = make_workflow(owner, self.source('{type: schedule, cron: "0 7 * * *"}'))
        save_version(workflow, by=owner, source=self.source('{type: schedule, cron: "30 8 * * *"}'))

        assert [t.cron for t in workflow.triggers.all()] == ["30 8 * * *"]
        old = WorkflowTrigger.with_retired.get(cron="0 7 * * *")
        assert old.retired_at is not None and old.next_at is None

    def test_the_students_own_zone_is_the_default(self, owner: Any) -> None:
        owner.time_zone = "Asia/Tokyo"
        owner.save()
        workflow = make_workflow(owner, self.source('{type: schedule, cron: "0 7 * * *"}'))

        assert workflow.triggers.get().time_zone == "Asia/Tokyo"


@pytest.mark.django_db(transaction=True)
def test_many_beats_at_once_start_one_execution_for_each_slot(owner: Any) -> None:
    made = [scheduled(owner, "0 * * * *", overlap="allow", missed="all") for _ in range(5)]
    together = threading.Barrier(4)
    failures: list[BaseException] = []

    def beat() -> None:
        try:
            together.wait(30)
            for minute in range(0, 150, 30):
                tick(now=at(10, minute))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    beats = [threading.Thread(target=beat) for _ in range(4)]
    for thread in beats:
        thread.start()
    for thread in beats:
        thread.join(120)

    assert failures == []
    assert Execution.objects.count() == ScheduleSlot.objects.count() == 3 * len(made)
    assert {row.outcome for row in ScheduleSlot.objects.all()} == {"started"}


def test_beat_knows_the_tasks_that_look_for_work() -> None:
    from coreengine.celery import app

    app.loader.import_default_modules()
    asked = {entry["task"]: entry["schedule"] for entry in app.conf.beat_schedule.values()}

    assert asked["workflows.tick"] <= 5 and "workflows.drop_old_deliveries" in asked
    assert asked.keys() <= set(app.tasks)
