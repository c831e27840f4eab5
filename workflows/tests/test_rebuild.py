"""The log folded, and compared with the rows: agreement, and every kind of damage."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from workflows.engine.digest import MAX_IN_EVENT, canonical, digest_of
from workflows.engine.outcome import Outcome, StepCall
from workflows.engine.records import EventRecord
from workflows.engine.replay import differences, replay
from workflows.models import Execution, LoopItem, StepExecution
from workflows.rebuild import Comparison, compare, rebuilt
from workflows.tests.worlds import DatabaseWorld, MemoryWorld, action, loop, outside

STEPS = [
    action("list", params={"items": [1, 2, 3]}),
    outside("fetch", after=["list"]),
    loop(
        "each",
        "steps.list.result.items",
        [outside("get", params={"n": "{{ n }}"}), action("keep", after=["get"], condition="n > 1")],
        after=["list"],
        as_name="n",
        max_concurrency=2,
    ),
    action("last", after=["each", "fetch"], params={"r": "{{ steps.each.result }}"}),
]


def count_up(call: StepCall) -> Outcome:
    """Change a variable, add one and remove one."""
    call.variables["n"] = call.variables["n"] + 1
    call.variables["new"] = {"long": "x" * MAX_IN_EVENT} if call.path == "b" else [1.0, None]
    call.variables.pop("old", None)
    return Outcome.done(None)


def check(**options: Any) -> str:
    """What `rebuild --check` prints."""
    out = StringIO()
    call_command(
        "workflows", "rebuild", "--check", *[f"--{name}={value}" for name, value in options.items()], stdout=out
    )
    return out.getvalue()


def alter(sql: str, *values: Any, table: str = "workflows_stepexecution") -> None:
    """Change rows behind the database's rules."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, values)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


class TestFold:
    def test_an_execution_is_rebuilt_at_every_point_of_its_life(self) -> None:
        world = MemoryWorld()
        number = world.begin(STEPS)
        points = 0
        while world.hints.queue:
            world.follow(*world.hints.queue.popleft())
            world.check_log()
            points += 1
        assert points >= 5 and world.status(number) == "completed"

    def test_results_and_counts_come_out_of_the_log(self) -> None:
        world = MemoryWorld()
        number = world.run(STEPS)
        fold = replay(world.store.events(number), world.store.definition(number), keep_results=True)

        assert fold.steps["each[2].get"].result == {"n": 3}
        assert (fold.steps["each"].items_started, fold.steps["each"].items_done) == (3, 3)
        assert fold.steps["each[0].keep"].status == "skipped"
        assert {path: step.status for path, step in fold.steps.items()} == world.statuses(number)

    def test_variables_come_out_of_the_log_long_ones_by_digest(self) -> None:
        world = MemoryWorld()
        world.script("count", count_up)
        number = world.run([action("a", "count"), action("b", "count", after=["a"])], variables={"n": 0, "old": 1})
        fold = replay(world.store.events(number), world.store.definition(number))

        assert fold.execution.variables == {"n": 2, "new": None}
        assert fold.variable_digests == {"new": digest_of({"long": "x" * MAX_IN_EVENT})}
        assert all(len(json.dumps(event.data)) < 2 * MAX_IN_EVENT for event in world.store.events(number))

    def test_a_long_result_is_checked_by_its_digest(self) -> None:
        world = MemoryWorld()
        number = world.run([action("a", params={"long": "x" * MAX_IN_EVENT})])
        (step,) = world.steps(number).values()
        fold = replay(world.store.events(number), world.store.definition(number))
        assert list(differences(fold, world.execution(number), [step])) == []

        step.result = {"long": "y" * MAX_IN_EVENT}
        assert list(differences(fold, world.execution(number), [step])) == [
            "step a: the result in the table is not the one in the log"
        ]

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda log: log[:1] + log[2:], "no attempt began"),
            (lambda log: [*log, log[-2]], "comes after the end"),
            (lambda log: [*log[:2], log[1], *log[2:]], "goes from running to running"),
            (
                lambda log: [log[0], EventRecord("workflow.step.vanished", {"path": "a"}), *log[1:]],
                "is not an event that can be folded",
            ),
            (
                lambda log: [EventRecord(e.type, e.data, None, n + (n > 2)) for n, e in enumerate(log, 1)],
                "the number 4",
            ),
        ],
        ids=["missing", "after the end", "doubled", "unknown", "gap"],
    )
    def test_a_log_that_cannot_be_is_told(self, spoil: Any, words: str) -> None:
        world = MemoryWorld()
        number = world.run([action("a")])
        fold = replay(spoil(world.store.events(number)), world.store.definition(number))

        assert any(words in fault for fault in fold.faults), fold.faults

    @pytest.mark.django_db
    @pytest.mark.parametrize("number", [1e22, 1.5e300, 1e-7, -0.0, 0.1, 12345678901234567890, 1e16, 123456.789e3])
    def test_the_digest_of_a_number_survives_the_database(self, number: float) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::jsonb::text", [json.dumps([number])])
            assert canonical(json.loads(cursor.fetchone()[0])) == canonical([number])


@pytest.mark.django_db
class TestComparison:
    def test_the_rows_of_a_finished_and_of_an_open_execution_agree_with_the_log(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        world.run(STEPS)
        number = world.begin(STEPS)
        for _ in range(3):
            world.follow(*world.hints.queue.popleft())
        assert world.status(number) == "running"

        total = Comparison()
        assert list(compare(Execution.objects.all(), total)) == []
        assert (total.executions, total.differing) == (2, 0) and total.events > 20

    @pytest.mark.log_differs
    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("UPDATE {steps} SET status = 'failed' WHERE path = 'fetch'", 'status is "failed" in the table'),
            ("UPDATE {steps} SET result = '{{\"n\": 7}}' WHERE path = 'each[1].get'", "each[1].get: the result"),
            ("UPDATE {steps} SET attempt = 2 WHERE path = 'list'", "attempt is 2 in the table, 1 in the log"),
            ("UPDATE {steps} SET reason = 'why' WHERE path = 'last'", 'reason is "why"'),
            ("UPDATE {steps} SET items_done = 2 WHERE path = 'each'", "items_done is 2 in the table, 3 in the log"),
            ("UPDATE {steps} SET finished_at = now() - interval '1 day' WHERE path = 'last'", "finished_at is"),
            ("DELETE FROM {steps} WHERE path = 'each[2].keep'", "the table does not have it"),
            ("UPDATE {steps} SET path = 'other' WHERE path = 'last'", "the log does not know it"),
        ],
    )
    def test_a_damaged_step_is_named(self, owner: Any, sql: str, words: str) -> None:
        DatabaseWorld(owner).run(STEPS)
        alter(sql.format(steps="workflows_stepexecution"))

        ((_number, found),) = compare(Execution.objects.all())
        assert any(words in line for line in found), found

    @pytest.mark.log_differs
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("status = 'cancelled'", 'execution: status is "cancelled" in the table, "completed" in the log'),
            ("error_message = 'Oh'", 'error is "Oh"'),
            ("variables = '{\"v\": 2}'", "the variable v in the table"),
            ("completed_at = completed_at + interval '1 hour'", "completed_at is"),
        ],
    )
    def test_a_damaged_execution_is_named(self, owner: Any, change: str, words: str) -> None:
        DatabaseWorld(owner).run(STEPS, variables={"v": 1})
        alter(f"UPDATE workflows_execution SET {change}", table="workflows_execution")

        ((_number, found),) = compare(Execution.objects.all())
        assert any(words in line for line in found), found

    @pytest.mark.log_differs
    @pytest.mark.parametrize("size", [3, 3000])
    def test_a_damaged_item_of_a_loop_is_named(self, owner: Any, size: int) -> None:
        items = list(range(size))
        DatabaseWorld(owner).run([loop("each", items, [action("a", condition="false")], max_iterations=5000)])
        LoopItem.objects.filter(index=1).update(value=7)

        ((_number, found),) = compare(Execution.objects.all())
        assert found == ["step each: its items in the table are not those in the log"]

    @pytest.mark.log_differs
    def test_a_log_with_a_gap_is_named(self, owner: Any) -> None:
        number = DatabaseWorld(owner).run(STEPS)
        alter("DELETE FROM kernel_event WHERE subject_id = %s AND sequence = 4", str(number), table="kernel_event")

        ((_number, found),) = compare(Execution.objects.all())
        assert "event 4 has the number 5" in found

    def test_many_executions_of_many_steps_in_batches(self, owner: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("workflows.rebuild.BATCH", 2)
        world = DatabaseWorld(owner)
        for _ in range(5):
            world.run([action("a"), outside("b")])

        total = Comparison()
        assert list(compare(Execution.objects.all(), total)) == []
        assert (total.executions, total.steps) == (5, 10)


@pytest.mark.django_db
class TestCommand:
    def test_agreement_is_told_with_counts_and_rate(self, owner: Any) -> None:
        DatabaseWorld(owner).run(STEPS)
        assert "1 executions, 10 steps," in check() and "no difference" in check(owner=owner.email)

    @pytest.mark.log_differs
    def test_a_difference_ends_with_exit_code_one(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        good, bad = world.run(STEPS), world.run(STEPS)
        alter("UPDATE workflows_stepexecution SET attempt = 9 WHERE execution_id = %s AND path = 'last'", bad)

        with pytest.raises(CommandError) as error:
            check()
        assert error.value.returncode == 1
        assert "no difference" in check(execution=good)

    def test_only_what_was_asked_for_is_compared(self, owner: Any, stranger: Any) -> None:
        DatabaseWorld(owner).run([action("a")])
        DatabaseWorld(stranger).run([action("a")])

        assert check(owner=stranger.email).startswith("1 executions")
        assert check(since="2100-01-01").startswith("0 executions")
        assert check(since="2020-01-01T10:00").startswith("2 executions")
        with pytest.raises(CommandError, match="no execution 12345"):
            check(execution=12345)

    @pytest.mark.log_differs
    def test_one_execution_is_printed_as_its_log_tells_it(self, owner: Any) -> None:
        number = DatabaseWorld(owner).run(STEPS)
        StepExecution.objects.filter(execution_id=number, path="each[0].get").delete()
        out = StringIO()
        call_command("workflows", "rebuild", f"--execution={number}", stdout=out)

        steps = {step["path"]: step for step in json.loads(out.getvalue())["steps"]}
        assert steps["each[0].get"]["result"] == {"n": 1}
        assert rebuilt(Execution.objects.get(pk=number)).execution.status == "completed"
