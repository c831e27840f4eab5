"""What becomes of a calendar file: each thing that files get wrong has an answer that is stated here."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from courses.calendar import reading
from courses.calendar.reading import NotACalendar, Reading, read_calendar
from courses.tests.factories_calendar import vcalendar, vevent

NOW = datetime(2026, 11, 29, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
OWN_ZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:Campus\r\nBEGIN:STANDARD\r\nDTSTART:19701101T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=11;"
    "BYDAY=1SU\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:19700308T020000"
    "\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0400\r\nEND:DAYLIGHT\r\n"
    "END:VTIMEZONE\r\n"
)


def read(data: bytes, zone: ZoneInfo = BERLIN) -> Reading:
    return read_calendar(data, zone=zone, now=NOW)


def one(*lines: str, head: str = "") -> Reading:
    return read(vcalendar(vevent("UID:1", "SUMMARY:Lecture", *lines), head=head))


def start(*lines: str, head: str = "") -> str:
    return one(*lines, head=head).events[0].starts_at.strftime("%Y-%m-%dT%H:%MZ")


def reasons(found: Reading) -> list[tuple[int, str]]:
    return [(problem.line, problem.reason) for problem in found.problems]


class TestZones:
    @pytest.mark.parametrize(
        ("line", "head", "moment"),
        [
            ("DTSTART:20261201T080000Z", "", "2026-12-01T08:00Z"),
            ("DTSTART;TZID=Europe/Helsinki:20261201T100000", "", "2026-12-01T08:00Z"),
            ("DTSTART;TZID=W. Europe Standard Time:20261201T090000", "", "2026-12-01T08:00Z"),
            ('DTSTART;TZID="Eastern Standard Time":20261201T030000', "", "2026-12-01T08:00Z"),
            ("DTSTART;TZID=/citadel.org/20210210_1/Europe/Berlin:20261201T090000", "", "2026-12-01T08:00Z"),
            ("DTSTART;TZID=Campus:20260701T040000", OWN_ZONE, "2026-07-01T08:00Z"),
            ("DTSTART;TZID=Campus:20261201T030000", OWN_ZONE, "2026-12-01T08:00Z"),
            # Floating: the calendar's own zone, else the course's or the student's.
            ("DTSTART:20261201T090000", "", "2026-12-01T08:00Z"),
            ("DTSTART:20261201T100000", "X-WR-TIMEZONE:Europe/Helsinki\r\n", "2026-12-01T08:00Z"),
        ],
    )
    def test_a_time_is_read_in_the_zone_that_it_names(self, line: str, head: str, moment: str) -> None:
        assert start(line, head=head) == moment

    def test_an_unknown_zone_is_told_once_and_read_as_the_students(self) -> None:
        found = one("DTSTART;TZID=Mars/Olympus:20261201T090000", "DTEND;TZID=Mars/Olympus:20261201T100000")

        assert found.events[0].starts_at == datetime(2026, 12, 1, 8, tzinfo=UTC)
        assert reasons(found) == [
            (7, "The time zone “Mars/Olympus” is not known; its times were read as times of Europe/Berlin.")
        ]

    def test_a_zone_of_its_own_is_known_by_its_offsets_so_that_repeats_keep_their_hour(self) -> None:
        found = one("DTSTART;TZID=Campus:20261001T040000", "RRULE:FREQ=WEEKLY", head=OWN_ZONE)

        assert found.events[0].time_zone == "America/New_York"

    def test_a_local_time_that_does_not_exist_counts_on_from_before_the_gap(self) -> None:
        assert start("DTSTART;TZID=Europe/Berlin:20270328T023000") == "2027-03-28T01:30Z"  # 03:30 in Berlin

    def test_a_local_time_that_exists_twice_is_the_first(self) -> None:
        assert start("DTSTART;TZID=Europe/Berlin:20261025T023000") == "2026-10-25T00:30Z"


class TestLengths:
    @pytest.mark.parametrize(
        ("lines", "minutes"),
        [
            (["DTEND:20261201T093000Z"], 90),
            (["DURATION:PT45M"], 45),
            ([], 0),
            (["DTEND:20261201T070000Z"], 0),
        ],
    )
    def test_an_event_lasts_until_its_end_or_for_its_duration_or_is_a_moment(
        self, lines: list[str], minutes: int
    ) -> None:
        event = one("DTSTART:20261201T080000Z", *lines).events[0]

        assert (event.ends_at - event.starts_at).total_seconds() == minutes * 60

    @pytest.mark.parametrize(
        ("lines", "days"),
        [([], 1), (["DTEND;VALUE=DATE:20261201"], 1), (["DTEND;VALUE=DATE:20261204"], 3), (["DURATION:P2D"], 2)],
    )
    def test_whole_days_last_a_day_at_least(self, lines: list[str], days: int) -> None:
        event = one("DTSTART;VALUE=DATE:20261201", *lines).events[0]

        assert event.is_all_day
        assert (event.starts_at.day, (event.ends_at - event.starts_at).days) == (1, days)

    def test_an_end_before_the_start_is_told_with_its_line(self) -> None:
        found = one("DTSTART:20261201T080000Z", "DTEND:20261201T070000Z")

        assert reasons(found) == [(8, "The event ends before it starts; only its start was taken.")]


class TestBrokenFiles:
    def test_a_broken_line_costs_itself_alone(self) -> None:
        found = one("this is no property", "DTSTART:20261201T080000Z", "LOCATION:Room 5")

        assert found.events[0].location == "Room 5"
        assert reasons(found) == [(7, "The line cannot be read; the rest of “Lecture” was taken.")]

    def test_an_event_without_an_end_costs_itself_alone(self) -> None:
        data = vcalendar("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Lost\r\n", vevent("UID:2", "DTSTART:20261201T080000Z"))

        found = read(data)

        assert [event.uid for event in found.events] == ["2"]
        assert found.problems[0].what == "Lost"
        assert found.unread == {"1"}

    def test_a_start_that_cannot_be_read_leaves_the_event_out_and_names_the_line(self) -> None:
        found = one("DTSTART:soon")

        assert found.events == []
        assert reasons(found) == [(7, "When the event starts cannot be read.")]

    def test_a_file_that_breaks_off_is_taken_as_far_as_it_goes(self) -> None:
        data = vcalendar(vevent("UID:1", "DTSTART:20261201T080000Z")).replace(b"END:VCALENDAR\r\n", b"")

        found = read(data)

        assert (len(found.events), found.is_complete) == (1, False)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"<!DOCTYPE html><html></html>", "This is a web page"),
            (b"", "There is nothing in it"),
            (b"%PDF-1.7", "There is no calendar in it"),
        ],
    )
    def test_what_is_no_calendar_is_refused_in_words(self, data: bytes, words: str) -> None:
        with pytest.raises(NotACalendar, match=words):
            read(data)

    def test_an_event_without_an_id_is_the_same_one_next_time(self) -> None:
        data = vcalendar(vevent("SUMMARY:Lecture", "DTSTART:20261201T080000Z"))

        assert read(data).events[0].uid == read(data).events[0].uid != ""

    def test_the_same_event_twice_in_a_file_counts_once_by_its_latest_version(self) -> None:
        old = vevent("UID:1", "SEQUENCE:2", "SUMMARY:New", "DTSTART:20261201T080000Z")
        new = vevent("UID:1", "SEQUENCE:1", "SUMMARY:Old", "DTSTART:20261201T080000Z")

        assert [event.title for event in read(vcalendar(old, new)).events] == ["New"]


class TestLetters:
    def test_utf_8_is_read_with_and_without_a_mark(self) -> None:
        data = vcalendar(vevent("UID:1", "SUMMARY:Prüfung", "DTSTART:20261201T080000Z"))

        assert [read(mark + data).events[0].title for mark in (b"", b"\xef\xbb\xbf")] == ["Prüfung", "Prüfung"]

    def test_another_charset_is_read_as_windows_1252_and_told(self) -> None:
        data = vcalendar(vevent("UID:1", "SUMMARY:Prüfung", "DTSTART:20261201T080000Z"))

        found = read(data.decode().encode("cp1252"))

        assert found.events[0].title == "Prüfung"
        assert "Windows-1252" in found.problems[0].reason

    def test_a_few_invalid_bytes_cost_their_letters_alone(self) -> None:
        data = vcalendar(vevent("UID:1", "SUMMARY:Prüfung über Ähren", "DTSTART:20261201T080000Z"))

        found = read(data.replace(b"SUMMARY:", b"SUMMARY:\xff"))

        assert found.events[0].title == "\N{REPLACEMENT CHARACTER}Prüfung über Ähren"

    def test_folded_lines_and_escaped_letters_are_put_together(self) -> None:
        found = one("DTSTART:20261201T080000Z", "LOCATION:Room 5\\, first\r\n  floor\\; left")

        assert found.events[0].location == "Room 5, first floor; left"


class TestMeaning:
    def test_what_is_cancelled_is_left_out_and_counted(self) -> None:
        found = one("DTSTART:20261201T080000Z", "STATUS:CANCELLED")

        assert (found.events, found.cancelled) == ([], 1)

    @pytest.mark.parametrize(
        ("lines", "is_busy"),
        [
            (["DTSTART:20261201T080000Z"], True),
            (["DTSTART:20261201T080000Z", "TRANSP:TRANSPARENT"], False),
            (["DTSTART;VALUE=DATE:20261201"], False),
            (["DTSTART;VALUE=DATE:20261201", "TRANSP:OPAQUE"], True),
        ],
    )
    def test_time_is_taken_unless_it_is_said_to_be_free_and_whole_days_only_if_they_say_so(
        self, lines: list[str], is_busy: bool
    ) -> None:
        assert one(*lines).events[0].is_busy is is_busy

    @pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=FORTNIGHTLY", "FREQ=WEEKLY;BYDAY=XX", "COUNT=3"])
    def test_a_rule_that_is_not_understood_keeps_the_first_time_and_is_told(self, rule: str) -> None:
        found = one("DTSTART:20261201T080000Z", f"RRULE:{rule}")

        assert [event.rrule for event in found.events] == [""]
        assert found.problem_count >= 1

    def test_an_address_is_kept_only_where_a_browser_may_follow_it(self) -> None:
        assert one("DTSTART:20261201T080000Z", "URL:javascript:alert(1)").events[0].url == ""

    def test_too_many_events_are_cut_to_those_nearest_to_today(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MOST_EVENTS", 2)
        days = ["20200101", "20261130", "20261201", "20300101"]

        found = read(vcalendar(*(vevent(f"UID:{day}", f"DTSTART:{day}T080000Z") for day in days)))

        assert [event.uid for event in found.events] == ["20261130", "20261201"]
        assert (found.left_out, found.is_complete) == (2, False)

    @pytest.mark.slow
    def test_fifty_thousand_events_are_read_and_cut(self) -> None:
        event = ("DTSTART;TZID=Europe/Berlin:20261201T090000", "DURATION:PT1H")
        found = read(vcalendar(*(vevent(f"UID:{n}", *event) for n in range(50_000))))

        assert (len(found.events), found.left_out) == (20_000, 30_000)
