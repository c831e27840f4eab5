"""The workload as plain values, for the API and for workflows."""

from __future__ import annotations

from typing import Any

from coreengine.accounts.models import User
from courses.moments import Clock
from courses.workplan.work import preferences_of, work_to_plan
from courses.workplan.workload import workload


def workload_of(owner: User, clock: Clock, *, weeks: int, spread: str) -> dict[str, Any]:
    """Days with work, each with what asks for it. A fixed number of queries."""
    works = work_to_plan(owner, clock, preferences_of(owner))
    days = [day for day in workload(works, clock, weeks=weeks, spread=spread) if day.minutes]
    return {
        "weeks": weeks,
        "spread": spread,
        "minutes": sum(day.minutes for day in days),
        "undated": sum(1 for work in works if work.due_at is None),
        "days": [
            {
                "day": day.day.isoformat(),
                "minutes": day.minutes,
                "step": day.step,
                "work": [
                    {
                        "kind": share.work.kind,
                        "id": share.work.id,
                        "title": share.work.title,
                        "minutes": share.minutes,
                        "due_at": share.work.due_at.isoformat() if share.work.due_at else None,
                        "effort_minutes": share.work.effort.minutes,
                        "effort": share.work.effort.words,
                    }
                    for share in day.shares
                ],
            }
            for day in days
        ],
    }
