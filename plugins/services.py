"""Changes to connections, and the running of actions. Pages, API, workflows and agents come through here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.kernel import hooks
from coreengine.kernel.events import record
from plugins import calls
from plugins.confirmation import check_confirmed
from plugins.errors import NothingWatchesSync, PluginNotInstalled, PluginSwitchedOff
from plugins.models import ActionCall, CachedAnswer, Connection
from plugins.registry import PluginOff, PluginUnknown, get_manifest
from plugins.rules import check_configuration, check_credential, credential_fields, home_settings

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from plugins.contract import ActionResult
    from plugins.manifest import Authentication, Manifest

logger = logging.getLogger(__name__)

# Codes of failures that lie in what the student typed, by the place where it was typed.
CREDENTIAL_FAULTS = {"credential_rejected"}
HOME_FAULTS = {"unreachable", "private_address", "not_data", "tls_failed", "host_not_allowed", "not_https"}


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


def chosen_way(manifest: Manifest, name: str) -> Authentication | None:
    """Return the way to an account that was chosen; None where the plugin needs none.

    Raises:
        ValidationError: the plugin has no such way.
    """
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

    `way` is the name of one of the manifest's ways to an account, "" for the first.

    The connection counts as made once the other side accepted it; a worker finds that out and is waited for
    (`wait_s`, by default as long as pages wait). If it takes longer, the connection is returned while `checking`
    and completes by itself. Connecting the same plugin twice gives two connections.

    Raises:
        PluginNotInstalled: there is no such plugin.
        ValidationError: by field, also where the other side refused (`token`, the host's setting); nothing is kept.
    """
    manifest = installed_manifest(plugin)
    chosen = chosen_way(manifest, way)
    cleaned, secret = _checked(manifest, chosen, configuration, credential)
    with transaction.atomic():
        connection = Connection.objects.create(
            owner=owner,
            plugin=manifest.name,
            way=chosen.name if chosen else "",
            label=_label(manifest, label, cleaned),
            configuration=cleaned,
            credential=secret,
        )
        record("connection.created", actor=by, subject=connection, data=_told(connection))
        call = calls.ask(connection, by=by, method="authenticate")
    calls.wait_for(call, wait_s)
    connection.refresh_from_db()
    if call.is_finished and connection.confirmed_at is None:
        _forget(connection, by=by, reason=call.error_code)
        raise ValidationError(_field_errors(manifest, chosen, call))
    return connection


def update_connection(
    connection: Connection,
    *,
    by: User,
    configuration: Mapping[str, Any] | None = None,
    credential: Mapping[str, Any] | None = None,
    label: str | None = None,
    wait_s: float | None = None,
) -> Connection:
    """Change a connection and try it out again; what is None, and an empty token, stays as it is.

    Raises:
        ValidationError: by field, also where the other side refused; then the old values stand.
    """
    manifest = installed_manifest(connection.plugin)
    given = {} if credential is None else {name: value for name, value in credential.items() if value}
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=connection.pk)
        before = (connection.configuration, connection.credential, connection.label, connection.health)
        cleaned, secret = _checked(
            manifest,
            manifest.way(connection.way),
            connection.configuration if configuration is None else configuration,
            given or connection.credential,
        )
        is_other = (cleaned, secret) != (connection.configuration, connection.credential)
        needs_test = secret != connection.credential or _hosts_differ(manifest, connection.configuration, cleaned)
        connection.configuration, connection.credential = cleaned, secret
        if label is not None:
            connection.label = _label(manifest, label, cleaned)
        if needs_test:
            connection.health = Connection.Health.CHECKING
            CachedAnswer.objects.filter(connection=connection).delete()
        connection.save()
        if is_other or label is not None:
            record("connection.updated", actor=by, subject=connection, data=_told(connection))
        if is_other and not needs_test and connection.confirmed_at:
            hooks.call("connection.saved", connection=connection, by=by)
        call = calls.ask(connection, by=by, method="authenticate") if needs_test else None
    if call is None:
        return connection
    calls.wait_for(call, wait_s)
    connection.refresh_from_db()
    if call.is_finished and call.error and call.error_code in CREDENTIAL_FAULTS | HOME_FAULTS:
        _restore(connection, before, by=by)
        raise ValidationError(_field_errors(manifest, manifest.way(connection.way), call))
    return connection


@transaction.atomic
def disconnect(connection: Connection, *, by: User) -> None:
    """Remove a connection, its token, its record and its schedule. What it brought in stays the student's."""
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    hooks.call("connection.removed", connection=connection, by=by)
    record("connection.removed", actor=by, subject=connection, owner=connection.owner, data=_told(connection))
    connection.delete()


def test_connection(connection: Connection, *, by: User, wait_s: float | None = None) -> ActionCall:
    """Ask the other side who the student is; return the call, finished or still on its way.

    Raises:
        PluginSwitchedOff: an admin switched the plugin off.
    """
    _refuse_if_off(connection)
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(health=Connection.Health.CHECKING)
        call = calls.ask(connection, by=by, method="authenticate")
    return calls.wait_for(call, wait_s)


@transaction.atomic
def request_sync(connection: Connection, *, by: User) -> str:
    """Start the sync of a connection; return the address of the execution to watch.

    Raises:
        NothingWatchesSync: no workflow syncs this plugin.
        PluginSwitchedOff: an admin switched the plugin off.
    """
    _refuse_if_off(connection)
    record("connection.sync_requested", actor=by, subject=connection, data={"plugin": connection.plugin})
    answers = hooks.call("connection.sync_requested", connection=connection, by=by)
    if not answers:
        raise NothingWatchesSync(f"No workflow syncs {connection.plugin_title} yet. Make one on the workflows page.")
    return str(answers[0])


def call_action(
    connection: Connection,
    action: str,
    params: Mapping[str, Any],
    *,
    by: User | None,
    timeout_s: float = 60,
    idempotency_key: str = "",
    confirmation: str = "",
) -> ActionResult:
    """Run one action of a plugin in this process and return how it ended. For workers; doors use `ask_action`.

    Bad parameters and every failure of plugin, sandbox or other side are results with `success` false, words for
    people in `error`, and `retryable` set where the same call may work later. So is an action that needs a person's
    yes and comes without `confirmation="approved"`: its error code is `confirmation_needed`.
    """
    return calls.run_here(
        connection,
        action,
        params,
        by=by,
        timeout_s=timeout_s,
        idempotency_key=idempotency_key,
        confirmation=confirmation,
    )


def ask_action(
    connection: Connection,
    action: str,
    params: Mapping[str, Any],
    *,
    by: User,
    wait_s: float | None = None,
    idempotency_key: str = "",
    confirmation: str = "",
) -> ActionCall:
    """Let a plugin worker run one action and wait for it a while; the call's row is the status.

    Raises:
        PluginNotInstalled: the plugin is not there.
        ValidationError: by parameter.
        ConfirmationNeeded: it needs a person's yes, which is said by `confirmation="approved"`.
    """
    from plugins.rules import check_params

    manifest = installed_manifest(connection.plugin)
    cleaned = check_params(manifest, action, params)
    check_confirmed(manifest, action, cleaned, confirmation)
    with transaction.atomic():
        call = calls.ask(connection, by=by, action=action, params=cleaned, idempotency_key=idempotency_key)
    return calls.wait_for(call, wait_s)


# --- Pieces --------------------------------------------------------------------------------------------------


def _refuse_if_off(connection: Connection) -> None:
    try:
        get_manifest(connection.plugin)
    except PluginOff as error:
        raise PluginSwitchedOff(str(error)) from error
    except PluginUnknown:
        return  # the call that follows says so in its record


def _checked(
    manifest: Manifest,
    way: Authentication | None,
    configuration: Mapping[str, Any],
    credential: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, str]]:
    """Check settings and credential together, so that all faults are named at once."""
    errors: dict[str, Any] = {}
    cleaned: dict[str, Any] = {}
    secret: dict[str, str] = {}
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


def _label(manifest: Manifest, label: str, configuration: Mapping[str, Any]) -> str:
    """Name a connection as the student did, else after the plugin and its host."""
    if label.strip():
        return label.strip()[:100]
    host = next(iter(manifest.hosts(configuration)), "")
    return f"{manifest.title} at {host}"[:100] if home_settings(manifest) and host else manifest.title


def _hosts_differ(manifest: Manifest, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return manifest.hosts(before) != manifest.hosts(after)


def _told(connection: Connection) -> dict[str, Any]:
    """Return what the event log may know: never a credential."""
    return {
        "plugin": connection.plugin,
        "label": connection.label,
        "configuration": connection.configuration,
    }


def _field_errors(manifest: Manifest, way: Authentication | None, call: ActionCall) -> dict[str, str]:
    """Put the words of a failed try at the field that the student has to change."""
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
    connection.delete()


@transaction.atomic
def _restore(connection: Connection, before: tuple[Any, Any, str, str], *, by: User) -> None:
    """Put the values back that worked."""
    connection.configuration, connection.credential, connection.label, connection.health = before
    connection.last_error = connection.last_error_code = ""
    connection.last_checked_at = timezone.now()
    connection.save()
    CachedAnswer.objects.filter(connection=connection).delete()
    record("connection.updated", actor=by, subject=connection, data={**_told(connection), "restored": True})
