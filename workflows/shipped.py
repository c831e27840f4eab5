"""The workflows that come with plugins: made for each connection, kept current, and started by "Sync now"."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction

from coreengine.accounts.models import User
from coreengine.kernel.hooks import hook
from plugins.registry import SYNC_PREFIX, PluginUnknown
from workflows.catalogue import shipped_definitions
from workflows.models import Execution, Workflow
from workflows.rules import DefinitionFaulty
from workflows.services import (
    delete_workflow,
    restore_workflow,
    set_active,
    start_execution,
)
from workflows.triggers.rows import pause_schedules, set_triggers
from workflows.versions import create_workflow, save_version

logger = logging.getLogger(__name__)
DEFAULT_FREQUENCY = "daily"


@hook("connection.saved")
def keep_shipped_workflows(connection: Any, by: User) -> None:
    """Make or refresh the workflows that the connection's plugin ships, and the schedule of its sync."""
    for stem, source in _files(connection):
        key = f"{connection.plugin}/{stem}"
        workflow = (
            Workflow.objects.filter(connection_id=connection.pk, shipped_key=key).select_related("version").first()
        )
        try:
            if workflow is None:
                workflow = create_workflow(
                    connection.owner, by=None, source=source, shipped_key=key, connection_id=connection.pk
                )
            elif _is_as_shipped(workflow) and workflow.removed_at is None:
                save_version(workflow, by=None, source=source)
        except DefinitionFaulty as error:
            # A faulty file must not keep the student from connecting; `manage.py plugins check` names it.
            logger.error("the workflow %s is faulty: %s", key, "; ".join(error.messages))
            continue
        if workflow.removed_at is None:
            set_triggers(workflow, _triggers(connection, workflow, stem))


@hook("connection.sync_requested")
def start_sync(connection: Any, by: User) -> str | None:
    """Start the connection's sync, or find the one under way; returns the page to watch."""
    execution = start_sync_execution(connection, by=by)
    return execution.get_absolute_url() if execution else None


@hook("connection.resting")
def rest_schedules(connection: Any, is_resting: bool) -> None:
    """The connection's plugin was switched off, or on again: its schedules rest meanwhile, and miss nothing by it."""
    for workflow in Workflow.objects.of_connection(connection).filter(removed_at=None, is_active=True):
        pause_schedules(workflow, is_resting)


@hook("connection.removed")
def retire_workflows(connection: Any, by: User) -> None:
    """A connection goes: its workflows go out of sight, and those that the student edited stop only."""
    for workflow in Workflow.objects.of_connection(connection).filter(removed_at=None).select_related("version"):
        if _is_as_shipped(workflow):
            delete_workflow(workflow, by=by)
        else:
            set_active(workflow, False, by=by)


@transaction.atomic
def start_sync_execution(connection: Any, *, by: User) -> Execution | None:
    """Start the sync of a connection; None when its plugin ships none. `is_reused` says that one was under way."""
    workflow = sync_workflow(connection)
    if workflow is None:
        # Asked for by name, a sync that was removed comes back.
        for removed in Workflow.objects.of_connection(connection).removed():
            restore_workflow(removed, by=by)
        keep_shipped_workflows(connection, by)
        workflow = sync_workflow(connection)
    if workflow is None:
        return None
    return start_execution(workflow, by=by, trigger={"type": "manual"})


def sync_workflow(connection: Any) -> Workflow | None:
    """The workflow that syncs a connection."""
    return (
        Workflow.objects.of_connection(connection)
        .filter(removed_at=None, shipped_key__startswith=f"{connection.plugin}/{SYNC_PREFIX}")
        .order_by("pk")
        .first()
    )


def _files(connection: Any) -> list[tuple[str, str]]:
    try:
        return list(shipped_definitions(connection.plugin))
    except PluginUnknown:
        return []


def _is_as_shipped(workflow: Workflow) -> bool:
    """Say whether the student never saved a version of their own."""
    return workflow.version is None or workflow.version.created_by_id is None


def _triggers(connection: Any, workflow: Workflow, stem: str) -> list[dict[str, Any]]:
    """The triggers of its definition; the sync keeps the schedule that the connection's settings ask for."""
    assert workflow.version is not None
    written = workflow.version.definition.get("triggers") or []
    if not stem.startswith(SYNC_PREFIX):
        return list(written)
    zone = connection.owner.time_zone or "UTC"
    frequency = (connection.configuration or {}).get("sync_frequency") or DEFAULT_FREQUENCY
    cron = {
        "realtime": "*/15 * * * *",
        # Spread over the hour, so that a whole university does not ask at the same second.
        "hourly": f"{connection.pk * 7 % 60} * * * *",
        "daily": "0 7 * * *",
        "weekly": "0 7 * * 1",
    }.get(frequency)
    schedule = [{"type": "schedule", "cron": cron, "time_zone": zone}] if cron else []
    return [*schedule, *(trigger for trigger in written if trigger["type"] != "schedule")]
