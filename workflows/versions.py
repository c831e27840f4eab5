"""What workflows do: versions, which never change, and how the next one comes to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from workflows.errors import WorkflowRemoved
from workflows.models import Workflow, WorkflowVersion
from workflows.rules import CheckedDefinition, check_definition
from workflows.triggers import set_schedules


@transaction.atomic
def create_workflow(
    owner: User,
    *,
    by: User | None,
    source: str | None = None,
    definition: Mapping[str, Any] | None = None,
    shipped_key: str = "",
    connection_id: int | None = None,
) -> Workflow:
    """Make a workflow from its definition, as YAML or as data; it is active and its schedules tick.

    Raises:
        DefinitionFaulty: a ValidationError with every fault, its path and its line.
    """
    checked = check_definition(source=source, definition=definition)
    workflow = Workflow.objects.create(
        owner=owner,
        name=checked.definition.name.strip(),
        description=checked.definition.description,
        shipped_key=shipped_key,
        connection_id=connection_id,
    )
    record("workflow.created", actor=by, subject=workflow, owner=owner, data={"name": workflow.name})
    _add_version(workflow, checked, by=by)
    return workflow


@transaction.atomic
def save_version(
    workflow: Workflow,
    *,
    by: User | None,
    source: str | None = None,
    definition: Mapping[str, Any] | None = None,
) -> WorkflowVersion:
    """Save what a workflow does from now on. Executions under way keep the version they began with.

    Saving what is saved already gives the current version back.

    Raises:
        DefinitionFaulty: a ValidationError with every fault, its path and its line.
        WorkflowRemoved: it was removed.
    """
    workflow = locked_workflow(workflow)
    checked = check_definition(source=source, definition=definition)
    current = workflow.version
    if current is not None and current.source == checked.source and current.definition == checked.data:
        return current
    return _add_version(workflow, checked, by=by)


def locked_workflow(workflow: Workflow) -> Workflow:
    """Read a workflow again under its lock, with its current version.

    Raises:
        WorkflowRemoved: it was removed.
    """
    workflow = Workflow.objects.select_for_update(of=("self",)).select_related("version").get(pk=workflow.pk)
    if workflow.removed_at is not None:
        raise WorkflowRemoved(f"“{workflow.name}” was removed. Bring it back first.")
    return workflow


def _add_version(workflow: Workflow, checked: CheckedDefinition, *, by: User | None) -> WorkflowVersion:
    number = (workflow.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = WorkflowVersion.objects.create(
        workflow=workflow, number=number, source=checked.source, definition=checked.data, created_by=by
    )
    workflow.version = version
    workflow.name = checked.definition.name.strip()
    workflow.description = checked.definition.description
    workflow.save(update_fields=["version", "name", "description", "updated_at"])
    if not workflow.is_shipped:
        schedules = [
            (trigger.cron, trigger.time_zone or workflow.owner.time_zone)
            for trigger in checked.definition.triggers
            if trigger.type == "schedule"
        ]
        set_schedules(workflow, schedules)
    record("workflow.version_saved", actor=by, subject=workflow, data={"version": number})
    return version
