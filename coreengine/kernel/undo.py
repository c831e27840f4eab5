"""Messages that can be taken back: what was done is said with a button that undoes it."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest


def tell_with_undo(request: HttpRequest, text: str, *, url: str, fields: dict[str, str], part: str = "") -> None:
    """Say what was done, with a button that posts `fields` to `url`.

    Where the page has an element with the id `part`, the answer takes its place; elsewhere the page is loaded again.
    """
    undo = {"url": url, "fields": fields, "part": part}
    messages.success(request, text, extra_tags=json.dumps(undo))


def undo_of(message: Message) -> dict[str, Any] | None:
    """Return how a message can be taken back; None where it cannot."""
    tags = message.extra_tags or ""
    return json.loads(tags) if tags.startswith("{") else None
