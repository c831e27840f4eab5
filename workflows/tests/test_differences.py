"""What two definitions differ in, step by step and line by line."""

from __future__ import annotations

from typing import Any

from workflows.differences import differing_lines, differing_steps


def step(name: str, does: str = "a", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "system_action", "config": {"action": does, "params": {}}, **fields}


def loop(name: str, *steps: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"name": name, "type": "loop", "config": {"items": "[1]", "steps": list(steps), **config}}


def words(old: Any, new: Any) -> list[str]:
    found = []
    for change in differing_steps(old, new):
        fields = [f"{f.path}{'+' if f.is_added else '-' if f.is_removed else ''}" for f in change.fields]
        name = f"{change.old_name}>{change.name}" if change.old_name else change.name
        found.append(" ".join([change.kind, name, *fields]).replace("  ", " "))
    return found


def definition(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "W", "steps": list(steps), **fields}


class TestSteps:
    def test_equal_definitions_have_none(self) -> None:
        assert differing_steps(definition(step("a")), definition(step("a"))) == []

    def test_added_removed_and_changed_ones_are_told_apart(self) -> None:
        old = definition(step("a"), step("b", "x", timeout=5))
        new = definition(step("a", timeout=9), step("c", "y"))

        assert words(old, new) == ["changed a timeout+", "added c", "removed b"]

    def test_a_field_is_named_by_its_whole_path_with_both_values(self) -> None:
        before, after = step("a"), step("a")
        before["config"]["params"] = {"to": {"name": "x"}, "n": 1}
        after["config"]["params"] = {"to": {"name": "y"}, "n": True}

        fields = differing_steps(definition(before), definition(after))[0].fields

        assert [(f.path, f.old, f.new) for f in fields] == [
            ("config.params.to.name", "x", "y"),
            ("config.params.n", 1, True),
        ]

    def test_equal_contents_under_another_name_are_renamed_and_dependants_say_so(self) -> None:
        old = definition(step("a"), step("b", "x", depends_on=["a"]))
        new = definition(step("first"), step("b", "x", depends_on=["first"]))

        assert words(old, new) == ["renamed a>first", "changed b depends_on"]

    def test_a_renamed_container_keeps_its_steps(self) -> None:
        old = definition(loop("each", step("in")))
        new = definition(loop("every", step("in")))

        assert words(old, new) == ["renamed each>every"]

    def test_the_steps_of_a_container_are_compared_by_themselves(self) -> None:
        old = definition(loop("each", step("in"), step("gone", "z"), max_concurrency=1))
        new = definition(loop("each", step("in", timeout=3), max_concurrency=2))

        assert words(old, new) == ["changed each config.max_concurrency", "changed in timeout+", "removed gone"]

    def test_a_step_that_goes_into_a_branch_has_moved(self) -> None:
        fork = {"name": "fork", "type": "parallel", "config": {"branches": {"left": [step("a")]}, "wait_for": "all"}}
        was = {"name": "fork", "type": "parallel", "config": {"branches": {"left": []}, "wait_for": "all"}}

        moved = [c for c in differing_steps(definition(step("a"), was), definition(fork)) if c.kind == "moved"]

        assert [(c.name, c.old_place, c.place) for c in moved] == [("a", "", "fork.branches.left")]

    def test_another_order_is_a_change(self) -> None:
        old, new = definition(step("a"), step("b", "x")), definition(step("b", "x"), step("a"))

        assert words(old, new) == ["changed steps"]

    def test_what_stands_around_the_steps_is_one_change(self) -> None:
        old = definition(step("a"), timeout=60, triggers=[{"type": "schedule", "cron": "0 7 * * *"}])
        new = definition(step("a"), triggers=[{"type": "schedule", "cron": "0 8 * * *"}], variables={"n": 1})

        assert words(old, new) == ["changed timeout- triggers[0].cron variables+"]

    def test_anything_may_be_a_draft(self) -> None:
        for odd in (None, [], "text", {"steps": 3}, {"steps": [1, {"type": "x"}, {}, {"name": "a"}, {"name": "a"}]}):
            assert differing_steps(odd, odd) == []
            differing_steps(odd, definition(step("a")))
            differing_steps(definition(step("a")), odd)


class TestLines:
    def test_equal_texts_have_none(self) -> None:
        assert differing_lines("a\nb\n", "a\nb\n") == []

    def test_lines_far_from_a_change_are_left_out_and_counted(self) -> None:
        old = "\n".join(f"line {n}" for n in range(1, 21))
        new = old.replace("line 10\n", "line ten\n")

        rows = differing_lines(old, new, context=1)

        assert [(row.kind, row.old_number, row.new_number, row.hidden) for row in rows] == [
            ("gap", None, None, 8),
            ("same", 9, 9, 0),
            ("removed", 10, None, 0),
            ("added", None, 10, 0),
            ("same", 11, 11, 0),
            ("gap", None, None, 9),
        ]

    def test_inside_a_changed_line_only_what_differs_is_marked(self) -> None:
        removed, added = differing_lines("cron: 0 7 * * *", "cron: 0 8 * * *")

        assert [piece.text for piece in removed.pieces if piece.is_changed] == ["7"]
        assert [piece.text for piece in added.pieces if piece.is_changed] == ["8"]

    def test_every_line_can_be_put_together_again(self) -> None:
        old, new = "a\nb: 1\nc\n", "a\nb: 22\nd\ne\nc\n"

        rows = differing_lines(old, new, context=100)

        assert ["".join(p.text for p in r.pieces) for r in rows if r.kind != "added"] == old.splitlines()
        assert ["".join(p.text for p in r.pieces) for r in rows if r.kind != "removed"] == new.splitlines()
