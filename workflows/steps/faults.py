"""Errors of services as outcomes of steps."""

from __future__ import annotations

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import OperationalError

from coreengine.kernel.errors import DomainError, ExternalError
from workflows.engine.outcome import Outcome
from workflows.steps.people import OwnerGone

EXPECTED = (ValidationError, DomainError, ExternalError, OwnerGone, OperationalError)
"""What an executor catches; anything else is a fault of ours and the runner records it as such."""


def outcome_of_error(error: Exception) -> Outcome:
    """Say in words what went wrong, and whether the same call may work later."""
    if isinstance(error, ValidationError):
        return Outcome.failed(validation_words(error))
    if isinstance(error, ExternalError):
        return Outcome.failed(str(error), retryable=error.retryable, retry_after_s=error.retry_after_s)
    if isinstance(error, OperationalError):
        return Outcome.failed("The database was too busy or took too long.", retryable=True)
    return Outcome.failed(str(error))


def validation_words(error: ValidationError) -> str:
    """A validation error in one line: `title: This field is required. …`."""
    if hasattr(error, "error_dict"):
        parts = [
            " ".join(messages) if field in (NON_FIELD_ERRORS, "") else f"{field}: {' '.join(messages)}"
            for field, messages in error.message_dict.items()
        ]
        return "; ".join(parts)
    return " ".join(error.messages)
