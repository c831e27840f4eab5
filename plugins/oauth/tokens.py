"""Tokens from the first answer to the last refresh. Only workers come here.

A refresh is made by one worker at a time, under a lease on the connection's row: no lock is held while the other side
takes its time, a worker that dies loses the lease after half a minute, and whoever lost it cannot write any more. The
others wait for what the one brings back.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from plugins.errors import ReconnectNeeded, TokenEndpointFailed
from plugins.manifest import Authentication, Manifest
from plugins.models import Connection
from plugins.oauth import endpoint, protocol
from plugins.oauth.clients import client_for, token_host
from plugins.oauth.models import OAuthClient

logger = logging.getLogger(__name__)
SKEW_S = 90
LEASE = timedelta(seconds=30)  # longer than endpoint.TIMEOUT_S, so that a slow answer still finds it held
PATIENCE_S = 20.0
_STILL_GOOD_S = 5

_CLIENT_WORDS = "The sign-in that your admin set up for {host} is refused there. Ask your admin to check the client id."
_AGAIN_WORDS = "{host} does not accept this sign-in any more. Reconnect to sign in again; everything stays as it is."


def usable_credential(connection: Connection, way: Authentication | None) -> Mapping[str, Any]:
    """Return the credential that requests of this connection use now, refreshed where it is about to end.

    Raises:
        ReconnectNeeded: it has ended, and the service gives no other.
        TokenEndpointFailed: the service cannot be asked just now.
    """
    credential: Mapping[str, Any] = connection.credential
    if way is None or not way.needs_sign_in or not _ends_within(credential, SKEW_S):
        return credential
    try:
        return renewed(connection, way, seen=credential)
    except TokenEndpointFailed:
        if _ends_within(credential, _STILL_GOOD_S):
            raise
        logger.info("connection %s: its token is not renewed yet and still good for a moment", connection.pk)
        return credential


def renewed(connection: Connection, way: Authentication, *, seen: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a credential other than the one that was `seen`, which ends or was refused; ask for it if need be.

    Raises:
        ReconnectNeeded: there is none without the student.
        TokenEndpointFailed: the service cannot be asked just now; nothing is lost.
    """
    manifest = connection.manifest
    host = token_host(manifest, way, connection.configuration) if manifest else connection.plugin
    deadline = time.monotonic() + PATIENCE_S
    pause_s, key = 0.05, secrets.token_hex(16)
    while True:
        if _claim(connection, key):
            break
        if (current := _stored(connection)).get("access_token") != seen.get("access_token"):
            return current
        if time.monotonic() > deadline:
            raise TokenEndpointFailed(f"The sign-in at {host} is being renewed. Try again in a moment.")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)
    try:
        # Read under the lease: whoever held it before may have brought a new one.
        current = _stored(connection)
        if current.get("access_token") != seen.get("access_token"):
            return current
        if not current.get("refresh_token") or manifest is None:
            raise ReconnectNeeded(_AGAIN_WORDS.format(host=host), retryable=False)
        return _refresh(connection, manifest, way, current, key=key, host=host)
    finally:
        Connection.objects.filter(pk=connection.pk, renewal_key=key).update(renewal_key="", renewal_until=None)


def exchange_code(
    way: Authentication, client: OAuthClient, token_url: str, *, code: str, redirect_uri: str, verifier: str
) -> dict[str, Any]:
    """Trade a code for a credential.

    Raises:
        TokenRefused: the service says no.
        TokenEndpointFailed: it could not be asked.
    """
    form = protocol.code_form(way, code=code, redirect_uri=redirect_uri, verifier=verifier)
    return _ask(way, client, token_url, form)


def refresh(way: Authentication, client: OAuthClient, token_url: str, credential: Mapping[str, Any]) -> dict[str, Any]:
    """Trade a refresh token for a new credential.

    Raises:
        TokenRefused: the service says no.
        TokenEndpointFailed: it could not be asked.
    """
    new = _ask(way, client, token_url, protocol.refresh_form(str(credential["refresh_token"])))
    return protocol.refreshed(credential, new)


def _refresh(
    connection: Connection, manifest: Manifest, way: Authentication, current: Mapping[str, Any], *, key: str, host: str
) -> Mapping[str, Any]:
    from django.core.exceptions import ValidationError

    try:
        client = client_for(manifest, way, connection.configuration)
    except ValidationError as error:
        raise TokenEndpointFailed(" ".join(error.messages), retryable=False) from error
    try:
        new = refresh(way, client, manifest.address(way.token_url, connection.configuration), current)
    except protocol.TokenRefused as error:
        if error.code in protocol.GRANT_REFUSED:
            # Forgotten at once, so that nobody asks with it again: a service may take that for theft.
            _write(connection, key, {**current, "refresh_token": ""})
            raise ReconnectNeeded(_AGAIN_WORDS.format(host=host), retryable=False) from error
        if error.code in protocol.CLIENT_REFUSED:
            raise TokenEndpointFailed(_CLIENT_WORDS.format(host=host), retryable=False) from error
        words = f"{host} could not renew the sign-in ({error.code.replace('_', ' ')}). It is tried again."
        raise TokenEndpointFailed(words, retryable=True) from error
    _write(connection, key, new)
    # What stands in the row counts: a student who reconnected meanwhile has taken the lease away.
    return _stored(connection)


def _ask(way: Authentication, client: OAuthClient, token_url: str, form: str) -> dict[str, Any]:
    who = protocol.Client(client.client_id, str(client.client_secret or ""))
    headers, content = protocol.proven(way, who, form)
    reply = endpoint.send("POST", token_url, headers=headers, content=content)
    return protocol.read_tokens(reply.status, reply.content_type, reply.body)


def _claim(connection: Connection, key: str) -> bool:
    free = Q(renewal_until__isnull=True) | Q(renewal_until__lt=Now())
    rows = Connection.objects.filter(free, pk=connection.pk)
    return bool(rows.update(renewal_key=key, renewal_until=Now() + LEASE))


def _stored(connection: Connection) -> dict[str, Any]:
    row = Connection.objects.filter(pk=connection.pk).only("credential").first()
    if row is None:
        raise ReconnectNeeded("The connection was removed meanwhile.", retryable=False)
    return row.credential


def _write(connection: Connection, key: str, credential: Mapping[str, Any]) -> None:
    Connection.objects.filter(pk=connection.pk, renewal_key=key).update(credential=dict(credential))


def _ends_within(credential: Mapping[str, Any], seconds: float) -> bool:
    """Tell whether a token ends soon; one without an end never does."""
    ends = credential.get("expires_at")
    return ends is not None and float(ends) - time.time() < seconds
