"""Remembering where a copy lies, whichever door asked for it: a page, a program or a workflow."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from plugins.models import ActionCall, Connection
from plugins.saving.models import SavedCopy

ACTION = "upload_file"


def note_copy(connection: Connection, call: ActionCall, data: Any) -> None:
    """Write down the copy that a call made, in the transaction that ends the call."""
    thing = call.params.get("copy_of")
    if call.action != ACTION or not isinstance(thing, str) or not isinstance(data, dict) or not data.get("id"):
        return
    url = str(data.get("html_url") or "")
    SavedCopy.objects.update_or_create(
        connection=connection,
        thing=thing[:60],
        defaults={
            "owner_id": connection.owner_id,
            "external_id": str(data["id"])[:200],
            "name": str(data.get("name") or call.params.get("name") or "")[:255],
            "url": url if url.startswith("https://") and len(url) <= 2000 else "",
            "blob": str(call.params.get("blob") or "")[:64],
            "saved_at": timezone.now(),
        },
    )
