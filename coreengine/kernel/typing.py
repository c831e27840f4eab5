"""Types that views share."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from coreengine.accounts.models import User


class Request(HttpRequest):
    """A request as views see it: someone is signed in, and htmx is known."""

    user: "User"  # type: ignore[assignment]
    htmx: "HtmxDetails"
