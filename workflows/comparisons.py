"""Two versions of a workflow side by side, or its draft beside what is published."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workflows.differences import Change, Row, differing_lines, differing_steps
from workflows.engine.definition import DefinitionInvalid
from workflows.engine.source import read_source
from workflows.models import Workflow, WorkflowVersion
from workflows.versions import draft_of

DRAFT, PUBLISHED = "draft", "published"


@dataclass(frozen=True)
class Side:
    """A version, or the draft (no number), as text and as data; None when the text cannot be read."""

    ref: str
    label: str
    source: str
    data: Any
    number: int | None = None


@dataclass(frozen=True)
class Comparison:
    """What changed from one side to the other."""

    old: Side
    new: Side

    @property
    def is_same(self) -> bool:
        """Say whether the texts are equal."""
        return self.old.source == self.new.source

    @property
    def is_readable(self) -> bool:
        """Say whether both sides can be compared step by step."""
        return self.old.data is not None and self.new.data is not None

    @cached_property
    def changes(self) -> list[Change]:
        """List what changed step by step; empty when a side cannot be read."""
        return differing_steps(self.old.data, self.new.data) if self.is_readable else []

    @cached_property
    def rows(self) -> list[Row]:
        """List what changed line by line."""
        return differing_lines(self.old.source, self.new.source)

    @property
    def patch(self) -> str:
        """Return the lines as one text, with signs in front."""
        lines = []
        for row in self.rows:
            if row.kind == "gap":
                lines.append(f"@@ {row.hidden} equal {'line' if row.hidden == 1 else 'lines'} @@")
            else:
                lines.append(row.sign + "".join(piece.text for piece in row.pieces))
        return "\n".join(lines)


def compare(workflow: Workflow, old: str = "", new: str = "") -> Comparison:
    """Compare two sides, each a version's number, `draft` or `published`.

    Without them it is the draft with what is published, or the newest version with the one before.

    Raises:
        WorkflowVersion.DoesNotExist: there is no such version or draft.
    """
    if not new:
        new = DRAFT if draft_of(workflow) else PUBLISHED
    right = side_of(workflow, new)
    if not old:
        earlier = workflow.versions.filter(number__lt=right.number) if right.number is not None else workflow.versions
        newest = earlier.order_by("-number").first()
        old = str(newest.number) if newest is not None else new
    return Comparison(side_of(workflow, old), right)


def side_of(workflow: Workflow, ref: str) -> Side:
    """One side of a comparison.

    Raises:
        WorkflowVersion.DoesNotExist: there is no such version or draft.
    """
    if ref == DRAFT:
        draft = draft_of(workflow)
        if draft is None:
            raise WorkflowVersion.DoesNotExist
        return Side(DRAFT, "the draft", draft.source, readable(draft.source))
    if ref == PUBLISHED:
        if workflow.version is None:
            raise WorkflowVersion.DoesNotExist
        version = workflow.version
    elif ref.isascii() and ref.isdecimal() and len(ref) < 10:
        version = workflow.versions.get(number=int(ref))
    else:
        raise WorkflowVersion.DoesNotExist
    return Side(str(version.number), f"version {version.number}", version.source, version.definition, version.number)


def readable(source: str) -> Any:
    """The data of a text, or None when it cannot be read."""
    try:
        return read_source(source).data
    except DefinitionInvalid:
        return None
