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
from courses.calendar.sources.services import refresh_source
from courses.models import CalendarSource, Course

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
    for name in ("starts_at", "ends_at"):
        if values[name] is not None and values[name].tzinfo is None:
            raise ValidationError({name: "Write the time with its offset, such as 2026-11-30T14:00:00+01:00."})
    if params.course:
        course = Course.objects.editable_by(context.owner).filter(pk=params.course).first()
        if course is None:
            raise ValidationError({"course": "There is no such course among the student's."})
        values["course"] = course
    event = services.create_event(context.owner, by=context.actor, **values)
    return {"id": event.pk, "url": event.get_absolute_url()}


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
