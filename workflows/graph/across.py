"""The picture across the page: what waits stands right of what it waits for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coreengine.kernel.graphs import place_boxes, ranks
from coreengine.kernel.graphs.placing import GAP_Y
from workflows.graph.parts import (
    BAR_WIDTH,
    KIND_UNITS,
    LANE_TITLE,
    NAME_UNITS,
    NODE_WIDTH,
    PADDING,
    TEXT_INSET,
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

MARGIN = 6
LONGEST_TITLE = 340


@dataclass
class _Level:
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    width: int = 0
    height: int = 0

    def shift(self, dx: int, dy: int) -> None:
        for node in self.nodes:
            node.shift(dx, dy)
        for edge in self.edges:
            edge.points = [(x + dx, y + dy) for x, y in edge.points]


def draw(steps: Any, states: Mapping[str, NodeState] | None = None) -> Graph:
    """Lay out the steps of a definition; `states` says by name how each stands in an execution.

    Whatever is no step (someone is typing) is left out; unknown and circular dependencies draw no line.
    """
    level = _lay_out(steps, states or {}, "", 0)
    level.shift(MARGIN, MARGIN)
    return Graph(
        width=level.width + 2 * MARGIN + 4, height=level.height + 2 * MARGIN + 4, nodes=level.nodes, edges=level.edges
    )


def _lay_out(steps: Any, states: Mapping[str, NodeState], prefix: str, depth: int) -> _Level:
    """Lay out one list of steps at the origin."""
    raw = read_steps(steps)
    if not raw:
        return _Level()
    nodes = {step.name: _node(step, states, prefix, depth) for step in raw}
    ranked = [[nodes[step.name] for step in rank] for rank in ranks(raw)]
    placing = place_boxes(ranked, {step.name: step.needs for step in raw}, make_line=Edge)
    return _Level(list(nodes.values()), placing.lines, placing.width, placing.height)


def _node(step: RawStep, states: Mapping[str, NodeState], prefix: str, depth: int) -> Node:
    node = make_node(step, prefix, states)
    if depth < MOST_DEPTH:
        _fill(node, states, depth)
    return node


def _fill(node: Node, states: Mapping[str, NodeState], depth: int) -> None:
    """Put the steps inside a container, below its title; several lists stand one below the other."""
    y, widest = TITLE, 0
    groups: list[tuple[Lane, list[Node]]] = []
    for key, steps in node.step.lanes():
        level = _lay_out(steps, states, f"{node.path}[{key}]." if key else f"{node.path}.", depth + 1)
        if not level.nodes:
            continue
        if key:
            groups.append((Lane(key, PADDING, y, 0), level.nodes))
            y += LANE_TITLE
        level.shift(PADDING, y)
        node.children += level.nodes
        node.edges += level.edges
        y, widest = y + level.height + GAP_Y, max(widest, level.width)
    if not node.children:
        return
    node.is_container = True
    bar = BAR_WIDTH + PADDING if node.has_bar else 0
    title = int(TEXT_INSET + len(node.step.label) * NAME_UNITS + 12 + len(node.words) * KIND_UNITS + PADDING + bar)
    node.width = max(NODE_WIDTH, widest + 2 * PADDING, min(LONGEST_TITLE, title))
    node.height = y - GAP_Y + PADDING
    for lane, _ in groups:
        lane.width = node.width - 2 * PADDING
    mark_lanes(node, groups)
