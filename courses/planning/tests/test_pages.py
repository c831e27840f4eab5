"""The planner's pages: what stands where, a fixed number of queries, and everything without script."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from courses.models import OwnTask
from courses.moments import Clock
from courses.planning import services
from courses.planning.decisions import move_to_day
from courses.planning.pages import COLUMN_LATE, COLUMN_SHOWN, DAY_SHOWN, LATE_SHOWN, SPAN_SHOWN, planner_page
from courses.planning.reading import MOST_AHEAD, MOST_LATE, MOST_ROWS, Choice
from courses.planning.recurrence import Pattern
from courses.tests.factories import NOW, SOURCE, AssignmentFactory, CourseFactory, SubmissionFactory
from courses.tests.factories_planning import OwnTaskFactory, PlannerItemFactory

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 23)
VIEWS = ["list", "board", "week"]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def course(owner: Any) -> Any:
    return CourseFactory(owner=owner, name="Operating Systems")


def groups(page: Any, query: str = "") -> dict[str, list[str]]:
    shown = page.get(f"/planner/{query}").context["page"]
    return {group.key: [row.title for row in group.rows] for group in [*shown.groups, *shown.loose] if group.rows}


def some(owner: Any, course: Any, count: int) -> None:
    for number in range(count):
        due = NOW + timedelta(days=number % 5, hours=1)
        AssignmentFactory(course=course, imported=True, due_at=due)
        AssignmentFactory(course=course, imported=True, due_at=NOW - timedelta(days=1 + number))
        PlannerItemFactory(owner=owner, course=course, starts_at=due, source=SOURCE)
        task = OwnTaskFactory(owner=owner, course=course, due_at=due)
        OwnTaskFactory(owner=owner, parent=task)
        OwnTaskFactory(owner=owner)


class TestWhatStandsWhere:
    def test_the_list_goes_by_days(self, page: Any, owner: Any, course: Any) -> None:
        for title, day in [("past", -1), ("now", 0), ("soon", 1), ("fri", 4), ("mon", 7), ("far", 30)]:
            OwnTaskFactory(owner=owner, title=title, due_on=MONDAY + timedelta(days=day))
        OwnTaskFactory(owner=owner, title="some day")
        AssignmentFactory(course=course, imported=True, name="Essay", due_at=NOW + timedelta(hours=3))
        assert groups(page) == {
            "overdue": ["past"],
            "today": ["now", "Essay"],
            "tomorrow": ["soon"],
            "week": ["fri"],
            "next": ["mon"],
            "later": ["far"],
            "undated": ["some day"],
        }

    def test_a_day_is_that_day_in_any_zone(self, page: Any, owner: Any) -> None:
        OwnTaskFactory(owner=owner, title="now", due_on=MONDAY)
        for zone in ("Pacific/Auckland", "America/Los_Angeles", "UTC"):
            owner.time_zone = zone
            owner.save()
            task = OwnTask.objects.get()
            assert task.due_day(owner.zone) == MONDAY
        assert groups(page) == {"today": ["now"]}

    def test_work_stands_on_the_day_that_it_is_planned_for(self, page: Any, owner: Any, course: Any) -> None:
        work = AssignmentFactory(course=course, imported=True, name="Essay", due_at=NOW + timedelta(days=3))
        move_to_day(work, MONDAY + timedelta(days=1), by=owner)
        assert groups(page) == {"tomorrow": ["Essay"]}
        shown = page.get("/planner/?view=week").context["page"]
        assert [[row.title for row in group.deadlines] for group in shown.groups][3] == ["Essay"]
        move_to_day(work, MONDAY - timedelta(days=1), by=owner)
        assert groups(page) == {"today": ["Essay"]}

    def test_settled_work_is_shown_when_asked_for(self, page: Any, owner: Any, course: Any) -> None:
        work = AssignmentFactory(course=course, imported=True, name="Essay", due_at=NOW - timedelta(days=1))
        SubmissionFactory(assignment=work, state="submitted", submitted_at=NOW - timedelta(days=2))
        OwnTaskFactory(owner=owner, title="Read", done_at=NOW)
        OwnTaskFactory(owner=owner, title="Old", done_at=NOW - timedelta(days=30))
        OwnTaskFactory(owner=owner, title="Skip", dismissed_at=NOW)
        assert groups(page) == {}
        assert sorted(groups(page, "?show=done")["done"]) == ["Essay", "Read"]
        assert groups(page, "?show=dismissed") == {"dismissed": ["Skip"]}
        assert sorted(groups(page, "?view=board")["done"]) == ["Essay", "Read"]

    def test_only_the_chosen_course_and_kind(self, page: Any, owner: Any, course: Any) -> None:
        other = CourseFactory(owner=owner)
        OwnTaskFactory(owner=owner, title="mine", course=course, due_on=MONDAY)
        OwnTaskFactory(owner=owner, title="other", course=other, due_on=MONDAY)
        AssignmentFactory(course=course, imported=True, name="Essay", due_at=NOW + timedelta(hours=1))
        assert groups(page, f"?course={course.pk}&kind=task") == {"today": ["mine"]}
        assert groups(page, f"?course={course.pk}") == {"today": ["mine", "Essay"]}
        assert "view=board" in page.get(f"/planner/?view=board&course={course.pk}").content.decode()

    def test_a_week_has_its_days_and_what_has_none_beside_it(self, page: Any, owner: Any, course: Any) -> None:
        OwnTaskFactory(owner=owner, title="wed", due_on=MONDAY + timedelta(days=9))
        OwnTaskFactory(owner=owner, title="late", due_on=MONDAY - timedelta(days=9))
        PlannerItemFactory(
            owner=owner,
            course=course,
            kind="calendar_event",
            title="Talk",
            starts_at=NOW + timedelta(days=8),
            source=SOURCE,
        )
        assert groups(page, "?view=week&week=2026-12-02") == {
            "2026-12-01": ["Talk"],
            "2026-12-02": ["wed"],
            "overdue": ["late"],
        }

    def test_of_many_the_newest_debts_and_the_next_ones_are_shown_and_all_when_asked_for(
        self, page: Any, owner: Any
    ) -> None:
        for number in range(LATE_SHOWN + 3):
            OwnTaskFactory(owner=owner, title=f"late {number:02}", due_on=MONDAY - timedelta(days=60 - number))
        for number in range(SPAN_SHOWN + 2):
            OwnTaskFactory(owner=owner, title=f"far {number:02}", due_on=MONDAY + timedelta(days=60 + number))
        text = page.get("/planner/").content.decode()
        assert "late 22" in text and "late 02" not in text and "Show 3 older" in text
        assert "far 00" in text and "far 30" not in text and "Show 2 more" in text

        whole = page.get("/planner/?whole=overdue")
        text = whole.content.decode()
        assert "late 02" in text and " older" not in text and "far 30" not in text
        assert whole.context["page"].state == "/planner/?whole=overdue"
        assert 'href="?view=board"' in text

    @pytest.mark.parametrize("view", VIEWS)
    def test_many_late_tasks_are_all_counted_and_hide_nothing_of_today(self, page: Any, owner: Any, view: str) -> None:
        for number in range(120):
            OwnTaskFactory(owner=owner, title=f"late {number:03}", due_at=NOW - timedelta(days=10, hours=number))
        OwnTaskFactory(owner=owner, title="today", due_on=MONDAY)

        text = page.get(f"/planner/?view={view}").content.decode()

        assert ">today</a>" in text and "late 000" in text and "late 119" not in text
        assert "120 things overdue, one thing for today." in text

    def test_all_late_tasks_are_shown_when_asked_for(self, page: Any, owner: Any) -> None:
        for number in range(MOST_LATE + 30):
            OwnTaskFactory(owner=owner, title=f"late {number:03}", due_at=NOW - timedelta(days=10, hours=number))
        assert "Show 30 older" in page.get("/planner/").content.decode()
        whole = page.get("/planner/?whole=overdue").content.decode()
        assert all(f"late {number:03}" in whole for number in range(MOST_LATE + 30)) and " older" not in whole

    def test_late_work_leaves_room_on_the_board_for_what_comes(self, page: Any, owner: Any) -> None:
        for number in range(COLUMN_SHOWN):
            PlannerItemFactory(
                owner=owner,
                kind="wiki_page",
                title=f"read {number:02}",
                starts_at=NOW - timedelta(days=9, hours=number),
            )
            OwnTaskFactory(owner=owner, title=f"soon {number:02}", due_at=NOW + timedelta(hours=1 + number))

        todo = page.get("/planner/?view=board").context["page"].groups[0]

        titles = [row.title for row in todo.rows]
        assert titles[:COLUMN_LATE] == [f"read {number:02}" for number in reversed(range(COLUMN_LATE))]
        assert titles[COLUMN_LATE:] == [f"soon {number:02}" for number in range(COLUMN_SHOWN - COLUMN_LATE)]
        assert (todo.detail, todo.more) == (str(2 * COLUMN_SHOWN), f"{COLUMN_SHOWN} more")

    def test_much_that_was_done_lately_hides_nothing_that_is_to_do(self, page: Any, owner: Any, course: Any) -> None:
        for number in range(MOST_AHEAD + 10):
            done = AssignmentFactory(
                course=course, imported=True, due_at=NOW - timedelta(days=40), name=f"old {number}"
            )
            SubmissionFactory(assignment=done, state="submitted", submitted_at=NOW - timedelta(hours=1 + number))
            early = AssignmentFactory(course=course, name=f"early {number}", due_at=NOW + timedelta(hours=1))
            SubmissionFactory(assignment=early, state="submitted", submitted_at=NOW - timedelta(days=30))
        for number in range(MOST_ROWS + 10):
            OwnTaskFactory(owner=owner, title=f"did {number}", done_at=NOW - timedelta(minutes=1 + number))
        AssignmentFactory(course=course, imported=True, due_at=NOW + timedelta(hours=3), name="Essay")
        OwnTaskFactory(owner=owner, title="soon", due_at=NOW + timedelta(hours=4))

        shown = page.get("/planner/?view=board").context["page"]
        columns = {group.key: [row.title for row in group.rows] for group in shown.groups}

        assert columns["todo"] == ["Essay", "soon"]
        assert shown.groups[0].detail == "2"
        assert columns["done"][:2] == ["did 0", "did 1"]
        assert (shown.groups[2].detail, shown.groups[2].more) == ("99+", "59+ more")

    def test_a_full_day_of_the_week_opens(self, page: Any, owner: Any) -> None:
        for number in range(DAY_SHOWN + 1):
            OwnTaskFactory(owner=owner, title=f"task {number:02}", due_on=MONDAY)
        assert "task 15" not in page.get("/planner/?view=week").content.decode()
        assert "task 15" in page.get(f"/planner/?view=week&whole={MONDAY}").content.decode()

    def test_what_is_marked_stays_marked_where_a_group_is_shown_whole(self, page: Any, owner: Any) -> None:
        tasks = [
            OwnTaskFactory(owner=owner, title=f"late {number:02}", due_on=MONDAY - timedelta(days=60 - number))
            for number in range(LATE_SHOWN + 3)
        ]
        shown = page.post(
            "/planner/act/",
            {"do": f"done task:{tasks[0].pk}"},
            headers={
                "HX-Request": "true",
                "HX-Target": "planner",
                "HX-Current-URL": "http://testserver/planner/?whole=overdue",
            },
        )
        text = shown.content.decode()
        assert "late 01" in text and "late 00</a>" not in text

    @pytest.mark.parametrize(
        "query", ["?week=nonsense&view=week", "?view=x&course=x&kind=x&show=x", "?view=week&week=9999-12-31"]
    )
    def test_nonsense_in_the_address_is_left_out(self, page: Any, query: str) -> None:
        assert page.get(f"/planner/{query}").status_code == 200

    def test_a_day_of_the_clock_change_is_one_day(self, owner: Any) -> None:
        clock = Clock(datetime(2027, 3, 27, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))  # the 28th there
        OwnTaskFactory(owner=owner, title="last", due_at=datetime(2027, 3, 28, 21, 59, tzinfo=UTC))
        OwnTaskFactory(owner=owner, title="first", due_at=datetime(2027, 3, 28, 22, 0, tzinfo=UTC))
        shown = planner_page(owner, clock, "list", Choice(), None)
        assert [[row.title for row in group.rows] for group in shown.groups] == [["last"], ["first"]]


class TestQueries:
    @pytest.mark.parametrize("view", VIEWS)
    def test_ten_times_the_rows_are_read_with_as_many_queries(
        self, page: Any, owner: Any, course: Any, view: str
    ) -> None:
        some(owner, course, 3)
        page.get(f"/planner/?view={view}")
        with CaptureQueriesContext(connection) as few:
            page.get(f"/planner/?view={view}")
        some(owner, course, 10)
        with CaptureQueriesContext(connection) as many:
            page.get(f"/planner/?view={view}")
        assert len(many) == len(few) <= 12

    def test_the_api_reads_tasks_without_a_query_each(self, api: Any, owner: Any, course: Any) -> None:
        counts = []
        api.get("/api/v1/own-tasks/")  # the first use of a token is noted
        for count in (3, 10):
            for number in range(count):
                services.create_task(
                    owner, by=owner, title=f"t{number}", due_on=MONDAY, repeat=Pattern("DAILY"), course=course
                )
            with CaptureQueriesContext(connection) as queries:
                assert api.get("/api/v1/own-tasks/").status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestWithoutScript:
    @pytest.mark.parametrize("view", VIEWS)
    def test_an_empty_planner_says_what_comes_here(self, page: Any, view: str) -> None:
        answer = page.get(f"/planner/?view={view}")
        assert answer.status_code == 200 and b"quick-add" in answer.content

    def test_a_change_leads_back_and_offers_its_undo(self, page: Any, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner, title="Read", due_on=MONDAY)
        answer = page.post(
            "/planner/act/", {"do": f"day:2026-11-25 task:{task.pk}", "next": "/planner/?view=week"}, follow=True
        )
        assert answer.redirect_chain[-1][0] == "/planner/?view=week"
        text = answer.content.decode()
        assert "“Read” is due Wed 25 Nov now." in text and f'value="day:2026-11-23 task:{task.pk}"' in text

    def test_a_field_beside_the_button_says_the_day_and_the_estimate(self, page: Any, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner, due_on=MONDAY)
        page.post("/planner/act/", {"do": f"set-day task:{task.pk}", "day": "2026-12-01", "estimate": ""})
        page.post("/planner/act/", {"do": f"set-estimate task:{task.pk}", "day": "", "estimate": "45"})
        task.refresh_from_db()
        assert (task.due_on, task.estimate_minutes) == (date(2026, 12, 1), 45)

    def test_a_line_fills_the_form_in_and_is_kept_only_when_sent(self, page: Any, course: Any) -> None:
        form = page.get("/planner/tasks/new/?line=Essay tomorrow 18:00 90m %23os every week").context["form"]
        assert (form["title"].value(), str(form["due_day"].value()), form["repeat"].value()) == (
            "Essay",
            "2026-11-24",
            "WEEKLY",
        )
        assert form["course"].value() == course.pk and not OwnTask.objects.exists()

    def test_what_is_refused_keeps_what_was_typed(self, page: Any) -> None:
        answer = page.post("/planner/tasks/new/", {"title": "Read", "due_time": "10:00", "notes": "mine"})
        assert answer.status_code == 422
        assert "Say the day too" in answer.content.decode() and "mine" in answer.content.decode()

    def test_a_time_that_the_clocks_leap_over_is_refused_at_the_field(self, page: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        answer = page.post("/planner/tasks/new/", {"title": "Read", "due_day": "2027-03-28", "due_time": "02:30"})
        assert answer.status_code == 422 and "the clocks go forward" in answer.content.decode()

    def test_every_page_of_a_task_and_of_an_item_opens(self, page: Any, owner: Any, course: Any) -> None:
        work = AssignmentFactory(course=course, imported=True)
        task = services.create_task(
            owner, by=owner, title="Read", due_on=MONDAY, repeat=Pattern("DAILY"), assignment=work
        )
        item = PlannerItemFactory(owner=owner, course=course, write_error="No.", wanted_dismissed=True, source=SOURCE)
        for url in (
            f"/planner/tasks/{task.pk}/",
            f"/planner/tasks/{task.pk}/edit/",
            f"/planner/items/task:{task.pk}/",
            f"/planner/items/assignment:{work.pk}/",
            f"/planner/items/item:{item.pk}/",
            f"/assignments/{work.pk}/",
        ):
            assert page.get(url).status_code == 200, url
        assert "Dismissed here, but not at the source" in page.get(f"/planner/items/item:{item.pk}/").content.decode()

    def test_subtasks_are_added_ticked_and_counted(self, page: Any, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner)
        for title in ("One", "Two"):
            page.post(f"/planner/tasks/{task.pk}/subtasks/", {"title": title})
        page.post(f"/planner/subtasks/{task.subtasks.first().pk}/", {"done": "1"})
        assert "1 of 2" in page.get(f"/planner/tasks/{task.pk}/").content.decode()
        assert "1 of 2" in page.get("/planner/").content.decode()
        page.post(f"/planner/subtasks/{task.subtasks.first().pk}/", {"delete": "1"})
        assert "0 of 1" in page.get(f"/planner/tasks/{task.pk}/").content.decode()

    @pytest.mark.parametrize("away", ["javascript:alert(1)", "https://evil.example/", "//evil.example"])
    def test_no_address_leads_away(self, page: Any, owner: Any, away: str) -> None:
        task = OwnTaskFactory(owner=owner)
        for url in ("/planner/tasks/new/", f"/planner/items/task:{task.pk}/"):
            text = page.get(url, {"next": away}).content.decode()
            assert f'"{away}"' not in text and f"={away}" not in text
        answer = page.post("/planner/act/", {"do": f"done task:{task.pk}", "next": away})
        assert answer["Location"] == "/planner/"


class TestWithScript:
    HTMX = {
        "HTTP_HX_REQUEST": "true",
        "HTTP_HX_TARGET": "planner",
        "HTTP_HX_CURRENT_URL": "http://testserver/planner/?view=board",
    }

    def test_a_change_answers_the_view_that_it_was_made_on_with_an_undo(self, page: Any, owner: Any) -> None:
        task = OwnTaskFactory(owner=owner, title="Read", due_on=MONDAY)
        answer = page.post("/planner/act/", {"do": f"column:doing task:{task.pk}"}, **self.HTMX)
        assert 'data-view="board"' in answer.content.decode() and "<html" not in answer.content.decode()
        told = json.loads(answer["HX-Trigger"])["messages"]["list"][0]
        assert told["text"] == "“Read” is in “Doing” now."
        page.post(told["undo"]["url"], told["undo"]["fields"], **self.HTMX)
        task.refresh_from_db()
        assert task.started_at is None

    @pytest.mark.parametrize("words", ["done", "dismiss", "delete", "day:2026-12-01", "estimate:30", "column:done"])
    def test_every_undo_brings_back_what_was(self, page: Any, owner: Any, words: str) -> None:
        task = services.create_task(owner, by=owner, title="Read", due_on=MONDAY, repeat=Pattern("DAILY"))
        fields = ("due_on", "done_at", "dismissed_at", "deleted_at", "estimate_minutes", "started_at")
        before = [getattr(task, name) for name in fields]
        answer = page.post("/planner/act/", {"do": f"{words} task:{task.pk}"}, **self.HTMX)
        undo = json.loads(answer["HX-Trigger"])["messages"]["list"][0]["undo"]["fields"]
        assert page.post("/planner/act/", undo, **self.HTMX).status_code == 200
        task.refresh_from_db()
        assert [getattr(task, name) for name in fields] == before
        assert OwnTask.objects.visible_to(owner).open().count() == 1

    def test_a_drop_between_two_keeps_its_place(self, page: Any, owner: Any) -> None:
        for title in ("a", "b"):
            OwnTaskFactory(owner=owner, title=title, started_at=NOW, due_on=MONDAY)
        moved = OwnTaskFactory(owner=owner, title="c", due_on=MONDAY)
        before = OwnTask.objects.get(title="b")
        page.post("/planner/act/", {"do": f"column:doing task:{moved.pk}", "before": f"task:{before.pk}"}, **self.HTMX)
        assert groups(page, "?view=board")["doing"] == ["a", "c", "b"]

    def test_a_line_is_understood_while_it_is_typed(self, page: Any, course: Any) -> None:
        text = page.get("/planner/tasks/quick/", {"line": "Read <b> #os tomorrow"}).content.decode()
        assert "Operating Systems" in text and "tomorrow, Tue 24 Nov" in text and "&lt;b&gt;" in text

    def test_nonsense_is_refused_with_a_word(self, page: Any) -> None:
        assert page.post("/planner/act/", {"do": "explode task:1"}).status_code == 422


class TestCounting:
    def test_the_navigation_counts_what_is_late_or_due_today(self, page: Any, owner: Any, course: Any) -> None:
        OwnTaskFactory(owner=owner, due_on=MONDAY)
        OwnTaskFactory(owner=owner, due_on=MONDAY + timedelta(days=1))
        AssignmentFactory(course=course, imported=True, due_at=NOW - timedelta(days=1))
        assert '<span class="count waits">' not in page.get("/courses/").content.decode()
        page.get("/planner/")
        assert '<span class="count waits">2<' in page.get("/courses/").content.decode()
        task = OwnTask.objects.get(due_on=MONDAY)
        with TestCase.captureOnCommitCallbacks(execute=True):
            page.post("/planner/act/", {"do": f"done task:{task.pk}"})
        assert '<span class="count waits">1<' in page.get("/planner/").content.decode()


@pytest.mark.parametrize("view", ["list", "board", "week"])
def test_the_sentence_counts_all_that_is_late_and_not_only_what_is_shown(page: Any, owner: Any, view: str) -> None:
    course = CourseFactory(owner=owner)
    for number in range(MOST_LATE + 15):
        AssignmentFactory(course=course, imported=True, due_at=timezone.now() - timedelta(days=30, hours=number))

    assert f"{MOST_LATE + 15} things overdue" in page.get(f"/planner/?view={view}").content.decode()
    old_week = (timezone.now() - timedelta(days=30)).date().isoformat()
    assert f"{MOST_LATE + 15} things overdue" in page.get(f"/planner/?view={view}&week={old_week}").content.decode()
