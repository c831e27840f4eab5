"""The lines of a picture, as paths of an SVG. Whole units throughout, so that a template prints them as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Line:
    """A line from a box to one that needs it, through `points`, with an arrow at its end."""

    start: Any
    end: Any
    points: list[tuple[int, int]] = field(default_factory=list)
    is_down: bool = False

    @property
    def path(self) -> str:
        """Return the curve: level along ranks, bent between them."""
        if not self.points:
            return ""
        (x, y), *rest = self.points
        text = f"M{x} {y}"
        for x2, y2 in rest:
            if self.is_down or y == y2:
                text += f" L{x2} {y2}"
            else:
                middle = (x + x2) // 2
                text += f" C{middle} {y} {middle} {y2} {x2} {y2}"
            x, y = x2, y2
        return text

    @property
    def arrow(self) -> str:
        """Return the head of the arrow."""
        if not self.points:
            return ""
        x, y = self.points[-1]
        if self.is_down and (len(self.points) < 3 or self.points[-2][0] == x):
            return f"M{x - 4} {y - 6} L{x} {y - 1} L{x + 4} {y - 6}"
        return f"M{x - 6} {y - 4} L{x - 1} {y} L{x - 6} {y + 4}"
