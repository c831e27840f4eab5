"""What has to be over before a plugin is heard: done while it begins, and never later than a second after."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.errors import PluginTimedOut
from plugins.sandbox.base import Chunk
from plugins.sandbox.conversation import Conversation

ASKS = b'{"jsonrpc":"2.0","id":"a","method":"http.request","params":{}}\n'
ANSWERS = b'{"jsonrpc":"2.0","id":1,"result":{"data":1}}\n'


class Child:
    """Takes what it is told at its first look, and says one thing at each look after."""

    def __init__(self, *said: bytes) -> None:
        self.said, self.looks = list(said), 0

    def pump(self, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
        self.looks += 1
        had_something = bool(outgoing)
        outgoing.clear()
        return [] if had_something or not self.said else [Chunk("out", self.said.pop(0))]

    def ending(self) -> str:
        return ""


def test_it_is_over_before_the_plugins_first_request_is_served() -> None:
    order: list[str] = []

    def serve(params: dict[str, Any], deadline: float) -> dict[str, Any]:
        order.append("served")
        return {}

    Conversation(Child(ASKS, ANSWERS), serve=serve).call(
        "execute_action", {}, timeout_s=5, first=lambda: order.append("begun")
    )

    assert order == ["begun", "served"]


def test_it_does_not_wait_for_a_plugin_that_says_nothing() -> None:
    child, begun_at = Child(), []

    with pytest.raises(PluginTimedOut):
        Conversation(child, serve=lambda params, deadline: {}).call(
            "execute_action", {}, timeout_s=0.05, first=lambda: begun_at.append(child.looks)
        )

    assert begun_at == [2]  # once, after the first look that only waited
