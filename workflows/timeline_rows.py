"""One step of an execution as the pages read it from the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

COUNTS = ("created", "changed", "unchanged", "missing")
TEXTS = ("content", "branch", "decision", "comment")
"""What else is said of a result, where it is there."""


@dataclass(frozen=True)
class StepRow:
    """One step of an execution as the pages need it: of its result only the kind and what can be said of it."""

    id: int
    path: str
    name: str
    scope: str
    status: str
    attempt: int = 0
    error: str = ""
    reason: str = ""
    execution_time: float | None = None
    item_count: int | None = None
    items_started: int = 0
    items_done: int = 0
    items_failed: int = 0
    is_reused: bool = False
    started_at: datetime | None = None
    next_attempt_at: datetime | None = None
    result_type: str | None = None
    result_length: int | None = None
    # Texts: a result may hold anything under these names.
    created: str | None = None
    changed: str | None = None
    unchanged: str | None = None
    missing: str | None = None
    content: str | None = None
    branch: str | None = None
    decision: str | None = None
    comment: str | None = None

    FIELDS: ClassVar[tuple[str, ...]] = (
        *("id", "path", "name", "scope", "status", "attempt", "error", "reason", "execution_time", "item_count"),
        *(
            "items_started",
            "items_done",
            "items_failed",
            "is_reused",
            "started_at",
            "next_attempt_at",
            "result_type",
        ),
        *("result_length", *COUNTS, *TEXTS),
    )
