"""Giving tokens back when a connection goes: after the commit, by a worker, a few times, and never in the way."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from coreengine.kernel.events import record
from coreengine.kernel.notifications import notify
from plugins.errors import TokenEndpointFailed
from plugins.manifest import Authentication, Manifest, manifest_from
from plugins.models import Connection
from plugins.oauth import endpoint, protocol, tokens
from plugins.oauth.models import OAuthClient, TokenToRevoke

if TYPE_CHECKING:
    from coreengine.accounts.models import User

logger = logging.getLogger(__name__)
MAX_TRIES = 4
PAUSE = timedelta(minutes=2)


def give_back(connection: Connection) -> bool:
    """Put a connection's token on the list of those to revoke; False where there is nothing to give back.

    Left alone where another connection of the student is signed in to the same account: some services end everything
    that the account gave to this installation, and that one would stop working.
    """
    way = connection.authentication
    if way is None or way.revocation is None or not connection.credential.get("access_token"):
        return False
    account = (connection.identity or {}).get("id")
    manifest = connection.manifest
    ways = [each.name for each in (manifest.ways if manifest else ()) if each.needs_sign_in]
    same = Connection.objects.filter(owner_id=connection.owner_id, plugin=connection.plugin, way__in=ways)
    if account and same.filter(identity__id=account).exclude(pk=connection.pk).exists():
        return False
    add(connection, connection.credential)
    return True


def give_back_all_of(user: User) -> None:
    """Put every token of a student who is being deleted on the list, which outlives the student."""
    for connection in Connection.objects.filter(owner=user):
        if connection.credential.get("access_token"):
            add(connection, connection.credential, is_owner_leaving=True)


def add(connection: Connection, credential: dict[str, object], *, is_owner_leaving: bool = False) -> None:
    """Put one token of a connection on the list, and hint a worker at it on commit."""
    from plugins.tasks import revoke_token

    manifest = connection.manifest
    way = manifest.way(connection.way) if manifest else None
    if manifest is None or way is None or way.revocation is None:
        return
    row = TokenToRevoke.objects.create(
        owner=None if is_owner_leaving else connection.owner,
        plugin=connection.plugin,
        way=connection.way,
        label=connection.label,
        connection_id_was=connection.pk,
        configuration=connection.configuration,
        manifest=manifest.document,
        credential=credential,
        client=_client(manifest, way, connection.configuration),
    )
    revoke_token.delay_on_commit(row.pk)


def revoke(row_id: int) -> bool:
    """Tell the service that a token is given back; True once that is settled. Safe to run twice.

    A failure that may pass is tried again later, a few times; then the student is told to look there.
    """
    with transaction.atomic():
        row = TokenToRevoke.objects.select_for_update(skip_locked=True).filter(pk=row_id).first()
        if row is None or row.next_try_at > timezone.now():
            return row is None
        row.tries += 1
        row.next_try_at = timezone.now() + PAUSE * 4**row.tries / 4
        row.save(update_fields=["tries", "next_try_at"])
    problem, retryable = _tell(row)
    if problem and retryable and row.tries < MAX_TRIES:
        return False
    with transaction.atomic():
        if not TokenToRevoke.objects.filter(pk=row.pk).delete()[0]:
            return True
        what = "connection.token_left" if problem else "connection.token_revoked"
        data = {"plugin": row.plugin, **({"reason": problem} if problem else {})}
        record(what, actor=None, subject=("plugins.connection", row.connection_id_was), owner=row.owner, data=data)
        if problem and row.owner is not None:
            notify(
                row.owner,
                title=f"{row.label} is disconnected, its sign-in not yet",
                content=f"{problem} Remove Core Engine from the list of allowed programs there.",
                kind="connection",
            )
    return True


def take_up() -> int:
    """Hint at tokens whose next try is due; return how many."""
    from plugins.tasks import revoke_token

    due = list(TokenToRevoke.objects.filter(next_try_at__lt=timezone.now()).values_list("pk", flat=True)[:100])
    for pk in due:
        revoke_token.delay(pk)
    return len(due)


def _tell(row: TokenToRevoke) -> tuple[str, bool]:
    """Make the call; return what went wrong ("" for nothing) and whether it may go better later."""
    manifest = manifest_from(row.manifest)
    way = manifest.way(row.way)
    if way is None or way.revocation is None:
        return f"{manifest.title} has no way to give a sign-in back.", False
    if row.client is None:
        return f"The client of {manifest.title} is not set up here any more.", False
    address = manifest.address(way.revocation.url, {**row.configuration, "client_id": row.client.client_id})
    try:
        _freshen(row, manifest, way)
        headers, content = _proof(way, row)
        reply = endpoint.send(way.revocation.method, address, headers=headers, content=content)
    except TokenEndpointFailed as error:
        return str(error), error.retryable
    # A token that is not known there any more is what was wanted.
    is_unknown = reply.status == 404 or (reply.status == 401 and way.revocation.proof == "bearer")
    if reply.status < 300 or is_unknown or b'"invalid_token"' in reply.body:
        return "", False
    return f"{manifest.title} did not take the sign-in back (answer {reply.status}).", reply.status >= 429


def _freshen(row: TokenToRevoke, manifest: Manifest, way: Authentication) -> None:
    """Where the token itself is the proof, it must be a living one."""
    ends = row.credential.get("expires_at")
    is_over = ends is not None and float(ends) < timezone.now().timestamp() + 10
    if way.revocation is None or way.revocation.proof != "bearer" or not is_over:
        return
    if not row.credential.get("refresh_token"):
        return
    try:
        url = manifest.address(way.token_url, row.configuration)
        row.credential = tokens.refresh(way, row.client, url, row.credential)
    except protocol.TokenRefused as error:
        logger.info("token %s is not renewed before it is given back: %s", row.pk, error.code)
        return
    row.save(update_fields=["credential"])


def _proof(way: Authentication, row: TokenToRevoke) -> tuple[dict[str, str], bytes]:
    assert way.revocation is not None
    access = str(row.credential["access_token"])
    client = protocol.Client(row.client.client_id, str(row.client.client_secret or ""))
    match way.revocation.proof:
        case "bearer":
            return {"authorization": f"Bearer {access}", "accept": "application/json"}, b""
        case "client_basic_json":
            headers = {"authorization": protocol.basic(client), "accept": "application/json"}
            body = json.dumps({"access_token": access}).encode()
            return {**headers, "content-type": "application/json"}, body
    refresh = str(row.credential.get("refresh_token") or "")
    form = protocol.revocation_form(refresh or access, "refresh_token" if refresh else "access_token")
    return protocol.proven(way, client, form)


def _client(manifest: Manifest, way: Authentication, configuration: dict[str, object]) -> OAuthClient | None:
    from django.core.exceptions import ValidationError

    from plugins.oauth.clients import client_for

    try:
        return client_for(manifest, way, configuration)
    except ValidationError:
        return None
