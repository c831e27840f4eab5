"""The log of an execution: what happened, in the order in which it happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q

from coreengine.kernel.models import Event
from workflows.graph.parts import MARKS
from workflows.models import Execution
from workflows.wording import event_words, moment_of

PAGE = 100
SAID = {"path", "attempt", "error", "reason"}
"""What the words of an entry tell already."""


@dataclass(frozen=True)
class Entry:
    """One entry of the log."""

    sequence: int
    time: datetime
    type: str
    path: str
    status: str
    words: str
    until: datetime | None
    """The moment with which the words end."""
    data: dict[str, Any]

    @property
    def mark(self) -> str:
        """Return the icon of its kind."""
        return MARKS[self.status]

    @property
    def json(self) -> str:
        """Return what else is kept of it, empty when that is nothing."""
        rest = {key: value for key, value in self.data.items() if key not in SAID and value not in (None, "", {})}
        return json.dumps(rest, indent=2, ensure_ascii=False) if rest else ""


class LogPage:
    """A page of a log, from its beginning; two queries."""

    def __init__(self, execution: Execution, *, step: str = "", after: str = "") -> None:
        """Choose the entries: of one step and what stands inside it, behind a sequence number."""
        self.execution = execution
        self.step = step.replace("\x00", "")[:600]
        self.after = int(after) if after.isdecimal() and len(after) < 18 else 0

    @cached_property
    def _found(self) -> list[Event]:
        events = Event.objects.of(self.execution).filter(sequence__gt=self.after).order_by("sequence")
        if self.step:
            path = Q(data__path=self.step) | Q(data__path__startswith=f"{self.step}[")
            events = events.filter(path | Q(data__path__endswith=f".{self.step}"))
        return list(events.only("sequence", "time", "type", "data")[: PAGE + 1])

    @property
    def entries(self) -> list[Entry]:
        """The entries of this page."""
        answer = []
        for event in self._found[:PAGE]:
            data = event.data if isinstance(event.data, dict) else {}
            status, words = event_words(event.type, data)
            until = moment_of(event.type, data)
            path = str(data.get("path") or "")
            answer.append(Entry(event.sequence, event.time, event.type, path, status, words, until, data))
        return answer

    @property
    def next_after(self) -> int | None:
        """Where the next page begins."""
        return self._found[PAGE - 1].sequence if len(self._found) > PAGE else None
