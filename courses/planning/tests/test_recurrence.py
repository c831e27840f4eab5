"""How tasks repeat: the days, the words, and rules that are refused."""

from __future__ import annotations

from datetime import date
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from courses.planning.recurrence import Pattern, days_of, next_day, read_rule, rest_of

PATTERNS = st.builds(
    Pattern,
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    interval=st.integers(1, 4),
    times=st.none() | st.integers(1, 20),
)
DAYS = st.dates(date(2020, 1, 1), date(2032, 12, 31))


def days(pattern: Pattern, first: date, count: int = 5) -> list[str]:
    return [f"{day:%d.%m.}" for day in islice(days_of(pattern.rule(first), first), count)]


@given(PATTERNS, DAYS)
def test_a_rule_is_read_as_it_was_written_and_its_first_day_is_the_first(pattern: Pattern, first: date) -> None:
    rule = pattern.rule(first)
    assert read_rule(rule) == pattern
    found = list(islice(days_of(rule, first), 30))
    assert found[0] == first and found == sorted(set(found))
    assert len(found) == min(30, pattern.times or 30)


@given(PATTERNS, DAYS)
def test_our_days_are_those_of_the_rule_by_itself(pattern: Pattern, first: date) -> None:
    rule = pattern.rule(first)
    expected = rrulestr(rule, dtstart=__import__("datetime").datetime(first.year, first.month, first.day))
    assert [day.date() for day in islice(expected, 10)] == list(islice(days_of(rule, first), 10))


def test_months_without_such_a_day_take_their_last() -> None:
    assert days(Pattern("MONTHLY"), date(2027, 1, 31)) == ["31.01.", "28.02.", "31.03.", "30.04.", "31.05."]
    assert days(Pattern("MONTHLY"), date(2027, 1, 30), 3) == ["30.01.", "28.02.", "30.03."]


def test_weeks_have_several_days_and_a_first_day_of_another_kind_counts() -> None:
    pattern = Pattern("WEEKLY", weekdays=(0, 2), times=4)
    assert days(pattern, date(2026, 11, 24)) == ["24.11.", "25.11.", "30.11.", "02.12."]


def test_the_last_friday_of_each_month() -> None:
    assert days(Pattern("MONTHLY", nth=-1), date(2026, 11, 27), 3) == ["27.11.", "25.12.", "29.01."]


def test_the_next_day_is_one_that_is_not_over_yet_if_the_rule_lasts() -> None:
    rule, first = Pattern("DAILY", times=5).rule(date(2026, 11, 1)), date(2026, 11, 1)
    assert next_day(rule, first, after=first, not_before=date(2026, 11, 4)) == (date(2026, 11, 4), 2)
    assert next_day(rule, first, after=first, not_before=date(2026, 11, 9)) == (None, 4)


def test_what_is_left_of_a_number_of_times() -> None:
    rule = Pattern("DAILY", times=5).rule(date(2026, 11, 1))
    assert rest_of(rule, date(2026, 11, 1), at=date(2026, 11, 3)).times == 3


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "every day",
        "FREQ=SECONDLY",
        "FREQ=YEARLY",
        "FREQ=DAILY;BYHOUR=3",
        "FREQ=DAILY;BYDAY=MO",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;COUNT=x",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=MONTHLY;BYDAY=5FR",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;COUNT=",
    ],
)
def test_other_rules_are_refused_with_a_word(rule: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        read_rule(rule)
    assert len(refusal.value.message_dict["rule"][0]) > 20


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("RRULE:FREQ=DAILY", "every day"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=MO", "every 2 weeks on Mon, Wed"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"),
        ("FREQ=MONTHLY;COUNT=1", "every month, once"),
        ("FREQ=DAILY;UNTIL=20270103T235959Z", "every day until 3 Jan 2027"),
    ],
)
def test_words(rule: str, words: str) -> None:
    assert read_rule(rule).words() == words
