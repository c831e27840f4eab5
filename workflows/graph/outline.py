"""The steps as a list of words: what a picture shows, for those who would rather read, or have it read to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coreengine.kernel.graphs import in_order
from workflows.graph.parts import NodeState
from workflows.graph.reading import MOST_DEPTH, RawStep, read_steps


@dataclass
class Entry:
    """One step in words; the steps inside it stand in groups, one for each of its lists."""

    step: RawStep
    status: str = ""
    line: int = 0
    groups: list[tuple[str, list["Entry"]]] = field(default_factory=list)

    @property
    def waits_for(self) -> str:
        """Name what it waits for."""
        return ", ".join(name.replace("_", " ") for name in self.step.needs)


def outline(steps: Any, states: Mapping[str, NodeState] | None = None) -> list[Entry]:
    """Say the steps of a definition in the order in which they can go."""
    return _entries(steps, states or {}, 0)


def _entries(steps: Any, states: Mapping[str, NodeState], depth: int) -> list[Entry]:
    answer = []
    for step in in_order(read_steps(steps)):
        state = states.get(step.name)
        entry = Entry(step, state.status if state else "", state.line if state else 0)
        if depth < MOST_DEPTH:
            for key, inner in step.lanes():
                if entries := _entries(inner, states, depth + 1):
                    entry.groups.append((key, entries))
        answer.append(entry)
    return answer
