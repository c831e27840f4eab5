"""The picture of a workflow's steps."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from workflows.graph import Graph, Node, NodeState, draw, draw_rail, outline
from workflows.graph.reading import walk


def step(name: str, *needs: str, kind: str = "system_action", **config: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "depends_on": list(needs), "config": config}


def overlap(a: Node, b: Node) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def deep(levels: int) -> list[dict[str, Any]]:
    """Containers of every kind in each other."""
    steps = [step("leaf")]
    for level in range(levels):
        match level % 3:
            case 0:
                steps = [step(f"loop{level}", kind="loop", items="xs", steps=steps), step(f"next{level}")]
            case 1:
                branches = {"then": steps, "else": [step(f"other{level}")]}
                steps = [step(f"if{level}", kind="condition", expression="a", **branches)]
            case 2:
                branches = {"left": steps, "right": [step(f"right{level}")]}
                steps = [step(f"fork{level}", kind="parallel", wait_for="any", branches=branches)]
    return steps


def in_rail(steps: Any) -> Graph:
    return draw_rail(steps, width=320)


DIAMOND = [step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")]
NESTED = [
    step("list"),
    step("each", "list", kind="loop", steps=[step("get"), step("import", "get"), step("note", "get")]),
    step("tell", "each", "list"),
]


@pytest.mark.parametrize("drawn", [draw, in_rail])
@pytest.mark.parametrize("steps", [DIAMOND, NESTED, [step(f"s{n}") for n in range(20)], deep(8)])
def test_boxes_never_overlap_and_stay_inside(steps: list[dict[str, Any]], drawn: Callable[..., Graph]) -> None:
    graph = drawn(steps)

    for siblings in [graph.nodes, *(node.children for node in graph.all_nodes)]:
        for a, b in combinations(siblings, 2):
            assert not overlap(a, b), (a.name, b.name)
    for node in graph.all_nodes:
        assert node.x >= 0 and node.x + node.width <= graph.width
        assert node.y >= 0 and node.y + node.height <= graph.height
        for child in node.children:
            assert child.x > node.x and child.x + child.width < node.x + node.width
            assert child.y > node.y and child.y + child.height < node.y + node.height


def test_eight_containers_deep_every_step_is_drawn_and_named() -> None:
    steps = deep(8)

    assert {"leaf", "loop6", "other7", "right5"} <= {node.name for node in draw(steps).all_nodes}
    rail = in_rail(steps)
    assert rail.width == 320
    assert all(node.short_name == node.step.label for node in rail.all_nodes)


def test_branches_are_labelled() -> None:
    fork = step("race", kind="parallel", branches={"mirror": [step("a")], "origin": [step("b")]}, wait_for=1)
    choice = step("choose", kind="condition", expression="x > 1", then=[step("c")], **{"else": [step("d")]})

    nodes = {node.name: node for node in draw([fork, choice]).all_nodes}

    assert [lane.label for lane in nodes["race"].lanes] == ["mirror", "origin"]
    assert [lane.label for lane in nodes["choose"].lanes] == ["then", "else"]
    assert nodes["race"].words == "parallel · 1 are enough" and nodes["choose"].words == "condition · x > 1"
    assert [node.path for node in nodes["race"].children] == ["race[mirror].a", "race[origin].b"]


def test_a_branch_that_was_not_taken_is_marked() -> None:
    choice = step("choose", kind="condition", expression="x", then=[step("c")], **{"else": [step("d")]})

    graph = draw([choice], {"c": NodeState("completed"), "d": NodeState("skipped")})

    assert [lane.is_skipped for lane in graph.nodes[0].lanes] == [False, True]


def test_a_step_stands_right_of_all_that_it_waits_for() -> None:
    graph = draw(DIAMOND)

    place = {node.name: node.x for node in graph.nodes}
    assert place["a"] < place["b"] == place["c"] < place["d"]
    assert {(e.start.name, e.end.name) for e in graph.edges} == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}


def test_down_the_page_a_step_stands_below_all_that_it_waits_for() -> None:
    graph = in_rail(list(reversed(DIAMOND)))

    place = {node.name: node.y for node in graph.nodes}
    assert place["a"] < min(place["b"], place["c"]) and max(place["b"], place["c"]) < place["d"]


def test_a_long_line_goes_round_the_boxes_between_its_ends() -> None:
    graph = draw([step("a"), step("b", "a"), step("c", "b", "a")])

    line = next(edge for edge in graph.edges if (edge.start.name, edge.end.name) == ("a", "c"))
    between = next(node for node in graph.nodes if node.name == "b")
    passing = [y for x, y in line.points if between.x <= x <= between.x + between.width]
    assert passing and all(not between.y <= y <= between.y + between.height for y in passing)


def test_statuses_and_counts_are_shown() -> None:
    states = {"list": NodeState("completed", "0.4 s"), "each": NodeState("running", "3 of 6", 3, 6)}
    graph = draw(NESTED, states)

    nodes = {node.path: node for node in graph.all_nodes}
    assert nodes["each"].status == "running" and nodes["each"].words == "loop · 3 of 6"
    assert nodes["each"].bar_done * 2 == nodes["each"].bar_width
    assert graph.label == "6 steps, 1 completed, 1 running"
    assert {(edge.start.name, edge.end.name): edge.is_done for edge in graph.edges} == {
        ("list", "each"): True,
        ("list", "tell"): True,
        ("each", "tell"): False,
    }


def test_the_list_of_words_says_what_the_picture_shows() -> None:
    entries = outline([*NESTED, step("ask", "tell", kind="approval", message="Go on?")])

    assert [entry.step.label for entry in entries] == ["list", "each", "tell", "ask"]
    assert [inner.step.name for inner in entries[1].groups[0][1]] == ["get", "import", "note"]
    assert entries[2].waits_for == "each, list" and entries[3].step.words == "approval · Go on?"


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
    for graph in (draw(steps), in_rail(steps)):
        assert graph.width > 0 and graph.height > 0 and len(graph.all_nodes) == len(list(walk(steps)))


def test_a_long_chain_is_laid_out_without_recursion_trouble() -> None:
    steps = [step("s0"), *(step(f"s{n}", f"s{n - 1}") for n in range(1, 400))]

    steps = list(reversed(steps))

    assert len(draw(steps).edges) == len(in_rail(steps).edges) == 399
