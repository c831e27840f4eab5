"""On whose behalf code runs: so that a workflow that starts itself is seen to do so."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_cause: ContextVar[int | None] = ContextVar("cause", default=None)


@contextmanager
def caused_by(execution_id: int | None) -> Iterator[None]:
    """Note on every event recorded meanwhile which execution made it, so that a circle of causes is seen."""
    token = _cause.set(execution_id)
    try:
        yield
    finally:
        _cause.reset(token)


def current_cause() -> int | None:
    """Return the execution on whose behalf this code runs, if any."""
    return _cause.get()
