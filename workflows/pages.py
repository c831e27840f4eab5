"""What the pages of workflows show; an execution's is in `execution_page`."""

import json
from dataclasses import dataclass

from coreengine.kernel.actions import action_names, get_action
from coreengine.kernel.event_types import EventType, event_types
from workflows.engine.definition import DefinitionInvalid, Fault
from workflows.engine.source import read_source
from workflows.graph import NodeState, Picture
from workflows.graph.reading import paths
from workflows.snippets import SNIPPETS, Snippet

STARTER = """\
name: Remind me on Sunday
description: Puts a line into the bell every Sunday evening.
triggers:
  - type: schedule
    cron: "0 18 * * 0"
steps:
  - name: tell
    type: system_action
    config:
      action: create_notification
      params:
        title: Plan the week
        content: Look at what is due and put it into the calendar.
"""


@dataclass(frozen=True)
class EditorPage:
    """A definition while it is written: its faults at their lines, and the picture of what can be read."""

    source: str
    faults: list[Fault]
    picture: Picture

    @classmethod
    def of(cls, source: str, *, faults: list[Fault]) -> "EditorPage":
        """Draw what the text says so far."""
        try:
            read = read_source(source)
        except DefinitionInvalid:
            return cls(source, faults, Picture(None))
        steps = read.data.get("steps") if isinstance(read.data, dict) else None
        places = dict(paths(steps))
        faulty = _faulty(places, faults)
        states = {
            name: NodeState("", line=read.place_of(f"{path}.name").line, is_faulty=name in faulty)
            for name, path in places.items()
        }
        return cls(source, faults, Picture(steps, states, rail_width=440))

    @property
    def snippets(self) -> tuple[Snippet, ...]:
        """List what can be put in."""
        return SNIPPETS

    @property
    def step_types(self) -> list[tuple[str, str]]:
        """List what a step may be, with what it does."""
        return [(snippet.key, snippet.summary) for snippet in SNIPPETS if snippet.place == "steps"]

    @property
    def event_types(self) -> list[tuple[EventType, str]]:
        """List the events that are meant to start workflows, with an example of their data."""
        return [(known, json.dumps(known.example, ensure_ascii=False, indent=1)) for known in event_types()]

    @property
    def actions(self) -> list[tuple[str, str]]:
        """List the system actions, with what they do."""
        return [(name, get_action(name).summary) for name in action_names()]


def _faulty(places: dict[str, str], faults: list[Fault]) -> set[str]:
    """The steps that faults are about: the innermost one for each."""
    found = set()
    for fault in faults:
        inside = [
            (len(path), name)
            for name, path in places.items()
            if fault.path == path or fault.path.startswith(f"{path}.")
        ]
        if inside:
            found.add(max(inside)[1])
    return found
