"""What a student chooses of their notifications: channels by kind, and quiet hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from coreengine.kernel.events import record
from coreengine.kernel.models import NotificationPreference, QuietHours
from coreengine.kernel.notifications import CHANNELS, NotificationKind, kinds


@dataclass(frozen=True)
class ChosenChannels:
    """One line of the matrix: a kind, and the channels that are on."""

    kind: NotificationKind
    bell: bool
    mail: bool
    push: bool


def preferences_of(user: Any) -> list[ChosenChannels]:
    """List every kind with the channels that it takes; one query."""
    chosen = {row.kind: row for row in NotificationPreference.objects.filter(owner=user)}
    return [
        ChosenChannels(kind, *(_is_on(kind, chosen.get(kind.key), channel) for channel in CHANNELS)) for kind in kinds()
    ]


def quiet_hours_of(user: Any) -> QuietHours:
    """Give a student's quiet hours; where they chose none, those that the form offers (off)."""
    return QuietHours.objects.filter(owner=user).first() or QuietHours(owner=user)


@transaction.atomic
def choose_channels(user: Any, chosen: Mapping[str, Mapping[str, bool]], *, by: Any) -> list[ChosenChannels]:
    """Set the channels of some kinds: `{"reminder": {"mail": True}}`; what is not named stays as it is.

    Raises:
        ValidationError: there is no such kind or channel.
    """
    known = {line.kind.key: line for line in preferences_of(user)}
    changed = {}
    for key, channels in chosen.items():
        if key not in known:
            raise ValidationError({"channels": f"There is no kind “{key}”; there are {', '.join(known)}."})
        if unknown := set(channels) - set(CHANNELS):
            raise ValidationError({"channels": f"There is no channel “{min(unknown)}”; there are bell, mail and push."})
        line = known[key]
        values = {channel: bool(channels.get(channel, getattr(line, channel))) for channel in CHANNELS}
        if any(values[channel] != getattr(line, channel) for channel in CHANNELS):
            NotificationPreference.objects.update_or_create(owner=user, kind=key, defaults=values)
            changed[key] = [channel for channel in CHANNELS if values[channel]]
    if changed:
        record("notifications.chosen", actor=by, subject=user, owner=user, data={"channels": changed})
    return preferences_of(user)


@transaction.atomic
def set_quiet_hours(user: Any, *, by: Any, is_on: bool, starts_at: time, ends_at: time) -> QuietHours:
    """Set the quiet hours.

    Raises:
        ValidationError: they begin and end at the same time.
    """
    if starts_at == ends_at:
        raise ValidationError({"ends_at": "Quiet hours that begin and end at the same time would never end."})
    values = {"is_on": is_on, "starts_at": starts_at, "ends_at": ends_at}
    hours, _ = QuietHours.objects.update_or_create(owner=user, defaults=values)
    data = {"is_on": is_on, "starts_at": f"{starts_at:%H:%M}", "ends_at": f"{ends_at:%H:%M}"}
    record("quiet_hours.set", actor=by, subject=("accounts.user", user.pk), owner=user, data=data)
    return hours


def _is_on(kind: NotificationKind, chosen: NotificationPreference | None, channel: str) -> bool:
    return channel in kind.channels if chosen is None else bool(getattr(chosen, channel))
