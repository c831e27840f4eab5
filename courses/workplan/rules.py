"""Checks that forms, serializers and services of a plan share; each raises Django's ValidationError by field."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from coreengine.accounts.models import User
from courses.models import PlanPreferences, WorkBlock
from courses.models.workplan import WEEKDAYS
from courses.rules import check_year
from courses.workplan.free import Rhythm

LEAST_MINUTES, MOST_MINUTES = 5, 12 * 60
MOST_WORKED = 24 * 60
MOST_AHEAD = timedelta(days=366)


def checked_hours(given: Any) -> list[list[str] | None]:
    """Return a week's working hours as they are kept: Monday to Sunday, two times each, or None.

    Raises:
        ValidationError: at `hours`, naming the day.
    """
    if not isinstance(given, list | tuple) or len(given) != 7:
        raise ValidationError({"hours": "Give seven days, Monday to Sunday."})
    hours: list[list[str] | None] = []
    for day, span in zip(WEEKDAYS, given, strict=True):
        if span in (None, []):
            hours.append(None)
            continue
        try:
            first, last = (value if isinstance(value, time) else time.fromisoformat(str(value)) for value in span)
        except (TypeError, ValueError) as error:
            raise ValidationError({"hours": f'{day}: give two times, such as ["09:00", "18:00"].'}) from error
        if last <= first:
            raise ValidationError({"hours": f"{day}: the working hours end before they begin."})
        hours.append([f"{first:%H:%M}", f"{last:%H:%M}"])
    if not any(hours):
        raise ValidationError({"hours": "Give at least one day with working hours."})
    return hours


def check_preferences(values: dict[str, Any]) -> None:
    """Check how the fields go together."""
    shortest, longest = values.get("shortest_minutes"), values.get("longest_minutes")
    if shortest and longest and longest < shortest:
        raise ValidationError(
            {"longest_minutes": f"The longest block is at least as long as the shortest ({shortest} min)."}
        )


def rhythm_of(preferences: PlanPreferences) -> Rhythm:
    """Make of preferences what the plan is worked out with."""
    hours = [tuple(map(time.fromisoformat, span)) if span else None for span in preferences.hours]
    latest = preferences.latest
    return Rhythm(
        hours=tuple(hours),  # type: ignore[arg-type]
        latest=latest if isinstance(latest, time) else time.fromisoformat(latest),
        shortest=preferences.shortest_minutes,
        longest=preferences.longest_minutes,
        pause=preferences.break_minutes,
        most_per_day=preferences.most_per_day_minutes,
    )


def check_time(
    owner: User, starts_at: datetime, minutes: int, *, now: datetime, leaving_out: Iterable[int] = ()
) -> None:
    """Check where a student wants to put a block: in the time ahead, not too long, and not upon another block."""
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise ValidationError({"minutes": f"A block is {LEAST_MINUTES} to {MOST_MINUTES} minutes long."})
    check_year(starts_at, "starts_at")
    ends_at = starts_at + timedelta(minutes=minutes)
    if ends_at <= now:
        raise ValidationError({"starts_at": "That time is over. Choose a start that lies ahead."})
    if starts_at > now + MOST_AHEAD:
        raise ValidationError({"starts_at": "A plan goes one year ahead at most."})
    other = colliding(owner, starts_at, ends_at, leaving_out=leaving_out)
    if other is not None:
        zone = owner.zone
        span = f"{other.starts_at.astimezone(zone):%H:%M} to {other.ends_at.astimezone(zone):%H:%M}"
        raise ValidationError({"starts_at": f"You already plan “{other.title}” from {span}. Choose another start."})


def colliding(
    owner: User, starts_at: datetime, ends_at: datetime, *, leaving_out: Iterable[int] = ()
) -> WorkBlock | None:
    """The first planned or worked block that lies in the span."""
    taken = WorkBlock.objects.visible_to(owner).taking_time().between(starts_at, ends_at)
    return taken.exclude(pk__in=list(leaving_out)).in_order().first()


def check_worked(minutes: int | None) -> int:
    """Check how long someone says to have worked."""
    if minutes is None or not 0 < minutes <= MOST_WORKED:
        raise ValidationError({"minutes": f"Say how many minutes you worked, from 1 to {MOST_WORKED}."})
    return minutes
