"""What one connection may send: blobs that its owner holds, and the names of its webhooks' addresses and secrets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import IO

from coreengine.kernel import hooks
from coreengine.kernel.blobs import is_granted, open_blob
from coreengine.kernel.errors import DomainError
from coreengine.kernel.models import Blob
from coreengine.kernel.outbound.errors import RequestFailed
from plugins.gateway.records import HiddenNames, NoHiddenNames
from plugins.manifest import Manifest
from plugins.models import Connection

URL, SECRET = "webhook-url:", "webhook-secret:"


class OwnBlobs:
    """The blobs of a connection's owner; implements `BlobSource`. `created` are those of the running action."""

    def __init__(self, connection: Connection) -> None:
        self._owner = connection.owner
        self.created: list[str] = []

    def find(self, sha256: str) -> tuple[int, Callable[[], IO[bytes]]] | None:
        """Return size and a way to open; None also where another student has it: a digest alone proves nothing."""
        blob = Blob.objects.filter(sha256=sha256).first()
        if blob is None or not (
            sha256 in self.created
            or is_granted(blob, owner=self._owner)
            or hooks.call("blob.held_by", blob=blob, owner=self._owner)
        ):
            return None
        return blob.size_bytes, partial(open_blob, blob)


class WebhookNames:
    """`webhook-url:NAME` and `webhook-secret:NAME` of one connection; implements `HiddenNames`.

    What they stand for is known from the start: the other side may list webhooks that an earlier action made.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, str] | None = None

    def swap(self, text: str) -> str:
        """See `HiddenNames`."""
        from plugins.webhooks import address_of, secret_of

        if not text.startswith((URL, SECRET)):
            return text
        prefix, reader = (URL, address_of) if text.startswith(URL) else (SECRET, secret_of)
        try:
            value = reader(self._connection, text.removeprefix(prefix))
        except DomainError as error:
            raise RequestFailed(error.code, str(error)) from error
        self._load()[value] = text
        return value

    def known(self) -> dict[str, str]:
        """See `HiddenNames`."""
        return self._load()

    def _load(self) -> dict[str, str]:
        if self._known is None:
            from plugins.webhooks import address_of
            from plugins.webhooks.models import ConnectionWebhook

            self._known = {}
            for row in ConnectionWebhook.objects.filter(connection=self._connection):
                self._known[row.secret] = f"{SECRET}{row.name}"
                if row.previous_secret:
                    self._known[row.previous_secret] = f"{SECRET}{row.name}"
                try:
                    self._known[address_of(self._connection, row.name)] = f"{URL}{row.name}"
                except DomainError:
                    continue  # without a name of this site, or no longer declared, it was never handed out
        return self._known


def hidden_names_of(connection: Connection, manifest: Manifest) -> HiddenNames:
    """Return the names that a connection's plugin may write."""
    return WebhookNames(connection) if manifest.webhooks else NoHiddenNames()
