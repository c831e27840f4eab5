"""The smallest valid things of the calendar, and calendar files as others write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from courses.calendar.occurrences import write_occurrences
from courses.models import CalendarEvent, CalendarSource
from courses.tests.factories import NOW, UserFactory


class CalendarSourceFactory(DjangoModelFactory):
    class Meta:
        model = CalendarSource

    owner = factory.SubFactory(UserFactory)
    kind = CalendarSource.Kind.ADDRESS
    name = factory.Sequence(lambda n: f"Calendar {n}")
    address = "https://calendar.example.edu/secret-of-mine/basic.ics"
    address_shown = "calendar.example.edu/….ics"
    state = CalendarSource.State.COMPLETED


class CalendarEventFactory(DjangoModelFactory):
    """An event by hand; its times are written down too."""

    class Meta:
        model = CalendarEvent
        skip_postgeneration_save = True

    owner = factory.SubFactory(UserFactory)
    title = factory.Sequence(lambda n: f"Event {n}")
    starts_at = NOW
    ends_at = factory.LazyAttribute(lambda event: event.starts_at + timedelta(hours=1))

    @factory.post_generation
    def times(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create:
            write_occurrences([[self]], timezone.now())


def vevent(*lines: str) -> str:
    """One event of a calendar file."""
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"]) + "\r\n"


def vcalendar(*parts: str, head: str = "") -> bytes:
    """A calendar file."""
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tests//EN\r\n{head}{''.join(parts)}END:VCALENDAR\r\n".encode()
