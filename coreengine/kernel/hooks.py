"""Questions that a lower app asks and upper apps answer, in the asker's transaction.

The names are fixed here, so that a misspelt one fails at import.
"""

from collections.abc import Callable
from typing import Any

NAMES = frozenset(
    {
        "blob.held_by",  # (blob, owner) -> True if a row of this owner refers to the blob
        "file.described",  # (owner, number) -> facts of a file of this student's vault, as plugins.saving names them
        "connection.saved",  # (connection, by): a connection was made or its settings changed
        "connection.removed",  # (connection, by): a connection is about to go
        "connection.resting",  # (connection, is_resting): its plugin was switched off, or on again
        "connection.sync_requested",  # (connection, by) -> address of the execution to watch
    }
)
_hooks: dict[str, list[Callable[..., Any]]] = {name: [] for name in NAMES}


def hook(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function for one of the fixed names."""
    if name not in NAMES:
        raise ValueError(f"there is no hook {name!r}")

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if function not in _hooks[name]:
            _hooks[name].append(function)
        return function

    return register


def call(name: str, **arguments: Any) -> list[Any]:
    """Call every function of a hook; return the answers that are not None."""
    if name not in NAMES:
        raise ValueError(f"there is no hook {name!r}")
    answers = [function(**arguments) for function in _hooks[name]]
    return [answer for answer in answers if answer is not None]
