"""One semester from four sides: two Canvas accounts, a calendar feed and hand-made courses, in one planner.

"Main" is shown; "second" is the same course in another account, folded into it. What only the second has must be found
under the main one in every place, and what both have must be there once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.archive.content import course_data
from courses.calendar.entries import entries_between
from courses.calendar.feeds.services import create_feed
from courses.calendar.feeds.writing import write_feed
from courses.calendar.reading import read_calendar
from courses.calendar.services import create_event
from courses.calendar.sources.importing import import_reading
from courses.importing.announcements import import_announcements
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.importing.modules import import_modules
from courses.models import Assignment, CalendarEvent, Course, Module, Reminder
from courses.moments import Clock
from courses.planning.services import create_task
from courses.reminders.deriving import derive
from courses.reminders.services import create_rule, settings_of
from courses.sameness import services
from courses.screens import grouped_resources, grouping_choices, grouping_labels
from courses.services import attach_resource, update_assignment
from courses.tests.factories import (
    CourseFactory,
    announcement_record,
    assignment_record,
    course_record,
    item_record,
    module_record,
    submission_record,
)
from courses.tests.factories_calendar import CalendarSourceFactory
from courses.tests.factories_extras import PersonFactory
from resources.services import write_note

pytestmark = pytest.mark.django_db
MAIN, SECOND = "connection:1", "connection:2"


def due(days: int) -> str:
    return (timezone.now() + timedelta(days=days)).replace(microsecond=0).isoformat()


def sync(owner: Any, source: str, *works: dict[str, Any], course: str = "101") -> Course:
    import_courses(owner, source=source, courses=[course_record(course)], by=owner)
    import_assignments(owner, source=source, course_id=course, assignments=list(works), by=owner)
    return Course.objects.get(owner=owner, source=source)


@pytest.fixture
def main(owner: Any) -> Course:
    """Both accounts synced: "Both" is in either, "Only second" and "Only main" in one."""
    main = sync(
        owner,
        MAIN,
        assignment_record("1", name="Both", due_at=due(3)),
        assignment_record("2", name="Only main", due_at=due(4)),
    )
    sync(
        owner,
        SECOND,
        assignment_record("1", name="Both", due_at=due(3)),
        assignment_record("3", name="Only second", due_at=due(5)),
    )
    return main


@pytest.fixture
def second(owner: Any, main: Course) -> Course:
    second = Course.objects.get(owner=owner, source=SECOND)
    assert second.same_as_id == main.pk
    return second


ALL = ["Both", "Only main", "Only second"]


class TestWork:
    def test_lists_of_the_course_have_all_of_it_once(self, main: Course, api: Any, page: Any) -> None:
        listed = api.get(f"/api/v1/assignments/?course={main.pk}").json()["results"]
        assert sorted(row["name"] for row in listed) == ALL
        html = page.get(f"/assignments/?course={main.pk}").content.decode()
        assert [html.count(f">{name}<") for name in ALL] == [1, 1, 1]

    @pytest.mark.parametrize("view", ["list", "board", "week"])
    def test_the_planner_of_the_course_too(self, main: Course, page: Any, view: str) -> None:
        create_task(main.owner, by=main.owner, title="Own task", course=main, due_on=timezone.now().date())
        html = page.get(f"/planner/?view={view}&course={main.pk}").content.decode()
        assert "Own task" in html
        if view != "week":  # what is due in some days may lie in the week that follows
            assert all(name in html for name in ALL)

    def test_the_planner_of_the_api_and_the_calendar(self, main: Course, api: Any, page: Any) -> None:
        groups = api.get(f"/api/v1/planner/?course={main.pk}").json()["groups"]
        assert sorted(row["title"] for group in groups for row in group["items"]) == ALL
        span = {"from": due(0), "to": due(20), "course": main.pk}
        found = api.get("/api/v1/calendar/entries/", span).json()
        assert sorted(entry["title"] for entry in found) == ALL
        html = page.get(f"/calendar/?view=agenda&course={main.pk}").content.decode()
        assert all(name in html for name in ALL)

    def test_the_calendar_offers_each_course_once(self, main: Course, second: Course, page: Any) -> None:
        offered = page.get("/calendar/").context["page"].courses
        assert [course.pk for course in offered] == [main.pk]

    def test_a_feed_of_the_course_has_all_of_it(self, main: Course, owner: Any) -> None:
        feed, _ = create_feed(owner, by=owner, name="OS", course=main)
        text = write_feed(feed, Clock(timezone.now(), owner.zone)).content.decode()
        assert [text.count(f"SUMMARY:{name}") for name in ALL] == [1, 1, 1]

    def test_a_rule_of_the_course_reminds_of_all_of_it(self, main: Course, owner: Any) -> None:
        settings_of(owner)
        create_rule(owner, kind="assignment", lead_minutes=45, course=main, by=owner)
        derive(owner, now=timezone.now())
        rows = Reminder.objects.filter(owner=owner, lead_minutes=45, target_kind="assignment")
        names = Assignment.objects.filter(pk__in=rows.values("target_id")).values_list("name", flat=True)
        assert sorted(names) == ALL and not Reminder.objects.filter(lead_minutes=120).exists()


class TestModules:
    @pytest.fixture(autouse=True)
    def _modules(self, main: Course, owner: Any) -> None:
        both = item_record("1", title="Both")
        import_modules(
            owner,
            source=MAIN,
            course_id="101",
            modules=[module_record("1", name="Week 1", items=[both]), module_record("2", name="Week 2", position=2)],
            by=owner,
        )
        more = item_record("3", title="Only second")
        other = module_record("1", name="Lab", position=2, prerequisite_ids=["9"])
        import_modules(
            owner,
            source=SECOND,
            course_id="101",
            modules=[module_record("9", name="week 1", items=[both, more]), other],
            by=owner,
        )

    def test_the_course_page_folds_what_both_have_and_adds_the_rest(self, main: Course, page: Any) -> None:
        answer = page.get(f"/courses/{main.pk}/?part=modules")
        sections = answer.context["modules"]
        assert [section.title for section in sections] == ["Week 1", "Week 2", "Lab"]
        assert [item.title for item in sections[0].items] == ["Both", "Only second"]
        assert all(item.url.startswith("/assignments/") for item in sections[0].items)

    def test_the_tab_counts_what_it_shows(self, main: Course, page: Any) -> None:
        tabs = {tab.key: tab.count for tab in page.get(f"/courses/{main.pk}/").context["tabs"]}
        assert (tabs["modules"], tabs["assignments"]) == (3, 3)

    def test_the_map_and_the_api_have_them_once_with_what_they_wait_for(self, main: Course, api: Any) -> None:
        told = {each["name"]: each for each in api.get(f"/api/v1/courses/{main.pk}/map/").json()["modules"]}
        assert sorted(told) == ["Lab", "Week 1", "Week 2"]
        listed = api.get(f"/api/v1/modules/?course={main.pk}").json()["results"]
        assert sorted(row["name"] for row in listed) == ["Lab", "Week 1", "Week 2"]

    def test_ids_of_two_sources_do_not_meet(self, main: Course, page: Any) -> None:
        Module.objects.filter(name="Lab").update(state="locked")
        sections = page.get(f"/courses/{main.pk}/?part=modules").context["modules"]
        assert sections[2].detail == "after Week 1"

    def test_the_archive_has_them_once(self, main: Course) -> None:
        assert [each["name"] for each in course_data(main)["modules"]] == ["Week 1", "Week 2", "Lab"]


class TestPeopleNewsAndFiles:
    def test_the_archive_of_the_course_has_everything_once(self, main: Course, second: Course, owner: Any) -> None:
        PersonFactory(course=main, name="Ada")
        PersonFactory(course=second, name="Grace")
        note = write_note(by=owner, title="Summary", body="x")
        for course in (main, second):
            attach_resource(course, note, by=owner)
            news = [announcement_record(course.source[-1], title="Room 5")]
            import_announcements(owner, source=course.source, announcements=news, by=owner)
        data = course_data(main)
        assert sorted(person["name"] for person in data["people"]) == ["Ada", "Grace"]
        assert [news["title"] for news in data["announcements"]] == ["Room 5"]
        assert len(data["assignments"]) == 3
        assert [thing["title"] for thing in data["resources"]] == ["Summary"]

    def test_a_thing_of_the_folded_course_is_listed_not_offered_and_can_be_taken_off(
        self, main: Course, second: Course, owner: Any, page: Any
    ) -> None:
        note = write_note(by=owner, title="Summary", body="x")
        attach_resource(second, note, by=owner)
        shown = page.get(f"/courses/{main.pk}/?part=notes").context
        assert [thing.title for thing in shown["things"]] == ["Summary"] and shown["others"] == []
        page.post(reverse("courses:detach", args=[main.pk, note.pk]))
        assert page.get(f"/courses/{main.pk}/?part=notes").context["things"] == []

    def test_archives_and_imports_offer_each_course_once(self, main: Course, second: Course, page: Any) -> None:
        for name, field in (("courses:archives", "courses"), ("courses:import", "course")):
            form = page.get(reverse(name)).context["form"]
            assert [str(value) for value, _ in form.fields[field].choices if value] == [str(main.pk)]

    def test_the_vault_files_it_under_the_course_that_is_shown(self, main: Course, second: Course, owner: Any) -> None:
        note = write_note(by=owner, title="Summary", body="x")
        attach_resource(second, note, by=owner)
        assert [choice.value for choice in grouping_choices(owner)] == [str(main.pk)]
        assert [row["resource_id"] for row in grouped_resources(owner, str(main.pk))] == [note.pk]
        assert [choice.value for _, choice in grouping_labels(owner, [note.pk])] == [str(main.pk)]

    def test_the_activity_of_the_course_has_what_happened_at_either_once(
        self, main: Course, owner: Any, page: Any
    ) -> None:
        moved = {"due_at": due(9)}
        sync(owner, MAIN, assignment_record("1", name="Both", **moved))
        second = [assignment_record("1", name="Both", **moved), assignment_record("3", name="Only second", **moved)]
        sync(owner, SECOND, *second)
        days = page.get(f"/courses/{main.pk}/?part=activity").context["days"]
        told = [line.name for day in days for line in day.lines if line.verb == "is due"]
        assert sorted(told) == ["Both", "Only second"]


class TestGrades:
    def test_the_course_has_its_own_sources_grade_and_lists_the_others(
        self, main: Course, second: Course, owner: Any, page: Any, api: Any
    ) -> None:
        def graded(score: int) -> dict[str, Any]:
            return submission_record(
                state="graded", score=score, grade=str(score), posted_at=due(-1), graded_at=due(-1)
            )

        sync(owner, MAIN, assignment_record("2", name="Only main", points_possible=10, submission=graded(8)))
        sync(owner, SECOND, assignment_record("3", name="Only second", points_possible=10, submission=graded(5)))
        told = api.get(f"/api/v1/courses/{main.pk}/grades/").json()
        assert (told["percent"], [each["percent"] for each in told["others"]]) == (80.0, [50.0])
        html = page.get(f"/courses/{main.pk}/grades/").content.decode()
        assert f"/courses/{second.pk}/grades/" in html and "50 %" in html
        listed = api.get("/api/v1/grades/").json()["courses"]
        assert [(each["course"], each["percent"]) for each in listed] == [(main.pk, 80.0)]


class TestFeedAndHandmade:
    def test_an_event_of_a_feed_and_of_the_accounts_is_shown_once(self, main: Course, owner: Any) -> None:
        work = Assignment.objects.get(owner=owner, source=MAIN, name="Both")
        lines = [
            *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT"),
            f"UID:event-assignment-1@x\r\nDTSTART:{work.due_at:%Y%m%dT%H%M%SZ}",
            f"SUMMARY:Both [{main.code}]\r\nURL:{work.html_url}",
            *("END:VEVENT", "BEGIN:VEVENT", "UID:club@x", f"DTSTART:{work.due_at:%Y%m%dT%H%M%SZ}"),
            *("SUMMARY:Chess club", "END:VEVENT", "END:VCALENDAR", ""),
        ]
        source = CalendarSourceFactory(owner=owner)
        reading = read_calendar("\r\n".join(lines).encode(), zone=owner.zone, now=timezone.now())
        import_reading(source, reading, by=owner)
        now = timezone.now()
        titles = sorted(entry.title for entry in entries_between(owner, now, now + timedelta(days=20)))
        assert titles == sorted([*ALL, "Chess club"])

    def test_a_hand_made_course_is_joined_by_word_and_keeps_what_was_written(self, main: Course, owner: Any) -> None:
        own = CourseFactory(owner=owner, name="My OS", notes="Mine")
        create_event(owner, by=owner, title="Tutorial", starts_at=timezone.now() + timedelta(days=1), course=own)
        services.join(own, main, by=owner)
        own.refresh_from_db()
        assert (own.same_as_id, own.notes) == (main.pk, "Mine")
        assert CalendarEvent.objects.visible_to(owner).in_course(main).count() == 1

    def test_a_sync_leaves_alone_what_the_student_wrote_and_marks_what_vanished(self, main: Course, owner: Any) -> None:
        work = Assignment.objects.get(owner=owner, source=MAIN, name="Only main")
        update_assignment(work, by=owner, changes={"notes": "Ask Ada"})
        sync(owner, MAIN, assignment_record("1", name="Both", due_at=due(3)))
        work.refresh_from_db()
        assert work.notes == "Ask Ada" and work.missing_since is not None
        sync(owner, MAIN, assignment_record("1", due_at=due(3)), assignment_record("2", name="New name", due_at=due(4)))
        work.refresh_from_db()
        assert (work.notes, work.name, work.missing_since) == ("Ask Ada", "New name", None)


def test_arrows_of_the_map_lead_to_the_courses_that_are_shown(
    main: Course, second: Course, owner: Any, api: Any
) -> None:
    logic = CourseFactory(owner=owner, name="Logic")
    api.post("/api/v1/course-prerequisites/", {"course": second.pk, "required": logic.pk})
    api.post("/api/v1/course-prerequisites/", {"course": logic.pk, "required": main.pk})
    told = {each["course"]: each["needs"] for each in api.get("/api/v1/course-map/").json()["courses"]}
    assert told == {main.pk: [logic.pk], logic.pk: []}  # the second arrow would close a circle


def test_sources_are_called_what_the_student_calls_their_connections(owner: Any, page: Any) -> None:
    from plugins.tests.factories import ConnectionFactory

    connection = ConnectionFactory(owner=owner, label="Demo University")
    course = sync(owner, f"connection:{connection.pk}", assignment_record("1", due_at=due(3)))
    html = page.get(f"/courses/{course.pk}/").content.decode()
    card = html[html.index('id="sources"') :]
    assert "Demo University" in card and "demo.university.edu" not in card.partition("</section>")[0]
