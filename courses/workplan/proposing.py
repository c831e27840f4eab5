"""Work a proposal out: read what is to do and when there is time, ask the solver, keep its answer."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.calendar.entries import Interval, busy_between
from courses.models import PlanProposal, WorkBlock
from courses.moments import Clock
from courses.workplan.advice import advice_for
from courses.workplan.free import Rhythm, Seat, free_spans, seats
from courses.workplan.rules import rhythm_of
from courses.workplan.solver import Job, Solution, solve
from courses.workplan.work import PlannableWork, preferences_of, work_to_plan

logger = logging.getLogger(__name__)

LAYER = "blocks"
MOST_JOBS = 120
OVERDUE_SINCE = timedelta(days=14)
OVERDUE_WITHIN = timedelta(days=7)
FORGOTTEN_AFTER = timedelta(minutes=2)
GIVEN_UP_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Question:
    """What the solver is asked, with what is needed to word its answer."""

    works: dict[tuple[str, int], PlannableWork]
    jobs: list[Job]
    seats: list[Seat]
    room: dict[date, int]
    rhythm: Rhythm
    clock: Clock
    undated: int


def solve_pending(proposal_id: int) -> None:
    """Work out one pending proposal and put it on offer; anything else is left alone."""
    proposal = PlanProposal.objects.select_related("owner").filter(pk=proposal_id, state="pending").first()
    if proposal is None:
        return
    try:
        began = time.monotonic()
        question = ask(proposal.owner, weeks=proposal.weeks, clock=Clock(timezone.now(), proposal.owner.zone))
        answer = solve(question.jobs, question.seats, question.room, shortest=question.rhythm.shortest)
        keep(proposal, question, answer, seconds=time.monotonic() - began)
    except Exception:
        _give_up(proposal_id, "The plan could not be worked out, by a fault on our side. Ask for it again.")
        raise


def ask(owner: User, *, weeks: int, clock: Clock) -> Question:
    """Read the work due in the next weeks and the time for it. What is accepted already is not planned twice."""
    preferences = preferences_of(owner)
    rhythm = rhythm_of(preferences)
    end = clock.midnight(clock.today + timedelta(days=7 * weeks + 1))
    works = {work.key: work for work in work_to_plan(owner, clock, preferences)}
    blocks = list(WorkBlock.objects.visible_to(owner).taking_time().filter(ends_at__gt=clock.midnight(clock.today)))
    # A block of work that is done or gone is shown with a note, and holds up nothing.
    blocks = [block for block in blocks if block.state == "done" or (block.kind, block.work_id) in works]
    planned: dict[tuple[str, int], int] = defaultdict(int)
    for block in blocks:
        if block.state == "planned" and block.ends_at > clock.now:
            planned[block.kind, block.work_id] += block.minutes
    jobs = [
        job
        for work in works.values()
        if (job := job_of(work, planned.get(work.key, 0), clock, end, timedelta(hours=preferences.buffer_hours)))
    ][:MOST_JOBS]
    cuts = [moment for job in jobs for moment in (job.due_at, job.wanted_by)]
    taken = [*busy_between(owner, clock.now, end, leaving_out=[LAYER]), *_with_breaks(blocks, rhythm)]
    stretches = seats(free_spans(clock.now, end, rhythm, clock.zone, taken), rhythm, cuts)
    room = {seat.day: rhythm.most_per_day for seat in stretches}
    for block in blocks:
        day = clock.day_of(block.starts_at)
        if day in room:
            room[day] = max(0, room[day] - (block.minutes if block.actual_minutes is None else block.actual_minutes))
    undated = sum(1 for work in works.values() if work.due_at is None)
    return Question(works, jobs, stretches, room, rhythm, clock, undated)


def job_of(work: PlannableWork, planned: int, clock: Clock, end: datetime, buffer: timedelta) -> Job | None:
    """Make of work what the solver places; None where there is nothing to place.

    Overdue work of the last two weeks is wanted within seven days; older debts and work without a date are not planned.
    """
    minutes = work.remaining_minutes - planned
    if minutes <= 0 or work.due_at is None or work.due_at > end:
        return None
    share = work.effort.share or 0
    weight = 3 if share >= 10 else 2 if share >= 3 else 1
    if work.due_at <= clock.now:
        if work.due_at < clock.now - OVERDUE_SINCE:
            return None
        soon = clock.now + OVERDUE_WITHIN
        return Job(work.key, minutes, soon, soon, None, weight)
    return Job(work.key, minutes, work.due_at, max(clock.now, work.due_at - buffer), work.opens_at, weight)


def _with_breaks(blocks: list[WorkBlock], rhythm: Rhythm) -> list[Interval]:
    pause = timedelta(minutes=rhythm.pause)
    return [(block.starts_at - pause, block.ends_at + pause) for block in blocks]


@transaction.atomic
def keep(proposal: PlanProposal, question: Question, answer: Solution, *, seconds: float) -> None:
    """Put the solver's answer on offer, unless the proposal was replaced meanwhile."""
    proposal = PlanProposal.objects.select_for_update(of=("self",)).select_related("owner").get(pk=proposal.pk)
    if proposal.state != PlanProposal.State.PENDING:
        return
    WorkBlock.objects.bulk_create(
        WorkBlock(
            owner=proposal.owner,
            proposal=proposal,
            kind=block.key[0],
            work_id=block.key[1],
            title=question.works[block.key].title[:255],
            course_id=question.works[block.key].course_id,
            due_at=question.works[block.key].due_at,
            starts_at=block.starts_at,
            ends_at=block.ends_at,
            is_in_buffer=block.is_in_buffer,
        )
        for block in answer.blocks
    )
    proposal.unplaced = _unplaced(question, answer)
    proposal.facts = {
        "works": len(question.jobs),
        "blocks": len(answer.blocks),
        "minutes": sum(block.minutes for block in answer.blocks),
        "wanted_minutes": sum(job.minutes for job in question.jobs),
        "undated": question.undated,
        "seconds": round(seconds, 2),
        "solver": answer.status,
    }
    proposal.state, proposal.solved_at = PlanProposal.State.PROPOSED, timezone.now()
    proposal.save(update_fields=["unplaced", "facts", "state", "solved_at"])
    data = {"blocks": len(answer.blocks), "minutes": proposal.facts["minutes"], "unplaced": len(proposal.unplaced)}
    record("plan.proposed", actor=None, subject=proposal, data=data)


def _unplaced(question: Question, answer: Solution) -> list[dict]:
    found = []
    for job in question.jobs:
        missing = answer.unplaced.get(job.key, 0)
        if not missing:
            continue
        advice = advice_for(
            job,
            missing,
            seats=question.seats,
            blocks=answer.blocks,
            room=question.room,
            rhythm=question.rhythm,
            zone=question.clock.zone,
            now=question.clock.now,
        )
        work = question.works[job.key]
        named = {"kind": work.kind, "id": work.id, "title": work.title, "url": work.url}
        found.append({**named, "minutes": missing, "why": advice.why, "help": advice.help})
    return found


def forgotten_proposals() -> list[int]:
    """Name proposals that have been pending too long, to be queued again; those that never end are given up."""
    now = timezone.now()
    waiting = PlanProposal.objects.filter(state="pending", made_at__lt=now - FORGOTTEN_AFTER)
    for pk in waiting.filter(made_at__lt=now - GIVEN_UP_AFTER).values_list("pk", flat=True):
        _give_up(pk, "No worker took this plan up. Ask for it again.")
    return list(waiting.values_list("pk", flat=True)[:100])


@transaction.atomic
def _give_up(proposal_id: int, why: str) -> None:
    proposal = PlanProposal.objects.select_for_update().filter(pk=proposal_id, state="pending").first()
    if proposal is not None:
        proposal.state, proposal.error, proposal.solved_at = PlanProposal.State.FAILED, why, timezone.now()
        proposal.save(update_fields=["state", "error", "solved_at"])
        record("plan.failed", actor=None, subject=proposal, data={"error": why})
