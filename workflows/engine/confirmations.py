"""The yes that some actions of plugins need: it can only be the answer that an approval step before them got."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workflows.engine.definition import APPROVE
from workflows.engine.trigger_checks import TriggerChecks

ANSWER = re.compile(r"\{\{\s*steps\.([A-Za-z_][A-Za-z0-9_]*)\.result\.decision\s*\}\}")


class ConfirmationChecks(TriggerChecks):
    """Notes faults of a step's `confirmation`. That the approval is over before, the checks of templates say."""

    def __init__(self) -> None:
        super().__init__()
        self.approvals: dict[str, Mapping[str, Any]] = {}
        """Name → config of every approval step of the definition."""

    def confirmation(self, given: Any, path: str, sentence: str) -> None:
        """Check what a step passes for an action that asks `sentence`, "" where nobody has to be asked."""
        if not sentence:
            if given is not None:
                self.add(path, "This action needs nobody's yes; leave the confirmation out.")
            return
        example = "confirmation: “{{ steps.ask.result.decision }}”, with ask an approval step before this one"
        if given is None:
            self.add(path, f"This action needs a person's yes (“{sentence}”): {example}.")
            return
        found = ANSWER.fullmatch(given.strip()) if isinstance(given, str) else None
        approval = self.approvals.get(found[1]) if found else None
        if found is None or approval is None:
            self.add(path, f"A yes can only come from a person: {example}.")
        elif approval.get("timeout_action") == APPROVE:
            self.add(
                path,
                f"“{found[1]}” approves by itself when nobody answers; this action needs a person's yes. "
                "Let its timeout_action be reject or fail.",
            )
