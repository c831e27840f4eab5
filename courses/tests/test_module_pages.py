"""Modules, the planner and marks on pages and in the API: what they show, to whom, and with how few queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.blobs import store
from courses.models import Assignment, Course, PlannerItem, SourceImport
from courses.services import mark_done
from courses.tests.factories import (
    SOURCE,
    AssignmentFactory,
    CourseFactory,
    ModuleFactory,
    ModuleItemFactory,
    PlannerItemFactory,
)
from resources.models import Resource

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(owner: Any) -> Course:
    return CourseFactory(owner=owner, imported=True, html_url="https://canvas.example.edu/courses/1")


@pytest.fixture
def refused(course: Course, owner: Any) -> Assignment:
    """An assignment that is marked as done here, and whose source did not take the mark."""
    now = timezone.now()
    kind = SourceImport.Kind.PLANNER
    SourceImport.objects.create(owner=owner, source=SOURCE, kind=kind, first_at=now, last_at=now, takes_marks=True)
    assignment = AssignmentFactory(course=course, imported=True)
    mark_done(assignment, done=True, by=owner)
    PlannerItem.objects.filter(assignment=assignment).update(write_error="Canvas does not let you.")
    return assignment


def text_of(page: Any, course: Course) -> str:
    return page.get(f"{course.get_absolute_url()}?part=modules").content.decode()


def overview_of(page: Any, course: Course) -> str:
    return page.get(course.get_absolute_url()).content.decode()


class TestModulesOfACourse:
    def test_the_module_at_hand_is_open_and_the_others_say_what_stands_in_their_way(
        self, page: Any, course: Course
    ) -> None:
        done = ModuleFactory(course=course, name="Beginnings", position=1, state="completed")
        ModuleItemFactory(module=done, requirement_type="must_view", is_completed=True)
        here = ModuleFactory(course=course, name="Middle", position=2, state="started", is_sequential=True)
        ModuleItemFactory(module=here, kind="subheader", title="Read first")
        ModuleItemFactory(module=here, requirement_type="min_score", min_score=7, is_completed=False)
        ModuleFactory(course=course, position=3, state="locked", prerequisite_ids=[done.external_id, here.external_id])
        later = timezone.now() + timedelta(days=30)
        ModuleFactory(course=course, position=4, state="locked", unlock_at=later)
        ModuleFactory(course=course, name="Gone", position=5, missing_since=timezone.now())
        text = text_of(page, course)

        assert text.count('<details class="module"') == 4 and "Gone" not in text
        assert f'id="module-{here.pk}" open' in text and f'id="module-{done.pk}" open' not in text
        assert "after Middle" in text and "opens " in text and "in order" in text
        assert "score at least 7" in text and "Read first" in text and "1 of 1" in text and "0 of 1" in text

    def test_items_lead_to_the_assignment_the_vault_or_the_source(self, page: Any, course: Course, owner: Any) -> None:
        module = ModuleFactory(course=course)
        work = AssignmentFactory(course=course, imported=True, name="Essay")
        blob = store(b"slides", content_type="application/pdf")
        file = Resource.objects.create(
            owner=owner,
            kind="file",
            title="slides.pdf",
            file_name="slides.pdf",
            blob=blob,
            source=SOURCE,
            external_id="55",
        )
        ModuleItemFactory(module=module, kind="assignment", assignment=work)
        ModuleItemFactory(module=module, kind="file", content_id="55", html_url="https://canvas.example.edu/f/55")
        ModuleItemFactory(module=module, kind="file", content_id="56", html_url="https://canvas.example.edu/f/56")
        text = text_of(page, course)

        items = text.partition('class="module-items"')[2]
        assert work.get_absolute_url() in items and file.get_absolute_url() in items
        assert "https://canvas.example.edu/f/56" in items and "https://canvas.example.edu/f/55" not in items

    def test_an_empty_module_says_so_and_a_course_without_modules_has_no_such_part(
        self, page: Any, course: Course
    ) -> None:
        assert 'id="modules"' not in text_of(page, course)
        ModuleFactory(course=course)
        assert "There is nothing in this module yet." in text_of(page, course)

    def test_one_item_may_be_enough(self, page: Any, course: Course) -> None:
        module = ModuleFactory(course=course, requirement_type="one", state="started")
        for _ in range(3):
            ModuleItemFactory(module=module, requirement_type="must_submit", is_completed=False)
        assert "one is enough" in text_of(page, course)

    def test_names_from_outside_stay_text(self, page: Any, course: Course) -> None:
        module = ModuleFactory(course=course, name="<script>alert(1)</script>")
        ModuleItemFactory(module=module, title="<img src=x>")
        PlannerItemFactory(course=course, starts_at=timezone.now() + timedelta(days=1), title="<b>x</b>")
        text = text_of(page, course)
        assert "<script>alert" not in text and "<img src=x>" not in text and "<b>x</b>" not in text

    def test_more_modules_and_items_need_no_more_queries(
        self, page: Any, course: Course, django_assert_num_queries: Any, django_assert_max_num_queries: Any
    ) -> None:
        def grow() -> None:
            for _ in range(4):
                module = ModuleFactory(course=course)
                for kind in ("assignment", "file", "quiz"):
                    ModuleItemFactory(module=module, kind=kind, content_id="9")
                PlannerItemFactory(course=course, starts_at=timezone.now() + timedelta(days=1))

        grow()
        with django_assert_max_num_queries(12) as few:
            page.get(f"{course.get_absolute_url()}?part=modules")
        grow()
        with django_assert_num_queries(len(few)):
            page.get(f"{course.get_absolute_url()}?part=modules")

    def test_what_is_ahead_beside_the_work_is_shown(self, page: Any, course: Course) -> None:
        soon = timezone.now() + timedelta(days=1)
        PlannerItemFactory(course=course, title="Guest lecture", location="Hall 3", starts_at=soon)
        PlannerItemFactory(course=course, title="Called off", starts_at=soon, missing_since=soon)
        PlannerItemFactory(course=course, title="Long ago", starts_at=soon - timedelta(days=9))
        text = overview_of(page, course)
        assert "Guest lecture" in text and "Hall 3" in text and "Called off" not in text and "Long ago" not in text

    def test_the_grade_of_the_period_stands_beside_the_whole(self, page: Any, course: Course) -> None:
        Course.objects.update(current_score=90, period_title="Second half", period_score=71, period_grade="C")
        assert "<dt>Second half</dt><dd>C (71 %)</dd>" in overview_of(page, course)


class TestMarks:
    @pytest.mark.parametrize("door", ["page", "api"])
    def test_a_refused_mark_can_be_written_again_or_kept_here(
        self, page: Any, api: Any, refused: Assignment, door: str
    ) -> None:
        item = PlannerItem.objects.get(assignment=refused)
        if door == "page":
            shown = page.get(refused.get_absolute_url()).content.decode()
            assert "but not at the source" in shown and "Canvas does not let you." in shown
            assert page.post(reverse("courses:mark", args=[refused.pk])).status_code == 302
        else:
            assert api.get(f"/api/v1/assignments/{refused.pk}/mark/").json()["write_state"] == "failed"
            assert api.post(f"/api/v1/assignments/{refused.pk}/mark/write/").status_code == 200
        item.refresh_from_db()
        assert item.write_state == "pending"
        if door == "page":
            assert "The source is being told" in page.get(refused.get_absolute_url()).content.decode()
            page.post(reverse("courses:mark", args=[refused.pk]), {"keep": "1"})
        else:
            api.post(f"/api/v1/assignments/{refused.pk}/mark/keep/")
        item.refresh_from_db()
        assert item.write_state == "settled"
        url = reverse("courses:mark", args=[refused.pk])
        again = page.post(url) if door == "page" else api.post(f"/api/v1/assignments/{refused.pk}/mark/write/")
        assert again.status_code == 409
        assert Assignment.objects.get(pk=refused.pk).done_at is not None

    @pytest.mark.parametrize("path", ["mark/", "mark/write/", "mark/keep/"])
    def test_a_strangers_mark_is_not_there(self, page: Any, api: Any, path: str, stranger: Any) -> None:
        theirs = AssignmentFactory(course=CourseFactory(owner=stranger, imported=True), imported=True)
        method = api.get if path == "mark/" else api.post
        assert method(f"/api/v1/assignments/{theirs.pk}/{path}").status_code == 404
        assert page.post(reverse("courses:mark", args=[theirs.pk])).status_code == 404

    def test_the_mark_of_an_assignment_that_the_planner_does_not_have_is_not_there(
        self, api: Any, course: Course
    ) -> None:
        assignment = AssignmentFactory(course=course, imported=True)
        assert api.get(f"/api/v1/assignments/{assignment.pk}/mark/").status_code == 404


class TestApi:
    def test_modules_come_in_order_with_their_items(self, api: Any, course: Course) -> None:
        second, first = ModuleFactory(course=course, position=2), ModuleFactory(course=course, position=1)
        later = ModuleItemFactory(module=first, position=2, requirement_type="must_view", is_completed=False)
        sooner = ModuleItemFactory(module=first, position=1)
        ModuleItemFactory(module=first, position=3, missing_since=timezone.now())
        answer = api.get(f"/api/v1/modules/?course={course.pk}").json()["results"]

        assert [row["id"] for row in answer] == [first.pk, second.pk]
        assert [row["id"] for row in answer[0]["items"]] == [sooner.pk, later.pk]
        assert answer[0]["items"][1]["requirement_type"] == "must_view"

    def test_many_modules_take_the_same_queries(
        self, api: Any, course: Course, django_assert_max_num_queries: Any
    ) -> None:
        ModuleItemFactory(module=ModuleFactory(course=course))
        with django_assert_max_num_queries(8) as few:
            api.get("/api/v1/modules/")
        for _ in range(5):
            ModuleItemFactory(module=ModuleFactory(course=course))
        with django_assert_max_num_queries(len(few)):
            api.get("/api/v1/modules/")

    def test_planner_items_are_found_by_kind_and_time(self, api: Any, course: Course) -> None:
        now = timezone.now()
        talk = PlannerItemFactory(course=course, starts_at=now + timedelta(days=1))
        PlannerItemFactory(course=course, kind="wiki_page", starts_at=now + timedelta(days=1))
        PlannerItemFactory(course=course, starts_at=now - timedelta(days=9))
        after = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = api.get(f"/api/v1/planner-items/?kind=calendar_event&starts_after={after}").json()["results"]
        assert [(row["id"], row["write_state"]) for row in answer] == [(talk.pk, "settled")]

    @pytest.mark.parametrize("collection", ["modules", "planner-items"])
    def test_nothing_of_a_strangers_is_there_and_nothing_can_be_written(
        self, api: Any, stranger: Any, collection: str
    ) -> None:
        theirs = CourseFactory(owner=stranger, imported=True)
        row = ModuleFactory(course=theirs) if collection == "modules" else PlannerItemFactory(course=theirs)
        assert api.get(f"/api/v1/{collection}/").json()["results"] == []
        assert api.get(f"/api/v1/{collection}/{row.pk}/").status_code == 404
        assert api.get(f"/api/v1/{collection}/?course={theirs.pk}").status_code == 422
        assert api.post(f"/api/v1/{collection}/", {}).status_code == 405
