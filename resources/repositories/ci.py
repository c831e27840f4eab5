"""What continuous integration says, in the project's words for statuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coreengine.kernel.statuses import Status

# What sources say of a run that is not over, and of one that is.
_UNDER_WAY = {
    "queued": Status.PENDING,
    "requested": Status.PENDING,
    "pending": Status.PENDING,
    "waiting": Status.WAITING,
    "in_progress": Status.RUNNING,
}
_OVER = {
    "success": Status.COMPLETED,
    "failure": Status.FAILED,
    "timed_out": Status.FAILED,
    "startup_failure": Status.FAILED,
    "action_required": Status.WAITING,
    "cancelled": Status.CANCELLED,
    "neutral": Status.SKIPPED,
    "skipped": Status.SKIPPED,
    "stale": Status.SKIPPED,
}
# Of several runs of one commit the first of these that any has is what the commit stands at.
_WORST_FIRST = (
    Status.FAILED,
    Status.WAITING,
    Status.RUNNING,
    Status.PENDING,
    Status.CANCELLED,
    Status.COMPLETED,
    Status.SKIPPED,
)


@dataclass(frozen=True)
class CiWords:
    """How a state is shown: words, a badge's tint, an icon."""

    label: str
    status: str
    icon: str


_WORDS = {
    Status.COMPLETED: CiWords("CI passing", "completed", "circle-check"),
    Status.FAILED: CiWords("CI failing", "failed", "circle-x"),
    Status.RUNNING: CiWords("CI running", "running", "loader-circle"),
    Status.PENDING: CiWords("CI queued", "", "circle-dashed"),
    Status.WAITING: CiWords("CI waits for approval", "waiting", "hand"),
    Status.CANCELLED: CiWords("CI cancelled", "", "circle-slash"),
    Status.SKIPPED: CiWords("CI skipped", "", "circle-minus"),
}


def status_of_run(state: str, conclusion: str) -> str:
    """Turn what a source says of a run into one of our statuses; "pending" for words that nobody knows yet."""
    if state == "completed" or (not state and conclusion):
        return _OVER.get(conclusion, Status.SKIPPED).value
    return _UNDER_WAY.get(state, Status.PENDING).value


def combined(statuses: Iterable[str]) -> str:
    """Say where a commit stands whose runs have these statuses; "" where there are none."""
    found = set(statuses)
    return next((status.value for status in _WORST_FIRST if status.value in found), "")


def words_of(status: str) -> CiWords | None:
    """Say a state as people do; None where nothing ever ran."""
    return _WORDS.get(Status(status)) if status else None
