"""The one mechanism behind everything a plugin is asked: a row, a worker that runs it, and doors that wait.

Web processes only make the row and read it. The message to the worker is a hint: delivered twice, the second
finds the row taken; lost, `take_up_forgotten` finds the row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from coreengine.kernel import hooks
from coreengine.kernel.events import record
from coreengine.kernel.notifications import notify
from coreengine.kernel.statuses import Status
from plugins import call_rows, heartbeat
from plugins.conf import plugin_settings
from plugins.confirmation import check_confirmed
from plugins.contract import ActionResult
from plugins.errors import ConfirmationNeeded, DeliveryTaken
from plugins.models import ActionCall, Connection, GatewayCall
from plugins.registry import Plugin, PluginUnknown, get_plugin
from plugins.rules import check_params
from plugins.saving.noting import note_copy

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from plugins.running import Run

logger = logging.getLogger(__name__)
FORGOTTEN_AFTER = timedelta(seconds=30)
USE_NOTED_EVERY = timedelta(seconds=5)
"""Steps of one sync side by side would otherwise wait for each other at the connection's row."""
RESULTS_KEPT = timedelta(days=1)
CALLS_KEPT = timedelta(days=30)
LOG_KEPT = 20_000
WORKER_LOST = ActionResult(
    False,
    error="The worker that ran this ended before it was done. Try again.",
    error_code="worker_lost",
    retryable=True,
)

Settle = Callable[[Connection, ActionCall, ActionResult], None]
"""Records what else depends on how a call ended, in the same transaction and with the connection locked."""


def ask(
    connection: Connection,
    *,
    by: User,
    method: str = "execute_action",
    action: str = "",
    params: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
    hint: bool = True,
) -> ActionCall:
    """Make the row of a call and hint a plugin worker at it on commit; not where the caller runs it itself."""
    from plugins.tasks import run_action_call

    call = ActionCall.objects.create(
        owner_id=connection.owner_id,
        connection=connection,
        by=by,
        method=method,
        action=action,
        params=dict(params or {}),
        idempotency_key=idempotency_key,
    )
    if hint:
        run_action_call.delay_on_commit(call.pk)
    return call


def wait_for(call: ActionCall, wait_s: float | None = None) -> ActionCall:
    """Wait until a call is finished, at most as long as pages wait; return it as it is then."""
    deadline = time.monotonic() + (plugin_settings().PAGE_WAIT_S if wait_s is None else wait_s)
    pause_s = 0.02
    call.refresh_from_db()
    while not call.is_finished and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.25)
        call.refresh_from_db()
    return call


def run_row(call_id: int) -> ActionCall | None:
    """Run a waiting call; None if it is gone or someone else has it. Safe to call twice."""
    taken = ActionCall.objects.filter(pk=call_id, status=Status.PENDING).update(
        status=Status.RUNNING, started_at=timezone.now(), alive_at=Now()
    )
    if not taken:
        return None
    call = ActionCall.objects.select_related("connection__owner", "by").get(pk=call_id)
    _run(call, keep_result=True)
    return ActionCall.objects.filter(pk=call_id).first()


def run_here(
    connection: Connection,
    action: str,
    params: Mapping[str, Any],
    *,
    by: User | None,
    timeout_s: float,
    idempotency_key: str,
    confirmation: str,
) -> ActionResult:
    """Run an action in this process, see `services.call_action`."""
    try:
        plugin = get_plugin(connection.plugin)
        manifest = plugin.manifest
        assert manifest is not None
        cleaned = check_params(manifest, action, params)
        check_confirmed(manifest, action, cleaned, confirmation)
    except PluginUnknown as error:
        return ActionResult(False, error=str(error), error_code=error.code)
    except ValidationError as error:
        words = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        return ActionResult(False, error=words, error_code="invalid_params")
    except ConfirmationNeeded as error:
        return ActionResult(False, error=str(error), error_code=error.code)
    call = ActionCall(
        owner_id=connection.owner_id,
        connection=connection,
        by=by,
        action=action,
        params=cleaned,
        idempotency_key=idempotency_key,
        status=Status.RUNNING,
        started_at=timezone.now(),
        alive_at=Now(),
    )
    return _run(call, timeout_s=timeout_s, plugin=plugin)


def run_webhook(
    connection: Connection,
    webhook: str,
    *,
    delivery: Mapping[str, Any],
    number: int,
    settle: Settle,
) -> ActionResult:
    """Let the plugin handle a delivery in this process; `number` is its row.

    `settle` is told how it ended, in the transaction that records it: what it raises undoes all of it.

    Raises:
        DeliveryTaken: `settle` found that the delivery is somebody else's by now; nothing of this try counts.
    """
    call = ActionCall.objects.create(
        owner_id=connection.owner_id,
        connection=connection,
        method="handle_webhook",
        action=webhook,
        params={"delivery": number},
        idempotency_key=f"delivery:{number}",
        status=Status.RUNNING,
        started_at=timezone.now(),
        alive_at=Now(),
    )
    try:
        return _run(call, delivery=delivery, settle=settle)
    except DeliveryTaken as error:
        _give_up(call, ActionResult(False, error=str(error), error_code=error.code))
        raise


def take_up_forgotten() -> int:
    """Hint again at calls that wait too long, and end those whose worker is gone; return how many."""
    from plugins.tasks import run_action_call

    now = timezone.now()
    waiting = list(
        ActionCall.objects.filter(status=Status.PENDING)
        .older_than(now - FORGOTTEN_AFTER)
        .values_list("pk", flat=True)[:100]
    )
    for pk in waiting:
        run_action_call.delay(pk)
    running = ActionCall.objects.filter(status=Status.RUNNING)
    lost = list(
        running.filter(alive_at__lt=Now() - heartbeat.LOST_AFTER).select_related("connection__owner", "by")[:100]
    )
    for call in lost:
        _give_up(call, WORKER_LOST)
    return len(waiting) + len(lost)


def _give_up(call: ActionCall, result: ActionResult) -> None:
    """End a call that nobody finishes; a connection that waited for its outcome does not wait for ever."""
    with transaction.atomic():
        connection = Connection.objects.select_for_update(no_key=True).filter(pk=call.connection_id).first()
        ended = ActionCall.objects.filter(pk=call.pk, status=Status.RUNNING).update(
            status=Status.FAILED,
            finished_at=timezone.now(),
            error=result.error,
            error_code=result.error_code,
            is_retryable=result.retryable,
        )
        if ended and connection is not None and connection.health == Connection.Health.CHECKING:
            _set_health(connection, call, result)


def drop_old_requests(*, batch: int = 5_000) -> int:
    """Forget what plugins asked of the outside once it is older than the operator keeps it; return how many went."""
    before = timezone.now() - timedelta(days=plugin_settings().CALLS_KEPT_DAYS)
    count = 0
    while doomed := list(GatewayCall.objects.older_than(before).order_by("created_at").values_list("pk")[:batch]):
        count += GatewayCall.objects.filter(pk__in=[pk for (pk,) in doomed]).delete()[0]
    return count


def drop_old() -> int:
    """Forget results after a day and calls after a month, or as long as their requests are kept; return how many."""
    now = timezone.now()
    ActionCall.objects.older_than(now - RESULTS_KEPT).filter(result__isnull=False).update(result=None)
    kept = max(CALLS_KEPT, timedelta(days=plugin_settings().CALLS_KEPT_DAYS))
    return ActionCall.objects.older_than(now - kept).exclude(finished_at=None).delete()[0]


def _run(
    call: ActionCall,
    *,
    timeout_s: float = 0,
    keep_result: bool = False,
    delivery: Mapping[str, Any] | None = None,
    settle: Settle | None = None,
    plugin: Plugin | None = None,
) -> ActionResult:
    """Run a call that is marked as running and write how it ended; `plugin` is its plugin, where that was looked up."""
    from plugins import running

    try:
        with heartbeat.beating(call):
            outcome = running.run(call.connection, call, timeout_s=timeout_s, delivery=delivery, plugin=plugin)
    except Exception:
        # A bug of the host. The row must not stay "running" for it, and the bug must not be swallowed.
        broken = running.Run(ActionResult(False, error="Something went wrong here. It was logged."))
        _finish(call, broken, False, settle)
        raise
    _finish(call, outcome, keep_result, settle)
    return outcome.result


def _finish(call: ActionCall, outcome: Run, keep_result: bool, settle: Settle | None = None) -> None:
    """Write how a call ended, in one transaction; where it went as always, and reached nothing, in one statement."""
    now = timezone.now()
    is_copy = outcome.result.success and bool(call.params.get("copy_of"))
    is_as_always = call.method == "execute_action" and settle is None and not outcome.may_fail_yet
    on_disk = keep_result or not (is_as_always and outcome.only_reads)
    if (
        is_as_always
        and not is_copy
        and call.pk
        and not outcome.has_more_to_write
        and _was_used_just_now(call.connection, now)
    ):
        _write_end(call, outcome, keep_result, now, on_disk=on_disk)
        return
    with transaction.atomic():
        is_noted = is_as_always and _note_use(call, now)
        connection: Connection | None = call.connection
        if not is_noted:
            connection = Connection.objects.select_for_update(no_key=True).filter(pk=call.connection_id).first()
        if connection is None:
            return  # disconnected meanwhile: the call's row went with it
        if call.pk is None:
            call.save(force_insert=True)  # it ended before its plugin was asked
        outcome.write(connection, call)
        _write_end(call, outcome, keep_result, now, on_disk=on_disk)
        if is_copy:
            note_copy(connection, call, outcome.result.data)
        if call.method == "authenticate":
            _note_identity(connection, call, outcome.result)
        elif not is_noted:
            _note_health(connection, call, outcome.result)
        if settle is not None:
            settle(connection, call, outcome.result)


def _write_end(call: ActionCall, outcome: Run, keep_result: bool, now: datetime, *, on_disk: bool) -> None:
    result = outcome.result
    ended: dict[str, Any] = {
        "status": Status.COMPLETED if result.success else Status.FAILED,
        "finished_at": now,
        "duration_ms": round(result.execution_time * 1000),
        "error": result.error,
        "error_code": result.error_code[:60],
        "is_retryable": result.retryable,
        "request_count": result.request_count,
        "sandbox": outcome.sandbox,
        "log": "\n".join(outcome.log)[:LOG_KEPT],
    }
    if keep_result and (result.success or _is_told_by_field(result)):
        ended["result"] = result.data
    call_rows.end(call, ended, on_disk=on_disk)


def _was_used_just_now(connection: Connection, now: datetime) -> bool:
    """Tell whether a healthy connection's times are so recent that moving them on says nothing new."""
    if connection.health != Connection.Health.HEALTHY or connection.last_error or connection.last_synced_at is None:
        return False
    return timedelta(0) <= now - connection.last_synced_at < USE_NOTED_EVERY


def _note_use(call: ActionCall, now: datetime) -> bool:
    """Note that a healthy connection works still; False if it was not healthy, or is gone."""
    healthy = Connection.objects.filter(
        pk=call.connection_id, health=Connection.Health.HEALTHY, last_error="", last_error_code=""
    )
    if not healthy.update(last_synced_at=now, last_checked_at=now, updated_at=now):
        return False
    call.connection.last_synced_at = call.connection.last_checked_at = now
    return True


def _is_told_by_field(result: ActionResult) -> bool:
    """Tell whether a failure's data are words for the student, by setting."""
    return result.error_code == "configuration_refused"


def _note_identity(connection: Connection, call: ActionCall, result: ActionResult) -> None:
    """Write what a try of the connection showed; the first that works completes the connection."""
    answer = result.data if isinstance(result.data, dict) else {}
    found = answer.get("identity")
    identity: dict[str, Any] = found if isinstance(found, dict) else {}
    if result.success and answer.get("ok") is not True:
        result = ActionResult(
            False, error="The other service did not accept the token.", error_code="credential_rejected"
        )
        ActionCall.objects.filter(pk=call.pk).update(
            status=Status.FAILED, error=result.error, error_code=result.error_code, result=None
        )
    expected = str(call.params.get("expects", ""))
    if result.success and expected and str(identity.get("id", "")) != expected:
        result = ActionResult(
            False,
            error=f"You signed in as {identity.get('name') or identity.get('id')}, and this connection is the account "
            f"of {connection.identity_name or expected}. Sign in as that person, or make a new connection.",
            error_code="other_account",
        )
        ActionCall.objects.filter(pk=call.pk).update(
            status=Status.FAILED, error=result.error, error_code=result.error_code, result=None
        )
    if not result.success:
        _set_health(connection, call, result)
        return
    is_first = connection.confirmed_at is None
    connection.identity = {"id": str(identity.get("id", ""))[:200], "name": str(identity.get("name", ""))[:200]}
    connection.confirmed_at = connection.confirmed_at or timezone.now()
    _set_health(connection, call, result)
    if is_first:
        record("connection.confirmed", actor=call.by, subject=connection, data={"plugin": connection.plugin})
    hooks.call("connection.saved", connection=connection, by=call.by or connection.owner)


def _note_health(connection: Connection, call: ActionCall, result: ActionResult) -> None:
    """Let an action tell about the connection: it works, or its token does not any more."""
    result = _as_told(call, result)
    if result.success and call.method == "handle_webhook" and not result.request_count:
        return  # the plugin asked nobody, so nobody confirmed anything
    if result.success:
        if call.method == "execute_action":
            connection.last_synced_at = timezone.now()
        _set_health(connection, call, result)
    elif result.error_code in _CONNECTION_FAULTS:
        _set_health(connection, call, result)


def _as_told(call: ActionCall, result: ActionResult) -> ActionResult:
    """Take the plugin's word where it was asked how the connection is: its answer succeeded, the connection may not."""
    answer = result.data
    if call.method != "get_health_status" or not result.success or not isinstance(answer, dict):
        return result
    if str(answer.get("status", "healthy")) in {"healthy", "ok"}:
        return result
    code = str(answer.get("code", ""))
    words = str(answer.get("detail") or "The service says that something is wrong.")[:1000]
    return ActionResult(False, error=words, error_code=code if code in _CONNECTION_FAULTS else UNWELL)


UNWELL = "service_unwell"
# What says something about the connection, and not about this one action or its parameters.
_CONNECTION_FAULTS = {
    "credential_rejected",
    "reconnect_needed",
    "token_endpoint_failed",
    UNWELL,
    "unreachable",
    "tls_failed",
    "private_address",
    "not_data",
    "timeout",
    "too_many_requests",
    "plugin_not_installed",
    "sandbox_unavailable",
}


def _set_health(connection: Connection, call: ActionCall, result: ActionResult) -> None:
    was_failing, code_before = bool(connection.failing_since), connection.last_error_code
    connection.health = Connection.Health.HEALTHY if result.success else Connection.Health.UNHEALTHY
    connection.last_error = "" if result.success else result.error
    connection.last_error_code = "" if result.success else result.error_code[:60]
    connection.last_checked_at = timezone.now()
    connection.failing_since = None if result.success else connection.failing_since or connection.last_checked_at
    connection.save(
        update_fields=[
            "identity",
            "confirmed_at",
            "health",
            "last_error",
            "last_error_code",
            "failing_since",
            "last_checked_at",
            "last_synced_at",
            "updated_at",
        ]
    )
    if result.success and was_failing:
        record("connection.recovered", actor=call.by, subject=connection, data={"plugin": connection.plugin})
    elif not result.success and not was_failing:
        record(
            "connection.failed",
            actor=call.by,
            subject=connection,
            data={"plugin": connection.plugin, "code": result.error_code, "error": result.error},
        )
    is_news = result.error_code in NEEDS_THE_STUDENT and code_before not in NEEDS_THE_STUDENT
    if is_news and connection.confirmed_at and call.method != "authenticate":
        # A student who is trying the connection out reads it on the page.
        notify(
            connection.owner,
            title=f"{connection.label} needs you",
            content=result.error,
            priority="high",
            url=connection.get_absolute_url(),
            kind="connection",
        )


NEEDS_THE_STUDENT = {"reconnect_needed", "credential_rejected"}
"""Codes of failures that only the student can mend."""
