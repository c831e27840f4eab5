"""The pages: what they show, what they refuse, and how few queries they need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.models import Assignment, Course
from courses.sidebar import SHOWN
from courses.tests.factories import (
    SOURCE,
    AnnouncementFactory,
    AssignmentFactory,
    CourseFactory,
    SubmissionFactory,
    assignment_record,
    course_record,
    submission_record,
)

pytestmark = pytest.mark.django_db

EVIL = (
    '<p onclick="x()">Hi <b>you</b></p><script>alert(1)</script><img src="https://evil.example/x.png">'
    '<a href="javascript:alert(1)">go</a>'
)


def fill(owner: Any, *, courses: int, work: int) -> None:
    now = timezone.now()
    for _ in range(courses):
        course = CourseFactory(owner=owner, imported=True)
        AnnouncementFactory(course=course, posted_at=now)
        for number in range(work):
            row = AssignmentFactory(course=course, imported=True, due_at=now + timedelta(hours=number * 7 - 20))
            SubmissionFactory(assignment=row)


class TestDashboard:
    def test_a_new_student_is_led_to_connect_or_to_make_a_course(self, page: Any) -> None:
        text = page.get("/").content.decode()

        assert "Nothing to do yet" in text
        assert "Connect Canvas" in text
        assert reverse("courses:create") in text

    def test_it_greets_and_says_what_is_due(self, page: Any, owner: Any) -> None:
        AssignmentFactory(course=CourseFactory(owner=owner), name="Quiz 7", due_at=timezone.now() + timedelta(days=2))

        text = page.get("/").content.decode()

        assert f", {owner.first_name}</h1>" in text
        assert "One thing due by" in text
        assert "Quiz 7" in text

    def test_the_queries_stay_within_thirteen_however_much_there_is(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        fill(owner, courses=3, work=3)
        with django_assert_max_num_queries(13) as few:
            page.get("/")
        fill(owner, courses=9, work=10)
        with django_assert_max_num_queries(13) as many:
            page.get("/")

        assert len(many) == len(few)

    def test_a_moved_date_and_a_grade_are_told_and_the_first_import_is_not(self, page: Any, owner: Any) -> None:
        import_courses(owner, source=SOURCE, courses=[course_record("101")], by=owner)

        def sync(**fields: Any) -> str:
            record = assignment_record("1", name="Project 3", **fields)
            import_assignments(owner, source=SOURCE, course_id="101", assignments=[record], by=owner)
            return page.get(reverse("courses:changes")).content.decode()

        assert "Project 3" not in sync(due_at="2026-11-30T12:00:00Z")
        text = sync(due_at="2026-11-25T12:00:00Z", submission=submission_record(state="graded", score=37))
        assert "is due" in text
        assert "<s>" in text
        assert "was graded" in text
        assert "37 of 40" in text

    def test_ticking_off_answers_with_the_agenda_and_the_sentence(self, page: Any, owner: Any) -> None:
        work = AssignmentFactory(
            course=CourseFactory(owner=owner), name="Quiz", due_at=timezone.now() + timedelta(days=1)
        )

        headers = {"HX-Request": "true", "HX-Target": "agenda"}
        answer = page.post(reverse("courses:done", args=[work.pk]), {"done": "1"}, headers=headers)

        text = answer.content.decode()
        assert text.count("<h2") == 1
        assert 'aria-checked="true"' in text
        assert 'hx-swap-oob="true"' in text
        assert "Nothing is due." in text

    def test_ticking_off_without_script_goes_back_to_this_site_only(self, page: Any, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner))
        url = reverse("courses:done", args=[work.pk])

        assert page.post(url, {"next": "/"})["Location"] == "/"
        assert page.post(url, {"next": "https://evil.example/"})["Location"] == work.get_absolute_url()


class TestCourses:
    def test_concluded_and_hidden_ones_are_a_tab_away(self, page: Any, owner: Any) -> None:
        CourseFactory(owner=owner, name="Going")
        CourseFactory(owner=owner, name="Over", state="completed")
        CourseFactory(owner=owner, name="Unloved", is_hidden=True)

        def shown(show: str) -> list[str]:
            context = page.get(f"/courses/?show={show}").context
            return sorted(line.course.name for section in context["sections"] for line in section.lines)

        assert shown("active") == ["Going"]
        assert shown("concluded") == ["Over"]
        assert shown("hidden") == ["Unloved"]
        assert shown("all") == ["Going", "Over", "Unloved"]

    @pytest.mark.parametrize("path", ["/courses/", "/assignments/", "/courses/announcements/", "/courses/changes/"])
    def test_every_list_says_what_will_be_there(self, page: Any, path: str) -> None:
        assert 'class="empty' in page.get(path).content.decode()

    def test_a_search_without_a_hit_offers_the_way_back(self, page: Any, owner: Any) -> None:
        CourseFactory(owner=owner)

        assert "Clear the search" in page.get("/courses/?q=zebra").content.decode()

    @pytest.mark.parametrize(
        "query", ["show=nonsense", "q=%00", "term=x", "state=nonsense", "page=zz", "course=0", "deleted=x"]
    )
    def test_an_odd_address_is_no_error(self, page: Any, owner: Any, query: str) -> None:
        course = CourseFactory(owner=owner)

        for path in ("/courses/", "/assignments/", "/courses/announcements/", course.get_absolute_url()):
            assert page.get(f"{path}?{query}").status_code in (200, 404)

    @pytest.mark.parametrize("path", ["/courses/", "/assignments/", "/courses/announcements/"])
    def test_a_list_needs_the_same_queries_for_more_rows(
        self, page: Any, owner: Any, path: str, django_assert_num_queries: Any, django_assert_max_num_queries: Any
    ) -> None:
        fill(owner, courses=3, work=1)
        with django_assert_max_num_queries(12) as few:
            page.get(path)
        fill(owner, courses=10, work=2)
        with django_assert_num_queries(len(few)):
            page.get(path)

    def test_the_course_page_needs_the_same_queries_for_more_work(
        self, page: Any, owner: Any, django_assert_num_queries: Any, django_assert_max_num_queries: Any
    ) -> None:
        fill(owner, courses=1, work=3)
        course = Course.objects.get()
        with django_assert_max_num_queries(15) as few:
            page.get(course.get_absolute_url())
        for _ in range(10):
            AssignmentFactory(course=course, imported=True)
            AnnouncementFactory(course=course)
        with django_assert_num_queries(len(few)):
            page.get(course.get_absolute_url())

    def test_a_form_with_a_fault_keeps_what_was_typed(self, page: Any) -> None:
        answer = page.post("/courses/new/", {"name": "", "code": "CS 240", "notes": "my notes"})

        text = answer.content.decode()
        assert answer.status_code == 422
        assert 'value="CS 240"' in text
        assert "my notes" in text

    def test_a_deleted_course_is_offered_back(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="Guitar")

        answer = page.post(reverse("courses:delete", args=[course.pk]), follow=True)

        assert reverse("courses:restore", args=[course.pk]) in answer.content.decode()

    def test_what_strangers_have_is_not_there(self, page: Any, stranger: Any) -> None:
        course = CourseFactory(owner=stranger, imported=True)
        work, news = AssignmentFactory(course=course), AnnouncementFactory(course=course)

        for thing in (course, work, news):
            assert page.get(thing.get_absolute_url()).status_code == 404
        assert page.get(reverse("courses:course-assignments", args=[course.pk])).status_code == 404


class TestTextFromSources:
    def test_nothing_of_it_runs_or_loads(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True, syllabus_html=EVIL)
        work = AssignmentFactory(course=course, imported=True, description_html=EVIL, notes="<script>alert(2)</script>")
        news = AnnouncementFactory(course=course, message_html=EVIL)

        for thing in (course, work, news):
            text = page.get(thing.get_absolute_url()).content.decode()
            assert "<b>you</b>" in text
            for bad in ("alert(", "onclick", "evil.example", "javascript:"):
                assert bad not in text.replace("&lt;script&gt;alert(2)", "")

    def test_its_relative_links_lead_to_the_source_and_not_into_our_pages(self, page: Any, owner: Any) -> None:
        work = AssignmentFactory(
            course=CourseFactory(owner=owner),
            imported=True,
            html_url="https://demo.university.edu/courses/1/assignments/2",
            description_html='<a href="/courses/1/pages/x">notes</a>',
        )

        assert (
            'href="https://demo.university.edu/courses/1/pages/x"' in page.get(work.get_absolute_url()).content.decode()
        )

    def test_names_are_text_and_not_markup(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="<i>x</i>")
        AssignmentFactory(course=course, name="<i>y</i>", due_at=timezone.now())

        for path in ("/", "/courses/", "/assignments/", course.get_absolute_url()):
            text = page.get(path).content.decode()
            assert "<i>x" not in text
            assert "<i>y" not in text


class TestTimes:
    def test_a_due_date_is_read_and_shown_in_the_students_zone(self, page: Any, owner: Any) -> None:
        owner.time_zone = "America/New_York"
        owner.save()
        course = CourseFactory(owner=owner)

        page.post(
            reverse("courses:create-assignment", args=[course.pk]), {"name": "Essay", "due_at": "2026-12-01T23:59"}
        )

        work = Assignment.objects.get()
        assert work.due_at.isoformat() == "2026-12-02T04:59:00+00:00"
        assert (
            'value="2026-12-01T23:59"' in page.get(reverse("courses:edit-assignment", args=[work.pk])).content.decode()
        )

    def test_saving_a_form_untouched_changes_nothing(self, page: Any, owner: Any) -> None:
        starts = timezone.now().replace(hour=10, minute=30)
        course = CourseFactory(owner=owner, name="Guitar", starts_at=starts, hue=4)

        data = {"name": "Guitar", "starts_at": starts.strftime("%Y-%m-%d"), "hue": "4", "state": "available"}
        page.post(reverse("courses:edit", args=[course.pk]), data)

        course.refresh_from_db()
        assert (course.starts_at, course.hue) == (starts, 4)


class TestSearch:
    def test_courses_assignments_and_news_are_found_by_their_owner_only(self, owner: Any, stranger: Any) -> None:
        from coreengine.kernel.screens import search_sources

        course = CourseFactory(owner=owner, imported=True, name="Scheduling theory")
        AssignmentFactory(course=course, name="Lottery scheduling")
        AnnouncementFactory(course=course, title="On scheduling")

        found = {source.key: source.search for source in search_sources()}
        for key in ("courses", "assignments", "announcements"):
            assert len(found[key](owner, "schedule", 5)) == 1
            assert found[key](stranger, "schedule", 5) == []
            assert found[key](owner, '"&|!:*<', 5) == []


class TestApiLists:
    @pytest.mark.parametrize("path", ["courses", "assignments", "announcements", "terms"])
    def test_a_list_needs_the_same_queries_for_more_rows(
        self, api: Any, owner: Any, path: str, django_assert_num_queries: Any, django_assert_max_num_queries: Any
    ) -> None:
        fill(owner, courses=3, work=1)
        api.get(f"/api/v1/{path}/")  # the token's first use is written down once
        with django_assert_max_num_queries(6) as few:
            api.get(f"/api/v1/{path}/")
        fill(owner, courses=10, work=1)
        with django_assert_num_queries(len(few)):
            api.get(f"/api/v1/{path}/")

    def test_assignments_can_be_asked_for_by_state_course_and_date(self, api: Any, owner: Any) -> None:
        now = timezone.now()
        course = CourseFactory(owner=owner)
        late = AssignmentFactory(course=course, due_at=now - timedelta(days=1))
        AssignmentFactory(course=course, due_at=now + timedelta(days=1))
        AssignmentFactory(course=CourseFactory(owner=owner), due_at=now - timedelta(days=1), done_at=now)

        def ids(query: dict[str, Any]) -> list[int]:
            return [row["id"] for row in api.get("/api/v1/assignments/", query).json()["results"]]

        assert ids({"state": "overdue"}) == [late.pk]
        assert len(ids({"course": course.pk})) == 2
        assert ids({"course": course.pk, "due_before": now.isoformat()}) == [late.pk]

    def test_another_students_course_is_no_filter(self, api: Any, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)

        assert api.get("/api/v1/assignments/", {"course": course.pk}).status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/planner/", "/planner/?view=week", "/calendar/", "/calendar/?view=week"])
def test_a_page_that_read_all_courses_shows_the_same_sidebar_as_any_other(page: Any, owner: Any, address: str) -> None:
    for number in range(SHOWN + 4):
        position = None if number % 3 == 0 else (number * 7) % 5
        CourseFactory(owner=owner, name=f"{'Éé eE'[number % 5]} course {number:02}", position=position)
    CourseFactory(owner=owner, name="A hidden one", is_hidden=True)
    CourseFactory(owner=owner, name="A past one", state="completed")
    CourseFactory(owner=owner, name="A twin", same_as=CourseFactory(owner=owner, name="Another", position=0))

    def shown(address: str) -> str:
        return page.get(address).content.decode().partition('id="sidebar-courses"')[2].partition("</nav>")[0]

    assert shown(address) == shown("/courses/changes/") and shown(address).count("data-palette ") == SHOWN
