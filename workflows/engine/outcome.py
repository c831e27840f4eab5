"""What a step is asked, what comes of it, and what of that can be kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Any, Protocol

from workflows.engine.retry import LOST, PERMANENT, RETRYABLE, TIMEOUT, UNAVAILABLE, UNEXPECTED

MAX_RESULT_BYTES = 1_000_000
MAX_ERROR_LENGTH = 4_000
MAX_RESULT_DEPTH = 60
TOO_LARGE = f"The result is larger than {MAX_RESULT_BYTES // 1_000_000} MB. Ask for less at once."
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class StepCall:
    """Everything an executor needs to do one attempt of one step."""

    execution_id: int
    workflow_id: int
    path: str
    name: str
    kind: str
    config: dict[str, Any]
    """The step's config with every template filled in."""
    owner_id: int
    actor_id: int | None
    attempt: int
    timeout_s: int
    idempotency_key: str
    """The same for every attempt of this step: whoever honours it acts once."""
    connection_id: int | None = None
    variables: MutableMapping[str, Any] = field(default_factory=dict)
    """The execution's variables; an in-line step may change them."""
    is_owner_active: bool = True
    kept: MutableMapping[str, Any] = field(default_factory=dict)
    """What the executor wants to keep for the next steps of the same worker's turn."""


class Effect(Enum):
    """How often what a step does can happen."""

    SAME_TRANSACTION = "same_transaction"
    """It commits together with the step's completion: exactly once."""
    KEYED = "keyed"
    """The other side knows the key of every attempt, or nothing changes there: again does no harm."""
    UNKEYED = "unkeyed"
    """Again may mean twice. Nobody knows what became of an attempt that never answered: see `on_unknown`."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt."""

    ok: bool
    result: Any = None
    error: str = ""
    kind: str = ""
    """The kind of error (see `retry`); empty when it worked."""
    retry_after_s: float | None = None
    is_unknown: bool = False
    """It may have happened all the same."""

    @property
    def retryable(self) -> bool:
        """Say whether the same call may work later."""
        return self.kind in RETRYABLE

    @classmethod
    def done(cls, result: Any) -> Outcome:
        """It worked."""
        return cls(True, result)

    @classmethod
    def failed(
        cls,
        error: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        kind: str = "",
        is_unknown: bool | None = None,
    ) -> Outcome:
        """It did not work. `kind` says in what way; without one, `retryable` says whether it may work later.

        Whether it may have happened all the same goes by the kind, unless the caller knows better.
        """
        kind = kind or (UNAVAILABLE if retryable else PERMANENT)
        unknown = kind in (LOST, TIMEOUT, UNEXPECTED) if is_unknown is None else is_unknown
        return cls(False, None, error or "It failed without saying why.", kind, retry_after_s, unknown)


class Executor(Protocol):
    """Does the steps of one type. New step types are new executors.

    An in-line executor runs inside the transaction that records its outcome: what it writes to the database
    happens exactly once, and it must not talk to anything else. Any other may be called again after a crash,
    with the same idempotency key.
    """

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt. Errors that a person can do something about come back as an outcome."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """How often what a step with this config does can happen; templates are not filled in yet."""

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """Say whether an in-line step with this config takes milliseconds and keeps nobody waiting for a lock."""


class NotStorable(Exception):
    """A result that cannot be kept; the message says why."""


def storable(result: Any) -> Any:
    """The result as it can be kept: JSON, at most 1 MB. NUL and half surrogates become U+FFFD.

    Raises:
        NotStorable: too large, nested too deep, or not JSON at all (NaN, bytes, …).
    """
    _refuse_large(result)
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        words = "it contains a number that is not finite" if "Out of range" in str(error) else str(error)
        raise NotStorable(f"The result cannot be kept as JSON: {words}.") from None
    if len(text) > MAX_RESULT_BYTES or (not text.isascii() and len(text.encode(errors="replace")) > MAX_RESULT_BYTES):
        raise NotStorable(TOO_LARGE)
    return _clean(json.loads(text), 0)


def _refuse_large(result: Any) -> None:
    """Refuse what cannot be kept before it is written out as text: a copy of 100 MB is 100 MB too many."""
    size, around = 0, [iter((result,))]
    while around:
        for value in around[-1]:
            size += len(value) if isinstance(value, str) else 1
            if size > MAX_RESULT_BYTES:
                raise NotStorable(TOO_LARGE)
            if isinstance(value, Mapping | list | tuple):
                if len(around) > MAX_RESULT_DEPTH + 1:
                    raise NotStorable(f"The result is nested deeper than {MAX_RESULT_DEPTH} levels.")
                around.append(chain(value.keys(), value.values()) if isinstance(value, Mapping) else iter(value))
                break
        else:
            around.pop()


def storable_variables(variables: MutableMapping[str, Any]) -> dict[str, Any]:
    """The variables of an execution as they can be kept; the same limits as for a result.

    Raises:
        NotStorable: as `storable`.
    """
    try:
        return storable(dict(variables))
    except NotStorable as error:
        raise NotStorable(str(error).replace("The result", "All variables together", 1)) from None


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if depth > MAX_RESULT_DEPTH:
        raise NotStorable(f"The result is nested deeper than {MAX_RESULT_DEPTH} levels.")
    if isinstance(value, dict):
        cleaned = {clean_text(key): _clean(item, depth + 1) for key, item in value.items()}
        if len(cleaned) < len(value):
            raise NotStorable("The result has two keys that become the same text when it is kept.")
        return cleaned
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return value


def clean_text(text: str) -> str:
    """Text that PostgreSQL and JSON can hold."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub("�", text)
