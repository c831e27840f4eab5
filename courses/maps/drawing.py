"""A map as a picture: boxes of one size with an icon and two lines of text, and arrows from what comes before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from coreengine.kernel.graphs import Line, place_in_bands, ranks

WIDTH, HEIGHT, MARGIN, COLUMNS = 208, 58, 26, 4
TEXT_X = 38
NAME_UNITS, WORD_UNITS = 8.2, 6.6


@dataclass
class MapNode:
    """One module or course. `words` says how it stands, `needs` what comes before it."""

    name: str
    label: str
    words: str
    icon: str
    status: str
    url: str
    needs: tuple[str, ...] = ()
    hue: int | None = None
    is_dim: bool = False
    is_marked: bool = False
    width: int = WIDTH
    height: int = HEIGHT
    x: int = 0
    y: int = 0

    def shift(self, dx: int, dy: int) -> None:
        """Move it."""
        self.x += dx
        self.y += dy

    @property
    def short_label(self) -> str:
        return _cut(self.label, int((self.width - TEXT_X - 8) / NAME_UNITS))

    @property
    def short_words(self) -> str:
        return _cut(self.words, int((self.width - TEXT_X - 8) / WORD_UNITS))

    @property
    def title(self) -> str:
        return f"{self.label}: {self.words}"

    @property
    def icon_x(self) -> int:
        return self.x + 13

    @property
    def icon_y(self) -> int:
        return self.y + self.height // 2 - 8

    @property
    def text_x(self) -> int:
        return self.x + TEXT_X

    @property
    def label_y(self) -> int:
        return self.y + self.height // 2 - 3

    @property
    def words_y(self) -> int:
        return self.y + self.height // 2 + 14


@dataclass
class MapLine(Line):
    """An arrow to what can come afterwards; marked where both its ends are on the path."""

    @property
    def is_marked(self) -> bool:
        return bool(self.start.is_marked and self.end.is_marked)

    @property
    def is_done(self) -> bool:
        return bool(self.start.status == "completed")


@dataclass
class MapPicture:
    """The whole picture, in user units of the SVG."""

    nodes: list[MapNode]
    lines: list[MapLine] = field(default_factory=list)
    width: int = 0
    height: int = 0


def draw_map(nodes: Iterable[MapNode]) -> MapPicture:
    """Lay the boxes out: what is joined by arrows in its order, what stands alone below in rows."""
    nodes = list(nodes)
    known = {node.name for node in nodes}
    needed = {need for node in nodes for need in node.needs}
    joined = [node for node in nodes if node.name in needed or known & set(node.needs)]
    alone = [node for node in nodes if node not in joined]
    ranked: list[Sequence[MapNode]] = list(ranks(joined))
    if ranked and alone:
        ranked += [[] for _ in range(-len(ranked) % COLUMNS)]  # those that stand alone begin a row of their own
    ranked += [[node] for node in alone]
    needs = {node.name: node.needs for node in joined}
    placing = place_in_bands(ranked, needs, make_line=MapLine, columns=COLUMNS)
    for node in nodes:
        node.shift(MARGIN, MARGIN)
    for line in placing.lines:
        line.points = [(x + MARGIN, y + MARGIN) for x, y in line.points]
    return MapPicture(nodes, placing.lines, placing.width + 2 * MARGIN, placing.height + 2 * MARGIN)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"
