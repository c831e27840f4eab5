"""The reader of calendars, beside another library: random valid calendars, and the forms a time can have."""

import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.catalog.canvas.tests.conftest import FOLDER

sys.path.insert(0, str(FOLDER))  # as in the sandbox: a plugin's own files lie beside it
from ics import NotACalendar, parse_line, read_calendar, read_time, unfold

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"]
# What iCalendar's text may hold; control characters are not among it (RFC 5545, 3.1).
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.just("\n"), max_size=200).map(
    lambda text: "\n".join(line.strip() for line in text.splitlines()).strip()
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda moment: moment.replace(microsecond=0))  # noqa: DTZ001
STARTS = st.one_of(
    MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
    st.tuples(MOMENTS, st.sampled_from(ZONES)).map(lambda pair: pair[0].replace(tzinfo=ZoneInfo(pair[1]))),
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, STARTS), max_size=4), TEXTS)
def test_any_calendar_is_read_as_another_library_wrote_it(events, name):
    written = icalendar.Calendar()
    written.add("version", "2.0")
    written.add("x-wr-calname", name)
    for number, (summary, description, location, start) in enumerate(events):
        event = icalendar.Event()
        event.add("uid", f"event-assignment-{number}")
        event.add("summary", summary)
        event.add("description", description)
        event.add("location", location)
        event.add("dtstart", start)
        event.add("url", "https://x.edu/calendar?include_contexts=course_1&month=1#assignment_1")
        alternative = icalendar.vText(f"<p>{summary}</p>", params={"FMTTYPE": "text/html"})
        event.add("x-alt-desc", alternative)
        written.add_component(event)
    read = read_calendar(written.to_ical().decode())

    assert read.name == name
    assert len(read.events) == len(events)
    for found, (summary, description, location, start) in zip(read.events, events, strict=True):
        assert (found.summary, found.description, found.location) == (summary, description, location)
        assert found.description_html == f"<p>{summary}</p>"
        assert found.url == "https://x.edu/calendar?include_contexts=course_1&month=1#assignment_1"
        assert found.start == (start.astimezone(UTC) if isinstance(start, datetime) else start)
        assert isinstance(found.start, datetime) == isinstance(start, datetime)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_no_text_breaks_it(text):
    try:
        read_calendar(f"BEGIN:VCALENDAR\n{text}\nEND:VCALENDAR")
        read_calendar(text)
    except NotACalendar:
        pass  # the one thing it may say


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DTSTART:20261009T100000Z", datetime(2026, 10, 9, 10, tzinfo=UTC)),
        ("DTSTART;VALUE=DATE:20261009", date(2026, 10, 9)),
        ("DTSTART;VALUE=DATE;VALUE=DATE:20261009", date(2026, 10, 9)),
        ("DTSTART;TZID=America/New_York:20261009T100000", datetime(2026, 10, 9, 14, tzinfo=UTC)),
        ('DTSTART;TZID="Europe/Berlin":20261231T235960', datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("DTSTART:20261009T100000", datetime(2026, 10, 9, 10, tzinfo=UTC)),
        ("DTSTART;TZID=Nowhere/Land:20261009T100000", datetime(2026, 10, 9, 10, tzinfo=UTC)),
        ("DTSTART:20261399", None),
        ("DTSTART:tomorrow", None),
        ("DTSTART:00010101T000000Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_every_form_of_a_time(line, expected):
    assert read_time(parse_line(line)) == expected


def test_lines_are_joined_wherever_they_were_folded():
    text = "SUMMARY:Grüße\\, und\r\n  noch etwas\r\nUID:ev\n ent-1\rX:y"
    assert unfold(text) == ["SUMMARY:Grüße\\, und noch etwas", "UID:event-1", "X:y"]


def test_parameters_may_be_quoted_and_hold_what_separates():
    line = parse_line('ATTENDEE;CN="Doe; John: Dr., MD";ROLE=CHAIR,X:mailto:a@b.c')
    assert (line.parameters["CN"], line.parameters["ROLE"], line.value) == (
        "Doe; John: Dr., MD",
        "CHAIR",
        "mailto:a@b.c",
    )
    assert parse_line("no value") is None and parse_line(';=:"') is None and parse_line('X;A="open:y') is None


RULES = """\
BEGIN:VCALENDAR
BEGIN:VTIMEZONE
TZID:Eastern Standard Time
BEGIN:STANDARD
DTSTART:20071104T020000
RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20070311T020000
RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:1
DTSTART;TZID=Eastern Standard Time:{when}
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("hours", range(0, 24 * 365, 61))
def test_a_zone_of_the_calendars_own_is_the_zone_it_describes(hours):
    local = datetime(2026, 1, 1, 12) + timedelta(hours=hours)  # noqa: DTZ001
    if local.hour in (1, 2):  # the hours that come twice or not at all
        local += timedelta(hours=3)
    [event] = read_calendar(RULES.format(when=local.strftime("%Y%m%dT%H%M%S"))).events
    assert event.start == local.replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


def test_something_else_is_no_calendar():
    with pytest.raises(NotACalendar):
        read_calendar("<html>")
