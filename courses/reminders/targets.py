"""What one can be reminded of. Every part of this app that has something at a time registers its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError

from coreengine.accounts.models import User


@dataclass(frozen=True)
class Target:
    """One thing at a time, as reminders see it.

    `rule_kind` names the defaults that it follows (`ReminderRule.Kind`), "" for none. `is_open` is False for what is
    done, handed in, dismissed or gone: nobody is reminded of that. `shown_pk` names the thing as which this one is
    shown, where another source has it too: what is due at one moment for both is told once.
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

    @property
    def key(self) -> tuple[str, int]:
        return self.kind, self.pk

    @property
    def shown_key(self) -> tuple[str, int]:
        return self.kind, self.shown_pk or self.pk


@dataclass(frozen=True)
class TargetKind:
    """A kind of things. Neither function may take a query per thing.

    `read(owner, ids)` gives those of the student's with these ids, whatever their state; what is not the student's, or
    deleted, is left out. `ahead(owner, start, end)` gives the open ones whose time lies in the span, and leaves out
    what defaults should pass over, such as hidden courses. `comes` and `came` are the verbs: "is due", "was due".
    """

    key: str
    label: str
    comes: str
    came: str
    read: Callable[[User, Iterable[int]], Iterable[Target]]
    ahead: Callable[[User, datetime, datetime], Iterable[Target]]


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


def targets_ahead(owner: User, start: datetime, end: datetime) -> dict[tuple[str, int], Target]:
    """Read the open things whose time lies from `start` (included) to `end` (excluded)."""
    return {target.key: target for kind in _kinds.values() for target in kind.ahead(owner, start, end)}
