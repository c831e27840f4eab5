"""What a plugin makes of a delivery: events for workflows, and perhaps the wish for a sync."""

from __future__ import annotations

import json
import re
from typing import Any

from coreengine.kernel.storable import unstorable
from plugins.errors import PluginFailed

MAX_EVENTS = 50
MAX_DATA_BYTES = 64 * 1024
EVENT = re.compile(r"[a-z][a-z0-9_.-]{0,99}")


def checked_answer(answer: Any) -> dict[str, Any]:
    """Return `{"events": [{"type", "data"}], "sync"}`; nothing at all is no events and no sync.

    Raises:
        PluginFailed: with the place that does not fit.
    """
    answer = {} if answer is None else answer
    if not isinstance(answer, dict):
        raise _misfit("answer", "is not an object with `events` and `sync`")
    events, sync = answer.get("events") or [], answer.get("sync") or False
    if not isinstance(sync, bool):
        raise _misfit("sync", "is neither true nor false")
    if not isinstance(events, list):
        raise _misfit("events", "is not a list")
    if len(events) > MAX_EVENTS:
        raise _misfit("events", f"has {len(events)} entries; one delivery may become {MAX_EVENTS}")
    return {"events": [_event(number, event) for number, event in enumerate(events)], "sync": sync}


def _event(number: int, event: Any) -> dict[str, Any]:
    where = f"events[{number}]"
    if not isinstance(event, dict):
        raise _misfit(where, "is not an object with `type` and `data`")
    name, data = event.get("type"), event.get("data", {})
    if not isinstance(name, str) or not EVENT.fullmatch(name):
        raise _misfit(f"{where}.type", "is not a name such as push or issue.opened")
    if not isinstance(data, dict):
        raise _misfit(f"{where}.data", "is not an object")
    if fault := unstorable(data, f"{where}.data"):
        raise _misfit(*fault)
    if len(json.dumps(data)) > MAX_DATA_BYTES:
        raise _misfit(f"{where}.data", f"is larger than {MAX_DATA_BYTES // 1024} KiB; keep what workflows need")
    return {"type": name, "data": data}


def _misfit(path: str, words: str) -> PluginFailed:
    return PluginFailed(
        f"The plugin's answer to a webhook does not fit: {path} {words}.", retryable=False, code="answer_does_not_fit"
    )
