"""Steps that ask a plugin, through one of the student's connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugins.faults import ManifestFaulty
from plugins.models import Connection
from plugins.registry import PluginUnknown, get_manifest
from plugins.services import call_action
from workflows.engine.outcome import Effect, Outcome, StepCall
from workflows.engine.retry import LOST, RATE_LIMITED, TIMEOUT
from workflows.steps.faults import EXPECTED, kind_of, outcome_of_error
from workflows.steps.people import people_of


class PluginExecutor:
    """Calls an action of a plugin."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """Once more does no harm where the endpoint reads, or says that it honours the key of the attempt."""
        try:
            endpoint = get_manifest(config["plugin"]).endpoint_by_name.get(config["action"])
        except (PluginUnknown, ManifestFaulty):
            return Effect.UNKEYED  # it is gone: nothing can be known about it
        return Effect.KEYED if endpoint is not None and endpoint.is_repeatable else Effect.UNKEYED

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """It talks to the outside."""
        return False

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt."""
        try:
            owner, actor = people_of(call)
            plugin = call.config["plugin"]
            mine = Connection.objects.visible_to(owner)
            connection, fault = choose_connection(list(mine.for_plugin(plugin)), call, plugin)
            if call.connection_id is not None and not mine.filter(pk=call.connection_id).exists():
                # Never another account in place of the one that this workflow was made for.
                connection, fault = None, "The connection that this workflow was made for was removed."
            if connection is None:
                return Outcome.failed(fault)
            result = call_action(
                connection,
                call.config["action"],
                call.config.get("params") or {},
                by=actor,
                timeout_s=call.timeout_s,
                idempotency_key=call.idempotency_key,
                confirmation=str(call.config.get("confirmation") or ""),
            )
        except EXPECTED as error:
            return outcome_of_error(error)
        if result.success:
            return Outcome.done(result.data)
        kind = kind_of(result.error_code, retryable=result.retryable, retry_after_s=result.retry_after_s)
        # Something was sent and no clear answer came: it may have been done.
        is_unknown = result.retryable and kind != RATE_LIMITED and (result.request_count > 0 or kind in (LOST, TIMEOUT))
        return Outcome.failed(result.error, kind=kind, retry_after_s=result.retry_after_s, is_unknown=is_unknown)


def choose_connection(connections: list[Connection], call: StepCall, plugin: str) -> tuple[Connection | None, str]:
    """The connection that the step names, else the workflow's own, else the only one; or why there is none."""
    by_id = {connection.pk: connection for connection in connections}
    wanted: Any = call.config.get("connection")
    if isinstance(wanted, str):
        text = wanted.removeprefix("connection:").strip()
        wanted = int(text) if text.isdigit() else wanted or None
    if wanted is not None:
        found = by_id.get(wanted) if isinstance(wanted, int) and not isinstance(wanted, bool) else None
        return found, "" if found else f"There is no connection {wanted!r} to {plugin}."
    if call.connection_id in by_id:
        return by_id[call.connection_id], ""
    if len(connections) == 1:
        return connections[0], ""
    if not connections:
        return None, f"{plugin} is not connected. Connect it on the plugins page, then run this again."
    labels = ", ".join(f"{connection.pk} ({connection.label})" for connection in connections)
    return None, f"There are several connections to {plugin}: {labels}. Name one in the step's “connection”."
