"""What the pages of workflows show; an execution's is in `execution_page`."""

from dataclasses import dataclass

from coreengine.kernel.actions import action_names, get_action
from workflows.engine.definition import DefinitionInvalid, Fault
from workflows.engine.source import read_source
from workflows.graph import Picture

STEP_TYPES = [
    ("plugin_action", "Reads from or writes to a connected service: plugin, action, params, connection."),
    ("system_action", "Does something here, such as importing what was read: action, params."),
    ("ai_agent", "Asks an agent: agent, prompt, parameters."),
    ("loop", "Does its steps for each of its items: items, as, steps, max_concurrency, max_iterations."),
]

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
            data = read_source(source).data
        except DefinitionInvalid:
            data = None
        return cls(source, faults, Picture(data.get("steps") if isinstance(data, dict) else None, rail_width=440))

    @property
    def step_types(self) -> list[tuple[str, str]]:
        """List what a step may be, with what it does."""
        return STEP_TYPES

    @property
    def actions(self) -> list[tuple[str, str]]:
        """List the system actions, with what they do."""
        return [(name, get_action(name).summary) for name in action_names()]
