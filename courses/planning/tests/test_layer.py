"""Own tasks in the calendar: what repeats is there at its coming times, and only as often as it will be."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.planning.layer import task_entries
from courses.planning.recurrence import read_rule
from courses.planning.services import complete_task, create_task

pytestmark = pytest.mark.django_db


def at(owner: Any, *local: int) -> datetime:
    return datetime(*local, tzinfo=owner.zone)  # type: ignore[arg-type, misc]


@pytest.fixture
def berlin(owner: Any) -> Any:
    owner.time_zone = "Europe/Berlin"
    owner.save()
    return owner


def make(owner: Any, rule: str, **due: Any) -> Any:
    return create_task(owner, by=owner, title="Read", repeat=read_rule(rule), **due)


def days(owner: Any, start: datetime, end: datetime) -> list[str]:
    return [f"{entry.starts_at.astimezone(owner.zone):%d %H:%M}" for entry in task_entries(owner, start, end)]


def test_coming_times_are_there_and_end_where_the_rule_ends(berlin: Any) -> None:
    make(berlin, "FREQ=WEEKLY;COUNT=3", due_on=date(2030, 1, 7))
    month = at(berlin, 2030, 1, 1), at(berlin, 2030, 2, 1)
    assert days(berlin, *month) == ["07 00:00", "14 00:00", "21 00:00"]
    assert days(berlin, at(berlin, 2030, 1, 14), at(berlin, 2030, 1, 15)) == ["14 00:00"]


def test_a_time_of_day_stays_the_same_when_the_clocks_change(berlin: Any) -> None:
    make(berlin, "FREQ=WEEKLY", due_at=at(berlin, 2030, 3, 25, 9))
    assert days(berlin, at(berlin, 2030, 3, 24), at(berlin, 2030, 4, 9)) == ["25 09:00", "01 09:00", "08 09:00"]


def test_a_done_one_is_followed_by_the_next_and_none_is_there_twice(berlin: Any) -> None:
    task = make(berlin, "FREQ=DAILY", due_on=date(2030, 1, 7))
    complete_task(task, by=berlin)
    span = at(berlin, 2030, 1, 7), at(berlin, 2030, 1, 10)
    entries = task_entries(berlin, *span)
    assert sorted((f"{entry.starts_at:%d}", entry.is_done) for entry in entries) == [
        ("07", True),
        ("08", False),
        ("09", False),
    ]
    assert len({entry.key for entry in entries}) == 3


def test_one_query_whatever_repeats(berlin: Any) -> None:
    span = at(berlin, 2030, 1, 1), at(berlin, 2030, 1, 1) + timedelta(days=42)
    task_entries(berlin, *span)
    for number in range(10):
        make(berlin, "FREQ=WEEKLY", due_on=date(2030, 1, 1 + number))
    with CaptureQueriesContext(connection) as queries:
        entries = task_entries(berlin, *span)
    assert len(queries) == 1 and len(entries) == 57
