"""What conditions, loops and parallels promise, over both stores."""

from __future__ import annotations

import re
from typing import Any

import pytest

from workflows.engine.outcome import Outcome, StepCall
from workflows.tests.worlds import World, action, either, loop, outside, parallel


@pytest.fixture
def world(world: World) -> World:
    """The engine over one of its stores; “broken” and “odd” (odd numbers) fail."""
    world.script("broken", lambda call: Outcome.failed("Not today."))
    world.script("odd", lambda c: Outcome.failed("Odd.") if c.config["params"]["n"] % 2 else Outcome.done("even"))
    return world


def result_of(world: World, steps: list[dict[str, Any]], name: str) -> Any:
    """What the steps behind a container see of it, in the same transaction and in a later one."""
    seen = {"r": f"{{{{ steps.{name}.result }}}}"}
    number = world.run([*steps, action("see", after=[name], params=seen), action("z", after=["see"], params=seen)])
    assert world.status(number) == "completed", world.execution(number).error_message
    results = world.results(number)
    assert results["see"] == results["z"]
    return results["see"]["r"]


class TestConditions:
    def test_the_branch_that_is_true_is_taken_and_the_other_skipped(self, world: World) -> None:
        number = world.run(
            [
                action("a", params={"n": 5}),
                either(
                    "big",
                    "steps.a.result.n > 3",
                    [outside("yes", params={"n": "{{ steps.a.result.n }}"}), action("then", after=["yes"])],
                    [action("no"), action("no_too", after=["no"])],
                    after=["a"],
                ),
                action(
                    "last", after=["big"], params={"yes": "{{ steps.yes.result.n }}", "no": "{{ steps.no.reason }}"}
                ),
            ]
        )

        steps = world.steps(number)
        assert world.status(number) == "completed"
        assert world.results(number)["last"] == {"yes": 5, "no": "branch_not_taken"}
        assert {path: (s.status, s.reason) for path, s in steps.items() if "else" in path} == {
            "big[else].no": ("skipped", "branch_not_taken"),
            "big[else].no_too": ("skipped", "branch_not_taken"),
        }
        assert sorted(world.executor.paths()) == ["a", "big[then].then", "big[then].yes", "last"]

    def test_its_result_names_the_branch_and_holds_its_steps(self, world: World) -> None:
        steps = [either("c", "1 > 2", [action("a")], [action("b", params={"n": 1})])]

        assert result_of(world, steps, "c") == {"branch": "else", "steps": {"b": {"n": 1}}}

    def test_a_branch_that_is_not_there_is_over_at_once(self, world: World) -> None:
        assert result_of(world, [either("c", "false", [action("a")])], "c") == {"branch": "else", "steps": {}}
        assert result_of(world, [either("c", "false", [action("a")], [])], "c") == {"branch": "else", "steps": {}}

    def test_a_step_in_it_that_fails_fails_it(self, world: World) -> None:
        number = world.run([either("c", "true", [outside("a", "broken"), outside("b")])])

        assert world.execution(number).error_message == "Step “c” failed. Branch “then”: step “a” failed. Not today."

    def test_its_failure_may_be_passed_over(self, world: World) -> None:
        steps = [either("c", "true", [outside("a", "broken"), action("b", after=["a"])], on_error="continue")]

        assert result_of(world, steps, "c") is None
        assert "z" in world.executor.paths()

    def test_an_expression_that_cannot_be_worked_out_fails_it_in_words(self, world: World) -> None:
        number = world.run([action("a"), either("c", "steps.a.result.nothing", [action("b")], after=["a"])])

        assert "The expression cannot be worked out" in world.execution(number).error_message

    def test_a_step_that_was_never_reached_is_seen_as_skipped(self, world: World) -> None:
        inner = either("inner", "true", [action("deep")])
        number = world.run(
            [
                either("outer", "false", [inner]),
                action("z", after=["outer"], params={"s": "{{ steps.deep.status }} {{ steps.inner.reason }}"}),
            ]
        )

        assert world.results(number)["z"] == {"s": "skipped branch_not_taken"}
        assert "outer[then].inner[then].deep" not in world.steps(number)


class TestLoopsThatEndEarly:
    def test_no_further_item_begins_and_open_ones_are_cut_off(self, world: World) -> None:
        steps = [
            loop(
                "each",
                "[10, 11, 12, 13, 14]",
                [action("look", params={"n": "{{ item }}"}), outside("more", after=["look"])],
                until="steps.look.result.n == 11 && index == 1",
                max_concurrency=3,
            )
        ]
        number = world.begin([*steps, action("z", after=["each"], params={"r": "{{ steps.each.result }}"})])
        world.follow(*world.hints.queue.popleft())
        world.runner.run_step(number, "each[1].more")
        assert world.statuses(number)["each[2].more"] == "cancelled"
        world.drain()

        loop_step = world.steps(number)["each"]
        assert world.status(number) == "completed"
        assert (loop_step.status, loop_step.reason) == ("completed", "loop_ended_early")
        assert world.steps(number)["each[0].more"].reason == "loop_ended_early"
        assert "each[3].look" not in world.steps(number)
        assert world.results(number)["z"]["r"] == [None, {"look": {"n": 11}, "more": {}}, None]

    def test_a_late_answer_from_an_item_that_was_cut_off_is_refused(self, world: World) -> None:
        def overtaken(call: StepCall) -> Outcome:
            if call.path == "each[0].a":
                world.runner.run_step(call.execution_id, "each[1].a")
            return Outcome.done("an answer")

        world.script("slow", overtaken)
        number = world.begin([loop("each", "[1, 2, 3]", [outside("a", "slow")], until="index == 1", max_concurrency=2)])
        world.drain()

        assert world.statuses(number) == {"each": "completed", "each[0].a": "cancelled", "each[1].a": "completed"}
        assert world.steps(number)["each[0].a"].result is None

    def test_an_until_that_cannot_be_worked_out_fails_the_loop(self, world: World) -> None:
        number = world.run([loop("each", "[1, 2]", [action("a")], until="steps.a.result.nothing")])

        assert "“until” cannot be worked out" in world.execution(number).error_message

    def test_items_that_are_all_skipped_end_it_too(self, world: World) -> None:
        items = list(range(200))
        number = world.run([loop("each", items, [action("a", condition="false")], until="index == 150")])

        assert world.steps(number)["each"].items_started == 151


class TestFailedItems:
    def test_a_failed_item_is_an_error_in_the_result_and_the_others_go_on(self, world: World) -> None:
        body = [outside("a", "odd", params={"n": "{{ item }}"}), action("b", after=["a"]), outside("c")]
        steps = [loop("each", "[0, 1, 2]", body, on_item_error="continue")]

        assert result_of(world, steps, "each") == [
            {"a": "even", "b": {}, "c": {}},
            {"error": "Step “a” failed. Odd."},
            {"a": "even", "b": {}, "c": {}},
        ]

    def test_it_is_counted_and_what_was_open_in_it_is_cancelled(self, world: World) -> None:
        body = [outside("a", "odd", params={"n": "{{ item }}"}), action("b", after=["a"])]
        number = world.run([loop("each", "[1, 2, 3]", body, on_item_error="continue", max_concurrency=3)])

        step = world.steps(number)["each"]
        assert (step.status, step.items_done, step.items_failed) == ("completed", 3, 2)
        assert {p: (s.status, s.reason) for p, s in world.steps(number).items() if p.startswith("each[0]")} == {
            "each[0].a": ("failed", "item_failed"),
            "each[0].b": ("cancelled", "item_failed"),
        }

    def test_a_container_in_an_item_fails_the_item_only(self, world: World) -> None:
        inner = loop("inner", "[item]", [outside("a", "odd", params={"n": "{{ item }}"})])
        steps = [loop("each", "[1, 2]", [inner, outside("b")], on_item_error="continue")]

        assert result_of(world, steps, "each") == [
            {"error": "Step “inner” failed. Item 1: step “a” failed. Odd."},
            {"inner": [{"a": "even"}], "b": {}},
        ]

    def test_every_item_may_fail(self, world: World) -> None:
        steps = [loop("each", list(range(120)), [action("a", "broken")], on_item_error="continue")]
        found = result_of(world, steps, "each")

        assert len(found) == 120 and all("error" in item for item in found)


class TestParallels:
    def test_all_branches_run_side_by_side(self, world: World) -> None:
        branches = {"left": [outside("a", params={"n": 1}), action("b", after=["a"])], "right": [outside("c")]}
        number = world.begin([parallel("both", branches)])
        world.follow(*world.hints.queue.popleft())
        assert [path for _, path in world.hints.queue] == ["both[left].a", "both[right].c"]
        world.drain()

        assert world.status(number) == "completed"
        assert result_of(world, [parallel("both", branches)], "both") == {
            "left": {"a": {"n": 1}, "b": {}},
            "right": {"c": {}},
        }

    def test_the_first_wins_and_the_losers_are_cancelled_and_refused(self, world: World) -> None:
        def overtaken(call: StepCall) -> Outcome:
            world.runner.run_step(call.execution_id, "race[quick].b")
            return Outcome.done("too late")

        world.script("slow", overtaken)
        branches = {"slow": [outside("a", "slow"), action("after_a", after=["a"])], "quick": [outside("b")]}
        number = world.run([parallel("race", branches, wait_for="any"), action("z", after=["race"])])

        assert world.status(number) == "completed"
        assert world.steps(number)["race[slow].a"].result is None
        assert {p: (s.status, s.reason) for p, s in world.steps(number).items() if "slow" in p} == {
            "race[slow].a": ("cancelled", "not_needed"),
            "race[slow].after_a": ("cancelled", "not_needed"),
        }

    def test_losers_are_null_in_the_result(self, world: World) -> None:
        branches = {"b1": [outside("a", "broken")], "b2": [outside("b")], "b3": [outside("c")]}
        steps = [parallel("race", branches, wait_for="any")]

        assert result_of(world, steps, "race") == {"b1": None, "b2": {"b": {}}, "b3": None}

    def test_a_branch_with_nothing_to_do_wins_at_once(self, world: World) -> None:
        branches = {"nothing": [action("a", condition="false")], "other": [outside("b")]}

        assert result_of(world, [parallel("race", branches, wait_for="any")], "race") == {
            "nothing": {"a": None},
            "other": None,
        }
        assert "race[other].b" not in world.executor.paths()

    @pytest.mark.parametrize(("wanted", "end"), [(1, "completed"), (2, "completed"), (3, "failed"), ("all", "failed")])
    def test_enough_must_work(self, world: World, wanted: Any, end: str) -> None:
        branches = {
            f"b{n}": [outside(f"s{n}", "odd", params={"n": n}), action(f"t{n}", after=[f"s{n}"])] for n in (0, 1, 2)
        }
        number = world.run([parallel("some", branches, wait_for=wanted)])

        assert world.status(number) == end
        if end == "failed":
            words = "Step “some” failed. Branch “b1”: step “s1” failed. Odd."
            assert world.execution(number).error_message == words

    def test_it_fails_only_when_enough_can_no_longer_work(self, world: World) -> None:
        branches = {f"b{n}": [outside(f"s{n}", "odd", params={"n": n})] for n in (1, 3, 4)}
        number = world.begin([parallel("some", branches, wait_for=2)])
        world.follow(*world.hints.queue.popleft())
        world.runner.run_step(number, "some[b1].s1")
        assert world.statuses(number)["some"] == "running"
        world.runner.run_step(number, "some[b3].s3")

        assert world.status(number) == "failed"
        assert world.steps(number)["some[b4].s4"].reason == "parallel_failed"


class TestNesting:
    @staticmethod
    def nested(depth: int, inner: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for level in range(depth):
            inner = [
                (
                    either(f"c{level}", "true", inner, [action(f"not{level}")]),
                    loop(f"l{level}", "[1, 2]", inner, max_concurrency=2),
                    parallel(f"p{level}", {"one": inner, "two": [action(f"two{level}")]}),
                )[level % 3]
            ]
        return inner

    def test_eight_deep(self, world: World) -> None:
        inner = [outside("get", params={"n": "{{ index }}"}), action("keep", after=["get"])]
        number = world.run([*self.nested(8, inner), action("z", after=["l7"], params={"r": "{{ steps.l7.result }}"})])

        assert world.status(number) == "completed", world.execution(number).error_message
        assert sum(path.endswith(".get") for path in world.executor.paths()) == 8
        found = world.results(number)["z"]["r"]
        for key in (0, "c6", "steps", "p5", "one", "l4", 1, "c3", "steps", "p2", "one", "l1", 1, "c0"):
            found = found[key]
        assert found == {"branch": "then", "steps": {"get": {"n": 1}, "keep": {}}}

    def test_a_failure_eight_deep_tells_the_whole_way(self, world: World) -> None:
        number = world.run(self.nested(8, [outside("get", "broken")]))

        words = world.execution(number).error_message
        assert re.match("Step “l7” failed. Item [12]: step “c6” failed. Branch “then”: step “p5” failed. ", words)
        assert words.endswith("step “get” failed. Not today.")
        assert all(not step.is_open for step in world.steps(number).values())

    def test_cancel_reaches_every_depth(self, world: World) -> None:
        number = world.begin(self.nested(8, [outside("get")]))
        world.follow(*world.hints.queue.popleft())
        world.runner.cancel(number, by=1)
        world.drain()

        assert world.status(number) == "cancelled" and world.executor.paths().count("get") == 0
        assert all(not step.is_open for step in world.steps(number).values())

    def test_a_step_in_a_loop_reads_what_stands_in_a_condition_beside_it(self, world: World) -> None:
        body = [
            either("c", "item > 1", [action("yes", params={"n": "{{ item * 10 }}"})]),
            action("see", after=["c"], params={"n": "{{ steps.yes.result == null ? 0 : steps.yes.result.n }}"}),
        ]
        number = world.run([loop("each", "[1, 2]", body)])

        assert [world.results(number)[f"each[{n}].see"] for n in (0, 1)] == [{"n": 0}, {"n": 20}]

    def test_what_began_and_ended_in_one_transaction_is_seen_as_it_is(self, world: World) -> None:
        number = world.run(
            [
                loop("none", "[]", [action("a")]),
                action("b", after=["none"], condition="steps.none.status == 'completed' && steps.none.result == []"),
                outside("c", after=["none"], condition="steps.none.status == 'skipped'"),
            ]
        )

        assert world.statuses(number) == {"none": "completed", "b": "completed", "c": "skipped"}


class TestTimeouts:
    @pytest.mark.parametrize(
        "make",
        [
            lambda inner: either("c", "true", inner, timeout=60),
            lambda inner: loop("c", "[1]", inner, timeout=60),
            lambda inner: parallel("c", {"b": inner}, timeout=60),
        ],
    )
    def test_the_timeout_of_a_container_is_that_of_the_whole(self, world: World, make: Any) -> None:
        number = world.begin([make([outside("a"), action("b", after=["a"])])])
        world.follow(*world.hints.queue.popleft())
        world.later(61)
        world.runner.sweep()
        world.drain()

        assert world.execution(number).error_message == "Step “c” failed. It took longer than its timeout of 60 s."
        assert set(world.statuses(number).values()) == {"failed", "cancelled"}

    def test_a_container_has_none_unless_it_says_so(self, world: World) -> None:
        number = world.begin([loop("c", "[1]", [outside("a")])], timeout=3600)
        world.follow(*world.hints.queue.popleft())
        world.later(3000)
        world.runner.sweep()
        world.drain()

        assert world.status(number) == "completed"


class TestManyAtOnce:
    def test_a_thousand_conditions_give_others_their_turn(self, world: World) -> None:
        body = [either("c", "index % 2 == 0", [action("a", condition="false")])]
        number = world.begin([loop("each", list(range(300)), body)])
        world.follow(*world.hints.queue.popleft())
        world.drain()

        assert world.status(number) == "completed"
        assert world.steps(number)["each"].items_done == 300
