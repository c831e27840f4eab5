"""What the engine promises, over both stores."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.outcome import Outcome, StepCall
from workflows.tests.worlds import World, action, loop, outside


def failing(times: int, *, retryable: bool = True) -> Any:
    """An action that fails so many times and then works."""
    left = [times]

    def run(call: StepCall) -> Outcome:
        left[0] -= 1
        return Outcome.failed("Not today.", retryable=retryable) if left[0] >= 0 else Outcome.done({"ok": True})

    return run


class TestOrder:
    def test_steps_run_after_what_they_depend_on_and_read_its_results(self, world: World) -> None:
        number = world.run(
            [
                action("c", after=["a", "b"], params={"sum": "{{ steps.a.result.n + steps.b.result.n }}"}),
                action("a", params={"n": 1}),
                outside("b", params={"n": 2}),
            ]
        )

        assert world.status(number) == "completed"
        assert world.results(number) == {"a": {"n": 1}, "b": {"n": 2}, "c": {"sum": 3}}
        assert world.executor.paths()[-1] == "c"

    def test_every_transition_is_in_the_log(self, world: World) -> None:
        number = world.run([action("a"), outside("b", after=["a"])])

        assert world.event_types(number) == [
            "workflow.execution.started",
            "workflow.step.started",
            "workflow.step.completed",
            "workflow.step.started",
            "workflow.step.completed",
            "workflow.execution.completed",
        ]

    def test_names_of_expressions(self, world: World) -> None:
        params = {
            "all": "{{ [variables.v, inputs.i, trigger.type, string(execution_id), string(user_id)] }}",
            "text": "{{ inputs.i }} and {{ variables.v }}",
        }
        number = world.run(
            [action("a", params=params)],
            variables={"v": "V"},
            inputs={"properties": {"i": {"type": "string"}}},
            given_inputs={"i": "I"},
            trigger={"type": "manual"},
        )

        execution = world.execution(number)
        assert world.results(number)["a"] == {
            "all": ["V", "I", "manual", str(execution.id), str(execution.owner_id)],
            "text": "I and V",
        }

    def test_a_long_chain_gives_others_their_turn(self, world: World) -> None:
        steps = [action(f"s{i}", after=[f"s{i - 1}"] if i else []) for i in range(120)]
        number = world.begin(steps)
        world.follow(*world.hints.queue.popleft())

        assert world.status(number) == "running"
        assert len(world.executor.calls) <= 51
        world.drain()
        assert world.status(number) == "completed" and len(world.executor.calls) == 120

    def test_forty_branches_and_a_join(self, world: World) -> None:
        branches = [outside(f"b{i}", params={"i": i}) for i in range(40)]
        total = " + ".join(f"steps.b{i}.result.i" for i in range(20))
        join = action("join", after=[b["name"] for b in branches], params={"n": f"{{{{ {total} }}}}"})
        number = world.run([*branches, join])

        assert world.results(number)["join"] == {"n": sum(range(20))}
        assert world.executor.paths().count("join") == 1


class TestConditions:
    def test_a_false_condition_skips_the_step_and_its_dependants_still_run(self, world: World) -> None:
        number = world.run(
            [
                action("a", params={"n": 1}),
                outside("b", after=["a"], condition="steps.a.result.n > 1"),
                action("c", after=["b"], params={"b": "{{ steps.b.status }} {{ steps.b.reason }}"}),
            ]
        )

        step = world.steps(number)["b"]
        assert (step.status, step.reason, step.attempt) == ("skipped", "condition_not_met", 0)
        assert world.results(number)["c"] == {"b": "skipped condition_not_met"}
        assert world.status(number) == "completed"

    def test_an_execution_in_which_everything_is_skipped_completes(self, world: World) -> None:
        number = world.run(
            [
                action("a", condition="false"),
                outside("b", after=["a"], condition="false"),
                action("c", condition="false"),
            ]
        )

        assert set(world.statuses(number).values()) == {"skipped"}
        assert world.status(number) == "completed"

    def test_a_condition_that_cannot_be_worked_out_fails_the_step_in_words(self, world: World) -> None:
        number = world.run([action("a", params={"n": 1}), action("b", after=["a"], condition="steps.a.result.m > 1")])

        assert world.status(number) == "failed"
        assert "no “m”" in world.execution(number).error_message
        assert world.executor.paths() == ["a"]


class TestFailure:
    def test_a_failed_attempt_is_tried_again_later_with_the_same_key(self, world: World) -> None:
        world.script("flaky", failing(2))
        number = world.run([outside("a", "flaky")])

        step = world.steps(number)["a"]
        assert (step.status, step.error, step.attempt) == ("waiting", "Not today.", 1)
        assert step.next_attempt_at is not None
        world.sweep_until_over(number)
        assert world.status(number) == "completed"
        assert world.steps(number)["a"].attempt == 3
        assert len({call.idempotency_key for call in world.executor.calls}) == 1
        assert world.event_types(number).count("workflow.step.retrying") == 2

    def test_a_retry_does_not_begin_before_its_time(self, world: World) -> None:
        world.script("flaky", failing(1))
        number = world.run([outside("a", "flaky")])

        world.runner.sweep()
        world.runner.run_step(number, "a")
        world.drain()

        assert len(world.executor.calls) == 1

    @pytest.mark.parametrize("make", [action, outside])
    def test_retries_end(self, world: World, make: Any) -> None:
        world.script("broken", failing(100))
        number = world.begin([make("a", "broken", max_retries=2), action("b", after=["a"])])
        world.sweep_until_over(number)

        assert len(world.executor.calls) == 3
        assert world.statuses(number) == {"a": "failed", "b": "cancelled"}
        assert world.execution(number).error_message == "Step “a” failed. Not today."

    def test_a_final_error_is_not_tried_again(self, world: World) -> None:
        world.script("broken", failing(1, retryable=False))
        number = world.run([action("a", "broken")])

        assert world.status(number) == "failed" and len(world.executor.calls) == 1

    def test_continue_lets_the_others_go_on(self, world: World) -> None:
        world.script("broken", failing(9, retryable=False))
        number = world.run(
            [
                outside("a", "broken", on_error="continue"),
                action("b", after=["a"], params={"e": "{{ steps.a.error }}", "r": "{{ steps.a.result }}"}),
            ]
        )

        assert world.status(number) == "completed"
        assert world.results(number) == {"b": {"e": "Not today.", "r": None}}

    def test_an_unforeseen_fault_is_on_record_and_tried_again(self, world: World) -> None:
        def surprise(call: StepCall) -> Outcome:
            raise RuntimeError("who would have thought")

        world.script("surprise", surprise)
        number = world.begin([outside("a", "surprise", max_retries=1)])
        world.sweep_until_over(number)

        assert "who would have thought" in world.steps(number)["a"].error
        assert len(world.executor.calls) == 2

    def test_failure_cancels_what_has_not_begun_and_refuses_what_is_under_way(self, world: World) -> None:
        world.script("broken", failing(9, retryable=False))

        def fail_the_other(call: StepCall) -> Outcome:
            world.runner.run_step(number, "b")
            return Outcome.done("too late")

        world.script("slow", fail_the_other)
        number = world.begin([outside("a", "slow"), outside("b", "broken"), action("c", after=["a"])])
        world.drain()

        assert world.statuses(number) == {"a": "cancelled", "b": "failed", "c": "cancelled"}
        assert world.steps(number)["a"].result is None
        assert world.event_types(number)[-1] == "workflow.execution.failed"

    @pytest.mark.parametrize(
        ("result", "words"),
        [("x" * 1_000_001, "larger than 1 MB"), (float("nan"), "not finite"), ({1, 2}, "cannot be kept")],
    )
    def test_a_result_that_cannot_be_kept_fails_the_step_clearly(self, world: World, result: Any, words: str) -> None:
        world.script("odd", lambda call: Outcome.done(result))
        number = world.run([outside("a", "odd")])

        assert words in world.execution(number).error_message

    def test_odd_characters_and_large_numbers_survive(self, world: World) -> None:
        world.script("odd", lambda call: Outcome.done({"t": "a\x00b\ud800c", "id": 2**53 + 1}))
        number = world.run([outside("a", "odd"), action("b", after=["a"], params={"id": "{{ steps.a.result.id }}"})])

        assert world.results(number) == {"a": {"t": "a�b�c", "id": 2**53 + 1}, "b": {"id": 2**53 + 1}}

    def test_a_deep_result_is_refused(self, world: World) -> None:
        deep: Any = []
        for _ in range(500):
            deep = [deep]
        world.script("deep", lambda call: Outcome.done(deep))
        number = world.run([outside("a", "deep")])

        assert "nested deeper" in world.execution(number).error_message


class TestVariables:
    def test_an_in_line_step_changes_variables_for_those_behind_it(self, world: World) -> None:
        def add(call: StepCall) -> Outcome:
            call.variables["n"] = call.config["params"]["n"]
            return Outcome.done(None)

        world.script("set", add)
        number = world.run(
            [
                action("a", "set", params={"n": "{{ variables.n + 1 }}"}),
                action("b", "set", after=["a"], params={"n": "{{ variables.n * 10 }}"}),
            ],
            variables={"n": 1},
        )

        assert world.execution(number).variables == {"n": 20}

    def test_a_failed_step_changes_nothing(self, world: World) -> None:
        def set_and_fail(call: StepCall) -> Outcome:
            call.variables["n"] = 5
            return Outcome.failed("no")

        world.script("set", set_and_fail)
        number = world.run([action("a", "set", on_error="continue")], variables={"n": 1})

        assert world.execution(number).variables == {"n": 1}


class TestLoops:
    def test_each_item_has_steps_of_its_own_and_results_come_in_order(self, world: World) -> None:
        number = world.run(
            [
                action("list", params={"items": [{"id": 7}, {"id": 8}, {"id": 9}]}),
                loop(
                    "each",
                    "steps.list.result.items",
                    [
                        outside("fetch", params={"id": "{{ course.id }}", "n": "{{ index }}"}),
                        action("keep", after=["fetch"], params={"id": "{{ steps.fetch.result.id * 10 + item.id }}"}),
                    ],
                    after=["list"],
                    as_name="course",
                    max_concurrency=2,
                ),
                action("after", after=["each"], params={"r": "{{ steps.each.result }}"}),
            ]
        )

        assert world.status(number) == "completed"
        assert world.results(number)["after"]["r"] == [
            {"fetch": {"id": 7, "n": 0}, "keep": {"id": 77}},
            {"fetch": {"id": 8, "n": 1}, "keep": {"id": 88}},
            {"fetch": {"id": 9, "n": 2}, "keep": {"id": 99}},
        ]
        assert "each[1].keep" in world.steps(number)
        step = world.steps(number)["each"]
        assert (step.item_count, step.items_started, step.items_done) == (3, 3, 3)

    def test_no_more_items_than_allowed_are_begun_at_once(self, world: World) -> None:
        number = world.begin([loop("each", "[1, 2, 3, 4, 5]", [outside("a")], max_concurrency=2)])
        world.follow(*world.hints.queue.popleft())

        assert [path for _, path in world.hints.queue] == ["each[0].a", "each[1].a"]
        world.drain()
        assert world.status(number) == "completed" and len(world.executor.calls) == 5

    @pytest.mark.parametrize("at_once", [1, 2, 50])
    def test_items_have_their_turn_in_the_order_in_which_they_became_ready(
        self, world: World, monkeypatch: Any, at_once: int
    ) -> None:
        monkeypatch.setattr("workflows.engine.runner.MAX_INLINE_STEPS", at_once)
        number = world.run(
            [loop("each", "[1, 2, 3, 4, 5, 6]", [action("a"), action("b", after=["a"])], max_concurrency=2)]
        )

        assert world.status(number) == "completed"
        assert [path for path in world.executor.paths() if path.endswith("a")] == [f"each[{i}].a" for i in range(6)]
        assert world.executor.paths()[:4] == ["each[0].a", "each[1].a", "each[0].b", "each[1].b"]

    def test_loops_stand_in_loops(self, world: World) -> None:
        inner = loop("inner", "row", [action("cell", params={"v": "{{ row[index] * 10 + cell }}"})], as_name="cell")
        number = world.run(
            [
                loop("outer", "[[1, 2], [3, 4]]", [inner], as_name="row"),
                action("end", after=["outer"], params={"r": "{{ steps.outer.result }}"}),
            ]
        )

        assert world.results(number)["end"]["r"] == [
            {"inner": [{"cell": {"v": 11}}, {"cell": {"v": 22}}]},
            {"inner": [{"cell": {"v": 33}}, {"cell": {"v": 44}}]},
        ]

    def test_an_empty_loop_completes_at_once(self, world: World) -> None:
        number = world.run(
            [loop("each", "[]", [action("a")]), action("b", after=["each"], params={"r": "{{ steps.each.result }}"})]
        )

        assert world.results(number)["b"] == {"r": []}

    @pytest.mark.parametrize(
        ("items", "words"),
        [("5", "needs a list"), ("[1, 2, 3]", "max_iterations is 2"), ("steps.x.result.y", "no “y”")],
    )
    def test_items_that_cannot_be_looped_over_fail_the_loop(self, world: World, items: str, words: str) -> None:
        number = world.run([action("x"), loop("each", items, [action("a")], after=["x"], max_iterations=2)])

        assert words in world.execution(number).error_message

    def test_a_failed_item_fails_the_loop(self, world: World) -> None:
        world.script("odd", lambda c: Outcome.failed("odd") if c.config["params"]["n"] % 2 else Outcome.done(1))
        number = world.run([loop("each", "[0, 2, 1, 4]", [outside("a", "odd", params={"n": "{{ item }}"})])])

        assert world.execution(number).error_message == "Step “each” failed. Item 3: step “a” failed. odd"
        assert "each[3].a" not in world.steps(number)

    def test_a_failed_item_may_be_passed_over(self, world: World) -> None:
        world.script("odd", lambda c: Outcome.failed("odd") if c.config["params"]["n"] % 2 else Outcome.done(1))
        step = outside("a", "odd", params={"n": "{{ item }}"}, on_error="continue")
        number = world.run(
            [loop("each", "[0, 1, 2]", [step]), action("b", after=["each"], params={"r": "{{ steps.each.result }}"})]
        )

        assert world.results(number)["b"] == {"r": [{"a": 1}, {"a": None}, {"a": 1}]}

    def test_a_loop_whose_every_step_is_skipped_ends(self, world: World) -> None:
        items = list(range(300))
        number = world.run([loop("each", items, [action("a", condition="index < 0"), outside("b", condition="false")])])

        assert world.status(number) == "completed"
        assert world.steps(number)["each"].items_done == 300

    def test_many_items(self, world: World) -> None:
        number = world.run(
            [
                loop("each", list(range(150)), [action("a", params={"n": "{{ item }}"})]),
                action("end", after=["each"], params={"n": "{{ size(steps.each.result) }}"}),
            ]
        )

        assert world.results(number)["end"] == {"n": 150}
        assert len(world.executor.calls) == 151


class TestHints:
    def test_doubled_hints_change_nothing(self, world: World) -> None:
        number = world.begin([action("a"), outside("b", after=["a"]), loop("c", "[1, 2]", [outside("d")], after=["b"])])
        while world.hints.queue:
            hint = world.hints.queue.popleft()
            world.follow(*hint)
            world.follow(*hint)

        assert world.status(number) == "completed"
        assert sorted(world.executor.paths()) == ["a", "b", "c[0].d", "c[1].d"]

    def test_the_sweep_finds_everything_when_every_hint_is_lost(self, world: World) -> None:
        number = world.begin([action("a"), outside("b", after=["a"]), loop("c", "[1, 2]", [outside("d")], after=["b"])])
        rounds = 0
        while world.status(number) in ("pending", "running"):
            world.hints.queue.clear()
            world.later(11)
            world.runner.sweep()
            for hint in list(world.hints.queue):
                world.follow(*hint)
            rounds += 1
            assert rounds < 20

        assert world.status(number) == "completed"
        assert sorted(world.executor.paths()) == ["a", "b", "c[0].d", "c[1].d"]

    def test_the_sweep_leaves_alone_what_was_hinted_at_just_now(self, world: World) -> None:
        world.begin([outside("a")])
        world.follow(*world.hints.queue.popleft())

        assert world.runner.sweep() == 0

    def test_hints_at_nothing_are_harmless(self, world: World) -> None:
        number = world.run([action("a")])

        world.runner.advance(number)
        world.runner.advance(999_999)
        world.runner.run_step(number, "a")
        world.runner.run_step(number, "nothing")

        assert world.executor.paths() == ["a"]


class TestLeases:
    def test_a_lost_worker_is_replaced_when_its_lease_runs_out(self, world: World) -> None:
        number = world.begin([outside("a"), action("b", after=["a"])])
        world.follow(*world.hints.queue.popleft())
        with world.store.open(number, paths=["a"]) as ledger:
            from workflows.engine import transitions

            transitions.claim(ledger, ledger.step("a"))
        world.hints.queue.clear()
        assert world.runner.sweep() == 0

        world.sweep_until_over(number)

        assert world.status(number) == "completed"
        assert world.steps(number)["a"].attempt == 2

    def test_the_outcome_of_a_stale_attempt_is_refused(self, world: World) -> None:
        def overtaken(call: StepCall) -> Outcome:
            if call.attempt == 1:
                world.later(25)
                world.runner.sweep()
                world.later(25)
                world.runner.sweep()
                world.drain()
                return Outcome.done("the zombie's")
            return Outcome.done("the successor's")

        world.script("slow", overtaken)
        number = world.run([outside("a", "slow"), action("b", after=["a"], params={"r": "{{ steps.a.result }}"})])

        assert world.results(number) == {"a": "the successor's", "b": {"r": "the successor's"}}
        assert world.event_types(number).count("workflow.step.completed") == 2

    def test_a_lease_that_is_renewed_is_kept(self, world: World) -> None:
        from workflows.engine.store import Lease

        def long_one(call: StepCall) -> Outcome:
            for _ in range(5):
                world.later(15)
                world.store.renew([Lease(call.execution_id, call.path, call.attempt)])
                world.runner.sweep()
            return Outcome.done("finished")

        world.script("long", long_one)
        number = world.run([outside("a", "long")])

        assert world.results(number) == {"a": "finished"} and len(world.executor.calls) == 1

    def test_a_step_that_never_comes_back_is_bounded_by_its_timeout(self, world: World) -> None:
        from workflows.engine.store import Lease

        def endless(call: StepCall) -> Outcome:
            world.later(61)
            world.store.renew([Lease(call.execution_id, call.path, call.attempt)])
            world.runner.sweep()
            return Outcome.done("too late")

        world.script("endless", endless)
        number = world.begin([outside("a", "endless", timeout=60, max_retries=0)])
        world.drain()

        assert world.status(number) == "failed"
        assert "longer than its timeout of 60 s" in world.execution(number).error_message

    def test_a_worker_that_dies_each_time_does_not_go_on_for_ever(self, world: World) -> None:
        class Poison(BaseException):
            pass

        def die(call: StepCall) -> Outcome:
            raise Poison

        world.script("poison", die)
        number = world.begin([outside("a", "poison", max_retries=3)])
        for _ in range(12):
            world.later(200)
            world.runner.sweep()
            while world.hints.queue:
                try:
                    world.follow(*world.hints.queue.popleft())
                except Poison:
                    continue

        assert world.status(number) == "failed"
        assert len(world.executor.calls) == 4


class TestEnds:
    def test_an_execution_that_takes_too_long_fails(self, world: World) -> None:
        number = world.begin([outside("a"), action("b", after=["a"])], timeout=100)
        world.follow(*world.hints.queue.popleft())
        world.later(101)
        world.runner.sweep()

        assert world.status(number) == "failed"
        assert "timeout of 100 s" in world.execution(number).error_message
        assert world.statuses(number) == {"a": "cancelled", "b": "cancelled"}

    def test_cancel_before_it_began(self, world: World) -> None:
        number = world.begin([action("a")])

        assert world.runner.cancel(number, by=1) is True
        world.drain()
        assert world.status(number) == "cancelled" and world.executor.calls == []

    def test_cancel_while_a_step_waits_for_its_retry(self, world: World) -> None:
        world.script("flaky", failing(1))
        number = world.run([outside("a", "flaky"), action("b", after=["a"])])

        world.runner.cancel(number, by=1)
        world.later(100)
        world.runner.sweep()
        world.drain()

        assert world.statuses(number) == {"a": "cancelled", "b": "cancelled"}
        assert world.event_types(number)[-1] == "workflow.execution.cancelled"

    def test_cancel_while_a_step_is_under_way(self, world: World) -> None:
        def cancel(call: StepCall) -> Outcome:
            world.runner.cancel(call.execution_id, by=1)
            return Outcome.done("too late")

        world.script("slow", cancel)
        number = world.run([loop("each", "[1, 2]", [outside("a", "slow")]), action("b", after=["each"])])

        assert world.status(number) == "cancelled"
        assert set(world.statuses(number).values()) == {"cancelled"}

    def test_cancel_twice_and_after_the_end(self, world: World) -> None:
        number = world.run([action("a")])

        assert world.runner.cancel(number, by=1) is False
        assert world.status(number) == "completed"
