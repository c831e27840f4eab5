"""The changes of a plan: preferences, proposals and their acceptance, and what becomes of each block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.models import PlanPreferences, PlanProposal, WorkBlock
from courses.moments import Clock
from courses.workplan import tasks
from courses.workplan.errors import AnotherBlockRuns, BlockIsSettled, BlocksCollide, ProposalIsDecided
from courses.workplan.rules import check_preferences, check_time, check_worked, checked_hours, colliding
from courses.workplan.work import preferences_of, work_to_plan

State = WorkBlock.State
Offer = PlanProposal.State
PREFERENCES = {
    *("hours", "shortest_minutes", "longest_minutes", "break_minutes", "most_per_day_minutes", "latest"),
    *("buffer_hours", "minutes_per_percent", "default_minutes"),
}


@transaction.atomic
def save_preferences(owner: User, *, by: User, changes: Mapping[str, Any]) -> PlanPreferences:
    """Change how a student works; what is not named stays as it is.

    Raises:
        ValidationError: by field.
    """
    _lock(owner)
    row = PlanPreferences.objects.filter(owner=owner).first() or PlanPreferences(owner=owner)
    for name, value in changes.items():
        if name in PREFERENCES:
            setattr(row, name, checked_hours(value) if name == "hours" else value)
    check_preferences({name: getattr(row, name) for name in PREFERENCES})
    row.full_clean(exclude=["owner"])
    row.save()
    record("plan.preferences_changed", actor=by, subject=row, owner=owner, data={"changed": sorted(changes)})
    return row


@transaction.atomic
def propose_plan(owner: User, *, by: User, weeks: int = 4) -> PlanProposal:
    """Have a plan worked out for the work due in the next weeks; a worker does so. An open proposal is replaced.

    What is accepted already stays where it is, and is planned around.

    Raises:
        ValidationError: at `weeks`.
    """
    _lock(owner)
    now = timezone.now()
    PlanProposal.objects.filter(owner=owner).open().update(state=Offer.REPLACED, decided_at=now)
    proposal = PlanProposal(owner=owner, weeks=weeks)
    proposal.full_clean(exclude=["owner"])
    proposal.save()
    record("plan.requested", actor=by, subject=proposal, data={"weeks": weeks})
    tasks.solve_proposal.delay_on_commit(proposal.pk)
    return proposal


@transaction.atomic
def accept_blocks(proposal: PlanProposal, *, by: User, only: Iterable[int] | None = None) -> PlanProposal:
    """Take proposed blocks into the plan: all that are left, or those named. The rest stay on offer.

    Raises:
        ProposalIsDecided: it is not on offer any more.
        ValidationError: at `blocks`: one of them is not in this proposal, or there is none.
        BlocksCollide: something else was planned there meanwhile.
    """
    _lock(proposal.owner)
    proposal = _on_offer(proposal)
    offered = list(_offered(proposal))
    chosen = _chosen(offered, only)
    for block in chosen:
        other = colliding(proposal.owner, block.starts_at, block.ends_at)
        if other is not None:
            raise BlocksCollide(f"“{block.title}” would lie upon “{other.title}”. Move one of the two, then accept.")
    now = timezone.now()
    WorkBlock.objects.filter(pk__in=[block.pk for block in chosen]).update(state=State.PLANNED, accepted_at=now)
    proposal.state = Offer.ACCEPTED if len(chosen) == len(offered) else Offer.PROPOSED
    proposal.decided_at = now
    proposal.save(update_fields=["state", "decided_at"])
    minutes = sum(block.minutes for block in chosen)
    record("plan.accepted", actor=by, subject=proposal, data={"blocks": len(chosen), "minutes": minutes})
    return proposal


@transaction.atomic
def refuse_proposal(proposal: PlanProposal, *, by: User) -> PlanProposal:
    """Put away what a proposal still offers. What was accepted of it stays.

    Raises:
        ProposalIsDecided: it is not on offer any more.
    """
    _lock(proposal.owner)
    proposal = _on_offer(proposal)
    proposal.state, proposal.decided_at = Offer.REFUSED, timezone.now()
    proposal.save(update_fields=["state", "decided_at"])
    record("plan.refused", actor=by, subject=proposal, data={"blocks": _offered(proposal).count()})
    return proposal


@transaction.atomic
def reopen_proposal(proposal: PlanProposal, *, by: User) -> PlanProposal:
    """Take back the last acceptance or the refusal: the blocks are on offer again, but for those begun since.

    Raises:
        ProposalIsDecided: there was no decision, or a newer proposal stands in its place.
    """
    _lock(proposal.owner)
    proposal = _locked(proposal)
    newer = PlanProposal.objects.filter(owner=proposal.owner).open().exclude(pk=proposal.pk)
    if proposal.decided_at is None or proposal.state == Offer.REPLACED or newer.exists():
        raise ProposalIsDecided("A newer proposal has taken the place of this one; decide on that.")
    taken = proposal.blocks.filter(accepted_at=proposal.decided_at, state=State.PLANNED, started_at=None)
    taken.update(state=State.PROPOSED, accepted_at=None)
    proposal.state, proposal.decided_at = Offer.PROPOSED, None
    proposal.save(update_fields=["state", "decided_at"])
    record("plan.reopened", actor=by, subject=proposal, data={"blocks": _offered(proposal).count()})
    return proposal


@transaction.atomic
def add_block(owner: User, *, by: User, kind: str, work_id: int, starts_at: datetime, minutes: int) -> WorkBlock:
    """Plan a block by hand.

    Raises:
        ValidationError: at `work` (there is nothing such to do), `starts_at` or `minutes`.
    """
    _lock(owner)
    now = timezone.now()
    works = work_to_plan(owner, Clock(now, owner.zone), preferences_of(owner))
    work = next((work for work in works if work.key == (kind, work_id)), None)
    if work is None:
        raise ValidationError({"work": "Choose something that is still to be done."})
    check_time(owner, starts_at, minutes, now=now)
    block = WorkBlock.objects.create(
        owner=owner,
        kind=kind,
        work_id=work_id,
        title=work.title,
        course_id=work.course_id,
        due_at=work.due_at,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        state=State.PLANNED,
        accepted_at=now,
    )
    record("block.added", actor=by, subject=block, data=_facts(block))
    return block


@transaction.atomic
def move_block(
    block: WorkBlock, *, by: User, starts_at: datetime | None = None, minutes: int | None = None
) -> WorkBlock:
    """Give a proposed or planned block another start or length.

    Raises:
        ValidationError: at `starts_at` or `minutes`.
        BlockIsSettled: it is done, skipped or running.
    """
    block = _open_block(block)
    start, length = starts_at or block.starts_at, block.minutes if minutes is None else minutes
    if (start, length) == (block.starts_at, block.minutes):
        return block
    check_time(block.owner, start, length, now=timezone.now(), leaving_out=[block.pk])
    block.starts_at, block.ends_at = start, start + timedelta(minutes=length)
    block.save(update_fields=["starts_at", "ends_at"])
    record("block.moved", actor=by, subject=block, data=_facts(block))
    return block


@transaction.atomic
def remove_block(block: WorkBlock, *, by: User) -> WorkBlock:
    """Take a block off the plan or the proposal; `restore_block` has it back. Done blocks can go as well."""
    block = _locked_block(block)
    if block.removed_at is None:
        block.removed_at = timezone.now()
        block.started_at = None
        block.save(update_fields=["removed_at", "started_at"])
        record("block.removed", actor=by, subject=block, data=_facts(block))
    return block


@transaction.atomic
def restore_block(block: WorkBlock, *, by: User) -> WorkBlock:
    """Take back the removal of a block. Harmless where it is there.

    Raises:
        BlocksCollide: something else was planned there meanwhile.
    """
    block = _locked_block(block)
    if block.removed_at is None:
        return block
    if block.state == State.PLANNED:
        other = colliding(block.owner, block.starts_at, block.ends_at)
        if other is not None:
            raise BlocksCollide(f"“{other.title}” is planned there now. Move it, then undo.")
    block.removed_at = None
    block.save(update_fields=["removed_at"])
    record("block.restored", actor=by, subject=block, data=_facts(block))
    return block


@transaction.atomic
def start_block(block: WorkBlock, *, by: User) -> WorkBlock:
    """Begin to work on a planned block: its clock runs from now. Starting twice is harmless.

    Raises:
        BlockIsSettled: it is not planned.
        AnotherBlockRuns: one at a time.
    """
    block = _planned_block(block)
    if block.started_at is not None:
        return block
    running = WorkBlock.objects.visible_to(block.owner).filter(state=State.PLANNED, started_at__isnull=False).first()
    if running is not None:
        raise AnotherBlockRuns(f"“{running.title}” is running. Stop it first.")
    block.started_at = timezone.now()
    block.save(update_fields=["started_at"])
    record("block.started", actor=by, subject=block, data=_facts(block))
    return block


@transaction.atomic
def stop_block(block: WorkBlock, *, by: User) -> WorkBlock:
    """End the running block: it is done, and its minutes are what the clock says, at least one, a day at most.

    Raises:
        BlockIsSettled: it is not running.
    """
    block = _planned_block(block)
    if block.started_at is None:
        raise BlockIsSettled("This block is not running. Say how long you worked instead.")
    worked = round((timezone.now() - block.started_at) / timedelta(minutes=1))
    return _completed(block, min(max(1, worked), 24 * 60), by)


@transaction.atomic
def complete_block(block: WorkBlock, *, by: User, minutes: int | None) -> WorkBlock:
    """Say how long one worked on a planned block; on a done one, correct it.

    Raises:
        ValidationError: at `minutes`.
        BlockIsSettled: it is only proposed, or was skipped.
    """
    block = _locked_block(block)
    if block.state not in (State.PLANNED, State.DONE):
        raise BlockIsSettled("Accept the block first, then say how long you worked.")
    return _completed(block, check_worked(minutes), by)


@transaction.atomic
def skip_block(block: WorkBlock, *, by: User) -> WorkBlock:
    """Say that nothing was worked in a planned block. Skipping twice is harmless."""
    block = _locked_block(block)
    if block.state == State.SKIPPED:
        return block
    block = _planned_block(block)
    block.state, block.finished_at, block.started_at = State.SKIPPED, timezone.now(), None
    block.save(update_fields=["state", "finished_at", "started_at"])
    record("block.skipped", actor=by, subject=block, data=_facts(block))
    return block


@transaction.atomic
def reopen_block(block: WorkBlock, *, by: User) -> WorkBlock:
    """Take back that a block is done or skipped: it is planned again. Harmless where it is planned."""
    block = _locked_block(block)
    if block.state not in (State.DONE, State.SKIPPED):
        return block
    block.state, block.actual_minutes, block.finished_at, block.started_at = State.PLANNED, None, None, None
    block.save(update_fields=["state", "actual_minutes", "finished_at", "started_at"])
    record("block.reopened", actor=by, subject=block, data=_facts(block))
    return block


def _completed(block: WorkBlock, minutes: int, by: User) -> WorkBlock:
    block.state, block.actual_minutes = State.DONE, minutes
    block.finished_at, block.started_at = timezone.now(), None
    block.save(update_fields=["state", "actual_minutes", "finished_at", "started_at"])
    record("block.completed", actor=by, subject=block, data={**_facts(block), "actual_minutes": minutes})
    return block


def _facts(block: WorkBlock) -> dict[str, Any]:
    return {
        "title": block.title,
        "kind": block.kind,
        "work": block.work_id,
        "starts_at": block.starts_at.isoformat(),
        "minutes": block.minutes,
    }


def _lock(owner: User) -> None:
    """One change of a student's plan at a time: what lies upon what is asked of all blocks."""
    User.objects.select_for_update(of=("self",)).only("pk").get(pk=owner.pk)


def _locked(proposal: PlanProposal) -> PlanProposal:
    return PlanProposal.objects.select_for_update(of=("self",)).select_related("owner").get(pk=proposal.pk)


def _on_offer(proposal: PlanProposal) -> PlanProposal:
    proposal = _locked(proposal)
    if proposal.state == Offer.PENDING:
        raise ProposalIsDecided("This plan is still being worked out. Wait a moment.", code="proposal_is_pending")
    if proposal.state != Offer.PROPOSED:
        raise ProposalIsDecided("This proposal is no longer on offer. Ask for a new one.")
    return proposal


def _offered(proposal: PlanProposal) -> Any:
    return proposal.blocks.filter(state=State.PROPOSED, removed_at=None)


def _chosen(offered: list[WorkBlock], only: Iterable[int] | None) -> list[WorkBlock]:
    if only is None:
        return offered
    wanted = set(only)
    chosen = [block for block in offered if block.pk in wanted]
    if not chosen or len(chosen) != len(wanted):
        raise ValidationError({"blocks": "Choose blocks that this proposal offers."})
    return chosen


def _locked_block(block: WorkBlock) -> WorkBlock:
    _lock(block.owner)
    return WorkBlock.objects.select_for_update(of=("self",)).select_related("owner").get(pk=block.pk)


def _open_block(block: WorkBlock) -> WorkBlock:
    block = _locked_block(block)
    if block.state not in (State.PROPOSED, State.PLANNED) or block.is_running:
        raise BlockIsSettled(f"This block is {'running' if block.is_running else block.get_state_display().lower()}.")
    return block


def _planned_block(block: WorkBlock) -> WorkBlock:
    block = _locked_block(block)
    if block.state != State.PLANNED:
        raise BlockIsSettled(f"This block is {block.get_state_display().lower()}, not planned.")
    return block
