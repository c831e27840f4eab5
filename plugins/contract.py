"""What the plugin host and its callers agree on: the result of an action, and the limits of a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PROTOCOL_VERSION = 1
MIB = 2**20


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How one action of a plugin ended.

    `error` is for people, `error_code` for programs: the word of the plugin,
    the gateway or the host for it. `execution_time` is in seconds. `cost` is what the other side
    charged, None if nothing.
    """

    success: bool
    data: Any = None
    error: str = ""
    execution_time: float = 0.0
    cost: float | None = None
    retryable: bool = False
    error_code: str = ""
    retry_after_s: float | None = None
    request_count: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one conversation with a plugin may take. Sizes are bytes.

    Of the log, `log_bytes` and `log_lines` are kept and the rest is dropped; beyond `log_flood_bytes` it is an attack.
    `value_count` bounds what one message becomes in memory, `unread_bytes` what waits for a plugin that does not read.
    """

    line_bytes: int = 8 * MIB
    output_bytes: int = 64 * MIB
    message_count: int = 5_000
    log_bytes: int = 256 * 1024
    log_lines: int = 500
    log_flood_bytes: int = 64 * MIB
    value_count: int = 250_000
    unread_bytes: int = 16 * MIB
    nesting: int = 64
    request_count: int = 500


DEFAULT_LIMITS = Limits()
