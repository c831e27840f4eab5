"""A worker's turn: what it costs, and that knowing an execution from before is as good as reading it again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import notify
from workflows import store as store_module
from workflows.engine.outcome import Outcome, StepCall
from workflows.engine.store import Moved
from workflows.tests.worlds import DatabaseWorld, MemoryWorld, World, action, loop, outside


def chain(length: int, does: str = "echo") -> list[dict[str, Any]]:
    return [action(f"s{i}", does, after=[f"s{i - 1}"] if i else []) for i in range(length)]


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement, sent through Django's cursors or the store's own."""
    sent: list[str] = []
    real = store_module._execute

    def counted(sql: str, values: Any = None) -> Any:
        sent.append(sql)
        return real(sql, values)

    monkeypatch.setattr(store_module, "_execute", counted)
    with CaptureQueriesContext(connection) as queries:
        yield sent
    # Django notes these for every atomic block; psycopg sends them only when something is sent in between.
    sent += [query["sql"] for query in queries if query["sql"] not in ("BEGIN", "COMMIT")]


@pytest.mark.django_db(transaction=True)
class TestCost:
    def test_a_step_of_a_chain_is_one_statement_and_one_commit(self, owner: Any, monkeypatch: Any) -> None:
        world = DatabaseWorld(owner)
        world.executor.lengthy = {"echo"}
        number = world.begin(chain(20))
        monkeypatch.setattr("workflows.engine.runner.MAX_INLINE_S", 60)  # a busy machine must not end the turn

        with statements(monkeypatch) as sent:
            world.drain()

        assert world.status(number) == "completed"
        assert len(sent) <= 20 + 4, "\n".join(sent)

    def test_a_step_that_writes_adds_a_lock_and_a_savepoint_in_one(self, owner: Any, monkeypatch: Any) -> None:
        world = DatabaseWorld(owner)
        world.executor.lengthy = {"note"}
        world.script("note", lambda call: (notify(owner, title=call.path), Outcome.done({}))[1])
        with statements(monkeypatch) as compared:
            notify(owner, title="to compare")
        number = world.begin(chain(20, "note"))
        monkeypatch.setattr("workflows.engine.runner.MAX_INLINE_S", 60)

        with statements(monkeypatch) as sent:
            world.drain()

        assert world.status(number) == "completed"
        assert len(sent) <= 20 * (2 + len(compared)) + 4, "\n".join(sent[:12])

    def test_statements_per_step_do_not_grow_with_the_history(self, owner: Any, monkeypatch: Any) -> None:
        def cost(items: int) -> float:
            world = DatabaseWorld(owner)
            with statements(monkeypatch) as sent:
                world.run([loop("each", list(range(items)), [action("a")])])
            return len(sent) / items

        assert cost(60) <= cost(20) * 1.1
        assert cost(60) < 2


@pytest.fixture(params=["memory", "postgresql"])
def world(request: Any) -> World:
    """The engine over one of its stores."""
    if request.param == "memory":
        return MemoryWorld()
    request.getfixturevalue("db")
    return DatabaseWorld(request.getfixturevalue("owner"))


class TestTwoAtOnce:
    @pytest.mark.log_differs
    def test_who_knows_an_execution_from_before_is_told_that_it_has_moved(self, world: World) -> None:
        number = world.begin([outside("a"), outside("b")])
        world.follow(*world.hints.queue.popleft())
        with world.store.open(number, paths=["a"]) as mine:
            mine.note("step.looked_at")
        with world.store.open(number) as other:
            other.note("step.looked_at")

        with pytest.raises(Moved), world.store.open(number, after=mine) as again:
            again.note("step.looked_at_again")

        assert world.event_types(number)[-2:] == ["workflow.step.looked_at"] * 2

    def test_a_cancel_between_two_steps_of_a_turn_ends_the_turn(self, world: World) -> None:
        world.executor.lengthy = {"echo"}
        number = world.begin(chain(5))
        real_open, count = world.store.open, itertools.count()

        def cancelled_before_the_fourth(execution_id: int, **options: Any) -> Any:
            if next(count) == 3:
                world.runner.cancel(number, by=None)
            return real_open(execution_id, **options)

        world.store.open = cancelled_before_the_fourth
        world.drain()

        assert world.status(number) == "cancelled"
        assert world.executor.paths()[:2] == ["s0", "s1"] and "s3" not in world.executor.paths()
        assert list(world.statuses(number).values()) == ["completed", "completed", *["cancelled"] * 3]


@pytest.mark.django_db(transaction=True)
class TestEffects:
    def test_a_failed_effect_takes_its_rows_and_its_hooks_along(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        told: list[str] = []

        def half(call: StepCall) -> Outcome:
            with transaction.atomic():
                notify(owner, title="half done")
            transaction.on_commit(lambda: told.append(call.path))
            return Outcome.failed("no") if call.path == "s1" else Outcome.done(None)

        world.script("half", half)
        number = world.run(chain(3, "half"))

        assert world.statuses(number) == {"s0": "completed", "s1": "failed", "s2": "cancelled"}
        assert told == ["s0"]
        assert Notification.objects.filter(title="half done").count() == 1

    def test_a_hook_of_an_effect_that_only_hints_runs_after_its_step_is_on_record(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        seen: list[str] = []

        def hint(call: StepCall) -> Outcome:
            transaction.on_commit(lambda: seen.append(world.statuses(call.execution_id)[call.path]))
            return Outcome.done(None)

        world.script("hint", hint)
        world.run(chain(3, "hint"))

        assert seen == ["completed"] * 3

    def test_an_effect_that_goes_on_after_a_database_error_is_undone(self, owner: Any) -> None:
        world = DatabaseWorld(owner)

        def careless(call: StepCall) -> Outcome:
            try:
                notify(owner, title="before")
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 / 0")
            except Exception:
                pass
            return Outcome.done(None)

        world.script("careless", careless)
        number = world.run([action("a", "careless", max_retries=0)])

        assert world.status(number) == "failed"
        assert not Notification.objects.filter(title="before").exists()

    def test_a_step_is_told_when_its_student_may_not_act_any_more(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        owner.is_active = False
        owner.save()
        world.run([action("a"), outside("b", after=["a"])])

        assert [call.is_owner_active for call in world.executor.calls] == [False, False]

    def test_times_within_a_turn_are_those_of_the_database(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        number = world.run(chain(10))

        steps = sorted(world.steps(number).values(), key=lambda step: step.position)
        moments = [moment for step in steps for moment in (step.started_at, step.finished_at)]
        assert moments == sorted(moments)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            assert moments[-1] <= cursor.fetchone()[0]
