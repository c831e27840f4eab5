"""What PostgreSQL adds: crashes at every point, races, and what the database itself refuses."""

from __future__ import annotations

import re
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from coreengine.kernel.events import broken_links
from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import notify
from workflows.engine.outcome import Outcome, StepCall
from workflows.engine.states import EXECUTION_MOVES, STEP_MOVES
from workflows.models import Execution, StepExecution, WorkflowVersion
from workflows.tests.worlds import DatabaseWorld, Killed, action, loop, outside

STEPS = [
    action("list", "note", params={"items": [1, 2]}),
    outside("fetch", "remote", after=["list"]),
    loop(
        "each",
        "steps.list.result.items",
        [outside("get", "remote", params={"n": "{{ n }}"}), action("keep", "note", after=["get"])],
        after=["list"],
        as_name="n",
        max_concurrency=2,
    ),
    action("never", "note", after=["fetch"], condition="false"),
    action("last", "note", after=["each", "fetch", "never"], params={"r": "{{ steps.each.result }}"}),
]


def crashing_world(owner: Any) -> tuple[DatabaseWorld, list[str]]:
    """A world whose in-line steps write a row, and whose outside steps write down their keys."""
    world = DatabaseWorld(owner)
    keys: list[str] = []

    def note(call: StepCall) -> Outcome:
        notify(owner, title=call.path)
        return Outcome.done(call.config["params"])

    def remote(call: StepCall) -> Outcome:
        keys.append(call.idempotency_key)
        return Outcome.done(call.config["params"])

    world.script("note", note)
    world.script("remote", remote)
    return world, keys


class TestCrashes:
    @pytest.mark.django_db
    def test_the_undisturbed_run_for_comparison(self, owner: Any) -> None:
        world, keys = crashing_world(owner)
        number = world.run(STEPS)

        assert world.status(number) == "completed"
        assert sorted(Notification.objects.values_list("title", flat=True)) == [
            "each[0].keep",
            "each[1].keep",
            "last",
            "list",
        ]
        assert len(keys) == len(set(keys)) == 3

    @pytest.mark.django_db
    @pytest.mark.parametrize("alone", [True, False], ids=["each step alone", "brief steps together"])
    @pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after the commit"])
    def test_killed_at_every_transaction_nothing_is_lost_and_no_effect_is_doubled(
        self, owner: Any, before: bool, alone: bool
    ) -> None:
        commit, was_killed = 0, True
        while was_killed:
            commit += 1
            Notification.objects.all().delete()
            world, keys = crashing_world(owner)
            world.executor.lengthy = {"note"} if alone else set()
            number = world.begin(STEPS)
            was_killed = False
            with world.killed_at(commit, before=before):
                try:
                    world.drain()
                except Killed:
                    was_killed = True
            world.hints.queue.clear()
            world.sweep_until_over(number)

            titles = sorted(Notification.objects.values_list("title", flat=True))
            assert world.status(number) == "completed", commit
            assert titles == ["each[0].keep", "each[1].keep", "last", "list"], commit
            assert len(set(keys)) == 3, commit
            assert world.results(number)["last"]["r"] == [
                {"get": {"n": 1}, "keep": {}},
                {"get": {"n": 2}, "keep": {}},
            ], commit
        assert commit >= (12 if alone else 11)

    @pytest.mark.django_db
    def test_the_log_is_gapless_ends_once_and_tells_the_state_of_every_step(self, owner: Any) -> None:
        world, _keys = crashing_world(owner)
        number = world.begin(STEPS)
        with world.killed_at(6, before=False):
            try:
                world.drain()
            except Killed:
                world.hints.queue.clear()
        world.sweep_until_over(number)

        told: dict[str, str] = {}
        for type, data in world.events(number):
            if type.startswith("workflow.step."):
                told[data["path"]] = type.removeprefix("workflow.step.").replace("started", "running")
        assert told == world.statuses(number)
        assert world.event_types(number)[-1] == "workflow.execution.completed"
        assert broken_links() == []

    @pytest.mark.django_db
    def test_a_failed_effect_is_undone_and_its_failure_recorded(self, owner: Any) -> None:
        world = DatabaseWorld(owner)

        def half(call: StepCall) -> Outcome:
            notify(owner, title="half done")
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
            return Outcome.done(None)

        world.script("half", half)
        number = world.run([action("a", "half", max_retries=0)])

        assert world.status(number) == "failed"
        assert list(Notification.objects.values_list("kind", flat=True)) == ["workflow"]

    @pytest.mark.django_db
    def test_a_failed_execution_is_told_to_the_student(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        world.script("broken", lambda call: Outcome.failed("Canvas refused the token."))
        number = world.run([outside("a", "broken")])

        told = Notification.objects.get()
        assert told.owner == owner and "Canvas refused the token." in told.content
        assert told.url == f"/executions/{number}/" and told.priority == "high"


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_two_workers_that_claim_the_same_steps_do_each_once(self, owner: Any, settings: Any) -> None:
        settings.WORKFLOWS = {**settings.WORKFLOWS, "STEPS_AT_ONCE": 12}
        world = DatabaseWorld(owner)
        calls: list[str] = []
        world.script("count", lambda call: (calls.append(call.path), Outcome.done(None))[1])
        steps = [outside(f"s{i}", "count") for i in range(12)]
        number = world.begin([*steps, action("end", "count", after=[s["name"] for s in steps])])
        world.follow(*world.hints.queue.popleft())
        hints = list(world.hints.queue)
        faults: list[BaseException] = []

        def work() -> None:
            try:
                for hint in hints:
                    world.follow(*hint)
            except BaseException as fault:
                faults.append(fault)
            finally:
                connection.close()

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)

        assert faults == []
        assert world.status(number) == "completed"
        assert sorted(calls) == sorted([*(s["name"] for s in steps), "end"])

    def test_two_workers_that_advance_the_same_execution_do_each_step_once(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        calls: list[str] = []
        world.script("count", lambda call: (calls.append(call.path), Outcome.done(None))[1])
        number = world.begin([action(f"s{i}", "count", after=[f"s{i - 1}"] if i else []) for i in range(20)])

        def work() -> None:
            try:
                for _ in range(5):
                    world.runner.advance(number)
            finally:
                connection.close()

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        world.drain()

        assert world.status(number) == "completed"
        assert calls == [f"s{i}" for i in range(20)]

    def test_cancel_against_completion_has_one_outcome(self, owner: Any) -> None:
        for _ in range(8):
            world = DatabaseWorld(owner)
            number = world.begin([action("a"), action("b", after=["a"])])
            cancelled: list[bool] = []

            def cancel(world: DatabaseWorld = world, number: int = number, told: list[bool] = cancelled) -> None:
                try:
                    told.append(world.runner.cancel(number, by=None))
                finally:
                    connection.close()

            other = threading.Thread(target=cancel)
            other.start()
            world.drain()
            other.join(60)

            assert (world.status(number) == "cancelled") is cancelled[0]
            ends = {"workflow.execution.cancelled", "workflow.execution.completed"}
            assert len(ends & set(world.event_types(number))) == 1

    def test_the_sweep_does_not_wait_for_an_execution_that_is_being_worked_on(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        number = world.begin([outside("a")], timeout=1)
        world.follow(*world.hints.queue.popleft())
        world.later(10)
        locked, done = threading.Event(), threading.Event()

        def hold() -> None:
            try:
                with world.store.open(number):
                    locked.set()
                    done.wait(30)
            finally:
                connection.close()

        holder = threading.Thread(target=hold)
        holder.start()
        locked.wait(30)
        world.runner.sweep()
        assert world.status(number) == "running"
        done.set()
        holder.join(30)
        world.runner.sweep()

        assert world.status(number) == "failed"

    def test_a_thousand_items(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        number = world.run(
            [
                loop("each", list(range(1000)), [action("a", params={"n": "{{ item }}"})]),
                action("end", after=["each"], params={"n": "{{ size(steps.each.result) }}"}),
            ]
        )

        assert world.results(number)["end"] == {"n": 1000}


@pytest.mark.django_db
class TestWhatTheDatabaseRefuses:
    def test_the_tables_of_allowed_moves_are_the_same_in_the_database(self) -> None:
        text = (Path(__file__).parents[1] / "migrations" / "0002_legal_moves.py").read_text()
        execution, *_ = re.findall(r"NOT IN \((.*?)\) THEN", text, re.DOTALL)
        step = import_module("workflows.migrations.0003_new_step_types").NEW_MOVES
        pairs = re.compile(r"\('(\w+)', '(\w+)'\)")

        assert set(pairs.findall(execution)) == set(EXECUTION_MOVES)
        assert set(pairs.findall(step)) == set(STEP_MOVES)

    @pytest.mark.parametrize(
        ("table", "status", "others"),
        [("workflows_execution", "running", "skipped"), ("workflows_stepexecution", "waiting", "skipped")],
    )
    def test_an_illegal_move(self, owner: Any, table: str, status: str, others: str) -> None:
        world = DatabaseWorld(owner)
        world.script("flaky", lambda call: Outcome.failed("no", retryable=True))
        world.run([outside("a", "flaky")])

        extra = ", finished_at = now()" if table == "workflows_stepexecution" else ", completed_at = now()"
        refused = pytest.raises(IntegrityError, match=f"cannot go from {status} to {others}")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET status = %s{extra}", [others])

    def test_any_change_to_what_is_over(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        number = world.run([action("a")])

        for change in (
            lambda: Execution.objects.filter(pk=number).update(status="running"),
            lambda: Execution.objects.filter(pk=number).update(variables={"x": 1}),
            lambda: StepExecution.objects.filter(execution_id=number).update(result={"x": 1}),
            lambda: StepExecution.objects.filter(execution_id=number).update(status="pending"),
        ):
            with pytest.raises(IntegrityError, match="stays so"), transaction.atomic():
                change()

    def test_a_fencing_token_that_goes_back(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        world.script("flaky", lambda call: Outcome.failed("no", retryable=True))
        number = world.run([outside("a", "flaky")])

        with pytest.raises(IntegrityError, match="only grow"), transaction.atomic():
            StepExecution.objects.filter(execution_id=number).update(token=0)

    def test_another_version_for_an_execution_and_a_changed_version(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        one, two = world.begin([action("a")]), world.begin([action("b")])

        with pytest.raises(IntegrityError, match="keeps its version"), transaction.atomic():
            Execution.objects.filter(pk=one).update(version=Execution.objects.get(pk=two).version)
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            WorkflowVersion.objects.update(definition={})

    def test_the_same_path_twice(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        number = world.run([action("a")])

        with pytest.raises(IntegrityError, match="step_path_is_unique"), transaction.atomic():
            StepExecution.objects.create(execution_id=number, path="a", name="a", kind="system_action", position=0)


@pytest.mark.django_db
class TestTheEnd:
    def test_a_delete_of_the_student_takes_everything_along(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        world.run(STEPS)

        owner.delete()

        assert Execution.objects.count() == StepExecution.objects.count() == WorkflowVersion.objects.count() == 0
