"""Runs one method of one plugin for one connection, from start to record. Only workers do this.

1. A child is taken from the pool or started, and a gateway is made for the connection.
2. The conversation runs until the answer, an error or the deadline.
3. The child is destroyed whatever happened; the caller writes the gateway's notes in bulk (`Run.write`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from coreengine.kernel.blobs import grant
from coreengine.kernel.outbound.errors import RequestFailed
from plugins import call_rows
from plugins.answers import StoredAnswers
from plugins.belongings import OwnBlobs, hidden_names_of
from plugins.conf import plugin_settings
from plugins.contract import ActionResult
from plugins.errors import PluginFailed, PluginTimedOut, ReconnectNeeded, SandboxUnavailable, TokenEndpointFailed
from plugins.gateway.gateway import Gateway
from plugins.gateway.records import Access, CallNote
from plugins.gateway.secrets import Mask
from plugins.handled import checked_answer
from plugins.manifest import Authentication
from plugins.models import ActionCall, Connection, GatewayCall
from plugins.oauth.tokens import renewed, usable_credential
from plugins.registry import Plugin, PluginUnknown, get_plugin
from plugins.rules import answer_faults
from plugins.sandbox import pool
from plugins.sandbox.conversation import Conversation, PluginRefused
from plugins.storage import Storage


@dataclass
class Run:
    """What came of one run, beside its result."""

    result: ActionResult
    sandbox: str = ""
    log: list[str] = field(default_factory=list)
    notes: list[CallNote] = field(default_factory=list)
    answers: StoredAnswers | None = None
    storage: Storage | None = None
    created_blobs: list[str] = field(default_factory=list)
    only_reads: bool = False

    @property
    def may_fail_yet(self) -> bool:
        """True if it failed, or if writing what came of it can still make it fail."""
        return not self.result.success or (self.storage is not None and self.storage.has_changes)

    @property
    def has_more_to_write(self) -> bool:
        """True if `write` has anything to do."""
        return bool(self.notes or self.created_blobs or (self.answers and self.answers.has_new) or self.may_fail_yet)

    def write(self, connection: Connection, call: ActionCall) -> None:
        """Put requests and new answers on record, in the transaction that ends the call.

        What the plugin stored counts only where it succeeded; where it does not fit any more, the call fails.
        """
        if self.storage is not None and _has_succeeded(call, self.result):
            try:
                self.storage.write()
            except RequestFailed as error:
                self.result = replace(
                    self.result, success=False, data=None, error=str(error), error_code=error.code, retryable=True
                )
        if self.answers is not None:
            self.answers.write()
        if self.created_blobs:
            grant(self.created_blobs, owner=connection.owner)
        if self.notes:
            GatewayCall.objects.bulk_create(_row(connection, call, note) for note in self.notes)


def run(
    connection: Connection,
    call: ActionCall,
    *,
    timeout_s: float,
    delivery: Mapping[str, Any] | None = None,
    plugin: Plugin | None = None,
) -> Run:
    """Run one call to its end; failures are results, never exceptions. A call without a row gets one on the way.

    `delivery` is what a webhook's plugin is given beside its name and settings; `plugin` saves looking it up.
    """
    started = time.monotonic()
    try:
        plugin = plugin or get_plugin(connection.plugin)
    except PluginUnknown as error:
        return Run(ActionResult(False, error=str(error), error_code=error.code))
    assert plugin.manifest is not None
    way = plugin.manifest.way(connection.way)
    try:
        credential = usable_credential(connection, way)
    except (ReconnectNeeded, TokenEndpointFailed) as error:
        return Run(ActionResult(False, error=str(error), error_code=error.code, retryable=error.retryable))
    used = [credential]

    def renew(seen: Mapping[str, Any]) -> Mapping[str, Any]:
        assert way is not None
        used.append(renewed(connection, way, seen=seen))
        return used[-1]

    answers = StoredAnswers(connection)
    access = Access(
        connection.pk,
        plugin.manifest,
        connection.configuration,
        credential,
        way=connection.way,
        renew=renew if way is not None and way.needs_sign_in else None,
    )
    blobs = OwnBlobs(connection)
    gateway = Gateway(access, answers=answers, blobs=blobs, hidden_names=hidden_names_of(connection, plugin.manifest))
    gateway.created_blobs = blobs.created
    outcome = Run(
        ActionResult(False), storage=Storage(connection, plugin.manifest), only_reads=_only_reads(plugin, call)
    )
    try:
        if call.method == "authenticate" and call.params.get("validate"):
            _validate(plugin, connection, call, gateway, outcome, timeout_s)
        data = _converse(plugin, connection, call, call.method, gateway, outcome, timeout_s, delivery)
        if call.method == "execute_action":
            data = _checked(plugin, call.action, data)
        elif call.method == "handle_webhook":
            data = checked_answer(data)
        outcome.result = ActionResult(True, data=data)
    except PluginRefused as error:
        outcome.result = _refused(error, gateway)
    except (PluginFailed, PluginTimedOut, SandboxUnavailable) as error:
        outcome.result = ActionResult(
            False,
            error=str(error),
            error_code=error.code,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
        )
    except ConfigurationRefused as error:
        outcome.result = ActionResult(False, data=error.errors, error=str(error), error_code="configuration_refused")
    mask = Mask(*used)
    result = _by_sign_in(outcome.result, way, connection)
    outcome.result = _finished(result, time.monotonic() - started, len(gateway.notes), mask)
    outcome.log = [mask.text(line) for line in outcome.log]
    outcome.answers, outcome.notes, outcome.created_blobs = answers, gateway.notes, gateway.created_blobs
    return outcome


class ConfigurationRefused(Exception):
    """The plugin itself finds fault with the settings; `errors` is by setting."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {words}" for name, words in errors.items()) or "The settings do not fit.")
        self.errors = errors


def _validate(
    plugin: Plugin, connection: Connection, call: ActionCall, gateway: Gateway, outcome: Run, timeout_s: float
) -> None:
    """Let the plugin look at the settings, before anything is asked with them."""
    try:
        answer = _converse(plugin, connection, call, "validate_configuration", gateway, outcome, timeout_s)
    except PluginRefused as error:
        if error.code == "unknown_method":
            return  # a program without the SDK that has nothing to say
        raise
    if isinstance(answer, dict) and answer.get("ok") is False:
        found = answer.get("errors")
        errors = found if isinstance(found, dict) else {}
        raise ConfigurationRefused({str(name)[:64]: str(words)[:500] for name, words in list(errors.items())[:50]})


def _by_sign_in(result: ActionResult, way: Authentication | None, connection: Connection) -> ActionResult:
    """Where the student signed in, there is no token to type again: a refusal asks for signing in again."""
    if result.error_code != "credential_rejected" or way is None or not way.needs_sign_in:
        return result
    words = f"{connection.home or connection.plugin_title} does not accept this sign-in any more. Reconnect to sign in "
    return replace(result, error=f"{words}again; everything stays as it is.", error_code="reconnect_needed")


def _converse(
    plugin: Plugin,
    connection: Connection,
    call: ActionCall,
    method: str,
    gateway: Gateway,
    outcome: Run,
    timeout_s: float,
    delivery: Mapping[str, Any] | None = None,
) -> Any:
    assert plugin.manifest is not None
    way = plugin.manifest.way(connection.way)
    params: dict[str, Any] = {
        "config": connection.configuration,
        "context": {
            "idempotency_key": call.idempotency_key,
            "authentication": {"way": way.name, "type": way.type} if way else {"way": "", "type": ""},
        },
    }
    if method == "execute_action":
        params |= {"action": call.action, "params": call.params}
    elif method == "handle_webhook" and delivery is not None:
        params |= {"name": call.action, "payload": delivery["payload"], "headers": delivery["headers"]}
        params["context"] |= delivery["context"]
    child, outcome.sandbox = pool.take(plugin, owner=connection.owner_id)
    begun: Callable[[], None] = _nothing
    try:
        # The row of a call is there before anything that its plugin says is looked at, and costs the call little.
        if call.pk is None:
            begun = call_rows.begin(call, on_disk=not outcome.only_reads)
        conversation = Conversation(
            child,
            serve=gateway.serve,
            methods=outcome.storage.methods if outcome.storage else None,
            on_log=lambda level, message: outcome.log.append(f"{level}: {message}"),
        )
        return conversation.call(
            method,
            params,
            timeout_s=timeout_s or plugin_settings().ACTION_TIMEOUT_S,
            first=begun,
        )
    finally:
        pool.discard(child)
        begun()


def _nothing() -> None:
    pass


def _only_reads(plugin: Plugin, call: ActionCall) -> bool:
    """Tell whether a call changes nothing on the other side, by the method that the manifest gives its action."""
    endpoint = plugin.manifest.endpoint_by_name.get(call.action) if plugin.manifest else None
    return call.method == "execute_action" and endpoint is not None and endpoint.is_reading


def _has_succeeded(call: ActionCall, result: ActionResult) -> bool:
    if call.method == "authenticate":
        return result.success and isinstance(result.data, dict) and result.data.get("ok") is True
    return result.success


def _checked(plugin: Plugin, action: str, answer: Any) -> Any:
    if not isinstance(answer, dict) or "data" not in answer:
        raise PluginFailed(f"The plugin answered {action} without data.", retryable=False, code="answer_does_not_fit")
    assert plugin.manifest is not None
    faults = answer_faults(plugin.manifest, action, answer["data"])
    if faults:
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        raise PluginFailed(
            f"The plugin's answer to {action} does not fit its manifest: {faults[0]}{more}.",
            retryable=False,
            code="answer_does_not_fit",
        )
    return answer["data"]


def _refused(error: PluginRefused, gateway: Gateway) -> ActionResult:
    """Turn the plugin's own error into a result; where it passes on the gateway's words, those are kept whole."""
    failure = gateway.last_failure
    if failure is not None and failure.code == error.code:
        return ActionResult(
            False,
            error=str(failure),
            error_code=failure.code,
            retryable=failure.retryable,
            retry_after_s=failure.retry_after_s,
        )
    return ActionResult(
        False, error=str(error), error_code=error.code, retryable=error.retryable, retry_after_s=error.retry_after_s
    )


def _finished(result: ActionResult, seconds: float, request_count: int, mask: Mask) -> ActionResult:
    return replace(result, error=mask.text(result.error), execution_time=round(seconds, 4), request_count=request_count)


def _row(connection: Connection, call: ActionCall, note: CallNote) -> GatewayCall:
    return GatewayCall(
        owner_id=connection.owner_id,
        connection=connection,
        action_call=call,
        method=note.method,
        host=note.host[:253],
        path=note.path[:500],
        shape=note.shape[:200],
        capability=note.capability[:40],
        is_refused=note.is_refused,
        bytes_sent=note.bytes_sent,
        status=note.status,
        error_code=note.error_code[:60],
        bytes_received=note.bytes_received,
        duration_ms=note.duration_ms,
        is_from_cache=note.is_from_cache,
    )
