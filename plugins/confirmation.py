"""Actions that need a person's yes. Every door comes through here, so none of them gets one done without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugins.errors import ConfirmationNeeded
from plugins.manifest import Manifest

APPROVED = "approved"
"""The one answer that lets the action go on; it is also what an approval step of a workflow gives."""

PARAMETER = "confirmation"
"""What doors call the answer beside the action's own parameters."""


def check_confirmed(manifest: Manifest, action: str, params: Mapping[str, Any], answer: str) -> None:
    """Let an action pass that needs no yes, or that got one.

    Raises:
        ConfirmationNeeded: nobody was asked yet, or the answer was no; the message is the sentence to ask.
    """
    endpoint = manifest.endpoint_by_name.get(action)
    if endpoint is None or not endpoint.needs_confirmation or answer == APPROVED:
        return
    question = endpoint.question(params)
    if answer:
        raise ConfirmationNeeded(f"This was not approved, so nothing was done: {question}", code="not_approved")
    raise ConfirmationNeeded(question)
