"""What workflows do: drafts, which are text, and published versions, which never change.

Every change of a draft or of what is published makes the workflow's `revision` grow. Whoever saves says which
revision they had read; when it is not the present one, someone else was faster and nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from workflows.engine.definition import DefinitionInvalid
from workflows.engine.outcome import clean_text
from workflows.engine.source import MAX_SOURCE_LENGTH, read_source
from workflows.errors import DraftContested, NothingToPublish, WorkflowRemoved
from workflows.models import Workflow, WorkflowDraft, WorkflowVersion
from workflows.rules import CheckedDefinition, check_definition
from workflows.triggers.rows import set_triggers

NAMELESS = "Untitled workflow"


# --- published ---------------------------------------------------------------------------------------------


@transaction.atomic
def create_workflow(
    owner: User,
    *,
    by: User | None,
    source: str | None = None,
    definition: Mapping[str, Any] | None = None,
    shipped_key: str = "",
    connection_id: int | None = None,
    message: str = "",
) -> Workflow:
    """Make a workflow from its definition, as YAML or as data; it is active and its schedules tick.

    Raises:
        DefinitionFaulty: a ValidationError with every fault, its path and its line.
    """
    checked = check_definition(source=_plain(source), definition=definition)
    workflow = Workflow.objects.create(
        owner=owner,
        name=checked.definition.name.strip(),
        description=checked.definition.description,
        shipped_key=shipped_key,
        connection_id=connection_id,
    )
    record("workflow.created", actor=by, subject=workflow, owner=owner, data={"name": workflow.name})
    _add_version(workflow, checked, by=by, message=message)
    return workflow


@transaction.atomic
def save_version(
    workflow: Workflow,
    *,
    by: User | None,
    source: str | None = None,
    definition: Mapping[str, Any] | None = None,
    revision: int | None = None,
    message: str = "",
) -> WorkflowVersion:
    """Publish what a workflow does from now on. Executions under way keep the version they began with.

    Publishing what is published already gives the current version back. A draft stays as it is, and can tell
    that the version it was begun from is no longer the newest.

    Raises:
        DefinitionFaulty: a ValidationError with every fault, its path and its line.
        DraftContested: `revision` is given and is not the present one.
        WorkflowRemoved: it was removed.
    """
    workflow = locked_workflow(workflow)
    if revision is not None:
        _check_revision(workflow, revision)
    return _publish(workflow, check_definition(source=_plain(source), definition=definition), by=by, message=message)


@transaction.atomic
def publish_draft(
    workflow: Workflow, *, by: User | None, revision: int | None = None, message: str = ""
) -> WorkflowVersion:
    """Make a workflow's draft its next version; the draft is gone then.

    Raises:
        NothingToPublish: there is no draft.
        DefinitionFaulty: a ValidationError with every fault, its path and its line; the draft stays.
        DraftContested: `revision` is given and is not the present one.
        WorkflowRemoved: it was removed.
    """
    workflow = locked_workflow(workflow)
    draft = draft_of(workflow)
    if draft is None:
        raise NothingToPublish(f"“{workflow.name}” has no draft: what was saved is published already.")
    if revision is not None:
        _check_revision(workflow, revision)
    checked = check_definition(source=draft.source)
    repeated = workflow.versions.filter(number=draft.restores).first() if draft.restores else None
    restores = repeated.number if repeated is not None and repeated.source == draft.source else None
    draft.delete()
    return _publish(workflow, checked, by=by, message=message, restores=restores)


def _publish(
    workflow: Workflow, checked: CheckedDefinition, *, by: User | None, message: str, restores: int | None = None
) -> WorkflowVersion:
    current = workflow.version
    if current is not None and current.source == checked.source and current.definition == checked.data:
        return current
    return _add_version(workflow, checked, by=by, message=message, restores=restores)


def _add_version(
    workflow: Workflow, checked: CheckedDefinition, *, by: User | None, message: str = "", restores: int | None = None
) -> WorkflowVersion:
    number = (workflow.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = WorkflowVersion.objects.create(
        workflow=workflow,
        number=number,
        source=checked.source,
        definition=checked.data,
        created_by=by,
        message=" ".join(clean_text(message).split())[:200],
        restores=restores,
    )
    workflow.version = version
    workflow.name = checked.definition.name.strip()
    workflow.description = checked.definition.description
    workflow.revision += 1
    workflow.save(update_fields=["version", "name", "description", "revision", "updated_at"])
    if not workflow.is_shipped:
        set_triggers(workflow, checked.data.get("triggers") or ())
    data: dict[str, Any] = {"version": number}
    if restores is not None:
        data["restores"] = restores
    record("workflow.version_saved", actor=by, subject=workflow, data=data)
    return version


# --- drafts ------------------------------------------------------------------------------------------------


def draft_of(workflow: Workflow) -> WorkflowDraft | None:
    """The draft of a workflow, if it has one."""
    return WorkflowDraft.objects.filter(workflow=workflow).select_related("saved_by").first()


@transaction.atomic
def create_draft_workflow(
    owner: User, *, by: User | None, source: str | None = None, definition: Any = None
) -> Workflow:
    """Make a workflow of which there is only a draft: it is kept as typed, faults and all, and does not run.

    Raises:
        ValidationError: the text cannot be kept.
    """
    text = _draft_text(source, definition)
    workflow = Workflow.objects.create(owner=owner, name=_name_in(text), revision=1)
    WorkflowDraft.objects.create(workflow=workflow, source=text, saved_by=by)
    record("workflow.created", actor=by, subject=workflow, owner=owner, data={"name": workflow.name})
    record("workflow.draft_saved", actor=by, subject=workflow, data={"revision": workflow.revision})
    return workflow


@transaction.atomic
def save_draft(
    workflow: Workflow,
    *,
    by: User | None,
    source: str | None = None,
    definition: Any = None,
    revision: int | None = None,
    restores: int | None = None,
) -> WorkflowDraft:
    """Keep a text that will be the next version once it is published. It may be faulty; nothing runs it.

    `revision` is the one that was read before; it must be given when there is a draft to overwrite.

    Raises:
        DraftContested: the draft or what is published was changed since.
        ValidationError: the text cannot be kept.
        WorkflowRemoved: it was removed.
    """
    workflow = locked_workflow(workflow)
    text = _draft_text(source, definition)
    draft = draft_of(workflow)
    if draft is not None or revision is not None:
        _check_revision(workflow, revision)
    if draft is None:
        draft = WorkflowDraft(workflow=workflow, base=workflow.version.number if workflow.version else None)
    if restores is not None:
        draft.restores, draft.base = restores, workflow.version.number if workflow.version else None
    if draft.pk is not None and draft.source == text and restores is None:
        return draft
    draft.source, draft.saved_by, draft.saved_at = text, by, timezone.now()
    draft.save()
    workflow.revision += 1
    if workflow.version is None:
        workflow.name = _name_in(text)
    workflow.save(update_fields=["revision", "name", "updated_at"])
    draft.workflow = workflow
    record("workflow.draft_saved", actor=by, subject=workflow, data={"revision": workflow.revision})
    return draft


@transaction.atomic
def restore_version(workflow: Workflow, number: int, *, by: User | None, revision: int | None = None) -> WorkflowDraft:
    """Make the text of an old version the draft. Published as it is, the new version says which one it restores.

    Raises:
        WorkflowVersion.DoesNotExist: there is no version of this number.
        DraftContested: there is a draft, and `revision` is not the present one.
        WorkflowRemoved: it was removed.
    """
    old = workflow.versions.get(number=number)
    return save_draft(workflow, by=by, source=old.source, revision=revision, restores=number)


@transaction.atomic
def discard_draft(workflow: Workflow, *, by: User | None, revision: int | None = None) -> Workflow:
    """Throw a draft away; what is published stays. Without a draft there is nothing to do.

    Raises:
        DraftContested: `revision` is given and is not the present one.
        NothingToPublish: there is nothing but the draft; remove the workflow instead.
        WorkflowRemoved: it was removed.
    """
    workflow = locked_workflow(workflow)
    draft = draft_of(workflow)
    if draft is None:
        return workflow
    if revision is not None:
        _check_revision(workflow, revision)
    if workflow.version is None:
        raise NothingToPublish(f"There is nothing of “{workflow.name}” but this draft. Delete the workflow instead.")
    draft.delete()
    workflow.revision += 1
    workflow.save(update_fields=["revision", "updated_at"])
    record("workflow.draft_discarded", actor=by, subject=workflow, data={"revision": workflow.revision})
    return workflow


def _check_revision(workflow: Workflow, revision: int | None) -> None:
    if revision != workflow.revision:
        raise DraftContested(
            f"“{workflow.name}” was changed in another window or by a program: it is at revision {workflow.revision} "
            f"now{'' if revision is None else f', and you had read {revision}'}. Look at what changed, then save again."
        )


def _draft_text(source: str | None, definition: Any) -> str:
    text = _plain(source)
    if text is None:
        text = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)
    if len(text) > MAX_SOURCE_LENGTH:
        raise ValidationError({"source": f"A definition has at most {MAX_SOURCE_LENGTH:,} characters."})
    if clean_text(text) != text:
        raise ValidationError({"source": "The text has a character that cannot be kept (NUL or half a surrogate)."})
    return text


def _plain(source: str | None) -> str | None:
    """Text with line ends as files have them; browsers send others, and equal texts must be equal."""
    return None if source is None else source.replace("\r\n", "\n")


def _name_in(text: str) -> str:
    try:
        data = read_source(text).data
    except DefinitionInvalid:
        return NAMELESS
    name = data.get("name") if isinstance(data, dict) else None
    return (name.strip()[:255] if isinstance(name, str) else "") or NAMELESS


# --- both --------------------------------------------------------------------------------------------------


def locked_workflow(workflow: Workflow) -> Workflow:
    """Read a workflow again under its lock, with its published version.

    Raises:
        WorkflowRemoved: it was removed.
    """
    workflow = Workflow.objects.select_for_update(of=("self",)).select_related("version").get(pk=workflow.pk)
    if workflow.removed_at is not None:
        raise WorkflowRemoved(f"“{workflow.name}” was removed. Bring it back first.")
    return workflow
