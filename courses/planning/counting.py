"""How much waits in the planner, for the navigation of every page: counted by the planner and kept for a while.

Other pages ask no query for it: they show what is kept, or no number.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

from coreengine.accounts.models import User
from courses.moments import Clock
from courses.pages import clock_of
from courses.planning.reading import Waiting, count_due

KEPT_S = 900
COUNTED_EVERY = timedelta(seconds=30)
"""What changes here is counted anew at once; this is how late a change by a sync may be noted."""


def waiting_count(request: HttpRequest) -> int:
    """How much is late or due today, as the planner counted last; 0 where that is long ago."""
    kept = cache.get(_key(request.user))  # type: ignore[arg-type]
    return kept[1].count if kept is not None and kept[0] == clock_of(request.user).today else 0  # type: ignore[arg-type]


def count_waiting(user: User, clock: Clock) -> Waiting:
    """Count what is late or due today, for the pages that follow, unless that was done a moment ago. One query."""
    kept: tuple[date, Waiting, datetime] | None = cache.get(_key(user))
    if kept is None or kept[0] != clock.today or clock.now - kept[2] > COUNTED_EVERY:
        kept = clock.today, count_due(user, clock), clock.now
        cache.set(_key(user), kept, KEPT_S)
    return kept[1]


def count_anew(user: User) -> None:
    """Forget the number once what changed is kept."""
    transaction.on_commit(lambda: cache.delete(_key(user)))


def _key(user: User) -> str:
    return f"planner-waiting:{user.pk}"
