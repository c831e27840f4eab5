"""What workflows can do with the plan of work."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.moments import Clock
from courses.workplan.reports import workload_of
from courses.workplan.services import propose_plan
from courses.workplan.workload import ON_DUE_DAY, SPREAD


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
