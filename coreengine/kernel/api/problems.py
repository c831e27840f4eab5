"""Errors of the API: RFC 9457 problem documents, one shape everywhere."""

import logging
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from coreengine.kernel.errors import DomainError, ExternalError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: ("bad_request", "The request cannot be understood"),
    401: ("not_signed_in", "Sign in first"),
    403: ("not_allowed", "You may not do that"),
    404: ("not_found", "There is no such thing"),
    405: ("method_not_allowed", "This address does not do that"),
    406: ("not_acceptable", "This format is not on offer"),
    409: ("conflict", "That is not possible now"),
    415: ("unsupported_media_type", "This kind of content is not understood"),
    422: ("invalid", "Some values are not right"),
    429: ("too_many_requests", "Too many requests"),
    500: ("server_error", "Something went wrong on our side"),
    503: ("unavailable", "Not available at the moment"),
}
DATABASE_AWAY = (OperationalError, InterfaceError)
"""It is being restarted, has too much to do, or cannot be reached: the same request may work in a moment."""
AWAY_WORDS = "The database does not answer now. Try again in a moment."
AGAIN_AFTER_S = 5


def problem(
    status: int,
    detail: str = "",
    *,
    code: str | None = None,
    title: str | None = None,
    errors: dict[str, Any] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Build a problem document."""
    default_code, default_title = TITLES.get(status, ("error", "That did not work"))
    code = code or default_code
    document: dict[str, Any] = {
        "type": f"/api/v1/problems/{code}",
        "title": title or default_title,
        "status": status,
        "detail": detail or title or default_title,
        "code": code,
        **extra,
    }
    if errors:
        document["errors"] = errors
    return document


def problem_response(status: int, detail: str = "", **fields: Any) -> Response:
    """Answer with a problem document from a viewset."""
    return Response(problem(status, detail, **fields), status=status, content_type=CONTENT_TYPE)


def _fields(error: ValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return {("" if k == NON_FIELD_ERRORS else k): v for k, v in error.message_dict.items()}
    return {"": list(error.messages)}


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for key, value in detail.items():
            part = "" if key == "non_field_errors" else str(key)
            found |= _flatten(value, f"{path}.{part}" if path and part else path or part)
        return found
    if isinstance(detail, list) and any(isinstance(d, dict | list) for d in detail):
        found = {}
        for index, value in enumerate(detail):
            found |= _flatten(value, f"{path}[{index}]")
        return found
    return {path: [str(d) for d in (detail if isinstance(detail, list) else [detail])]} if detail else {}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Map every error of a view to a problem document; the words are those of the pages."""
    headers: dict[str, str] = {}
    if isinstance(error, ValidationError):
        fields = _fields(error)
        extra = getattr(error, "extra", None) or {}
        document = problem(422, " ".join(m for ms in fields.values() for m in ms), errors=fields, **extra)
    elif isinstance(error, exceptions.ValidationError):
        fields = _flatten(error.detail)
        document = problem(422, " ".join(m for ms in fields.values() for m in ms), errors=fields)
    elif isinstance(error, DomainError):
        document = problem(error.status, str(error), code=error.code, title=error.title)
    elif isinstance(error, ExternalError):
        logger.warning("%s: %s", context.get("view"), error)
        document = problem(error.status, str(error), code=error.code, title=error.title, retryable=error.retryable)
        if error.retry_after_s:
            headers["Retry-After"] = str(int(error.retry_after_s) + 1)
    elif isinstance(error, Http404):
        document = problem(404)
    elif isinstance(error, PermissionDenied):
        document = problem(403)
    elif isinstance(error, exceptions.APIException):
        document = problem(error.status_code, str(error.detail))
        if auth_header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = auth_header
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait) + 1)
    elif isinstance(error, DATABASE_AWAY):
        logger.warning("%s: %s", context.get("view"), error)
        document = problem(503, AWAY_WORDS)
        headers["Retry-After"] = str(AGAIN_AFTER_S)
    else:
        return None
    set_rollback()
    return Response(document, status=document["status"], headers=headers, content_type=CONTENT_TYPE)


def json_problem(status: int, detail: str = "") -> JsonResponse:
    """Answer with a problem document outside of REST framework (unknown addresses, bugs)."""
    return JsonResponse(problem(status, detail), status=status, content_type=CONTENT_TYPE)
