"""Working plans out, in a worker. Every task is safe to run twice."""

from __future__ import annotations

from celery import shared_task

from courses.workplan import proposing


@shared_task(name="courses.solve_proposal", acks_late=True, soft_time_limit=60)
def solve_proposal(proposal_id: int) -> None:
    """Work one proposal out. Only a pending one is taken, and only one worker's answer is kept."""
    proposing.solve_pending(proposal_id)


@shared_task(name="courses.take_up_proposals", acks_late=True)
def take_up_proposals() -> int:
    """Queue what a lost message or a killed worker left pending; give up what failed for long."""
    forgotten = proposing.forgotten_proposals()
    for proposal_id in forgotten:
        solve_proposal.delay(proposal_id)
    return len(forgotten)
