"""The picture of a workflow's steps: a layered graph, laid out here and drawn as SVG by a template.

Works on the raw steps of a definition, right or wrong, so that the picture follows while someone types.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Whole units throughout, so that a template can print them without formatting.
NODE_WIDTH, NODE_HEIGHT = 168, 54
GAP_X, GAP_Y = 46, 16
PADDING, TITLE = 14, 30
MARGIN = 10
NAME_CHARS, KIND_CHARS = 18, 22
MOST_STEPS, MOST_DEPTH = 400, 8

# What stands inside a container step: one list of steps, or several with a name each.
NESTED = {"loop": ("steps",), "condition": ("then", "else"), "parallel": ("branches",)}


@dataclass(frozen=True)
class NodeState:
    """How a step stands in an execution. A step inside a loop has many: `done` of `total`."""

    status: str
    detail: str = ""


@dataclass
class Node:
    """A step with its place in the picture. `path` names it, as in `each_course.import`."""

    path: str
    name: str
    kind: str
    width: int = NODE_WIDTH
    height: int = NODE_HEIGHT
    x: int = 0
    y: int = 0
    status: str = ""
    is_container: bool = False
    children: list["Node"] = field(default_factory=list)
    edges: list["Edge"] = field(default_factory=list)
    label: str = ""

    @property
    def short_name(self) -> str:
        """Return the name as it fits into the box."""
        return shorten(self.label or self.name, NAME_CHARS if not self.is_container else 40)

    @property
    def dot_x(self) -> int:
        """Return where the dot of the status stands."""
        return self.x + 20

    @property
    def text_x(self) -> int:
        """Return where the text begins."""
        return self.x + 34

    @property
    def middle(self) -> int:
        """Return the height of the dot."""
        return self.y + self.height // 2

    @property
    def name_base(self) -> int:
        """Return the base line of the name, above the middle."""
        return self.middle - 3

    @property
    def kind_base(self) -> int:
        """Return the base line of the second line."""
        return self.middle + 14

    @property
    def title_y(self) -> int:
        """Return the height of a container's dot, in its title."""
        return self.y + 18

    @property
    def title_base(self) -> int:
        """Return the base line of a container's title."""
        return self.y + 22

    @property
    def short_kind(self) -> str:
        """Return the second line as it fits into the box."""
        return shorten(self.kind, KIND_CHARS)


@dataclass(frozen=True)
class Edge:
    """A line from a step to one that waits for it."""

    start: Node
    end: Node
    is_down: bool = False

    @property
    def is_done(self) -> bool:
        """Say whether the first step is over and the line was passed."""
        return self.start.status in {"completed", "skipped"}

    @property
    def path(self) -> str:
        """Return the curve, from the far side of one box to the near side of the other."""
        if self.is_down:
            x1, y1 = self.start.x + self.start.width // 2, self.start.y + self.start.height
            x2, y2 = self.end.x + self.end.width // 2, self.end.y
            middle = (y1 + y2) // 2
            return f"M{x1} {y1} C{x1} {middle} {x2} {middle} {x2} {y2}"
        x1, y1 = self.start.x + self.start.width, self.start.y + self.start.height // 2
        x2, y2 = self.end.x, self.end.y + self.end.height // 2
        middle = (x1 + x2) // 2
        return f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"


@dataclass(frozen=True)
class _Plan:
    """How to draw: the states by path, and whether the picture goes down the page rather than across it."""

    states: Mapping[str, NodeState]
    is_down: bool

    def point(self, along: int, across: int) -> tuple[int, int]:
        """Turn a place along and across the way of the picture into x and y."""
        return (across, along) if self.is_down else (along, across)

    def length(self, node: Node) -> int:
        """Return how much of the way a box takes."""
        return node.height if self.is_down else node.width

    def breadth(self, node: Node) -> int:
        """Return how much room a box takes across the way."""
        return node.width if self.is_down else node.height

    @property
    def gaps(self) -> tuple[int, int]:
        """Return the room between boxes, along and across the way."""
        return (34, 20) if self.is_down else (GAP_X, GAP_Y)


@dataclass(frozen=True)
class Graph:
    """The whole picture, in user units of the SVG."""

    width: int
    height: int
    nodes: list[Node]
    edges: list[Edge]
    label: str

    def all_nodes(self) -> list[Node]:
        """List the nodes, containers before what they contain."""
        return list(_walk(self.nodes))

    def all_edges(self) -> list[Edge]:
        """List the lines, also those inside containers."""
        return self.edges + [edge for node in self.all_nodes() for edge in node.edges]


def shorten(text: str, length: int) -> str:
    """Cut a text to a number of characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _walk(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)


def draw(steps: Any, states: Mapping[str, NodeState] | None = None, *, is_down: bool = False) -> Graph:
    """Lay out the steps of a definition; `states` says by path how each stands in an execution.

    The picture goes across the page, or down it for a narrow place. Whatever is no step (someone is typing) is
    left out; unknown and circular dependencies draw no line.
    """
    nodes, edges, width, height = _level(steps, _Plan(states or {}, is_down), "", 0)
    for node in nodes:
        _shift(node, MARGIN, MARGIN)
    everything = list(_walk(nodes))
    return Graph(
        width=width + 2 * MARGIN,
        height=height + 2 * MARGIN,
        nodes=nodes,
        edges=edges,
        label=_words(everything, bool(states)),
    )


def _words(nodes: Sequence[Node], is_execution: bool) -> str:
    count = len(nodes)
    text = "No steps" if not count else "One step" if count == 1 else f"{count} steps"
    if is_execution:
        for status in ("completed", "running", "waiting", "failed", "skipped"):
            if number := sum(1 for node in nodes if node.status == status):
                text += f", {number} {status}"
    return text


def _level(steps: Any, plan: _Plan, prefix: str, depth: int) -> tuple[list[Node], list[Edge], int, int]:
    """Lay out one list of steps at the origin."""
    if not isinstance(steps, list):
        return [], [], 0, 0
    nodes: dict[str, Node] = {}
    needs: dict[str, list[str]] = {}
    for step in steps[:MOST_STEPS]:
        if not isinstance(step, Mapping) or not isinstance(step.get("name"), str) or step["name"] in nodes:
            continue
        nodes[step["name"]] = _node(step, plan, prefix, depth)
        wanted = step.get("depends_on")
        needs[step["name"]] = [n for n in wanted if isinstance(n, str)] if isinstance(wanted, list) else []
    ranks = [[nodes[name] for name in names] for names in _ranks(list(nodes), needs)]
    gap_along, gap_across = plan.gaps
    breadths = [sum(map(plan.breadth, rank)) + gap_across * (len(rank) - 1) for rank in ranks]
    broadest = max(breadths, default=0)
    along = 0
    for rank, breadth in zip(ranks, breadths, strict=True):
        across = (broadest - breadth) // 2  # ranks stand in the middle
        for node in rank:
            _shift(node, *plan.point(along, across))
            across += plan.breadth(node) + gap_across
        along += max(map(plan.length, rank)) + gap_along
    width, height = plan.point(max(0, along - gap_along), broadest)
    order = {node.name: number for number, rank in enumerate(ranks) for node in rank}
    pairs = [(nodes[need], nodes[name]) for name in nodes for need in needs[name] if need in nodes]
    # A circle has a line that would run backwards; it is left out.
    edges = [Edge(a, b, plan.is_down) for a, b in pairs if order[a.name] < order[b.name]]
    return list(nodes.values()), edges, width, height


def _ranks(names: list[str], needs: Mapping[str, list[str]]) -> list[list[str]]:
    """Put each step one rank behind the last that it waits for; keep neighbours near."""
    place: dict[str, int] = {}
    waiting = {name: {n for n in needs[name] if n in needs and n != name} for name in names}
    followers: dict[str, list[str]] = {name: [] for name in names}
    for name, wanted in waiting.items():
        for need in wanted:
            followers[need].append(name)
    ready = [name for name in names if not waiting[name]]
    while len(place) < len(names):
        if not ready:  # a circle: break it at the first step that is left
            ready = [next(name for name in names if name not in place)]
        name = ready.pop(0)
        place[name] = 1 + max((place[n] for n in needs[name] if n in place), default=-1)
        for follower in followers[name]:
            waiting[follower].discard(name)
            if not waiting[follower] and follower not in place and follower not in ready:
                ready.append(follower)
    ranks: list[list[str]] = [[] for _ in range(max(place.values(), default=-1) + 1)]
    for name in names:
        ranks[place[name]].append(name)
    order: dict[str, float] = {}
    for rank in ranks:
        for index, name in enumerate(rank):
            before = [order[n] for n in needs[name] if n in order]
            order[name] = sum(before) / len(before) if before else float(index)
        rank.sort(key=lambda n: order[n])
        for index, name in enumerate(rank):
            order[name] = float(index) - (len(rank) - 1) / 2
    return [rank for rank in ranks if rank]


def _node(step: Mapping[str, Any], plan: _Plan, prefix: str, depth: int) -> Node:
    name, kind = str(step["name"]), str(step.get("type") or "")
    path = f"{prefix}{name}"
    config = step.get("config") if isinstance(step.get("config"), Mapping) else {}
    node = Node(path=path, name=name, kind=_kind_words(kind, config), label=name.replace("_", " "))
    if state := plan.states.get(path):
        node.status = state.status
        if state.detail:
            node.kind = f"{node.kind.split(' · ')[0]} · {state.detail}"
    if depth < MOST_DEPTH and kind in NESTED:
        _fill(node, kind, config, plan, depth)
    return node


def _fill(node: Node, kind: str, config: Mapping[str, Any], plan: _Plan, depth: int) -> None:
    """Put the steps inside a container, below its title; several lists stand one below the other."""
    lists: list[Any] = []
    for key in NESTED[kind]:
        value = config.get(key)
        lists += list(value.values()) if key == "branches" and isinstance(value, Mapping) else [value]
    y, widest = TITLE, 0
    for steps in lists:
        children, edges, width, height = _level(steps, plan, f"{node.path}.", depth + 1)
        if not children:
            continue
        for child in children:
            _shift(child, PADDING, y)
        node.children += children
        node.edges += edges
        y, widest = y + height + GAP_Y, max(widest, width)
    if node.children:
        node.is_container = True
        node.width, node.height = max(NODE_WIDTH, widest + 2 * PADDING), y - GAP_Y + PADDING


def _kind_words(kind: str, config: Mapping[str, Any]) -> str:
    target = {"plugin_action": ("plugin", "action"), "system_action": ("action",), "ai_agent": ("agent",)}.get(kind, ())
    words = [str(config[key]) for key in target if isinstance(config.get(key), str)]
    if kind == "plugin_action" and len(words) == 2:
        return f"{words[0].removesuffix('-integration')} · {words[1]}"
    prefix = {"ai_agent": "agent", "system_action": "", "plugin_action": "plugin"}.get(kind, kind)
    return " · ".join(w for w in [prefix, *words] if w)


def _shift(node: Node, dx: int, dy: int) -> None:
    node.x += dx
    node.y += dy
    for child in node.children:
        _shift(child, dx, dy)
