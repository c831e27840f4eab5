"""What is put together in Python escapes whatever came from outside."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from courses.calendar.entries import Entry
from courses.calendar.item_html import course_options, day_lines, month_row, week_column, whole_days
from courses.calendar.month import build_month
from courses.calendar.week import build_week
from courses.calendar.words import KnownCourse, item_of
from courses.moments import Clock

CLOCK = Clock(datetime(2026, 11, 29, 12, tzinfo=UTC), ZoneInfo("UTC"))
BAD = '<script>"&'
AT = datetime(2026, 11, 25, 9, tzinfo=UTC)


def entry(*, is_all_day: bool = False, url: str = f"/x/{BAD}") -> Entry:
    begin = AT.replace(hour=0) if is_all_day else AT
    length = timedelta(days=2) if is_all_day else timedelta(hours=1)
    words = {"title": BAD, "url": url, "location": BAD, "course": BAD}
    return Entry(
        key="event:1@1", kind="event", starts_at=begin, ends_at=begin + length, is_all_day=is_all_day, hue=3,
        can_move=True, **words,
    )  # fmt: skip


@pytest.mark.parametrize("is_all_day", [False, True])
@pytest.mark.parametrize("url", ["", f"/x/{BAD}"])
def test_names_places_and_addresses_are_escaped(url: str, is_all_day: bool) -> None:
    one = entry(is_all_day=is_all_day, url=url)
    week = build_week(AT.date(), [one], CLOCK, {})
    html = "".join(
        [
            day_lines([item_of(one, CLOCK, {})]),
            *(month_row(days, None) for days in build_month(date(2026, 11, 1), [one], CLOCK, {}).weeks),
            *(week_column(day, week.hours) for day in week.days),
            *(whole_days(day.all_day) for day in week.days),
        ]
    )

    assert "<script>" not in html
    assert '"&"' not in html
    assert html.count("&lt;script&gt;&quot;&amp;") > 3


def test_names_of_courses_are_escaped_and_the_chosen_one_is_marked() -> None:
    html = course_options([KnownCourse(1, BAD, 0, None), KnownCourse(2, "Databases", 0, None)], 2)

    assert html == ('<option value="1">&lt;script&gt;&quot;&amp;</option><option value="2" selected>Databases</option>')


def test_a_day_without_anything_says_so() -> None:
    assert "Nothing on this day" in day_lines([])
