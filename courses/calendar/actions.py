"""What workflows can ask of the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.calendar import services
from courses.calendar.entries import entries_between
from courses.calendar.feeds.services import revoke_feed
from courses.calendar.sources.services import add_source, refresh_source
from courses.models import CalendarEvent, CalendarFeed, CalendarSource, Course

MOST_ENTRIES = 500


class ReadEntries(BaseModel):
    """What lies ahead in the student's calendar."""

    model_config = ConfigDict(extra="forbid")

    within_hours: int = Field(default=24, ge=1, le=24 * 60, description="How far ahead to look")
    layers: list[str] = Field(default_factory=list, description="Kinds of entries, such as assignments; all by default")


class CreateEvent(BaseModel):
    """An event for the student's calendar."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=255)
    starts_at: datetime = Field(description="With its offset: 2026-11-30T14:00:00+01:00")
    ends_at: datetime | None = Field(default=None, description="An hour later by default")
    location: str = Field(default="", max_length=255)
    notes: str = Field(default="", max_length=10_000)
    course: int = Field(default=0, description="The id of the course it belongs to, or 0")
    is_busy: bool = Field(default=True, description="Whether it takes the student's time")


class UpdateEvent(BaseModel):
    """Changes of an event; only what is given changes. Of one that a calendar brought, only `notes` can."""

    model_config = ConfigDict(extra="forbid")

    event: int = Field(description="Its id")
    title: str | None = Field(default=None, min_length=1, max_length=255)
    starts_at: datetime | None = Field(default=None, description="With its offset: 2026-11-30T14:00:00+01:00")
    ends_at: datetime | None = Field(default=None, description="With its offset")
    location: str | None = Field(default=None, max_length=255)
    notes: str | None = Field(default=None, max_length=10_000)
    is_busy: bool | None = Field(default=None, description="Whether it takes the student's time")


class DeleteEvent(BaseModel):
    """An event by hand that is to go."""

    model_config = ConfigDict(extra="forbid")

    event: int = Field(description="Its id")


class FollowCalendar(BaseModel):
    """A calendar at an address, read every hour from now on."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(min_length=1, max_length=2_000, description="https:// or webcal://")
    name: str = Field(default="", max_length=255, description="The address's host by default")
    course: int = Field(default=0, description="The id of the course that it is of, or 0")


class NoFilter(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid")


class RevokeFeed(BaseModel):
    """Take back a secret address under which the student's calendar is read."""

    model_config = ConfigDict(extra="forbid")

    feed: int = Field(description="Its id, as calendar.feeds gives it")


class Refresh(BaseModel):
    """Read the calendars that the student follows."""

    model_config = ConfigDict(extra="forbid")

    source: int = Field(default=0, description="The id of one calendar, or 0 for all")


@system_action("calendar.entries", params=ReadEntries, writes=False, summary="List what lies ahead in the calendar")
def entries_action(context: ActionContext, params: ReadEntries) -> dict[str, Any]:
    """Give `{count, entries: [{key, kind, title, starts_at, ends_at, location, course, is_done, url}]}`."""
    now = timezone.now()
    found = entries_between(context.owner, now, now + timedelta(hours=params.within_hours), only=params.layers or None)
    shown = ("key", "kind", "title", "location", "course", "is_all_day", "is_busy", "is_done", "url")
    entries = [
        {
            **{name: getattr(entry, name) for name in shown},
            "starts_at": entry.starts_at.isoformat(),
            "ends_at": entry.ends_at.isoformat() if entry.ends_at else None,
        }
        for entry in found[:MOST_ENTRIES]
    ]
    return {"count": len(found), "entries": entries}


@system_action("calendar.create_event", params=CreateEvent, writes=True, summary="Put an event into the calendar")
def create_event_action(context: ActionContext, params: CreateEvent) -> dict[str, Any]:
    """Give `{id, url}` of the new event."""
    values = params.model_dump(exclude={"course"})
    _check_offsets(values)
    values |= _of_course(context, params.course)
    event = services.create_event(context.owner, by=context.actor, **values)
    return {"id": event.pk, "url": event.get_absolute_url()}


@system_action("calendar.update_event", params=UpdateEvent, writes=True, summary="Change an event of the calendar")
def update_event_action(context: ActionContext, params: UpdateEvent) -> dict[str, Any]:
    """Give `{id, url, starts_at, ends_at}`. Of one that repeats, all times change."""
    given = params.model_dump(include=params.model_fields_set - {"event"})
    changes = {name: value for name, value in given.items() if value is not None}
    _check_offsets(changes)
    event = services.update_event(_event(context, params.event), by=context.actor, changes=changes)
    times = {"starts_at": event.starts_at.isoformat(), "ends_at": event.ends_at.isoformat()}
    return {"id": event.pk, "url": event.get_absolute_url(), **times}


@system_action(
    "calendar.delete_event", params=DeleteEvent, writes=True, summary="Delete an event made by hand; it can be restored"
)
def delete_event_action(context: ActionContext, params: DeleteEvent) -> dict[str, Any]:
    """Give `{id, title}` of what was deleted."""
    event = services.delete_event(_event(context, params.event), by=context.actor)
    return {"id": event.pk, "title": event.title}


@system_action("calendar.follow", params=FollowCalendar, writes=True, summary="Follow a calendar by its address")
def follow_action(context: ActionContext, params: FollowCalendar) -> dict[str, Any]:
    """Give `{id, name}`; the event `calendar_source.imported` tells when it has been read."""
    values = {"address": params.address, "name": params.name, **_of_course(context, params.course)}
    source = add_source(context.owner, by=context.actor, **values)
    return {"id": source.pk, "name": source.name}


@system_action(
    "calendar.refresh", params=Refresh, writes=True, summary="Read the calendars that the student follows again"
)
def refresh_action(context: ActionContext, params: Refresh) -> dict[str, Any]:
    """Give `{count}` of the calendars that a worker is told to read."""
    own = CalendarSource.objects.editable_by(context.owner).accepted().filter(kind=CalendarSource.Kind.ADDRESS)
    if params.source:
        own = own.filter(pk=params.source)
        if not own.exists():
            raise ValidationError({"source": "The student follows no such calendar."})
    sources = list(own.defer("address"))
    for source in sources:
        refresh_source(source, by=context.actor)
    return {"count": len(sources)}


def _check_offsets(values: dict[str, Any]) -> None:
    for name in ("starts_at", "ends_at"):
        if values.get(name) is not None and values[name].tzinfo is None:
            raise ValidationError({name: "Write the time with its offset, such as 2026-11-30T14:00:00+01:00."})


def _of_course(context: ActionContext, pk: int) -> dict[str, Course]:
    """The course that something is to belong to, as a value of it; none for 0."""
    if not pk:
        return {}
    course = Course.objects.editable_by(context.owner).filter(pk=pk).first()
    if course is None:
        raise ValidationError({"course": "There is no such course among the student's."})
    return {"course": course}


def _event(context: ActionContext, pk: int) -> CalendarEvent:
    event = CalendarEvent.objects.editable_by(context.owner).filter(pk=pk).first()
    if event is None:
        raise ValidationError({"event": f"There is no event {pk} in the student's calendar."})
    return event


# None makes an address: its secret is shown once, and would stand in the log of the step that made it.


@system_action(
    "calendar.feeds", params=NoFilter, writes=False, summary="List the addresses under which the calendar is read"
)
def feeds_action(context: ActionContext, params: NoFilter) -> dict[str, Any]:
    """Give `{count, feeds: [{id, name, course, hint, last_used_at, last_used_by}]}`, the secrets left out."""
    feeds = CalendarFeed.objects.visible_to(context.owner).usable().select_related("course")
    found = [
        {
            "id": feed.pk,
            "name": feed.name,
            "course": feed.course.title if feed.course else "",
            "hint": feed.hint,
            "last_used_at": feed.last_used_at.isoformat() if feed.last_used_at else None,
            "last_used_by": feed.last_used_by,
        }
        for feed in feeds.only(*_FEED_FIELDS)
    ]
    return {"count": len(found), "feeds": found}


_FEED_FIELDS = (
    *("name", "hint", "last_used_at", "last_used_by", "owner_id"),
    *(f"course__{name}" for name in ("name", "nickname")),
)


@system_action(
    "calendar.revoke_feed", params=RevokeFeed, writes=True, summary="Take back an address of the calendar for good"
)
def revoke_feed_action(context: ActionContext, params: RevokeFeed) -> dict[str, Any]:
    """Give `{id, name}` of what was taken back."""
    feed = CalendarFeed.objects.editable_by(context.owner).usable().filter(pk=params.feed).first()
    if feed is None:
        raise ValidationError({"feed": "The student has no such address."})
    revoke_feed(feed, by=context.actor)
    return {"id": feed.pk, "name": feed.name}
