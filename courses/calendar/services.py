"""What a student does with events: those by hand, and notes on any."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.calendar.occurrences import write_occurrences
from courses.calendar.rules import (
    check_event,
    check_event_changes,
    check_repeats,
    event_times,
    repeats_of,
    rule_of,
)
from courses.calendar.zones import moment_of
from courses.errors import ComesFromSource
from courses.importing.compare import apply, differences, said
from courses.models import CalendarEvent

DELETED_KEPT_FOR = timedelta(days=30)
PLAIN = {"title", "location", "course", "is_busy", "notes"}
SAID = ["title", "location", "course_id", "is_busy", "starts_at", "ends_at", "is_all_day", "rrule"]


@transaction.atomic
def create_event(owner: User, *, by: User, **values: Any) -> CalendarEvent:
    """Add an event by hand. Times as `rules.event_times` has them; it repeats at the owner's local time.

    Raises:
        ValidationError: by field, in words for the form.
    """
    check_event({"title": "", **values})
    starts_at, ends_at = event_times(values)
    check_repeats(values, starts_at)
    event = CalendarEvent(
        owner=owner,
        starts_at=starts_at,
        ends_at=ends_at,
        is_all_day=bool(values.get("is_all_day")),
        time_zone=owner.time_zone,
        rrule=rule_of(values.get("repeats") or "", values.get("repeats_until")),
    )
    apply(event, _plain(owner, values))
    event.full_clean(exclude=["owner", "course"])
    event.save()
    write_occurrences([[event]], timezone.now())
    record("event.created", actor=by, subject=event, owner=owner, data=_facts(event))
    return event


@transaction.atomic
def update_event(event: CalendarEvent, *, by: User, changes: dict[str, Any]) -> CalendarEvent:
    """Change an event, with all its repeats; of one from a calendar, only the notes.

    Raises:
        ValidationError: by field; also for a field that its calendar owns.
    """
    event = _locked(event)
    check_event_changes(event, changes)
    check_event(changes)
    values = _plain(event.owner, changes)
    if changes.keys() & {"starts_at", "ends_at", "starts_on", "ends_on", "is_all_day"}:
        values |= _times(event, changes)
    if changes.keys() & {"repeats", "repeats_until"}:
        repeats, until = repeats_of(event.rrule)
        said_until = changes.get("repeats_until", until)
        check_repeats({"repeats_until": said_until}, values.get("starts_at", event.starts_at))
        values["rrule"] = rule_of(changes.get("repeats", repeats) or "", said_until)
    found = differences(event, values)
    if not found:
        return event
    apply(event, values)
    event.full_clean(exclude=["owner", "course", "source"])
    event.save(update_fields=[*found, "updated_at"])
    if found.keys() & {"starts_at", "ends_at", "is_all_day", "rrule"}:
        write_occurrences([[event]], timezone.now())
    data = {**_facts(event), "changes": said({name: found[name] for name in SAID if name in found})}
    record("event.updated", actor=by, subject=event, owner=event.owner, data=data)
    return event


@transaction.atomic
def move_event(event: CalendarEvent, *, by: User, moved_from: datetime, moved_to: datetime) -> CalendarEvent:
    """Move an event by hand as one of its repeats was moved; all its repeats move with it, by the local clock."""
    if event.is_all_day:
        raise ValidationError({"starts_at": "An event of whole days is moved in its form."})
    zone = event.owner.zone

    def local(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None)

    starts_at = moment_of(local(event.starts_at) + (local(moved_to) - local(moved_from)), zone)
    ends_at = starts_at + (event.ends_at - event.starts_at)
    return update_event(event, by=by, changes={"starts_at": starts_at, "ends_at": ends_at})


@transaction.atomic
def delete_event(event: CalendarEvent, *, by: User) -> CalendarEvent:
    """Put an event by hand where `restore_event` finds it for thirty days.

    Raises:
        ComesFromSource: its calendar would bring it back.
    """
    event = _locked(event)
    if not event.is_by_hand:
        raise ComesFromSource(
            f"{event.title} comes from the calendar “{event.source}” and would come back with its next reading. "
            "Delete it there, or remove the calendar here."
        )
    if event.deleted_at is None:
        long_ago = timezone.now() - DELETED_KEPT_FOR
        CalendarEvent.objects.filter(owner=event.owner, deleted_at__lt=long_ago).delete()
        event.deleted_at = timezone.now()
        event.save(update_fields=["deleted_at"])
        record("event.deleted", actor=by, subject=event, owner=event.owner, data=_facts(event))
    return event


@transaction.atomic
def restore_event(event: CalendarEvent, *, by: User) -> CalendarEvent:
    """Take back the deletion of an event. Harmless where it is not deleted."""
    event = _locked(event)
    if event.deleted_at is not None:
        event.deleted_at = None
        event.save(update_fields=["deleted_at"])
        write_occurrences([[event]], timezone.now())
        record("event.restored", actor=by, subject=event, owner=event.owner, data=_facts(event))
    return event


def _times(event: CalendarEvent, changes: dict[str, Any]) -> dict[str, Any]:
    """What changes of the times, with what stays where the change does not say it."""
    is_all_day = changes.get("is_all_day", event.is_all_day)
    stored: dict[str, Any] = {}
    if is_all_day == event.is_all_day:
        last = (event.ends_at - timedelta(days=1)).date()
        stored = (
            {"starts_on": event.starts_at.date(), "ends_on": last}
            if is_all_day
            else {"starts_at": event.starts_at, "ends_at": event.ends_at}
        )
    starts_at, ends_at = event_times({**stored, **changes, "is_all_day": is_all_day})
    return {"starts_at": starts_at, "ends_at": ends_at, "is_all_day": is_all_day}


def _plain(owner: User, values: dict[str, Any]) -> dict[str, Any]:
    found = {name: values[name] for name in PLAIN & values.keys()}
    if "title" in found:
        found["title"] = found["title"].strip()
    if "course" in found:
        course = found.pop("course")
        if course is not None and course.owner_id != owner.pk:
            raise ValidationError({"course": "There is no such course among yours."})
        found["course_id"] = course.pk if course is not None else None
    return found


def _locked(event: CalendarEvent) -> CalendarEvent:
    rows = CalendarEvent.objects.select_for_update(of=("self",)).select_related("owner", "source")
    return rows.defer("search_vector").get(pk=event.pk)


def _facts(event: CalendarEvent) -> dict[str, Any]:
    starts_at = event.starts_at.isoformat().replace("+00:00", "Z")
    return {"name": event.title, "starts_at": starts_at, "course": event.course_id, "by_hand": event.is_by_hand}
