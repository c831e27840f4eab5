"""Asking Drive: addresses, searches, pages, pauses when it is asked too much, and its refusals in words."""

from __future__ import annotations

import random
import re
import time

from coreengine_sdk import Call, PluginError, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    JSON = dict[str, Any]

API = "/drive/v3"
UPLOAD = "/upload/drive/v3"
ACCEPT = {"Accept": "application/json"}
ALL_DRIVES = {"supportsAllDrives": "true"}
LISTED = {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"}

TRIES = 4
FIRST_PAUSE_S = 0.3
"""Doubled with each try, and never the same for two plugins that were sent away together."""

THROTTLED = {
    "userRateLimitExceeded",
    "rateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "sharingRateLimitExceeded",
}
REASONS = {
    "insufficientFilePermissions": (
        "permission_denied",
        "You may not do this with {what}: in Drive you can only look at it. Ask its owner, or choose another place.",
    ),
    "appNotAuthorizedToFile": (
        "permission_denied",
        "Google has not given Core Engine access to {what}. It was connected for its own files only: connect again and "
        "choose the way that reads your Drive, or choose a file that Core Engine made.",
    ),
    "insufficientPermissions": (
        "permission_denied",
        "You did not allow Core Engine this when you connected Drive. Connect again and allow it.",
    ),
    "cannotDownloadFile": ("not_downloadable", "The owner of {what} has switched downloading off."),
    "cannotExportFile": ("not_downloadable", "The owner of {what} has switched downloading off."),
    "fileNotDownloadable": ("not_downloadable", "Drive has no file to download for {what}."),
    "fileNotExportable": ("not_downloadable", "Drive cannot turn {what} into a file."),
    "exportSizeLimitExceeded": (
        "export_too_large",
        "Google exports documents of at most 10 MB, and {what} is larger. Download it on Drive itself.",
    ),
    "storageQuotaExceeded": (
        "storage_full",
        "Your Google storage is full, so nothing was written. Make room at drive.google.com/settings/storage.",
    ),
    "teamDriveFileLimitExceeded": (
        "storage_full",
        "That shared drive is full. Make room in it, or choose another folder.",
    ),
    "domainPolicy": ("permission_denied", "Your school does not allow other apps to use its Google Drive."),
    "accessNotConfigured": (
        "not_configured",
        "The Drive API is not switched on for this installation. Tell its admin.",
    ),
    "push.webhookUrlNotHttps": (
        "address_not_accepted",
        "Google tells changes only to an https address with a valid certificate, which this installation lacks.",
    ),
    "push.webhookUrlUnauthorized": (
        "address_not_accepted",
        "Google does not accept the address of this installation for telling changes.",
    ),
}


def quoted(value: str) -> str:
    """A value as it stands in a search: in quotes, with its own quotes and backslashes escaped."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def resource_keys(*pairs: tuple[str, str]) -> dict[str, str]:
    """The header that opens files which are shared by an older kind of link."""
    known = ",".join(f"{identifier}/{key}" for identifier, key in pairs if identifier and key)
    return {"X-Goog-Drive-Resource-Keys": known} if known else {}


def ask(
    call: Call,
    method: str,
    path: str,
    what: str,
    *,
    query: JSON | None = None,
    json: Any = None,
    headers: dict[str, str] | None = None,
    as_blob: bool = False,
    **more: Any,
) -> Response:
    """One good answer; `what` names it in messages.

    Where Drive asks to slow down, or has a problem of its own and nothing was sent that could be done twice, it is
    asked again after growing pauses.

    Raises:
        PluginError: every other answer, in words.
    """
    query = {name: value for name, value in (query or {}).items() if value is not None}
    for attempt in range(TRIES):
        response = call.http.request(
            method, path, query=query, headers={**ACCEPT, **(headers or {})}, json=json, as_blob=as_blob, **more
        )
        if response.ok:
            return response
        throttled = is_throttled(response)
        again = throttled or (response.status >= 500 and method == "GET")
        if not again or attempt == TRIES - 1:
            break
        time.sleep(FIRST_PAUSE_S * 2**attempt * (0.75 + random.random() / 2))  # noqa: S311, only to spread the tries
    raise refusal(response, what)


def fetch(call: Call, path: str, what: str, query: JSON | None = None, headers: dict[str, str] | None = None) -> JSON:
    """One object."""
    answer = ask(call, "GET", API + path, what, query=query, headers=headers).json()
    if not isinstance(answer, dict):
        raise unexpected(what)
    return answer


def pages(call: Call, path: str, what: str, query: JSON, *, most: int) -> Iterator[JSON]:
    """The pages of a list, at most so many; a token that comes twice ends it."""
    token, seen = str(query.get("pageToken") or ""), set()
    for _ in range(most):
        page = fetch(call, path, what, {**query, "pageToken": token or None})
        yield page
        token = text(page.get("nextPageToken"))
        if not token:
            return
        if token in seen:
            raise PluginError("paging_never_ends", f"Drive's list of {what} leads round in a circle. Try again later.")
        seen.add(token)


def is_throttled(response: Response) -> bool:
    """Whether Drive asks to slow down."""
    return response.status == 429 or (response.status == 403 and reason_of(response) in THROTTLED)


def reason_of(response: Response) -> str:
    """Google's own word for what is wrong, "" if it says none."""
    error = error_of(response)
    entries = error.get("errors")
    if isinstance(entries, list) and entries and isinstance(entries[0], dict):
        return text(entries[0].get("reason"))
    for detail in error.get("details") or ():
        if isinstance(detail, dict) and detail.get("reason"):
            return text(detail["reason"])
    return text(error.get("status"))


def location_of(response: Response) -> str:
    """The parameter that Google finds wrong."""
    entries = error_of(response).get("errors")
    first = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], dict) else {}
    return text(first.get("location"))


def error_of(response: Response) -> JSON:
    """The `error` of an answer."""
    try:
        body = response.json()
    except PluginError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def refusal(response: Response, what: str) -> PluginError:
    """What an answer that is no success means, in words for the student."""
    reason = reason_of(response)
    if is_throttled(response):
        return PluginError(
            "too_many_requests", "Google Drive asks to slow down. It goes on in a minute.", retryable=True
        )
    if response.status == 401:
        return PluginError("credential_rejected", "Google does not accept the sign-in any more. Connect Drive again.")
    if reason in REASONS:
        code, words = REASONS[reason]
        return PluginError(code, words.format(what=what))
    if response.status == 400 and location_of(response) == "pageToken":
        return PluginError("token_too_old", "Drive does not know the place any more at which the last sync stopped.")
    if response.status == 403:
        return PluginError("permission_denied", f"Google does not let you use {what}.")
    if response.status in (404, 410):
        return PluginError(
            "not_found", f"Your Drive has no {what}. It may be deleted, or not be shared with you any more."
        )
    if response.status == 409:
        return PluginError("already_there", f"Drive has {what} already.")
    if response.status >= 500:
        return PluginError(
            "unavailable",
            f"Google Drive has a problem of its own (status {response.status}). Try again later.",
            retryable=True,
        )
    said = text(error_of(response).get("message"))[:200]
    return PluginError(
        "refused", f"Google Drive refused {what} (status {response.status}){': ' + said if said else '.'}"
    )


def unexpected(what: str) -> PluginError:
    """An answer of the wrong form."""
    return PluginError(
        "malformed_answer", f"Drive sent {what} in a form that cannot be read. Try again later.", retryable=True
    )


def identifier(call: Call, name: str, default: str = "") -> str:
    """An id among the parameters, also when it comes as the address of a file or folder.

    Raises:
        PluginError: it can be none.
    """
    value = id_in(text(call.params.get(name)) or default)
    if not value:
        raise PluginError("invalid_params", f"{name} must be the id of a file on Drive, or its address.")
    return value


def id_in(value: str) -> str:
    """The id in a text that is one, or that is an address of Drive; "" if it is neither."""
    found = re.search(r"/(?:folders|d)/([A-Za-z0-9_-]{10,})", value) or re.search(r"[?&]id=([A-Za-z0-9_-]{10,})", value)
    if found:
        return found[1]
    return value if value == "root" or re.fullmatch(r"[A-Za-z0-9_-]{10,128}", value) else ""


def key_in(value: str) -> str:
    """The resource key in an address of Drive."""
    found = re.search(r"[?&]resourcekey=([A-Za-z0-9_-]+)", value)
    return found[1] if found else ""


def text(value: object) -> str:
    """A text, whatever came."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and value is not True else ""


def whole(value: object) -> int:
    """A whole number; Drive writes sizes as texts."""
    shown = str(value) if value is not None else ""
    return int(shown) if shown.isdigit() and len(shown) < 19 else 0


def objects(value: object) -> list[JSON]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
