"""Noting that a student looked at the dashboard, so that the next visit can tell what is new."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from coreengine.accounts.models import User
from courses.models import DashboardVisit


@transaction.atomic
def note_visit(owner: User, *, now: datetime, is_all_seen: bool = False) -> DashboardVisit:
    """Note a look at the dashboard. Looks within half an hour are one visit, whose news stay new until it is over.

    The page asks for this by a POST once it is shown, so that reading it writes nothing. `is_all_seen` ends the
    news at once. No event is recorded: where somebody looked is nobody's business.
    """
    visit, is_first = DashboardVisit.objects.select_for_update().get_or_create(
        owner=owner, defaults={"seen_at": now, "since": now}
    )
    if not is_first:
        visit.since = now if is_all_seen else visit.news_since(now)
        visit.seen_at = max(now, visit.seen_at)
        visit.save(update_fields=["since", "seen_at"])
    return visit
