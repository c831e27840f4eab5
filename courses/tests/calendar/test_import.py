"""What an import of a calendar does to the student's events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from coreengine.kernel.models import Event
from courses.calendar.occurrences import extend_repeats, write_occurrences
from courses.calendar.reading import read_calendar
from courses.calendar.services import update_event
from courses.calendar.sources.importing import Imported, import_reading
from courses.models import CalendarEvent, CalendarOccurrence, CalendarSource
from courses.tests.factories_calendar import CalendarSourceFactory, vcalendar, vevent

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(owner: Any) -> CalendarSource:
    return CalendarSourceFactory(owner=owner)


def day(days: int, clock: str = "080000Z") -> str:
    return f"{timezone.now() + timedelta(days=days):%Y%m%d}T{clock}"


def lecture(uid: str = "1", days: int = 3, *lines: str, title: str = "Lecture") -> str:
    return vevent(f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART:{day(days)}", "DURATION:PT1H", *lines)


def take(source: CalendarSource, *events: str, end: bytes = b"END:VCALENDAR\r\n") -> Imported:
    data = vcalendar(*events).replace(b"END:VCALENDAR\r\n", end)
    found = import_reading(source, read_calendar(data, zone=source.owner.zone, now=timezone.now()), by=source.owner)
    source.first_at = source.first_at or timezone.now()
    source.save()
    return found


def told(owner: Any) -> list[tuple[str, str]]:
    events = Event.objects.filter(owner=owner, type__startswith="event.").order_by("id")
    return [(event.type, event.data["name"]) for event in events]


def test_the_first_import_is_a_silent_baseline(source: CalendarSource, owner: Any) -> None:
    assert take(source, lecture("1"), lecture("2")) == Imported(created=2)
    assert told(owner) == []
    assert CalendarOccurrence.objects.count() == 2


def test_the_same_again_changes_nothing(source: CalendarSource) -> None:
    take(source, lecture())
    before = list(CalendarOccurrence.objects.values_list("pk", flat=True))

    assert take(source, lecture()) == Imported(unchanged=1)
    assert list(CalendarOccurrence.objects.values_list("pk", flat=True)) == before


def test_new_changed_and_removed_events_are_followed_and_told(source: CalendarSource, owner: Any) -> None:
    take(source, lecture("1"), lecture("2", title="Seminar"))

    counts = take(source, lecture("1", 4), lecture("3", title="Exam"))

    assert (counts.created, counts.changed, counts.removed) == (1, 1, 1)
    assert set(told(owner)) == {("event.updated", "Lecture"), ("event.created", "Exam"), ("event.removed", "Seminar")}
    assert CalendarEvent.objects.get(uid="2").missing_since is not None
    assert set(CalendarOccurrence.objects.visible_to(owner).values_list("event__uid", flat=True)) == {"1", "3"}


def test_what_the_student_wrote_stays(source: CalendarSource, owner: Any) -> None:
    take(source, lecture())
    update_event(CalendarEvent.objects.get(), by=owner, changes={"notes": "Bring the book"})

    take(source, lecture(title="Moved lecture"))
    take(source)

    event = CalendarEvent.objects.get()
    assert (event.title, event.notes) == ("Moved lecture", "Bring the book")


def test_one_that_comes_back_is_there_again(source: CalendarSource, owner: Any) -> None:
    take(source, lecture())
    take(source)
    take(source, lecture())

    assert CalendarEvent.objects.get().missing_since is None
    assert CalendarOccurrence.objects.visible_to(owner).count() == 1


def test_what_a_calendar_drops_since_it_is_past_is_not_removed(source: CalendarSource) -> None:
    take(source, lecture("old", -40), lecture("new", 5))

    assert take(source, lecture("new", 5)).removed == 0
    assert CalendarEvent.objects.get(uid="old").missing_since is None


def test_what_is_past_is_removed_where_the_calendar_still_covers_that_time(source: CalendarSource) -> None:
    take(source, lecture("oldest", -60), lecture("old", -40))

    assert take(source, lecture("oldest", -60)).removed == 1


def test_a_file_that_breaks_off_removes_nothing(source: CalendarSource) -> None:
    take(source, lecture("1"), lecture("2"))

    assert take(source, lecture("1"), end=b"").removed == 0


def test_an_event_that_cannot_be_read_any_more_is_not_removed(source: CalendarSource) -> None:
    take(source, lecture("1"), lecture("2"))

    assert take(source, lecture("1"), vevent("UID:2", "DTSTART:soon")).removed == 0


def test_one_changed_repeat_changes_its_own_time_alone(source: CalendarSource, owner: Any) -> None:
    weekly = lecture("1", 3, "RRULE:FREQ=WEEKLY;COUNT=3")
    take(source, weekly)

    moved = vevent("UID:1", "SUMMARY:Elsewhere", f"RECURRENCE-ID:{day(10)}", f"DTSTART:{day(11)}", "DURATION:PT1H")
    take(source, weekly, moved)

    found = CalendarOccurrence.objects.visible_to(owner).order_by("starts_at").values_list("event__title", flat=True)
    assert list(found) == ["Lecture", "Elsewhere", "Lecture"]


def test_two_students_can_follow_the_same_calendar(source: CalendarSource, stranger: Any) -> None:
    other = CalendarSourceFactory(owner=stranger)

    take(source, lecture())
    take(other, lecture())

    assert CalendarEvent.objects.visible_to(stranger).count() == 1


def test_nothing_is_half_imported(source: CalendarSource, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("courses.calendar.sources.importing.write_occurrences", fail)

    with pytest.raises(RuntimeError):
        take(source, lecture())
    assert not CalendarEvent.objects.exists()


def test_an_import_needs_as_many_statements_for_many_events_as_for_few(owner: Any) -> None:
    def queries(count: int) -> int:
        source = CalendarSourceFactory(owner=owner)
        with CaptureQueriesContext(
            connection,
        ) as context:
            take(source, *(lecture(str(n)) for n in range(count)))
        return len(context)

    assert queries(3) == queries(90)


def test_repeats_are_written_on_as_time_goes(source: CalendarSource) -> None:
    take(source, lecture("1", 3, "RRULE:FREQ=WEEKLY"))
    event = CalendarEvent.objects.get()
    write_occurrences([[event]], timezone.now() - timedelta(days=300))
    before = CalendarOccurrence.objects.count()

    assert extend_repeats(timezone.now()) == 1
    assert CalendarOccurrence.objects.count() > before + 40
    assert extend_repeats(timezone.now()) == 0


def test_a_repeat_that_ends_is_never_looked_at_again(source: CalendarSource) -> None:
    take(source, lecture("1", 3, "RRULE:FREQ=WEEKLY;COUNT=4"))

    assert CalendarEvent.objects.get().expanded_until is None
