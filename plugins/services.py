"""Changes to connections, and the running of actions. Pages, API, workflows and agents come through here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from coreengine.kernel import hooks
from coreengine.kernel.events import record
from plugins import calls
from plugins.confirmation import check_confirmed
from plugins.connecting import (
    chosen_way,
    connect,
    disconnect,
    installed_manifest,
    needs_sign_in,
    refuse_if_off,
    test_connection,
    update_connection,
)
from plugins.errors import NothingWatchesSync
from plugins.models import ActionCall, Connection

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from plugins.contract import ActionResult

__all__ = [
    "ask_action",
    "call_action",
    "chosen_way",
    "connect",
    "disconnect",
    "installed_manifest",
    "needs_sign_in",
    "request_sync",
    "test_connection",
    "update_connection",
]


@transaction.atomic
def request_sync(connection: Connection, *, by: User) -> str:
    """Start the sync of a connection; return the address of the execution to watch.

    Raises:
        NothingWatchesSync: no workflow syncs this plugin.
        PluginSwitchedOff: an admin switched the plugin off.
    """
    refuse_if_off(connection)
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
