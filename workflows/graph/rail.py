"""The picture down the page in a given width, for phones and side columns: every step has a line of its own.

What a step waits for stands above it: right above, a short arrow joins the two; further up, a line runs down the
left side.
"""

from collections.abc import Mapping
from typing import Any

from coreengine.kernel.graphs import in_order
from workflows.graph.parts import (
    LANE_TITLE,
    TITLE,
    Edge,
    Graph,
    Lane,
    Node,
    NodeState,
    make_node,
    mark_lanes,
)
from workflows.graph.reading import MOST_DEPTH, RawStep, read_steps

GAP, PADDING, MARGIN = 18, 9, 3
TRACK, MOST_TRACKS = 7, 3
LINK_X = 21
"""Where arrows join two steps, from the left of the box."""
LEAST_WIDTH = 120


def draw_rail(steps: Any, states: Mapping[str, NodeState] | None = None, *, width: int = 320) -> Graph:
    """Lay out the steps of a definition below each other, `width` units wide."""
    nodes, edges, height = _column(steps, states or {}, "", 0, width - 2 * MARGIN - 4)
    for node in nodes:
        node.shift(MARGIN, MARGIN)
    for edge in edges:
        edge.points = [(x + MARGIN, y + MARGIN) for x, y in edge.points]
    return Graph(width=width, height=height + 2 * MARGIN + 4, nodes=nodes, edges=edges)


def _column(
    steps: Any, states: Mapping[str, NodeState], prefix: str, depth: int, width: int
) -> tuple[list[Node], list[Edge], int]:
    """Lay out one list of steps at the origin."""
    raw = in_order(read_steps(steps))
    place = {step.name: number for number, step in enumerate(raw)}
    pairs = [
        (place[n], place[s.name]) for s in raw for n in dict.fromkeys(s.needs) if place.get(n, 1e9) < place[s.name]
    ]
    tracks = _tracks(sorted((a, b) for a, b in pairs if b - a > 1))
    inset = TRACK * min(MOST_TRACKS, max(tracks.values(), default=-1) + 1)
    nodes: list[Node] = []
    y = 0
    for step in raw:
        node = _node(step, states, prefix, depth, max(LEAST_WIDTH, width - inset))
        node.shift(inset, y)
        nodes.append(node)
        y += node.height + GAP
    edges = [_edge(nodes[a], nodes[b], tracks.get((a, b)), inset) for a, b in pairs]
    return nodes, edges, max(0, y - GAP)


def _tracks(pairs: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Give lines that pass each other different tracks, the innermost first."""
    ends: list[int] = []
    found: dict[tuple[int, int], int] = {}
    for start, end in pairs:
        free = next((track for track, last in enumerate(ends) if last <= start), None)
        if free is None:
            free = len(ends)
            ends.append(end)
        else:
            ends[free] = end
        found[start, end] = free
    return found


def _edge(start: Node, end: Node, track: int | None, inset: int) -> Edge:
    if track is None:
        x = start.x + LINK_X
        return Edge(start, end, [(x, start.y + start.height), (x, end.y)], is_down=True)
    x = inset - TRACK * (min(track, MOST_TRACKS - 1) + 1) + 1
    from_y, to_y = start.y + min(start.height, TITLE) // 2 + 6, end.y + min(end.height, TITLE) // 2 - 4
    return Edge(start, end, [(start.x, from_y), (x, from_y), (x, to_y), (end.x, to_y)], is_down=True)


def _node(step: RawStep, states: Mapping[str, NodeState], prefix: str, depth: int, width: int) -> Node:
    node = make_node(step, prefix, states)
    node.width = width
    if depth < MOST_DEPTH:
        _fill(node, states, depth)
    return node


def _fill(node: Node, states: Mapping[str, NodeState], depth: int) -> None:
    y = TITLE
    inner = node.width - 2 * PADDING
    groups: list[tuple[Lane, list[Node]]] = []
    for key, steps in node.step.lanes():
        prefix = f"{node.path}[{key}]." if key else f"{node.path}."
        children, edges, height = _column(steps, states, prefix, depth + 1, inner)
        if not children:
            continue
        if key:
            groups.append((Lane(key, PADDING, y, inner), children))
            y += LANE_TITLE
        for child in children:
            child.shift(PADDING, y)
        for edge in edges:
            edge.points = [(x + PADDING, at + y) for x, at in edge.points]
        node.children += children
        node.edges += edges
        y += height + GAP
    if node.children:
        node.is_container = True
        node.height = y - GAP + PADDING
        mark_lanes(node, groups)
