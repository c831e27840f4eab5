"""Making, changing, testing and removing connections. Doors reach this through `plugins.services`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.kernel import hooks
from coreengine.kernel.events import record
from plugins import calls
from plugins.errors import PluginNotInstalled, PluginSwitchedOff
from plugins.models import ActionCall, CachedAnswer, Connection
from plugins.registry import PluginOff, PluginUnknown, get_manifest
from plugins.rules import check_configuration, check_credential, credential_fields, home_settings, with_feed_host

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from plugins.manifest import Authentication, Manifest
    from plugins.oauth.models import SignIn

logger = logging.getLogger(__name__)
STOP_WAIT_S = 5.0

# Codes of failures that lie in what the student typed, by the place where it was typed.
CREDENTIAL_FAULTS = {"credential_rejected"}
HOME_FAULTS = {"unreachable", "private_address", "not_data", "tls_failed", "host_not_allowed", "not_https"}
# Beside those, what makes a change not worth keeping.
CHANGE_FAULTS = {"configuration_refused", "other_account", "reconnect_needed"}


def installed_manifest(plugin: str) -> Manifest:
    """Return a plugin's manifest.

    Raises:
        PluginSwitchedOff: an admin switched it off.
        PluginNotInstalled: it is not there, or its manifest is faulty.
    """
    try:
        return get_manifest(plugin)
    except PluginOff as error:
        raise PluginSwitchedOff(str(error)) from error
    except PluginUnknown as error:
        raise PluginNotInstalled(str(error)) from error


def refuse_if_off(connection: Connection) -> None:
    """Say that an admin switched the plugin off, where one did.

    Raises:
        PluginSwitchedOff: an admin did.
    """
    try:
        get_manifest(connection.plugin)
    except PluginOff as error:
        raise PluginSwitchedOff(str(error)) from error
    except PluginUnknown:
        return  # the call that follows says so in its record


def chosen_way(manifest: Manifest, name: str, given: Mapping[str, Any] | None = None) -> Authentication | None:
    """Return the way to an account that was chosen; None where the plugin needs none.

    Without a name it is the first that takes what was `given` of a credential, else the first.

    Raises:
        ValidationError: the plugin has no such way.
    """
    fields = {field for field, value in (given or {}).items() if value}
    if not name and fields:
        fitting = [way for way in manifest.ways if fields <= set(credential_fields(way))]
        return fitting[0] if fitting else manifest.authentication
    way = manifest.way(name)
    if way is None and name:
        known = ", ".join(each.name for each in manifest.ways) or "none"
        raise ValidationError({"way": f"{manifest.title} has no such way to connect; it has {known}."})
    return way


def connect(
    owner: User,
    plugin: str,
    *,
    configuration: Mapping[str, Any],
    credential: Mapping[str, Any],
    by: User,
    label: str = "",
    way: str = "",
    wait_s: float | None = None,
) -> Connection:
    """Connect a plugin and try it out.

    `way` is the name of one of the manifest's ways to an account, "" for the first that takes such a credential.

    The connection counts as made once the other side accepted it; a worker finds that out and is waited for
    (`wait_s`, by default as long as pages wait). If it takes longer, the connection is returned while `checking`
    and completes by itself. Connecting the same plugin twice gives two connections.

    Raises:
        PluginNotInstalled: there is no such plugin.
        ValidationError: by field, also where the other side refused (`token`, the host's setting); nothing is kept.
    """
    manifest = installed_manifest(plugin)
    chosen = chosen_way(manifest, way, credential)
    if chosen is not None and chosen.needs_sign_in:
        raise ValidationError({"way": f"{chosen.shown_title} needs you to sign in at the service: start a sign-in."})
    cleaned, secret = _checked(manifest, chosen, configuration, credential)
    connection, call = _make(owner, manifest, chosen, cleaned, secret, label=label, by=by)
    calls.wait_for(call, wait_s)
    return _settle(connection, call, manifest, chosen, by=by)


def connect_with_tokens(
    sign_in: SignIn, manifest: Manifest, way: Authentication, credential: dict[str, Any]
) -> Connection:
    """Connect, or reconnect, with what a sign-in brought back; runs in a worker and does all of it there.

    Raises:
        ValidationError: by field, where the other side refused; nothing is kept, and the token is given back.
    """
    from plugins.oauth import revocation

    owner = sign_in.owner
    if sign_in.is_reconnect and sign_in.connection is None:
        raise ValidationError("The connection was removed meanwhile, so there is nothing to reconnect.")
    cleaned = check_configuration(manifest, sign_in.configuration)
    if sign_in.connection is None:
        connection, call = _make(owner, manifest, way, cleaned, credential, label=sign_in.label, by=owner, hint=False)
        calls.run_row(call.pk)
        try:
            return _settle(connection, call, manifest, way, by=owner)
        except ValidationError:
            revocation.add(connection, credential)
            raise
    change = _change(
        sign_in.connection, manifest, way, cleaned, credential, label=sign_in.label or None, by=owner, is_sign_in=True
    )
    assert change.call is not None
    calls.run_row(change.call.pk)
    try:
        return _settle_change(change, manifest, way, by=owner)
    except ValidationError:
        # Of the same account it stays: some services would end the old sign-in together with the new one.
        if change.call.error_code == "other_account":
            revocation.add(change.connection, credential)
        raise


def update_connection(
    connection: Connection,
    *,
    by: User,
    configuration: Mapping[str, Any] | None = None,
    credential: Mapping[str, Any] | None = None,
    label: str | None = None,
    way: str | None = None,
    wait_s: float | None = None,
) -> Connection:
    """Change a connection and try it out again; what is None, and an empty token, stays as it is.

    Raises:
        ValidationError: by field, also where the other side refused; then the old values stand. At `way` where the
            change needs the student to sign in at the service.
    """
    manifest = installed_manifest(connection.plugin)
    target = chosen_way(manifest, connection.way if way is None else way)
    if needs_sign_in(connection, manifest, target, configuration):
        raise ValidationError({"way": "This change needs you to sign in at the service again: start a sign-in."})
    given = {} if credential is None else {name: value for name, value in credential.items() if value}
    is_same_way = target == manifest.way(connection.way)
    kept = connection.credential if is_same_way else {}
    cleaned, secret = _checked(
        manifest,
        target,
        connection.configuration if configuration is None else configuration,
        {**kept, **given} if target is not None and target.type == "basic_auth" else given or kept,
    )
    if target is not None and target.needs_sign_in:
        secret = None
    change = _change(connection, manifest, target, cleaned, secret, label=label, by=by)
    if change.call is None:
        return change.connection
    calls.wait_for(change.call, wait_s)
    return _settle_change(change, manifest, target, by=by)


def needs_sign_in(
    connection: Connection,
    manifest: Manifest,
    way: Authentication | None,
    configuration: Mapping[str, Any] | None,
) -> bool:
    """Tell whether a change can only be made by signing in: the way is another, or the host is."""
    if way is None or not way.needs_sign_in:
        return False
    current = manifest.way(connection.way)
    if current != way or not connection.credential.get("access_token"):
        return True
    return configuration is not None and _hosts_differ(manifest, connection.configuration, configuration)


def disconnect(connection: Connection, *, by: User) -> None:
    """Remove a connection, its token, its record and its schedule. What it brought in stays the student's.

    Where the service was asked to tell of changes, the plugin is asked first to end that, for a moment at most; a
    sign-in is given back to the service by a worker, after the commit.
    """
    from plugins.oauth import revocation

    _stop_telling(connection, by)
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=connection.pk)
        hooks.call("connection.removed", connection=connection, by=by)
        revocation.give_back(connection)
        record("connection.removed", actor=by, subject=connection, owner=connection.owner, data=_told(connection))
        connection.delete()


def test_connection(connection: Connection, *, by: User, wait_s: float | None = None) -> ActionCall:
    """Ask the other side who the student is; return the call, finished or still on its way.

    Raises:
        PluginSwitchedOff: an admin switched the plugin off.
    """
    refuse_if_off(connection)
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(health=Connection.Health.CHECKING)
        call = calls.ask(connection, by=by, method="authenticate")
    return calls.wait_for(call, wait_s)


def _stop_telling(connection: Connection, by: User) -> None:
    """Ask the plugin to end what it set up at the other side; a refusal or silence keeps nobody from leaving."""
    manifest = connection.manifest
    if manifest is None or connection.health != Connection.Health.HEALTHY:
        return
    known = set(connection.webhooks.values_list("name", flat=True))
    actions = {webhook.stop for webhook in manifest.webhooks if webhook.stop and webhook.name in known}
    for action in sorted(actions):
        with transaction.atomic():
            call = calls.ask(connection, by=by, action=action)
        if calls.wait_for(call, STOP_WAIT_S).status != "completed":
            logger.warning("%s did not end in time for connection %s", action, connection.pk)


# --- Pieces --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was written and may have to be taken back; `call` tries it out, None if it needs none."""

    connection: Connection
    before: Mapping[str, Any]
    call: ActionCall | None


@transaction.atomic
def _make(
    owner: User,
    manifest: Manifest,
    way: Authentication | None,
    configuration: dict[str, Any],
    credential: dict[str, Any],
    *,
    label: str,
    by: User,
    hint: bool = True,
) -> tuple[Connection, ActionCall]:
    connection = Connection.objects.create(
        owner=owner,
        plugin=manifest.name,
        way=way.name if way else "",
        label=_label(owner, manifest, label, configuration),
        configuration=configuration,
        credential=credential,
    )
    record("connection.created", actor=by, subject=connection, data=_told(connection))
    call = calls.ask(connection, by=by, method="authenticate", params={"validate": True}, hint=hint)
    return connection, call


def _settle(
    connection: Connection, call: ActionCall, manifest: Manifest, way: Authentication | None, *, by: User
) -> Connection:
    """Return a connection that was accepted, or is still being asked; forget one that was refused."""
    call.refresh_from_db()
    connection.refresh_from_db()
    if call.is_finished and connection.confirmed_at is None:
        _forget(connection, by=by, reason=call.error_code)
        raise ValidationError(_field_errors(manifest, way, call))
    return connection


@transaction.atomic
def _change(
    connection: Connection,
    manifest: Manifest,
    way: Authentication | None,
    configuration: dict[str, Any],
    credential: Mapping[str, Any] | None,
    *,
    label: str | None,
    by: User,
    is_sign_in: bool = False,
) -> Change:
    """Write a change, and ask for a try where settings or credential are others; None keeps the credential."""
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    before = {name: getattr(connection, name) for name in _CHANGED}
    secret = connection.credential if credential is None else dict(credential)
    is_other = (configuration, secret) != (connection.configuration, connection.credential)
    hosts_differ = _hosts_differ(manifest, connection.configuration, configuration)
    needs_test = is_sign_in or secret != connection.credential or hosts_differ
    connection.configuration, connection.way = configuration, way.name if way else ""
    if credential is not None:
        # Whoever is refreshing the old token right now has lost the right to write it.
        connection.credential, connection.renewal_key, connection.renewal_until = secret, "", None
    if label is not None:
        connection.label = _label(connection.owner, manifest, label, configuration, but=connection.pk)
    if needs_test:
        connection.health = Connection.Health.CHECKING
        CachedAnswer.objects.filter(connection=connection).delete()
    connection.save()
    if is_other or label is not None:
        record("connection.updated", actor=by, subject=connection, data=_told(connection))
    if is_other and not needs_test and connection.confirmed_at:
        hooks.call("connection.saved", connection=connection, by=by)
    if not needs_test:
        return Change(connection, before, None)
    account = before["identity"].get("id") if is_sign_in else ""
    params = {"validate": True, **({"expects": account} if account else {})}
    call = calls.ask(connection, by=by, method="authenticate", params=params, hint=not is_sign_in)
    return Change(connection, before, call)


def _settle_change(change: Change, manifest: Manifest, way: Authentication | None, *, by: User) -> Connection:
    """Return a changed connection; put the old values back where the other side does not take the new ones."""
    assert change.call is not None
    call, connection = change.call, change.connection
    call.refresh_from_db()
    connection.refresh_from_db()
    if call.is_finished and call.error and call.error_code in CREDENTIAL_FAULTS | HOME_FAULTS | CHANGE_FAULTS:
        _restore(connection, change.before, by=by)
        raise ValidationError(_field_errors(manifest, way, call))
    return connection


def _checked(
    manifest: Manifest,
    way: Authentication | None,
    configuration: Mapping[str, Any],
    credential: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check settings and credential together, so that all faults are named at once."""
    errors: dict[str, Any] = {}
    cleaned: dict[str, Any] = {}
    secret: dict[str, str] = {}
    if way is not None and way.type == "feed_url":
        configuration = with_feed_host(manifest, configuration, credential)
    try:
        cleaned = check_configuration(manifest, configuration)
    except ValidationError as error:
        errors |= error.error_dict
    try:
        secret = check_credential(manifest, way, credential, cleaned or configuration)
    except ValidationError as error:
        errors |= error.error_dict
    if errors:
        raise ValidationError(errors)
    return cleaned, secret


def _label(
    owner: User, manifest: Manifest, label: str, configuration: Mapping[str, Any], *, but: int | None = None
) -> str:
    """Name a connection as the student did, else after the plugin and its host, and unlike the others."""
    if label.strip():
        return label.strip()[:100]
    host = next(iter(manifest.hosts(configuration)), "")
    usual = f"{manifest.title} at {host}"[:90] if home_settings(manifest) and host else manifest.title
    taken = set(Connection.objects.filter(owner=owner).exclude(pk=but).values_list("label", flat=True))
    return next(name for name in (usual, *(f"{usual} ({n})" for n in range(2, 10_000))) if name not in taken)


def _hosts_differ(manifest: Manifest, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return manifest.hosts(before) != manifest.hosts(after)


def _told(connection: Connection) -> dict[str, Any]:
    """Return what the event log may know: never a credential."""
    return {
        "plugin": connection.plugin,
        "way": connection.way,
        "label": connection.label,
        "configuration": connection.configuration,
    }


def _field_errors(manifest: Manifest, way: Authentication | None, call: ActionCall) -> dict[str, str]:
    """Put the words of a failed try at the field that the student has to change."""
    if call.error_code == "configuration_refused":
        found = call.result if isinstance(call.result, dict) else {}
        fields = manifest.settings_schema.get("properties", {})
        errors = {name: str(text) for name, text in found.items() if name in fields}
        return errors or {"__all__": call.error}
    secrets = list(credential_fields(way))
    if call.error_code in CREDENTIAL_FAULTS and secrets:
        return {secrets[-1]: call.error}
    homes = home_settings(manifest)
    if call.error_code in HOME_FAULTS and homes:
        return {homes[0]: call.error}
    return {"__all__": call.error}


@transaction.atomic
def _forget(connection: Connection, *, by: User, reason: str) -> None:
    """Remove a connection that never worked."""
    record(
        "connection.refused",
        actor=by,
        subject=connection,
        owner=connection.owner,
        data={**_told(connection), "reason": reason},
    )
    Connection.objects.filter(pk=connection.pk).delete()


_CHANGED = (
    "configuration",
    "credential",
    "way",
    "label",
    "identity",
    "health",
    "last_error",
    "last_error_code",
    "failing_since",
)


@transaction.atomic
def _restore(connection: Connection, before: Mapping[str, Any], *, by: User) -> None:
    """Put the values back that were there."""
    for name, value in before.items():
        setattr(connection, name, value)
    connection.last_checked_at = timezone.now()
    connection.save(update_fields=[*before, "last_checked_at", "updated_at"])
    CachedAnswer.objects.filter(connection=connection).delete()
    record("connection.updated", actor=by, subject=connection, data={**_told(connection), "restored": True})
