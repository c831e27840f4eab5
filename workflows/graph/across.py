"""The picture across the page: what waits stands right of what it waits for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
from workflows.graph.reading import MOST_DEPTH, RawStep, ranks, read_steps

GAP_X, GAP_Y, MARGIN = 44, 16, 6
BEND_HEIGHT = 8
SWEEPS = 4
LONGEST_TITLE = 340


@dataclass
class _Bend:
    """Where a long line passes a rank, so that it goes round the boxes there and not behind them."""

    height: int = BEND_HEIGHT
    y: int = 0


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
    ordered = ranks(raw)
    nodes = {step.name: _node(step, states, prefix, depth) for step in raw}
    rank_of = {step.name: number for number, rank in enumerate(ordered) for step in rank}
    columns: list[list[Node | _Bend]] = [[nodes[step.name] for step in rank] for rank in ordered]
    routes: list[list[Node | _Bend]] = []
    for step in raw:
        for need in dict.fromkeys(step.needs):
            # A circle has a line that would run backwards; it is left out.
            if need in nodes and rank_of[need] < rank_of[step.name]:
                route: list[Node | _Bend] = [nodes[need]]
                for number in range(rank_of[need] + 1, rank_of[step.name]):
                    bend = _Bend()
                    columns[number].append(bend)
                    route.append(bend)
                routes.append([*route, nodes[step.name]])
    _untangle(columns, routes)
    starts, widths = _place(columns)
    edges = [_edge(route, rank_of, starts, widths) for route in routes]
    tallest = max(sum(item.height for item in column) + GAP_Y * (len(column) - 1) for column in columns)
    return _Level(list(nodes.values()), edges, starts[-1] + widths[-1], tallest)


def _place(columns: list[list[Node | _Bend]]) -> tuple[list[int], list[int]]:
    """Give every box its place, columns in the middle; answer with where columns begin and how wide they are."""
    heights = [sum(item.height for item in column) + GAP_Y * (len(column) - 1) for column in columns]
    tallest, x = max(heights), 0
    starts, widths = [], []
    for column, height in zip(columns, heights, strict=True):
        width = max((item.width for item in column if isinstance(item, Node)), default=0)
        y = (tallest - height) // 2
        for item in column:
            if isinstance(item, Node):
                item.shift(x, y)
            else:
                item.y = y
            y += item.height + GAP_Y
        starts.append(x)
        widths.append(width)
        x += width + GAP_X
    return starts, widths


def _edge(route: list[Node | _Bend], rank_of: Mapping[str, int], starts: list[int], widths: list[int]) -> Edge:
    start, end = route[0], route[-1]
    assert isinstance(start, Node) and isinstance(end, Node)
    rank, y = rank_of[start.name], start.y + start.height // 2
    points = [(start.x + start.width, y)]
    if start.x + start.width < starts[rank] + widths[rank]:
        points.append((starts[rank] + widths[rank], y))  # straight on past its broader neighbours
    for number, bend in enumerate(route[1:-1], rank + 1):
        y = bend.y + bend.height // 2
        points += [(starts[number], y), (starts[number] + widths[number], y)]
    points.append((end.x, end.y + end.height // 2))
    return Edge(start, end, points)


def _untangle(columns: list[list[Node | _Bend]], routes: list[list[Node | _Bend]]) -> None:
    """Sort each column by where its neighbours stand, forth and back, so that few lines cross."""
    before: dict[int, list[Node | _Bend]] = {}
    after: dict[int, list[Node | _Bend]] = {}
    for route in routes:
        for left, right in zip(route, route[1:], strict=False):
            before.setdefault(id(right), []).append(left)
            after.setdefault(id(left), []).append(right)
    place: dict[int, float] = {}

    def number(column: list[Node | _Bend]) -> None:
        for index, item in enumerate(column):
            place[id(item)] = index - (len(column) - 1) / 2

    for column in columns:
        number(column)
    for sweep in range(SWEEPS):
        near = after if sweep % 2 else before
        for column in reversed(columns) if sweep % 2 else columns:

            def wish(item: Node | _Bend, near: dict[int, list[Node | _Bend]] = near) -> float:
                others = near.get(id(item))
                return sum(place[id(o)] for o in others) / len(others) if others else place[id(item)]

            column.sort(key=wish)
            number(column)


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
