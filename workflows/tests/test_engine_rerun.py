"""What is taken over from an earlier execution and what runs again, over both stores.

After each test the log of every execution is folded and compared with its rows (see conftest).
"""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.outcome import Outcome, StepCall
from workflows.tests.worlds import (
    DatabaseWorld,
    MemoryWorld,
    World,
    action,
    approval,
    either,
    loop,
    outside,
    parallel,
    wait,
)


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.django_db)])
def world(request: Any) -> World:
    """The engine over one of its stores; “broken” fails until it is mended, “count” counts a variable."""
    if request.param == "memory":
        world: World = MemoryWorld()
    else:
        request.getfixturevalue("db")
        world = DatabaseWorld(request.getfixturevalue("owner"))
    world.script("broken", lambda call: Outcome.failed("Not today."))

    def count(call: StepCall) -> Outcome:
        call.variables["n"] = call.variables.get("n", 0) + 1
        return Outcome.done(call.variables["n"])

    world.script("count", count)
    return world


def mend(world: World) -> None:
    """From now on nothing is broken, and calls are counted from the beginning."""
    del world.executor.scripts["broken"]
    world.executor.calls.clear()


def reused(world: World, number: int) -> set[str]:
    return {path for path, step in world.steps(number).items() if step.is_reused}


class TestRetry:
    def test_only_what_had_not_finished_runs_again(self, world: World) -> None:
        first = world.run(
            [
                action("a", params={"x": 1}),
                outside("b", after=["a"], params={"y": "{{ steps.a.result.x }}"}),
                outside("c", "broken", after=["b"], params={"z": "{{ steps.b.result.y + 1 }}"}),
                action("d", after=["c"], params={"last": "{{ steps.c.result.z }}"}),
            ]
        )
        mend(world)
        again = world.repeat(first)

        assert (world.status(first), world.status(again)) == ("failed", "completed")
        assert world.executor.paths() == ["c", "d"]
        assert world.results(again) == {"a": {"x": 1}, "b": {"y": 1}, "c": {"z": 2}, "d": {"last": 2}}
        assert reused(world, again) == {"a", "b"}
        assert world.status(first) == "failed" and reused(world, first) == set()

    def test_what_had_not_finished_keeps_its_key_through_every_retry(self, world: World) -> None:
        first = world.run([outside("a", "broken"), outside("b", after=["a"])])
        second = world.repeat(first)
        mend(world)
        third = world.repeat(second)

        keys = [call.idempotency_key for call in world.executor.calls]
        assert keys == [f"execution:{first}:a", f"execution:{third}:b"]
        assert world.status(third) == "completed"

    def test_a_cancelled_execution_goes_on_where_it_was(self, world: World) -> None:
        first = world.begin([action("a"), outside("b", after=["a"]), action("c", after=["b"])])
        world.follow(*world.hints.queue.popleft())
        world.runner.cancel(first, by=None)
        world.hints.queue.clear()
        world.executor.calls.clear()
        again = world.repeat(first)

        assert (world.status(again), world.executor.paths(), reused(world, again)) == ("completed", ["b", "c"], {"a"})

    def test_a_failure_that_was_let_pass_is_over(self, world: World) -> None:
        first = world.run(
            [action("a", "broken", on_error="continue"), action("b", after=["a"]), action("c", "broken", after=["b"])]
        )
        mend(world)
        again = world.repeat(first)

        assert world.executor.paths() == ["c"]
        assert world.statuses(again) == {"a": "failed", "b": "completed", "c": "completed"}

    def test_a_skipped_step_stays_skipped(self, world: World) -> None:
        first = world.run([action("a", condition="false"), action("b", "broken", after=["a"])])
        mend(world)
        again = world.repeat(first)

        assert world.statuses(again) == {"a": "skipped", "b": "completed"}
        assert world.steps(again)["a"].reason == "condition_not_met"

    def test_when_everything_had_finished_there_is_nothing_to_retry(self, world: World) -> None:
        again = world.repeat(world.run([action("a")]))

        assert world.status(again) == "failed"
        assert "Everything finished" in world.execution(again).error_message


class TestFromAStep:
    def test_the_step_and_all_behind_it_run_again_with_keys_of_their_own(self, world: World) -> None:
        first = world.run(
            [
                action("a"),
                outside("b", after=["a"]),
                outside("c", after=["b"]),
                outside("side", after=["a"]),
                action("end", after=["c", "side"]),
            ]
        )
        world.executor.calls.clear()
        again = world.repeat(first, "b")

        assert world.status(again) == "completed"
        assert reused(world, again) == {"a", "side"}
        assert [call.idempotency_key for call in world.executor.calls] == [
            f"execution:{again}:{name}" for name in ("b", "c", "end")
        ]

    def test_a_step_that_is_not_there_fails_the_execution_in_words(self, world: World) -> None:
        again = world.repeat(world.run([action("a")]), "nonsense")

        assert "has no step nonsense" in world.execution(again).error_message

    def test_variables_are_as_the_steps_that_stay_left_them(self, world: World) -> None:
        steps = [action("a", "count"), action("b", "count", after=["a"]), action("c", "count", after=["b"])]
        first = world.run(steps, variables={"n": 10, "other": "x" * 9000})
        again = world.repeat(first, "b")
        third = world.repeat(again, "c")

        assert world.execution(first).variables["n"] == 13
        assert world.results(again) == {"a": 11, "b": 12, "c": 13}
        assert world.results(third) == {"a": 11, "b": 12, "c": 13}
        assert world.execution(third).variables == {"n": 13, "other": "x" * 9000}

    def test_a_change_of_a_step_beside_the_chosen_one_stays(self, world: World) -> None:
        def put(call: StepCall) -> Outcome:
            call.variables[call.name] = call.path
            return Outcome.done(None)

        world.script("put", put)
        first = world.run([action("a", "put"), action("b", "put")])
        again = world.repeat(first, "a")

        assert world.execution(again).variables == {"a": "a", "b": "b"}
        assert reused(world, again) == {"b"}

    def test_long_results_are_taken_over_too(self, world: World) -> None:
        text = "é" * 20_000
        first = world.run([outside("a", params={"t": text}), action("b", "broken", after=["a"])])
        mend(world)

        assert world.results(world.repeat(first))["a"] == {"t": text}


class TestLoops:
    def items(self, does: str = "echo", **config: Any) -> list[dict[str, Any]]:
        body = [
            action("get", params={"i": "{{ item }}"}),
            outside("work", does, after=["get"], params={"v": "{{ steps.get.result.i * 10 }}"}),
            action("out", after=["work"], params={"o": "{{ steps.work.result.v + 1 }}"}),
        ]
        return [
            action("list", params={"items": [1, 2, 3]}),
            loop("each", "steps.list.result.items", body, after=["list"], **config),
            action("sum", after=["each"], params={"all": "{{ steps.each.result }}"}),
        ]

    def expected(self) -> dict[str, Any]:
        return {"all": [{"get": {"i": n}, "work": {"v": n * 10}, "out": {"o": n * 10 + 1}} for n in (1, 2, 3)]}

    def test_a_chosen_step_inside_runs_again_for_its_item_only(self, world: World) -> None:
        first = world.run(self.items(max_concurrency=2))
        world.executor.calls.clear()
        again = world.repeat(first, "each[1].work")

        assert world.status(again) == "completed"
        assert world.executor.paths() == ["each[1].work", "each[1].out", "sum"]
        assert world.results(again)["sum"] == self.expected()
        assert (world.steps(again)["each"].items_done, world.steps(again)["each"].is_reused) == (3, False)

    def test_a_failed_loop_goes_on_with_the_item_that_failed_and_those_after_it(self, world: World) -> None:
        world.script("second", lambda c: Outcome.failed("No.") if "[1]" in c.path else Outcome.done(c.config["params"]))
        first = world.run(self.items("second"))
        assert world.status(first) == "failed"
        del world.executor.scripts["second"]
        world.executor.calls.clear()
        again = world.repeat(first)

        assert world.status(again) == "completed"
        assert world.executor.paths() == [
            *("each[1].work", "each[1].out", "each[2].get", "each[2].work", "each[2].out", "sum"),
        ]
        assert world.results(again)["sum"] == self.expected()

    def test_items_that_failed_and_were_let_pass_stay_failed(self, world: World) -> None:
        world.script("second", lambda c: Outcome.failed("No.") if "[1]" in c.path else Outcome.done(c.config["params"]))
        steps = self.items("second", on_item_error="continue")
        first = world.run([*steps, action("end", "broken", after=["sum"])])
        mend(world)
        again = world.repeat(first)
        chosen = world.repeat(first, "each[0].out")

        assert world.executor.paths()[:1] == ["end"] and world.status(again) == "completed"
        assert world.results(again)["sum"]["all"][1] == {"error": "Step “work” failed. No."}
        assert world.status(chosen) == "completed"
        assert world.results(chosen)["sum"]["all"][1] == {"error": "Step “work” failed. No."}
        assert world.steps(chosen)["each"].items_failed == 1

    def test_from_the_loop_itself_every_item_runs_again(self, world: World) -> None:
        first = world.run(self.items())
        world.executor.calls.clear()
        again = world.repeat(first, "each")

        assert len(world.executor.calls) == 10 and reused(world, again) == {"list"}

    def test_inside_a_loop_inside_a_loop(self, world: World) -> None:
        inner = loop("inner", "[1, 2]", [action("x", params={"p": "{{ item }}"}), action("y", after=["x"])])
        outer = loop("outer", "[1, 2]", [inner, action("z", after=["inner"])])
        first = world.run([outer, action("end", after=["outer"])])
        world.executor.calls.clear()
        again = world.repeat(first, "outer[1].inner[0].x")

        assert world.status(again) == "completed"
        assert world.executor.paths() == ["outer[1].inner[0].x", "outer[1].inner[0].y", "outer[1].z", "end"]
        assert {"outer[0]", "outer[0].z"} - {"outer[0]"} <= reused(world, again)

    def test_the_rows_of_the_items_are_there_to_be_repeated_once_more(self, world: World) -> None:
        first = world.run(self.items())
        third = world.repeat(world.repeat(first, "each[2].work"), "each[0].get")

        assert world.status(third) == "completed" and world.results(third)["sum"] == self.expected()

    def test_a_loop_that_had_ended_early_decides_anew_only_for_what_runs_again(self, world: World) -> None:
        body = [action("get", params={"i": "{{ item }}"})]
        first = world.run([loop("each", "[1, 2, 3]", body, until="steps.get.result.i >= 2")])
        world.executor.calls.clear()
        again = world.repeat(first, "each[1].get")

        assert (world.status(again), world.executor.paths()) == ("completed", ["each[1].get"])

    def test_an_item_that_ended_its_loop_still_ends_it_when_another_runs_again(self, world: World) -> None:
        body = [action("get", params={"i": "{{ item }}"})]
        first = world.run([loop("each", "[1, 2, 3]", body, until="steps.get.result.i >= 2")])
        world.executor.calls.clear()
        again = world.repeat(first, "each[0].get")

        assert (world.status(again), world.executor.paths()) == ("completed", ["each[0].get"])

    @pytest.mark.parametrize("at_once", [1, 2])
    @pytest.mark.parametrize("has_more", [True, False])
    def test_a_loop_that_failed_by_its_until_is_not_past_it(self, world: World, at_once: int, has_more: bool) -> None:
        def steps(until: str) -> list[dict[str, Any]]:
            body = [action("get", params={"i": "{{ item }}"}), outside("put", after=["get"])]
            after = [action("end", after=["each"])] if has_more else []
            return [loop("each", "[1, 2, 3, 4]", body, until=until, max_concurrency=at_once), *after]

        first = world.run(steps("steps.get.result.nothing"))
        assert world.status(first) == "failed"
        world.executor.calls.clear()
        again = world.repeat(first)

        assert world.status(again) == "failed" and world.executor.calls == []
        assert world.execution(again).error_message == world.execution(first).error_message
        ended = world.repeat(again, definition={"name": "Test", "steps": steps("steps.get.result.i == 1")})
        assert (world.status(ended), world.steps(ended)["each"].reason) == ("completed", "loop_ended_early")
        assert world.executor.paths() == (["end"] if has_more else [])
        world.executor.calls.clear()
        gone_on = world.repeat(again, definition={"name": "Test", "steps": steps("false")})
        assert world.status(gone_on) == "completed" and "each[0].get" not in world.executor.paths()
        assert {f"each[{index}].put" for index in (1, 2, 3)} <= set(world.executor.paths())


class TestBranches:
    def test_a_condition_keeps_the_branch_it_took(self, world: World) -> None:
        first = world.run(
            [
                action("a", params={"n": 5}),
                either(
                    "big",
                    "steps.a.result.n > 3",
                    [outside("yes"), action("more", "broken", after=["yes"])],
                    [action("no")],
                    after=["a"],
                ),
                action("end", after=["big"], params={"r": "{{ steps.big.result }}"}),
            ]
        )
        mend(world)
        again = world.repeat(first)

        assert world.status(again) == "completed"
        assert world.executor.paths() == ["big[then].more", "end"]
        assert world.steps(again)["big[else].no"].reason == "branch_not_taken"
        assert world.results(again)["end"]["r"]["branch"] == "then"

    def test_a_branch_that_was_not_taken_cannot_be_chosen(self, world: World) -> None:
        first = world.run([either("big", "true", [action("yes")], [action("no")])])

        assert "was not taken" in world.execution(world.repeat(first, "big[else].no")).error_message

    def test_from_the_condition_it_is_decided_anew(self, world: World) -> None:
        first = world.run([either("big", "true", [action("yes")], [action("no")])])
        world.executor.calls.clear()
        again = world.repeat(first, "big")

        assert (world.status(again), world.executor.paths()) == ("completed", ["big[then].yes"])

    def test_of_branches_side_by_side_only_the_failed_one_runs_again(self, world: World) -> None:
        branches = {"left": [outside("l"), action("l2", after=["l"])], "right": [outside("r", "broken")]}
        first = world.run(
            [parallel("both", branches), action("end", after=["both"], params={"r": "{{ steps.both.result }}"})]
        )
        assert world.status(first) == "failed"
        mend(world)
        again = world.repeat(first)

        assert world.status(again) == "completed"
        assert "both[right].r" in world.executor.paths() and "end" in world.executor.paths()
        done_first = {p for p, s in world.statuses(first).items() if s == "completed"}
        assert reused(world, again) == done_first

    def test_a_winner_chosen_again_wins_again(self, world: World) -> None:
        branches = {"left": [action("l")], "right": [wait("late", duration=60), action("r", after=["late"])]}
        first = world.run([parallel("any", branches, wait_for="any"), action("end", after=["any"])])
        world.executor.calls.clear()
        again = world.repeat(first, "any[left].l")

        assert world.status(again) == "completed"
        assert world.executor.paths() == ["any[left].l", "end"]


class TestPauses:
    def test_a_decision_is_taken_over_and_an_open_one_is_asked_again(self, world: World) -> None:
        first = world.run([approval("ask"), outside("b", "broken", after=["ask"])])
        world.runner.decide(first, "ask", "approved", by=None)
        world.drain()
        mend(world)
        again = world.repeat(first)
        anew = world.repeat(first, "ask")

        assert world.status(again) == "completed"
        assert world.results(again)["ask"]["decision"] == "approved"
        assert world.statuses(anew)["ask"] == "waiting"


class TestVersions:
    def test_a_mended_definition_takes_over_what_stands_there_unchanged(self, world: World) -> None:
        first = world.run([action("a"), outside("b", "broken", after=["a"])])
        world.executor.calls.clear()
        newer = {"name": "Test", "steps": [action("a"), outside("b", after=["a"]), action("c", after=["b"])]}
        again = world.repeat(first, definition=newer)

        assert world.status(again) == "completed"
        # Another request, so another key.
        assert [call.idempotency_key for call in world.executor.calls] == [
            f"execution:{again}:b",
            f"execution:{again}:c",
        ]

    def test_a_version_that_would_run_finished_steps_again_is_refused(self, world: World) -> None:
        first = world.run([action("a"), outside("b", "broken", after=["a"])])
        newer = {"name": "Test", "steps": [action("z"), action("a", after=["z"]), outside("b", after=["a"])]}
        again = world.repeat(first, definition=newer)

        assert "results of a cannot be taken over" in world.execution(again).error_message

    def test_a_step_that_moved_is_refused(self, world: World) -> None:
        first = world.run([action("a"), outside("b", "broken", after=["a"])])
        newer = {"name": "Test", "steps": [loop("l", "[1]", [action("a")]), outside("b", after=["l"])]}

        assert "cannot be taken over" in world.execution(world.repeat(first, definition=newer)).error_message
