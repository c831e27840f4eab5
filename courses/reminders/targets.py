"""What one can be reminded of. Every part of this app that has something at a time registers its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from coreengine.accounts.models import User

if TYPE_CHECKING:
    from courses.models import Reminder


@dataclass(frozen=True)
class Target:
    """One thing at a time, as reminders see it.

    `rule_kind` names the defaults that it follows (`ReminderRule.Kind`), "" for none. `is_open` is False for what is
    done, handed in, dismissed or gone: nobody is reminded of that. `shown_pk` names the thing as which this one is
    shown, where another source has it too: what is due at one moment for both is told once. `time_key` names which
    of its times this is, of a thing that repeats.
    """

    kind: str
    pk: int
    title: str
    at: datetime | None
    url: str
    is_open: bool = True
    rule_kind: str = ""
    course_id: int | None = None
    course: str = ""
    is_all_day: bool = False
    facts: tuple[str, ...] = ()
    shown_pk: int | None = None
    time_key: str = ""

    @property
    def key(self) -> tuple[str, int]:
        return self.kind, self.pk

    @property
    def shown_key(self) -> tuple[str, int, str]:
        return self.kind, self.shown_pk or self.pk, self.time_key


@dataclass(frozen=True)
class TargetKind:
    """A kind of things. Neither function may take a query per thing.

    `read(owner, ids)` gives those of the student's with these ids, whatever their state; what is not the student's, or
    deleted, is left out. `ahead(owner, start, end)` gives the open ones whose time lies in the span, and leaves out
    what defaults should pass over, such as hidden courses. `comes` and `came` are the verbs: "is due", "was due".

    A kind whose things can repeat gives each of their times in `ahead`, the next one in `read`, and in
    `times(owner, ids, start, end)` the times of these by their names. `of_row(owner, thing)` makes a target of what
    was read for the thing's own page already.
    """

    key: str
    label: str
    comes: str
    came: str
    read: Callable[[User, Iterable[int]], Iterable[Target]]
    ahead: Callable[[User, datetime, datetime], Iterable[Target]]
    times: Callable[[User, Iterable[int], datetime, datetime], Mapping[int, Mapping[str, datetime]]] | None = None
    of_row: Callable[[User, Any], Target | None] | None = None


_kinds: dict[str, TargetKind] = {}


def register_target(kind: TargetKind) -> None:
    """Let students be reminded of things of this kind."""
    _kinds[kind.key] = kind


def target_kinds() -> list[TargetKind]:
    """List the kinds."""
    return list(_kinds.values())


def target_kind(key: str) -> TargetKind:
    """Find a kind.

    Raises:
        ValidationError: there is none of this name.
    """
    if key not in _kinds:
        raise ValidationError({"target_kind": f"There is no kind “{key}”; there are {', '.join(_kinds)}."})
    return _kinds[key]


def targets_of(owner: User, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Target]:
    """Read things by kind and id, one query a kind."""
    wanted: dict[str, set[int]] = {}
    for kind, pk in keys:
        wanted.setdefault(kind, set()).add(pk)
    return {
        target.key: target for kind, ids in wanted.items() if kind in _kinds for target in _kinds[kind].read(owner, ids)
    }


def targets_of_reminders(owner: User, rows: Iterable[Reminder]) -> dict[int, Target]:
    """Read the thing of each reminder by the reminder's id: of one that repeats, at the time that the reminder is for.

    What is gone, or does not take place at that time any more, is left out. At most two queries a kind.
    """
    rows = list(rows)
    targets = targets_of(owner, {(row.target_kind, row.target_id) for row in rows})
    times: dict[tuple[str, int], Mapping[str, datetime]] = {}
    for key, kind in _kinds.items():
        asked = [(row.target_id, row.target_at) for row in rows if row.target_kind == key and row.target_at is not None]
        if kind.times is not None and asked:
            moments = [at for _, at in asked]
            found = kind.times(owner, {pk for pk, _ in asked}, min(moments), max(moments))
            times |= {(key, pk): each for pk, each in found.items()}
    told = {}
    for row in rows:
        target = targets.get((row.target_kind, row.target_id))
        if target is None:
            continue
        known = times.get(target.key, {})
        if row.target_key:
            if row.target_key not in known:
                continue
            target = replace(target, at=known[row.target_key], time_key=row.target_key)
        elif row.lead_minutes is not None and row.target_at in known.values():
            # By the student's own wish: the time it was set for, which need not be the next one.
            target = replace(target, at=row.target_at)
        told[row.pk] = target
    return told


def targets_ahead(owner: User, start: datetime, end: datetime) -> dict[tuple[str, int, str], Target]:
    """Read the open things whose time lies from `start` (included) to `end` (excluded), by kind, id and time."""
    return {
        (*target.key, target.time_key): target for kind in _kinds.values() for target in kind.ahead(owner, start, end)
    }
