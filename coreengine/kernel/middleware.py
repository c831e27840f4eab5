"""What happens around every request."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import Message
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails

from coreengine.kernel.errors import DomainError, ExternalError
from coreengine.kernel.undo import undo_of

logger = logging.getLogger(__name__)

Answer = Callable[[HttpRequest], HttpResponseBase]


class HtmxManners:
    """Turn a redirect into one that htmx follows as a whole page.

    The browser would follow a plain redirect silently, and the page it leads to (a new thing's own page, or the
    sign-in page) would land inside whatever piece was to be swapped.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        htmx = getattr(request, "htmx", None)
        if htmx and response.status_code in {301, 302, 303} and not htmx.boosted:
            answer = HttpResponse(status=204, headers={"HX-Redirect": self._destination(response["Location"], htmx)})
            answer.cookies = response.cookies
            patch_vary_headers(answer, ["HX-Request"])
            return answer
        is_fragment = htmx and not 300 <= response.status_code < 400 and "HX-Redirect" not in response
        # A fragment has no place for flash messages: they travel in a header and become toasts (static/js/live.js).
        if is_fragment and (told := [_told(m) for m in get_messages(request)]):
            trigger_client_event(response, "messages", {"list": told})
        return response

    @staticmethod
    def _destination(location: str, htmx: HtmxDetails) -> str:
        """Return where to go; after signing in that is the page the request came from, not the piece it asked for."""
        address = urlsplit(location)
        if address.path != reverse(settings.LOGIN_URL):
            return location
        query = QueryDict(address.query, mutable=True)
        current = urlsplit(htmx.current_url or "")
        query[REDIRECT_FIELD_NAME] = current.path + (f"?{current.query}" if current.query else "") or "/"
        return f"{address.path}?{query.urlencode(safe='/')}"


def _told(message: Message) -> dict[str, Any]:
    told = {"level": message.level_tag, "text": str(message)}
    return {**told, "undo": undo} if (undo := undo_of(message)) else told


class StudentTimeZone:
    """Show times in the zone of the person who is signed in."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            with timezone.override(ZoneInfo(user.time_zone)):
                return self.get_response(request)
        return self.get_response(request)


class ErrorPages:
    """Map the families of errors to pages; the API has its own handler with the same words."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and request.method == "GET":
            # The address of a form's answer, opened again: without this it is an empty page.
            message = "This page is the answer to a form. Go back and send the form again."
            context = {"status": response.status_code, "title": "This page cannot be opened so", "message": message}
            page = render(request, "error.html", context, status=response.status_code)
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an error of a service with its own words and status."""
        if isinstance(error, DomainError):
            status, title, message = error.status, error.title, str(error)
        elif isinstance(error, ExternalError):
            logger.warning("%s %s: %s", request.method, request.path, error)
            status, title, message = error.status, error.title, str(error)
        elif isinstance(error, ValidationError):
            status, title, message = 422, "Something is not right", " ".join(error.messages)
        else:
            return None
        context = {"status": status, "title": title, "message": message}
        if getattr(request, "htmx", None):
            response = render(request, "components/toast.html", {**context, "level": "error"}, status=status)
            response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "beforeend"
            return response
        return render(request, "error.html", context, status=status)
