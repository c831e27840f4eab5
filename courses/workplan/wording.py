"""Deadlines inside a sentence."""

from __future__ import annotations

from datetime import datetime

from courses.moments import Clock, moment


def said_moment(when: datetime, clock: Clock) -> str:
    """ "tomorrow, 23:59", "Wed, 17:00", "3 Dec, Thu 23:59"."""
    said = moment(when, clock)
    return f"{_inside(said.main)}, {said.detail}"


def due_words(due_at: datetime, clock: Clock) -> str:
    """ "due tomorrow, 23:59", "overdue since 26 Nov"."""
    if due_at < clock.now:
        return f"overdue since {_inside(moment(due_at, clock).main)}"
    return f"due {said_moment(due_at, clock)}"


def _inside(word: str) -> str:
    return word.lower() if word in ("Today", "Tomorrow", "Yesterday") else word
