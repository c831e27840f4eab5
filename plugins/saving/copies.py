"""Where a file can be saved, the saving itself, and what came of it.

A plugin takes files if its manifest has the action `upload_file`, which asks for a yes and knows the parameters
`name`, `blob`, `content_type`, `size_bytes` and `copy_of`. What the app above keeps of a file it tells by a hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from coreengine.accounts.models import User
from coreengine.kernel import hooks
from plugins import services
from plugins.manifest import Endpoint
from plugins.models import ActionCall, Connection
from plugins.saving.models import SavedCopy
from plugins.saving.noting import ACTION

NEEDED = {"name", "blob", "content_type", "size_bytes", "copy_of"}


@dataclass(frozen=True)
class StoredFile:
    """A file of the student's, as the app that keeps it tells it."""

    number: int
    thing: str
    title: str
    name: str
    blob: str
    content_type: str
    size_bytes: int
    url: str
    source: str = ""


@dataclass(frozen=True)
class Place:
    """One connection that takes a file: the copy that lies there, and the last try."""

    connection: Connection
    copy: SavedCopy | None
    call: ActionCall | None

    @property
    def is_saving(self) -> bool:
        """True while a try is under way."""
        return self.call is not None and not self.call.is_finished

    @property
    def error(self) -> str:
        """Why the last try failed, if no later one worked."""
        if self.call is None or self.call.status != "failed":
            return ""
        is_older = self.copy is not None and self.call.finished_at and self.copy.saved_at >= self.call.finished_at
        return "" if is_older else self.call.error


def find_file(owner: User, number: int) -> StoredFile | None:
    """Return a file of this student's by its number in the vault."""
    told: list[Mapping[str, Any]] = hooks.call("file.described", owner=owner, number=number)
    return StoredFile(**told[0]) if told else None


def upload_endpoint(connection: Connection) -> Endpoint | None:
    """Return the action of a connection that takes files, None if it has none."""
    manifest = connection.manifest
    endpoint = manifest.endpoint_by_name.get(ACTION) if manifest else None
    if endpoint is None or not endpoint.needs_confirmation:
        return None
    return endpoint if {parameter.name for parameter in endpoint.parameters} >= NEEDED else None


def places_for(user: User, file: StoredFile) -> list[Place]:
    """List where a file can be saved, with what is there of it. Where it came from, it is already."""
    found = []
    connections = [
        each
        for each in Connection.objects.visible_to(user).confirmed()
        if each.source != file.source and upload_endpoint(each)
    ]
    if not connections:
        return []
    copies = {copy.connection_id: copy for copy in SavedCopy.objects.filter(owner=user, thing=file.thing)}
    calls: dict[int, ActionCall] = {}
    tries = ActionCall.objects.filter(connection__in=connections, action=ACTION, params__copy_of=file.thing)
    for call in tries.order_by("pk"):
        calls[call.connection_id] = call
    for connection in connections:
        found.append(Place(connection, copies.get(connection.pk), calls.get(connection.pk)))
    return found


def params_of(file: StoredFile, *, name: str = "", folder: str = "") -> dict[str, Any]:
    """Return what the action is given for a file."""
    params = {
        "name": name or file.name,
        "blob": file.blob,
        "content_type": file.content_type or "application/octet-stream",
        "size_bytes": file.size_bytes,
        "copy_of": file.thing,
    }
    return {**params, "folder_id": folder} if folder else params


def save_copy(
    connection: Connection, file: StoredFile, *, by: User, confirmation: str, name: str = "", folder: str = ""
) -> ActionCall:
    """Have a plugin worker save a file, and wait for it a while; the call says how it stands.

    Raises:
        ConfirmationNeeded: without `confirmation="approved"`; the message is what to ask.
        ValidationError: by parameter.
    """
    return services.ask_action(
        connection,
        ACTION,
        params_of(file, name=name, folder=folder),
        by=by,
        confirmation=confirmation,
        idempotency_key=f"save:{connection.pk}:{file.thing}:{uuid4()}",
    )
