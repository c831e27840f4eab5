"""The types of events that workflows are told of, described for those who write triggers.

Any type of the log can be waited for; what stands here is what is meant to be, with its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class EventType:
    """One type: when it is recorded, an example of its data, and a filter that is often wanted.

    `also` are other names under which triggers may wait for it; it is recorded under `type` alone.
    """

    type: str
    label: str
    description: str
    example: Mapping[str, Any]
    filter: str = ""
    also: tuple[str, ...] = ()
    group: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


_types: dict[str, EventType] = {}
_names: dict[str, str] = {}


def register_event_type(described: EventType) -> None:
    """Describe a type of events for triggers."""
    _types[described.type] = described
    _names.update(dict.fromkeys(described.also, described.type))


def event_types() -> list[EventType]:
    """List the described types, by group and in the order in which they were registered."""
    return list(_types.values())


def recorded_type(name: str) -> str:
    """Give the type that is recorded under a name that triggers use: "assignment.changed" is "assignment.updated"."""
    return _names.get(name, name)


def described_type(name: str) -> EventType | None:
    """Find the description of a type, or of another name of it."""
    return _types.get(recorded_type(name))
