"""The picture of a workflow's steps."""

from itertools import combinations
from typing import Any

import pytest

from workflows.graph import Node, NodeState, draw


def step(name: str, *needs: str, kind: str = "system_action", **config: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "depends_on": list(needs), "config": config}


def overlap(a: Node, b: Node) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


DIAMOND = [step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")]
NESTED = [
    step("list"),
    step("each", "list", kind="loop", steps=[step("get"), step("import", "get"), step("note", "get")]),
    step("tell", "each"),
]


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("steps", [DIAMOND, NESTED, [step(f"s{n}") for n in range(20)]])
def test_boxes_never_overlap_and_stay_inside(steps: list[dict[str, Any]], is_down: bool) -> None:
    graph = draw(steps, is_down=is_down)

    for a, b in combinations(graph.nodes, 2):
        assert not overlap(a, b), (a.name, b.name)
    for node in graph.all_nodes():
        assert node.x >= 0 and node.x + node.width <= graph.width
        assert node.y >= 0 and node.y + node.height <= graph.height
        for child in node.children:
            assert child.x > node.x and child.x + child.width < node.x + node.width
            assert child.y > node.y and child.y + child.height < node.y + node.height


def test_a_step_stands_right_of_all_that_it_waits_for() -> None:
    graph = draw(DIAMOND)

    place = {node.name: node.x for node in graph.nodes}
    assert place["a"] < place["b"] == place["c"] < place["d"]
    assert {(e.start.name, e.end.name) for e in graph.edges} == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}


def test_down_the_page_a_step_stands_below_all_that_it_waits_for() -> None:
    graph = draw(DIAMOND, is_down=True)

    place = {node.name: node.y for node in graph.nodes}
    assert place["a"] < place["b"] == place["c"] < place["d"]
    assert graph.width < draw(DIAMOND).width


def test_statuses_and_counts_are_shown() -> None:
    graph = draw(NESTED, {"list": NodeState("completed", "0.4 s"), "each": NodeState("running", "3 of 6")})

    nodes = {node.path: node for node in graph.all_nodes()}
    assert nodes["each"].status == "running" and nodes["each"].kind.endswith("3 of 6")
    assert graph.label == "6 steps, 1 completed, 1 running"
    assert [edge.is_done for edge in graph.edges] == [True, False]


@pytest.mark.parametrize(
    "steps",
    [
        None,
        "steps",
        [],
        [None, 3, {"type": "x"}],
        [step("a", "b"), step("b", "a")],
        [step("a", "a")],
        [{"name": "a", "depends_on": "b"}, {"name": "a"}],
        [{"name": "a", "type": "loop", "config": {"steps": "x"}}],
        [{"name": "a", "type": "parallel", "config": {"branches": {"x": None, "y": [{"name": "q"}]}}}],
    ],
)
def test_unfinished_typing_still_gives_a_picture(steps: Any) -> None:
    graph = draw(steps)

    assert graph.width > 0 and graph.height > 0


def test_a_long_chain_is_laid_out_without_recursion_trouble() -> None:
    steps = [step("s0"), *(step(f"s{n}", f"s{n - 1}") for n in range(1, 400))]

    graph = draw(list(reversed(steps)))

    assert len(graph.edges) == 399
