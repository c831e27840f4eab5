"""What a picture is made of. Whole units throughout, so that a template can print them without formatting."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from coreengine.kernel.graphs import Line
from workflows.graph.reading import RawStep, shorten

NODE_WIDTH, NODE_HEIGHT = 184, 54
TITLE, LANE_TITLE, PADDING = 40, 22, 14
NAME_UNITS, KIND_UNITS = 7.3, 5.9
"""How wide a character of the first and of the second line is on average."""
BAR_WIDTH = 56
TEXT_INSET = 38

MARKS = {
    "pending": "circle",
    "running": "loader-circle",
    "waiting": "clock",
    "completed": "circle-check",
    "failed": "circle-x",
    "cancelled": "circle-slash",
    "skipped": "circle-minus",
}


@dataclass(frozen=True)
class NodeState:
    """How a step stands in an execution. A loop has `done` of `total` items; a wait ends `until`."""

    status: str
    detail: str = ""
    done: int | None = None
    total: int | None = None
    until: datetime | None = None
    anchor: str = ""
    line: int = 0
    """Where it stands in a text that is being written."""
    is_faulty: bool = False


@dataclass
class Lane:
    """The label of one list of steps inside a container: then, else, the name of a branch."""

    label: str
    x: int
    y: int
    width: int
    is_skipped: bool = False

    @property
    def base(self) -> int:
        """Return the base line of the label."""
        return self.y + 14

    @property
    def end(self) -> int:
        """Return where its rule ends."""
        return self.x + self.width

    @property
    def short(self) -> str:
        """Return the label as it fits."""
        return shorten(self.label, max(6, int((self.width - 8) / KIND_UNITS)))


@dataclass
class Node:
    """A step with its place in the picture. `path` names it, as in `each_course.import`."""

    step: RawStep
    path: str
    width: int = NODE_WIDTH
    height: int = NODE_HEIGHT
    x: int = 0
    y: int = 0
    state: NodeState | None = None
    is_container: bool = False
    children: list["Node"] = field(default_factory=list)
    edges: list["Edge"] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the step's name."""
        return self.step.name

    @property
    def kind(self) -> str:
        """Return the step's type."""
        return self.step.kind

    @property
    def status(self) -> str:
        """Return how it stands, empty where there is no execution."""
        return self.state.status if self.state else ""

    @property
    def icon(self) -> str:
        """Return the sign at its left: of the status in an execution, else of the type."""
        return MARKS.get(self.status, self.step.icon) if self.state else self.step.icon

    @property
    def words(self) -> str:
        """Return the second line: what it does, or how far it is."""
        if self.state and self.state.detail:
            return f"{self.step.type_words} · {self.state.detail}"
        return self.step.words

    @property
    def until(self) -> str:
        """Return the moment a wait ends, for a clock that ticks in the page."""
        return self.state.until.isoformat() if self.state and self.state.until and self.status == "waiting" else ""

    @property
    def anchor(self) -> str:
        """Return the id of its entry in the list below the picture, if there is one."""
        return self.state.anchor if self.state else ""

    @property
    def line(self) -> int:
        """Return its line in the text that is being written, 0 when there is none."""
        return self.state.line if self.state else 0

    @property
    def is_faulty(self) -> bool:
        """Say whether something in it is to be mended."""
        return bool(self.state and self.state.is_faulty)

    @property
    def has_bar(self) -> bool:
        """Say whether a bar shows how many of its items are over."""
        return bool(self.is_container and self.state and self.state.total)

    @property
    def is_stacked(self) -> bool:
        """Say whether it goes round, which a second sheet behind it shows."""
        return self.kind == "loop" and self.is_container

    @property
    def icon_x(self) -> int:
        """Return where the sign stands."""
        return self.x + 13

    @property
    def icon_y(self) -> int:
        """Return the top of the sign."""
        return self.y + (TITLE // 2 - 6 if self.is_container else self.height // 2 - 8)

    @property
    def text_x(self) -> int:
        """Return where the text begins."""
        return self.x + TEXT_INSET

    @property
    def name_base(self) -> int:
        """Return the base line of the name."""
        return self.y + (TITLE // 2 + 7 if self.is_container else self.height // 2 - 3)

    @property
    def kind_base(self) -> int:
        """Return the base line of the second line."""
        return self.y + self.height // 2 + 14

    @property
    def bar_x(self) -> int:
        """Return where the bar begins."""
        return self.x + self.width - BAR_WIDTH - PADDING

    @property
    def bar_y(self) -> int:
        """Return the top of the bar."""
        return self.y + TITLE // 2

    @property
    def bar_width(self) -> int:
        """Return the width of the whole bar."""
        return BAR_WIDTH

    @property
    def bar_done(self) -> int:
        """Return the width of the part that is done."""
        if not self.state or not self.state.total:
            return 0
        return min(BAR_WIDTH, round(BAR_WIDTH * (self.state.done or 0) / self.state.total))

    @property
    def sheet_x(self) -> int:
        """Return the place of the sheet behind a loop."""
        return self.x + 4

    @property
    def sheet_y(self) -> int:
        """Return the place of the sheet behind a loop."""
        return self.y + 4

    @property
    def short_name(self) -> str:
        """Return the name as it fits into the box."""
        room = self.width - TEXT_INSET - 10
        if self.is_container:
            room -= BAR_WIDTH + PADDING if self.has_bar else 0
            return shorten(self.step.label, max(4, min(32, int(room / NAME_UNITS))))
        return shorten(self.step.label, int(room / NAME_UNITS))

    @property
    def short_words(self) -> str:
        """Return the second line as it fits; in a container it stands behind the name."""
        room = self.width - TEXT_INSET - 10
        if self.is_container:
            room -= int(len(self.short_name) * NAME_UNITS) + 12 + (BAR_WIDTH + PADDING if self.has_bar else 0)
            letters = int(room / KIND_UNITS)
            return shorten(self.words, letters) if letters >= 4 else ""
        return shorten(self.words, int(room / KIND_UNITS))

    @property
    def title(self) -> str:
        """Say all of it, for a pointer that rests on the box."""
        return ", ".join(word for word in (self.step.label, self.words, self.status) if word)

    def shift(self, dx: int, dy: int) -> None:
        """Move it with all that stands in it."""
        self.x += dx
        self.y += dy
        for lane in self.lanes:
            lane.x += dx
            lane.y += dy
        for edge in self.edges:
            edge.points = [(x + dx, y + dy) for x, y in edge.points]
        for child in self.children:
            child.shift(dx, dy)


@dataclass
class Edge(Line):
    """A line from a step to one that waits for it."""

    start: Node
    end: Node

    @property
    def is_done(self) -> bool:
        """Say whether the first step is over and the line was passed."""
        return self.start.status in {"completed", "skipped"}


@dataclass(frozen=True)
class Graph:
    """The whole picture, in user units of the SVG."""

    width: int
    height: int
    nodes: list[Node]
    edges: list[Edge]

    @cached_property
    def all_nodes(self) -> list[Node]:
        """List the nodes, containers before what they contain."""
        return list(_walk(self.nodes))

    @cached_property
    def all_edges(self) -> list[Edge]:
        """List the lines, also those inside containers."""
        return self.edges + [edge for node in self.all_nodes for edge in node.edges]

    @property
    def label(self) -> str:
        """Say how many steps there are, and how they stand."""
        nodes = self.all_nodes
        count = len(nodes)
        text = "No steps" if not count else "One step" if count == 1 else f"{count} steps"
        for status in ("completed", "running", "waiting", "failed", "skipped"):
            if number := sum(1 for node in nodes if node.status == status):
                text += f", {number} {status}"
        return text


def make_node(step: RawStep, prefix: str, states: Mapping[str, NodeState]) -> Node:
    """Make the box of a step. Names are unique in a definition, so that a state is found by name alone."""
    return Node(step=step, path=f"{prefix}{step.name}", state=states.get(step.name))


def mark_lanes(node: Node, groups: Iterable[tuple[Lane, list[Node]]]) -> None:
    """Note which lanes an execution left out."""
    for lane, children in groups:
        lane.is_skipped = bool(children) and all(child.status == "skipped" for child in children)
        node.lanes.append(lane)


def _walk(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)
