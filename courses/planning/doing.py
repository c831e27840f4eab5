"""One thing done in the planner, said as a word or two, and the words that undo it.

"done task:3", "column:doing assignment:12", "day:2026-11-30 item:7", "estimate:90 task:3": what a button of the page
sends. Each answers with a sentence and with the same kind of words for the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.core.exceptions import ValidationError
from django.http import Http404

from coreengine.accounts.models import User
from courses.models import OwnTask
from courses.moments import Clock, day_name, day_of_text
from courses.planning import decisions, services
from courses.planning.decisions import Thing, key_of, thing_of
from courses.planning.pages import COLUMN_TITLES


@dataclass(frozen=True)
class Done:
    """What became of it; `undo` is empty where nothing can be taken back."""

    thing: Thing
    text: str
    undo: str = ""


def do(user: User, words: str, clock: Clock) -> Done:
    """Do what the words say.

    Raises:
        Http404: there is no such thing.
        ValidationError: there is no such word, or what it says cannot be.
    """
    verb, _, key = words.strip().partition(" ")
    verb, _, value = verb.partition(":")
    if verb not in VERBS:
        raise ValidationError(f"“{verb[:40]}” is nothing that the planner can do.")
    if verb == "restore":
        return _restore(user, key)
    return VERBS[verb](user, thing_of(user, key), value, clock)


def _done(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    was = column_of(thing)
    thing = decisions.set_done(thing, done=True, by=user)
    text = f"“{thing}” is done."
    if isinstance(thing, OwnTask) and (follower := getattr(thing, "follower", None)) and not follower.deleted_at:
        day = follower.due_day(clock.zone)
        text += f" The next one is due {_in_words(day, clock)}." if day else ""
    return Done(thing, text, f"undone {key_of(thing)}" if was != "doing" else f"column:doing {key_of(thing)}")


def _undone(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    thing = decisions.set_done(thing, done=False, by=user)
    return Done(thing, f"“{thing}” is to do again.", f"done {key_of(thing)}")


def _dismiss(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    thing = decisions.set_dismissed(thing, dismissed=True, by=user)
    word = "skipped" if isinstance(thing, OwnTask) and thing.series_id else "dismissed"
    return Done(thing, f"“{thing}” is {word}.", f"return {key_of(thing)}")


def _return(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    thing = decisions.set_dismissed(thing, dismissed=False, by=user)
    return Done(thing, f"“{thing}” is back in the planner.", f"dismiss {key_of(thing)}")


def _column(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    was = column_of(thing)
    thing = decisions.move_to_column(thing, value, by=user)
    return Done(thing, f"“{thing}” is in “{COLUMN_TITLES[value]}” now.", f"column:{was} {key_of(thing)}")


def _day(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    day = None if value == "none" else day_of_text(value)
    if day is None and value != "none":
        raise ValidationError({"day": "Write a day, such as 2026-11-30."})
    was = _planned_day(thing, clock)
    thing = decisions.move_to_day(thing, day, by=user)
    verb = "due" if isinstance(thing, OwnTask) else "planned for"
    where = f"{verb} {_in_words(day, clock)}" if day else "without a day"
    return Done(thing, f"“{thing}” is {where} now.", f"day:{was.isoformat() if was else 'none'} {key_of(thing)}")


def _estimate(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    if value and not value.isdecimal():
        raise ValidationError({"estimate_minutes": "Write a number of minutes, such as 90."})
    was = thing.estimate_minutes
    thing = decisions.estimate(thing, int(value[:9]) if value else None, by=user)
    text = f"“{thing}” takes about {value} minutes." if value else f"“{thing}” has no estimate now."
    return Done(thing, text, f"estimate:{was or ''} {key_of(thing)}")


def _delete(user: User, thing: Thing, value: str, clock: Clock) -> Done:
    if not isinstance(thing, OwnTask):
        raise Http404("only own tasks are deleted in the planner")
    thing = services.delete_task(thing, by=user)
    return Done(thing, f"“{thing}” is deleted.", f"restore {key_of(thing)}")


def _restore(user: User, key: str) -> Done:
    kind, _, number = key.partition(":")
    ids = [int(number)] if kind == "task" and number.isdecimal() and len(number) < 19 else []
    task = OwnTask.objects.restorable_by(user).filter(pk__in=ids).first()
    if task is None:
        raise Http404(f"{key[:40]} is not there")
    task = services.restore_task(task, by=user)
    return Done(task, f"“{task}” is back.", f"delete {key}")


VERBS: dict[str, Callable[[User, Thing, str, Clock], Done]] = {
    "done": _done,
    "undone": _undone,
    "dismiss": _dismiss,
    "return": _return,
    "column": _column,
    "day": _day,
    "estimate": _estimate,
    "delete": _delete,
    "restore": _delete,  # told apart in `do`: what is deleted is found by another way
}


def column_of(thing: Thing) -> str:
    return "done" if thing.done_at else "doing" if thing.started_at else "todo"


def _planned_day(thing: Thing, clock: Clock) -> date | None:
    return thing.due_day(clock.zone) if isinstance(thing, OwnTask) else thing.planned_on


def _in_words(day: date, clock: Clock) -> str:
    name = day_name(day, clock.today)
    return name.lower() if name in ("Today", "Tomorrow", "Yesterday") else f"{day:%a} {day.day} {day:%b}"
