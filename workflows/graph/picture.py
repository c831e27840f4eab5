"""One set of steps in its three forms: across the page, down it, and as a list of words."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from workflows.graph.across import draw
from workflows.graph.outline import Entry, outline
from workflows.graph.parts import Graph, NodeState
from workflows.graph.rail import draw_rail

RAIL_WIDTH = 320
FITS = 1240
"""A picture up to this width is made to fit where it stands; a wider one scrolls."""


class Picture:
    """What a page draws; each form is laid out when it is first shown."""

    def __init__(
        self, steps: Any, states: Mapping[str, NodeState] | None = None, *, rail_width: int = RAIL_WIDTH
    ) -> None:
        """Take the raw steps and, of an execution, how each stands by name."""
        self.steps = steps
        self.states = states
        self.rail_width = rail_width

    @cached_property
    def across(self) -> Graph:
        """The picture for a wide place."""
        return draw(self.steps, self.states)

    @cached_property
    def rail(self) -> Graph:
        """The picture for a narrow place."""
        return draw_rail(self.steps, self.states, width=self.rail_width)

    @cached_property
    def entries(self) -> list[Entry]:
        """The same in words."""
        return outline(self.steps, self.states)

    @property
    def label(self) -> str:
        """Say how many steps there are, and how they stand."""
        return self.rail.label

    @property
    def is_fitted(self) -> bool:
        """Say whether the picture for a wide place is made to fit."""
        return self.across.width <= FITS
