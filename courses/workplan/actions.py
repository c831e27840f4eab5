"""What workflows can do with the plan of work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.models import PlanProposal, WorkBlock
from courses.moments import Clock
from courses.workplan.reports import workload_of
from courses.workplan.services import (
    accept_blocks,
    add_block,
    complete_block,
    propose_plan,
    refuse_proposal,
    skip_block,
)
from courses.workplan.workload import ON_DUE_DAY, SPREAD

MOST_BLOCKS = 500


class ProposePlan(BaseModel):
    """Have a plan worked out."""

    model_config = ConfigDict(extra="forbid")

    weeks: int = Field(default=4, ge=1, le=16, description="How far ahead to plan")


class ReadWorkload(BaseModel):
    """How much work lies on each of the coming days."""

    model_config = ConfigDict(extra="forbid")

    weeks: int = Field(default=8, ge=1, le=16, description="How far ahead to look")
    spread: str = Field(
        default=SPREAD,
        pattern=f"^({SPREAD}|{ON_DUE_DAY})$",
        description="days: over the days before; due: on the due day",
    )


class OfProposal(BaseModel):
    """A proposal of a plan."""

    model_config = ConfigDict(extra="forbid")

    proposal: int = Field(default=0, description="Its id, or 0 for the one that is on offer")


class AcceptPlan(OfProposal):
    """Take proposed blocks into the plan."""

    blocks: list[int] = Field(default_factory=list, max_length=1000, description="Their ids; empty for all of them")


class ReadPlan(BaseModel):
    """The blocks of the plan that are to come."""

    model_config = ConfigDict(extra="forbid")

    within_hours: int = Field(default=24 * 7, ge=1, le=24 * 112, description="How far ahead to look")
    state: Literal["planned", "proposed"] = Field(default="planned", description="What is accepted, or on offer")


class AddBlock(BaseModel):
    """A block of work, put into the plan at once."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(default="assignment", max_length=20, description="assignment or task")
    work: int = Field(ge=1, description="The id of the assignment or the own task")
    starts_at: datetime = Field(description="With its offset: 2026-11-30T14:00:00+01:00")
    minutes: int = Field(ge=1, le=24 * 60, description="How long it is")


class SettleBlock(BaseModel):
    """What became of a block of work."""

    model_config = ConfigDict(extra="forbid")

    block: int = Field(description="Its id")
    minutes: int | None = Field(default=None, ge=0, le=24 * 60, description="How long one worked; none: as planned")
    skipped: bool = Field(default=False, description="Nothing was worked in it")


@system_action(
    "plan.propose",
    params=ProposePlan,
    writes=True,
    summary="Propose blocks of work before deadlines, for the student to accept",
)
def propose_plan_action(context: ActionContext, params: ProposePlan) -> dict[str, Any]:
    """Give `{proposal, state, url}`; the event `plan.proposed` tells when it is worked out."""
    proposal = propose_plan(context.owner, by=context.actor, weeks=params.weeks)
    return {"proposal": proposal.pk, "state": proposal.state, "url": "/planner/plan/"}


@system_action(
    "workload.read",
    params=ReadWorkload,
    writes=False,
    summary="Read how much work lies on each of the coming days",
    is_brief=True,
)
def read_workload_action(context: ActionContext, params: ReadWorkload) -> dict[str, Any]:
    """Give `{weeks, spread, minutes, undated, days: [{day, minutes, step, work}]}`; days without work are left out."""
    clock = Clock(timezone.now(), context.owner.zone)
    return workload_of(context.owner, clock, weeks=params.weeks, spread=params.spread)


@system_action("plan.read", params=ReadPlan, writes=False, summary="List the blocks of the plan of work", is_brief=True)
def read_plan_action(context: ActionContext, params: ReadPlan) -> dict[str, Any]:
    """Give `{count, minutes, blocks: [{id, kind, work, title, starts_at, ends_at, minutes, due_at}]}`, by time."""
    now = timezone.now()
    rows = WorkBlock.objects.visible_to(context.owner).filter(
        state=params.state, ends_at__gt=now, starts_at__lt=now + timedelta(hours=params.within_hours)
    )
    blocks = [_block(row) for row in rows.order_by("starts_at", "pk")[:MOST_BLOCKS]]
    return {"count": len(blocks), "minutes": sum(block["minutes"] for block in blocks), "blocks": blocks}


@system_action("plan.accept", params=AcceptPlan, writes=True, summary="Take proposed blocks of work into the plan")
def accept_plan_action(context: ActionContext, params: AcceptPlan) -> dict[str, Any]:
    """Give `{proposal, state}`."""
    proposal = accept_blocks(_proposal(context, params), by=context.actor, only=params.blocks or None)
    return {"proposal": proposal.pk, "state": proposal.state}


@system_action("plan.refuse", params=OfProposal, writes=True, summary="Put a proposed plan of work away")
def refuse_plan_action(context: ActionContext, params: OfProposal) -> dict[str, Any]:
    """Give `{proposal, state}`."""
    proposal = refuse_proposal(_proposal(context, params), by=context.actor)
    return {"proposal": proposal.pk, "state": proposal.state}


@system_action("plan.add_block", params=AddBlock, writes=True, summary="Put a block of work into the plan")
def add_block_action(context: ActionContext, params: AddBlock) -> dict[str, Any]:
    """Give the block: `{id, kind, work, title, starts_at, ends_at, minutes, due_at}`."""
    if params.starts_at.tzinfo is None:
        raise ValidationError({"starts_at": "Write the time with its offset, such as 2026-11-30T14:00:00+01:00."})
    values = {"kind": params.kind, "work_id": params.work, "starts_at": params.starts_at, "minutes": params.minutes}
    return _block(add_block(context.owner, by=context.actor, **values))


@system_action("plan.settle_block", params=SettleBlock, writes=True, summary="Say what became of a block of work")
def settle_block_action(context: ActionContext, params: SettleBlock) -> dict[str, Any]:
    """Give `{id, state, actual_minutes}`."""
    block = WorkBlock.objects.editable_by(context.owner).select_related("owner").filter(pk=params.block).first()
    if block is None:
        raise ValidationError({"block": f"There is no block {params.block} in the plan."})
    if params.skipped:
        block = skip_block(block, by=context.actor)
    else:
        minutes = block.minutes if params.minutes is None else params.minutes
        block = complete_block(block, by=context.actor, minutes=minutes)
    return {"id": block.pk, "state": block.state, "actual_minutes": block.actual_minutes}


def _proposal(context: ActionContext, params: OfProposal) -> PlanProposal:
    own = PlanProposal.objects.editable_by(context.owner).select_related("owner")
    own = own.filter(pk=params.proposal) if params.proposal else own.open()
    found = own.order_by("-pk").first()
    if found is None:
        raise ValidationError({"proposal": "There is no such proposal. `plan.propose` makes one."})
    return found


def _block(row: WorkBlock) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "work": row.work_id,
        "title": row.title,
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "minutes": row.minutes,
        "due_at": row.due_at.isoformat() if row.due_at else None,
    }
