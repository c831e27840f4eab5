"""Asking Canvas: paging, and every odd answer in words for the student. The gateway keeps the pace."""

from __future__ import annotations

import json

from coreengine_sdk import Call, HttpError, PluginError, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

API = "/api/v1"
# Ids may be larger than 2^53; as strings they survive every JSON reader on the way.
ACCEPT = {"Accept": "application/json+canvas-string-ids, application/json"}
PER_PAGE = 100
SMALLER_PAGES = (25, 5, 1)
"""What is asked for instead where a page is larger than the host takes: enormous descriptions, most likely."""


def domain_of(call: Call) -> str:
    return str(call.config.get("canvas_domain") or "Canvas")


def is_feed(call: Call) -> bool:
    """Whether the student connected with the address of a calendar feed, which has no API behind it."""
    return call.authentication.get("type") == "feed_url"


def fetch(call: Call, path: str, what: str, query: JSON | None = None) -> Any:
    """One object, or whatever else the path answers; `what` names it in messages."""
    return read_json(call, call.http.get(API + path, query=query, headers=ACCEPT), what)


def fetch_all(call: Call, path: str, what: str, query: JSON | None = None) -> list[JSON]:
    """Every object of a list, page after page; entries that are no objects are passed over."""
    for per_page in (PER_PAGE, *SMALLER_PAGES):
        try:
            return fetch_pages(call, path, what, {**(query or {}), "per_page": per_page})
        except HttpError as error:
            if error.code != "too_large" or per_page == SMALLER_PAGES[-1]:
                raise
            call.log(f"{what}: a page of {per_page} is too large, trying smaller ones", "warning")
    raise unexpected(call, what)  # the loop always ends before


def fetch_pages(call: Call, path: str, what: str, query: JSON) -> list[JSON]:
    """Every object of a list in pages of one size.

    Raises:
        HttpError: `too_large`, a page holds more than the host takes.
    """

    def read(response: Response) -> list[Any]:
        items = read_json(call, response, what)
        if not isinstance(items, list):
            raise unexpected(call, what)
        return items

    pages = call.paginate(API + path, query, read=read, headers=ACCEPT)
    try:
        return [item for item in pages if isinstance(item, dict)]
    except PluginError as error:
        if error.code != "paging_never_ends":
            raise
        raise PluginError(
            "paging_never_ends",
            f"{domain_of(call)} never stops sending pages of {what}: they lead round in a circle. "
            "Nothing was taken over; try again later.",
        ) from None


def read_json(call: Call, response: Response, what: str, *, verb: str = "read") -> Any:
    """The JSON of a good answer; every other kind of answer in words for the student.

    Raises:
        PluginError: see the codes below.
    """
    domain = domain_of(call)
    refuse_bad_status(call, response, what, verb)
    if is_web_page(response):
        raise PluginError(
            "not_data",
            f"{domain} answered with a web page instead of data; is {domain} a Canvas address? "
            "Check the Canvas domain in the connection's settings.",
        )
    if not response.ok:
        raise PluginError("refused", f"{domain} refused to give {what} (status {response.status}).")
    try:
        return json.loads(response.text.lstrip("\ufeff"))  # some proxies put a byte order mark before it
    except (ValueError, RecursionError):
        raise PluginError(
            "malformed_answer",
            f"{domain} sent {what} in a form that cannot be read (broken JSON). Try again later.",
            retryable=True,
        ) from None


def refuse_bad_status(call: Call, response: Response, what: str, verb: str = "read") -> None:
    """Raise what a status says, in words for the student; good ones and odd ones pass."""
    domain = domain_of(call)
    if response.status == 401 and "www-authenticate" in response.headers:
        if call.authentication.get("type") == "oauth2":
            raise PluginError(
                "reconnect_needed", f"{domain} does not let Core Engine in any more. Reconnect to allow it again."
            )
        raise PluginError(
            "credential_rejected",
            "Canvas did not accept the token: it is wrong, has expired or was deleted. "
            f"Make a new one at https://{domain}/profile/settings and connect again.",
        )
    if response.status == 429 or (response.status == 403 and "rate limit exceeded" in response.text.lower()):
        raise PluginError("too_many_requests", f"{domain} asks to slow down. Try again in a minute.", retryable=True)
    if response.status in (401, 403):
        raise PluginError("permission_denied", f"Canvas does not let you {verb} {what}.")
    if response.status in (404, 410):
        raise PluginError("not_found", f"Canvas has no {what} for you. It may have been removed.")
    if response.status >= 500:
        raise PluginError(
            "unavailable",
            f"{domain} has a problem of its own (status {response.status}). Try again later.",
            retryable=True,
        )


def is_web_page(response: Response) -> bool:
    start = response.text.lstrip("\ufeff \t\r\n")[:15].lower()
    return response.content_type in ("text/html", "application/xhtml+xml") or start.startswith(("<!doctype", "<html"))


def unexpected(call: Call, what: str) -> PluginError:
    return PluginError(
        "malformed_answer", f"{domain_of(call)} sent {what} in an unexpected form. Try again later.", retryable=True
    )
