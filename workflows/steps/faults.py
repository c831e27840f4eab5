"""Errors of services as outcomes of steps."""

from __future__ import annotations

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import OperationalError

from coreengine.kernel.errors import DomainError, ExternalError
from workflows.engine.outcome import Outcome
from workflows.engine.retry import LOST, PERMANENT, RATE_LIMITED, TIMEOUT, UNAVAILABLE
from workflows.steps.people import OwnerGone

EXPECTED = (ValidationError, DomainError, ExternalError, OwnerGone, OperationalError)
"""What an executor catches; anything else is a fault of ours and the runner records it as such."""
TIMEOUT_CODES = frozenset({"timeout", "timed_out", "plugin_timed_out", "request_timeout"})
RATE_CODES = frozenset({"rate_limited", "rate_limit_error", "throttled", "too_many_requests"})


def outcome_of_error(error: Exception) -> Outcome:
    """Say in words what went wrong, and whether the same call may work later."""
    if isinstance(error, ValidationError):
        return Outcome.failed(validation_words(error))
    if isinstance(error, ExternalError):
        kind = kind_of(error.code, retryable=error.retryable, retry_after_s=error.retry_after_s)
        return Outcome.failed(str(error), kind=kind, retry_after_s=error.retry_after_s)
    if isinstance(error, OperationalError):
        return Outcome.failed("The database was too busy or took too long.", retryable=True)
    return Outcome.failed(str(error))


def kind_of(code: str, *, retryable: bool, retry_after_s: float | None = None) -> str:
    """The kind of error that a step's `retry_on` goes by, from a service's code for it."""
    if not retryable:
        return PERMANENT
    if code in RATE_CODES or retry_after_s is not None:
        return RATE_LIMITED
    if code in TIMEOUT_CODES:
        return TIMEOUT
    return LOST if code == "worker_lost" else UNAVAILABLE


def validation_words(error: ValidationError) -> str:
    """A validation error in one line: `title: This field is required. …`."""
    if hasattr(error, "error_dict"):
        parts = [
            " ".join(messages) if field in (NON_FIELD_ERRORS, "") else f"{field}: {' '.join(messages)}"
            for field, messages in error.message_dict.items()
        ]
        return "; ".join(parts)
    return " ".join(error.messages)
