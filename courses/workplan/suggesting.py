"""When to work on one thing: what the form of a block by hand offers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from coreengine.accounts.models import User
from courses.calendar.entries import busy_between
from courses.models import PlanPreferences
from courses.moments import Clock
from courses.workplan.free import free_spans
from courses.workplan.rules import rhythm_of
from courses.workplan.work import PlannableWork

AHEAD = timedelta(days=14)


@dataclass(frozen=True)
class Suggestion:
    """A start in the student's time, as a form has it ("" where no time is free), and how long."""

    key: str
    starts_at: str
    minutes: int


def suggestion_for(owner: User, work: PlannableWork, clock: Clock, preferences: PlanPreferences) -> Suggestion:
    """The first time that is free for one block of this work, in working hours: before its deadline where one is."""
    rhythm = rhythm_of(preferences)
    minutes = min(max(work.remaining_minutes, rhythm.shortest), rhythm.longest)
    end = clock.now + AHEAD
    if work.due_at is not None and work.due_at > clock.now:
        end = min(end, work.due_at)
    taken = busy_between(owner, clock.now, end)
    spans = [span for _, span in free_spans(clock.now, end, rhythm, clock.zone, taken)]
    length = timedelta(minutes=minutes)
    start = next((first for first, last in spans if last - first >= length), None)
    local = f"{start.astimezone(clock.zone):%Y-%m-%dT%H:%M}" if start is not None else ""
    return Suggestion(work.name, local, minutes)
