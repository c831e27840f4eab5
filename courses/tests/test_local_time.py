"""A due date that the clocks skip or repeat is refused with two times that exist; forms and API share the rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from courses.models import Assignment
from courses.rules import check_local_time
from courses.tests.factories import CourseFactory

BERLIN, NEW_YORK, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")


class TestTheRule:
    def test_a_plain_time_is_itself(self) -> None:
        assert check_local_time(datetime.fromisoformat("2026-11-30T23:59"), BERLIN).astimezone(UTC).hour == 22

    @pytest.mark.parametrize(
        ("local", "zone", "words"),
        [
            ("2026-03-29T02:30", BERLIN, "02:30 does not exist on Sunday 29 March 2026"),
            ("2026-03-29T02:30", BERLIN, "Choose 01:30 or 03:30"),
            ("2026-03-08T02:00", NEW_YORK, "Choose 01:00 or 03:00"),
            ("2026-10-04T02:10", LORD_HOWE, "Choose 01:40 or 02:40"),
            ("2026-10-25T02:30", BERLIN, "02:30 comes twice on Sunday 25 October 2026"),
            ("2026-10-25T02:30", BERLIN, "Choose 01:59 or 03:00"),
            ("2026-11-01T01:15", NEW_YORK, "Choose 00:59 or 02:00"),
        ],
    )
    def test_a_time_that_is_none_or_two_is_refused_with_a_way_out(self, local: str, zone: Any, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            check_local_time(datetime.fromisoformat(local), zone)


@pytest.mark.django_db
class TestBothDoors:
    DATA = {"name": "Lab", "due_at": "2026-03-29T02:30"}

    @pytest.fixture(autouse=True)
    def _berlin(self, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()

    def test_the_page_says_it_at_the_field_and_keeps_what_was_typed(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        answer = page.post(reverse("courses:create-assignment", args=[course.pk]), self.DATA)
        assert answer.status_code == 422
        assert "Choose 01:30 or 03:30" in answer.context["form"].errors["due_at"][0]
        assert 'value="2026-03-29T02:30"' in answer.content.decode()

    def test_so_does_the_api_unless_the_offset_is_given(self, api: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        refused = api.post("/api/v1/assignments/", {**self.DATA, "course": course.pk})
        assert refused.status_code == 422 and "01:30 or 03:30" in refused.json()["errors"]["due_at"][0]
        taken = api.post(
            "/api/v1/assignments/", {"name": "Lab", "due_at": "2026-10-25T02:30:00+01:00", "course": course.pk}
        )
        assert taken.status_code == 201
        assert Assignment.objects.get().due_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
