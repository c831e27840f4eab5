"""How much waits in the planner, for the navigation of every page: kept for a while, since every page would ask."""

from __future__ import annotations

from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

from coreengine.accounts.models import User
from courses.pages import clock_of
from courses.planning.reading import due_count

KEPT_S = 120


def waiting_count(request: HttpRequest) -> int:
    """How much is late or due today. What a sync changes shows within two minutes, what the student does at once."""
    user: User = request.user  # type: ignore[assignment]
    clock = clock_of(user)
    key = _key(user)
    kept = cache.get(key)
    if kept is not None and kept[0] == clock.today:
        return kept[1]
    count = due_count(user, clock)
    cache.set(key, (clock.today, count), KEPT_S)
    return count


def count_anew(user: User) -> None:
    """Forget the number once what changed is kept."""
    transaction.on_commit(lambda: cache.delete(_key(user)))


def _key(user: User) -> str:
    return f"planner-waiting:{user.pk}"
