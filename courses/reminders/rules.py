"""Checks of reminders and their settings that forms, serializers and services share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from courses.models.reminders import LONGEST_DELAY, LONGEST_LEAD, Channel
from courses.reminders.targets import Target

MOST_PER_THING = 20
MOST_RULES = 60
LONGEST_AHEAD = timedelta(days=730)


def check_channels(channels: Iterable[str]) -> list[str]:
    """Put channels in order, each once; none stands for the student's own choice.

    Raises:
        ValidationError: at `channels`.
    """
    chosen = set(channels)
    if unknown := chosen - set(Channel.values):
        raise ValidationError({"channels": f"There is no channel “{min(unknown)}”; there are bell, mail and push."})
    return [channel for channel in Channel.values if channel in chosen]


def check_lead(minutes: int | None, field: str = "lead_minutes") -> None:
    """Refuse a lead that is further than two months before or one month after."""
    if minutes is not None and not -LONGEST_DELAY <= minutes <= LONGEST_LEAD:
        raise ValidationError({field: "A reminder comes at most 60 days before and 30 days after."})


def check_reminder(target: Target, *, lead_minutes: int | None, remind_at: datetime | None, now: datetime) -> datetime:
    """Say when a reminder of a thing would come.

    Raises:
        ValidationError: by field: it has no time or two, the thing has no time to come before, or it is past.
    """
    if (lead_minutes is None) == (remind_at is None):
        raise ValidationError({"lead_minutes": "Say how long before, or at what time; one of the two."})
    check_lead(lead_minutes)
    if remind_at is not None:
        if remind_at <= now:
            raise ValidationError({"remind_at": "That time has passed already. Pick a later one."})
        if remind_at > now + LONGEST_AHEAD:
            raise ValidationError({"remind_at": "That is more than two years away."})
        return remind_at
    if target.at is None:
        raise ValidationError({"lead_minutes": f"“{target.title}” has no date yet. Pick a day and a time instead."})
    fire_at = target.at - timedelta(minutes=lead_minutes or 0)
    if fire_at <= now:
        raise ValidationError({"lead_minutes": f"It is too late for that: “{target.title}” is closer. Pick less."})
    return fire_at


def check_days(days: Any) -> list[int]:
    """Put weekdays in order, each once (0 is Monday).

    Raises:
        ValidationError: at `daily_days`: there is none, or one that is no day.
    """
    found = sorted(set(days))
    if not found:
        raise ValidationError({"daily_days": "Pick at least one day."})
    if any(not 0 <= day <= 6 for day in found):
        raise ValidationError({"daily_days": "Days are numbers from 0 (Monday) to 6 (Sunday)."})
    return found
