"""Steps that ask a plugin, through one of the student's connections."""

from __future__ import annotations

from typing import Any

from plugins.models import Connection
from plugins.services import call_action
from workflows.engine.outcome import Outcome, StepCall
from workflows.steps.faults import EXPECTED, outcome_of_error
from workflows.steps.people import people_of


class PluginExecutor:
    """Calls an action of a plugin."""

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
            )
        except EXPECTED as error:
            return outcome_of_error(error)
        if result.success:
            return Outcome.done(result.data)
        return Outcome.failed(result.error, retryable=result.retryable, retry_after_s=result.retry_after_s)


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
