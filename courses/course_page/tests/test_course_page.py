"""The page of a course: every part at an address of its own, in few queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from courses.course_page.tabs import CourseTab, register_tab, tabs
from courses.models import Course
from courses.services import attach_resource, link_repository, mark_done
from courses.tests.factories import AnnouncementFactory, AssignmentFactory, CourseFactory, ModuleFactory
from courses.tests.factories_extras import CommentFactory, PersonFactory
from resources.models import Repository
from resources.services import save_link, write_note

pytestmark = pytest.mark.django_db
PARTS = [tab.key for tab in tabs() if tab.template]


def fill(course: Course, count: int) -> None:
    owner = course.owner
    for n in range(count):
        work = AssignmentFactory(course=course, imported=True)
        AnnouncementFactory(course=course)
        ModuleFactory(course=course)
        PersonFactory(course=course, imported=True)
        CommentFactory(assignment=work)
        attach_resource(course, write_note(by=owner, title=f"Note {n}"), by=owner)
        attach_resource(course, save_link(by=owner, url=f"https://example.edu/{course.pk}/{n}"), by=owner)
        repository = Repository.objects.create(
            owner=owner,
            source="connection:2",
            external_id=f"{course.pk}-{n}-{work.pk}",
            full_name=f"mira/lab-{work.pk}",
        )
        link_repository(work, repository, by=owner)
        mark_done(work, done=True, by=owner)


class TestParts:
    @pytest.mark.parametrize("part", PARTS)
    def test_a_part_needs_the_same_few_queries_for_more_rows(
        self, page: Any, owner: Any, part: str, django_assert_num_queries: Any, django_assert_max_num_queries: Any
    ) -> None:
        course = CourseFactory(owner=owner, imported=True)
        fill(course, 3)
        url = f"{course.get_absolute_url()}?part={part}"
        with django_assert_max_num_queries(14 if part == "overview" else 12) as few:
            assert page.get(url).status_code == 200
        fill(course, 10)
        with django_assert_num_queries(len(few)):
            page.get(url)

    @pytest.mark.parametrize("part", PARTS)
    def test_an_empty_course_says_what_comes_there(self, page: Any, owner: Any, part: str) -> None:
        answer = page.get(f"{CourseFactory(owner=owner).get_absolute_url()}?part={part}")
        text = answer.content.decode()
        assert answer.status_code == 200
        assert 'class="empty' in text or "<textarea" in text

    def test_tabs_count_what_their_parts_show(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        fill(course, 2)
        fill(CourseFactory(owner=owner, imported=True), 3)
        links = {link.key: link.count for link in page.get(course.get_absolute_url()).context["tabs"]}
        assert links == {**dict.fromkeys(links, 2), "overview": 0, "map": 0, "grades": 0, "activity": 0}

    def test_htmx_gets_the_tabs_and_the_part_only(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        headers = {"HX-Request": "true", "HX-Target": "course-body"}
        text = page.get(f"{course.get_absolute_url()}?part=people", headers=headers).content.decode()
        assert "<html" not in text and 'id="course-body"' in text and "Add a contact" in text

    def test_an_unknown_part_is_the_overview(self, page: Any, owner: Any) -> None:
        answer = page.get(f"{CourseFactory(owner=owner).get_absolute_url()}?part=nonsense")
        assert answer.context["part"].key == "overview"

    def test_another_app_adds_a_tab_that_leads_to_its_own_page(
        self, page: Any, owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("courses.course_page.tabs._tabs", {tab.key: tab for tab in tabs()})
        register_tab(CourseTab("edited", "Edited", "map", 25, url_name="courses:edit"))
        course = CourseFactory(owner=owner)
        link = next(link for link in page.get(course.get_absolute_url()).context["tabs"] if link.key == "edited")
        assert link.url == reverse("courses:edit", args=[course.pk])

    def test_a_strangers_course_is_not_there(self, page: Any, stranger: Any) -> None:
        course = CourseFactory(owner=stranger)
        for part in PARTS:
            assert page.get(f"{course.get_absolute_url()}?part={part}").status_code == 404


class TestNotes:
    def test_notes_are_edited_where_they_stand(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        page.post(reverse("courses:notes", args=[course.pk]), {"notes": "# Plan\r\n<script>x</script>"})
        course.refresh_from_db()
        text = page.get(f"{course.get_absolute_url()}?part=notes").content.decode()
        assert course.notes == "# Plan\n<script>x</script>"
        assert "<h1>Plan</h1>" in text and "<script>x" not in text

    def test_notes_that_are_too_long_are_kept_in_the_form(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        answer = page.post(reverse("courses:notes", args=[course.pk]), {"notes": "x" * 100_001})
        assert answer.status_code == 422 and "x" * 1000 in answer.content.decode()

    def test_a_new_note_is_in_the_vault_and_attached(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        page.post(reverse("courses:create-note", args=[course.pk]), {"title": "Lecture 3"})
        assert [link.resource.title for link in course.resource_links.all()] == ["Lecture 3"]


class TestActivity:
    def test_what_happened_is_told_by_day_and_who_did_it(self, page: Any, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        mark_done(AssignmentFactory(course=course, name="Lab 1"), done=True, by=owner)
        mark_done(AssignmentFactory(course=CourseFactory(owner=owner), name="Elsewhere"), done=True, by=owner)
        days = page.get(f"{course.get_absolute_url()}?part=activity").context["days"]
        assert [(line.name, line.verb, line.is_own) for line in days[0].lines] == [
            ("Lab 1", "was marked as done", True)
        ]
        assert days[0].title == "Today"
