"""The dashboard: each card on its own, what is new since the last visit, and few queries however much there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel import screens
from coreengine.kernel.events import EventDraft, record_many
from courses.models import Assignment, Course, DashboardVisit, OwnTask
from courses.tests.factories import AnnouncementFactory, AssignmentFactory, CourseFactory, SubmissionFactory
from courses.visits import note_visit
from courses.work_rows import DatedRow, FoundRows, RowSource, _sources, register_rows

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def card_url(key: str) -> str:
    return reverse("kernel:dashboard-card", args=[key])


@pytest.fixture
def card() -> Any:
    """Put a card on the dashboard for one test."""
    added = []

    def add(context: Any, **fields: Any) -> None:
        made = screens.Card("probe", "Probe", "agents/_budget_card.html", context, 1, **fields)
        screens.register_card(made)
        added.append(made.key)

    yield add
    for key in added:
        del screens._cards[key]


class TestCards:
    @pytest.mark.parametrize("loads", ["inline", "later"])
    def test_one_that_fails_says_so_in_its_place_and_in_the_log_and_harms_nothing(
        self, page: Any, card: Any, loads: str, caplog: Any
    ) -> None:
        card(lambda request: 1 / 0, loads=loads)

        whole = page.get("/")
        piece = page.get(card_url("probe"), headers={"HX-Request": "true"})

        assert (whole.status_code, piece.status_code) == (200, 200)
        assert 'id="card-agenda"' in whole.content.decode()
        assert "Try again" in piece.content.decode() and 'id="card-probe"' in piece.content.decode()
        assert "the dashboard card probe failed" in caplog.text and "ZeroDivisionError" in caplog.text

    @pytest.mark.django_db(transaction=True)
    def test_one_whose_query_takes_too_long_fails_alone(self, page: Any, card: Any) -> None:
        def slow(request: Any) -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 30")
                try:
                    cursor.execute("SELECT pg_sleep(5)")
                finally:
                    cursor.execute("RESET statement_timeout")

        card(slow, loads="inline", region="main")
        text = page.get("/").content.decode()

        assert "This could not be loaded just now." in text and 'id="card-agenda"' in text

    def test_a_slow_one_is_not_asked_for_by_the_page(self, page: Any, card: Any) -> None:
        card(lambda request: pytest.fail("the page asked"))

        text = page.get("/").content.decode()

        assert f'hx-get="{card_url("probe")}"' in text and 'aria-busy="true"' in text

    def test_one_with_nothing_to_show_leaves_its_place(self, page: Any, card: Any) -> None:
        card(lambda request: None)

        assert page.get(card_url("probe"), headers={"HX-Request": "true"}).content == b""

    def test_without_script_a_card_is_a_page(self, page: Any, owner: Any) -> None:
        AnnouncementFactory(course__owner=owner, title="Room 5", posted_at=timezone.now())

        text = page.get(card_url("news")).content.decode()

        assert "<h1>What’s new</h1>" in text and "Room 5" in text

    def test_there_is_no_other(self, page: Any) -> None:
        assert page.get(card_url("nothing")).status_code == 404


class TestNews:
    def news(self, page: Any) -> str:
        return page.get(card_url("news"), headers={"HX-Request": "true"}).content.decode()

    def posted(self, owner: Any, name: str) -> None:
        work = AssignmentFactory(course__owner=owner, imported=True, name=name)
        changes = {"posted_at": [None, "2026-11-01T00:00:00Z"]}
        data = {"name": name, "changes": changes, "score": 37, "points_possible": 40}
        record_many([EventDraft("submission.updated", work, data)], actor=owner, owner=owner)

    def test_reading_writes_nothing(self, page: Any, owner: Any) -> None:
        page.get("/")
        self.news(page)

        assert not DashboardVisit.objects.exists()

    def test_what_came_since_the_last_visit_is_new_until_the_visit_after(self, page: Any, owner: Any) -> None:
        DashboardVisit.objects.create(owner=owner, seen_at=timezone.now() - DAY, since=timezone.now() - 2 * DAY)
        self.posted(owner, "Essay")

        assert "New since yesterday" in self.news(page) and "New: </span>" in self.news(page)
        page.post("/dashboard/seen/", headers={"HX-Request": "true"})
        assert "New: </span>" in self.news(page)  # the same visit
        note_visit(owner, now=timezone.now() + timedelta(hours=1))
        assert "New: </span>" not in self.news(page)

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_all_can_be_marked_as_seen(self, page: Any, api: Any, owner: Any, door: str) -> None:
        DashboardVisit.objects.create(owner=owner, seen_at=timezone.now() - DAY, since=timezone.now() - 2 * DAY)
        self.posted(owner, "Essay")
        assert api.get("/api/v1/news/").json()["lines"][0]["is_new"] is True

        if door == "page":
            assert page.post("/dashboard/seen/", {"all": "1"}).url == "/"
        else:
            assert api.post("/api/v1/news/seen/", {"all": True}).status_code == 204

        assert api.get("/api/v1/news/").json()["lines"][0]["is_new"] is False

    def test_a_grade_that_was_hidden_is_told(self, page: Any, owner: Any) -> None:
        self.posted(owner, "Essay")

        assert "has its grade shown now <b>37 of 40</b>" in self.news(page)

    def test_the_first_look_finds_nothing_new(self, page: Any, owner: Any) -> None:
        AnnouncementFactory(course__owner=owner, posted_at=timezone.now())

        assert "New: </span>" not in self.news(page)


class TestAgenda:
    def test_missing_waiting_and_vanished_have_sections_of_their_own(self, owner: Any, api: Any) -> None:
        course, now = CourseFactory(owner=owner, imported=True), timezone.now()
        fields = {"course": course, "imported": True}
        missing = AssignmentFactory(name="missing", due_at=now - DAY, **fields)
        SubmissionFactory(assignment=missing, missing=True)
        waiting = AssignmentFactory(name="waiting", due_at=now - 2 * DAY, **fields)
        SubmissionFactory(assignment=waiting, state="submitted", submitted_at=now - 3 * DAY)
        AssignmentFactory(name="gone", due_at=now + DAY, missing_since=now - DAY, **fields)
        AssignmentFactory(name="late", due_at=now - DAY, **fields)

        sections = api.get("/api/v1/agenda/").json()["sections"]

        assert {section["key"]: [row["name"] for row in section["rows"]] for section in sections} == {
            "overdue": ["late"],
            "missing": ["missing"],
            "waiting": ["waiting"],
            "gone": ["gone"],
        }

    def test_other_parts_add_their_lines(self, owner: Any, api: Any) -> None:
        from courses.pages import clock_of
        from courses.rows import row_of

        work = AssignmentFactory(course__owner=owner, name="own task")
        due = timezone.now() + timedelta(seconds=1)

        def read(user: Any, clock: Any) -> FoundRows:
            return FoundRows(ahead=[DatedRow(due, row_of(work, clock_of(user)))])

        register_rows(RowSource("probe", read))
        try:
            keys = [section["key"] for section in api.get("/api/v1/agenda/").json()["sections"]]
        finally:
            del _sources["probe"]

        assert keys == ["today", "later"]


class TestQueries:
    """One student with 40 courses: a page with its cards asks at most 25 times, and no more for ten times the rows."""

    def fill(self, owner: Any, each: int) -> None:
        now = timezone.now()
        courses = [CourseFactory.build(owner=owner, imported=True) for _ in range(40)]
        Course.objects.bulk_create(courses)
        works = [
            AssignmentFactory.build(course=course, owner=owner, imported=True, due_at=now + timedelta(days=2 * at - 8))
            for course in courses
            for at in range(each)
        ]
        Assignment.objects.bulk_create(works)
        drafts = [EventDraft("assignment.created", work, {"name": work.name, "due_at": None}) for work in works]
        record_many(drafts, actor=owner, owner=owner)
        OwnTask.objects.bulk_create(
            OwnTask(owner=owner, title=f"Task {at}", due_at=now + timedelta(hours=20 * at - 80))
            for at in range(each * 5)
        )

    def count(self, page: Any) -> list[int]:
        keys = [card.key for card in screens._cards.values() if card.loads != "inline"]
        counts = []
        for path in ("/", *map(card_url, keys)):
            with CaptureQueriesContext(connection) as seen:
                page.get(path, headers={} if path == "/" else {"HX-Request": "true"})
            counts.append(len(seen))
        return counts

    def test_the_dashboard_with_all_its_cards(self, page: Any, owner: Any) -> None:
        self.fill(owner, 1)
        page.get("/")
        first = self.count(page)
        self.fill(owner, 9)
        second = self.count(page)

        assert first == second
        assert sum(second) <= 25 and max(second) <= 15
