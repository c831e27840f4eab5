"""The maps as pages and in the API: what they show, both doors of every change, queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.models import Event
from courses.models import Course, CoursePrerequisite
from courses.tests.factories import CourseFactory, ModuleFactory, ModuleItemFactory, TermFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(owner: Any) -> Course:
    return CourseFactory(owner=owner, imported=True, name="Operating Systems")


def needs(course: Course, required: Course) -> CoursePrerequisite:
    return CoursePrerequisite.objects.create(owner=course.owner, course=course, required=required)


@pytest.fixture(params=["page", "api"])
def draw(request: Any, page: Any, api: Any) -> Any:
    """Draw an arrow by either door; answers (status, text)."""

    def by_page(course: Course, required: Course) -> tuple[int, str]:
        answer = page.post(reverse("courses:connect"), {"course": course.pk, "required": required.pk})
        return 200 if answer.status_code == 302 else answer.status_code, answer.content.decode()

    def by_api(course: Course, required: Course) -> tuple[int, str]:
        answer = api.post("/api/v1/course-prerequisites/", {"course": course.pk, "required": required.pk})
        return 200 if answer.status_code == 201 else answer.status_code, answer.content.decode()

    return by_page if request.param == "page" else by_api


class TestPrerequisites:
    def test_drawing_one_twice_is_harmless(self, draw: Any, owner: Any) -> None:
        first, second = CourseFactory(owner=owner), CourseFactory(owner=owner)

        assert draw(second, first)[0] == 200
        assert draw(second, first)[0] == 200
        assert CoursePrerequisite.objects.count() == 1
        assert Event.objects.filter(type="course.prerequisite_added").count() == 1

    def test_a_circle_is_refused_with_the_way_round(self, draw: Any, owner: Any) -> None:
        one, two, three = (CourseFactory(owner=owner, name=name) for name in ("Logic", "Proofs", "Sets"))
        needs(two, one)
        needs(three, two)

        status, words = draw(one, three)

        assert status == 422
        assert "round in a circle" in words
        assert all(name in words for name in ("Logic", "Proofs", "Sets"))
        assert CoursePrerequisite.objects.count() == 2

    def test_a_course_does_not_need_itself(self, draw: Any, course: Course) -> None:
        CourseFactory(owner=course.owner)

        status, words = draw(course, course)

        assert (status, "cannot need itself" in words) == (422, True)

    def test_a_strangers_course_is_not_there(self, draw: Any, course: Course, stranger: Any) -> None:
        assert draw(course, CourseFactory(owner=stranger))[0] in (404, 422)
        assert draw(CourseFactory(owner=stranger), course)[0] in (404, 422)
        assert not CoursePrerequisite.objects.exists()

    def test_removing_one_by_the_page_offers_it_back(self, page: Any, owner: Any, course: Course) -> None:
        link = needs(course, CourseFactory(owner=owner, name="Logic"))

        answer = page.post(reverse("courses:disconnect", args=[link.pk]), follow=True)

        assert "Operating Systems no longer needs Logic." in answer.content.decode()
        assert not CoursePrerequisite.objects.exists()

    def test_removing_one_by_the_api(self, api: Any, owner: Any, stranger: Any, course: Course) -> None:
        link = needs(course, CourseFactory(owner=owner))
        other = needs(CourseFactory(owner=stranger), CourseFactory(owner=stranger))

        assert api.delete(f"/api/v1/course-prerequisites/{other.pk}/").status_code == 404
        assert api.delete(f"/api/v1/course-prerequisites/{link.pk}/").status_code == 204


class TestTheMapAcrossCourses:
    @pytest.fixture
    def thesis(self, owner: Any) -> Course:
        """Passed Logic, then Proofs which goes on, then the thesis of a coming term; Sets is on a shorter way."""
        now = timezone.now()
        coming = TermFactory(owner=owner, name="Next spring", starts_at=now + timedelta(days=90))
        logic = CourseFactory(owner=owner, name="Logic", state="completed")
        proofs, sets = CourseFactory(owner=owner, name="Proofs"), CourseFactory(owner=owner, name="Sets", term=coming)
        models = CourseFactory(owner=owner, name="Models", term=coming)
        thesis = CourseFactory(owner=owner, name="Thesis", starts_at=now + timedelta(days=300))
        for course, required in [(proofs, logic), (models, proofs), (thesis, models), (thesis, sets)]:
            needs(course, required)
        return thesis

    def test_the_longest_way_is_said_in_words(self, page: Any, thesis: Course) -> None:
        words = page.get(reverse("courses:map"), {"goal": thesis.pk}).content.decode()

        assert "Thesis takes 3 terms with this one at least: Proofs goes on now, then Models, then Thesis." in words

    def test_the_api_says_the_same(self, api: Any, thesis: Course) -> None:
        found = api.get("/api/v1/course-map/").json()

        names = {each["course"]: each["name"] for each in found["courses"]}
        states = {each["name"]: each["state"] for each in found["courses"]}
        assert [names[pk] for pk in found["critical_path"]] == ["Proofs", "Models", "Thesis"]
        assert (found["goal"], found["terms"]) == (thesis.pk, 3)
        assert states == {
            "Logic": "passed",
            "Proofs": "going_on",
            "Sets": "open",
            "Models": "locked",
            "Thesis": "locked",
        }

    def test_a_term_that_comes_too_early_is_told(self, page: Any, owner: Any) -> None:
        term = TermFactory(owner=owner, name="Next spring", starts_at=timezone.now() + timedelta(days=90))
        first, second = (CourseFactory(owner=owner, name=name, term=term) for name in ("Logic", "Proofs"))
        needs(second, first)

        assert "it needs Logic, which is in Next spring" in page.get(reverse("courses:map")).content.decode()

    def test_an_empty_map_says_what_to_do(self, page: Any) -> None:
        assert "No map yet" in page.get(reverse("courses:map")).content.decode()

    def test_queries_do_not_grow(self, page: Any, owner: Any, thesis: Course) -> None:
        with CaptureQueriesContext(connection) as few:
            page.get(reverse("courses:map"))
        for _ in range(10):
            needs(thesis, CourseFactory(owner=owner))

        with CaptureQueriesContext(connection) as many:
            page.get(reverse("courses:map"))
        assert len(many) == len(few) <= 12


class TestTheMapOfModules:
    def test_each_module_says_how_it_stands_and_what_it_waits_for(self, page: Any, course: Course) -> None:
        done = ModuleFactory(course=course, name="Beginnings", position=1, state="completed")
        here = ModuleFactory(course=course, name="Middle", position=2, prerequisite_ids=[done.external_id])
        ModuleFactory(course=course, name="End", position=3, prerequisite_ids=[here.external_id])
        ModuleItemFactory(module=here, requirement_type="must_view", is_completed=False)

        answer = page.get(reverse("courses:module-map", args=[course.pk]))

        steps = answer.context["map"].steps
        assert [str(step.state) for step in steps] == ["completed", "unlocked", "locked"]
        assert steps[2].waits_for == ["Middle"]
        assert "1 of 3 modules completed" in answer.content.decode()
        assert "0 of 1 required items done" in answer.content.decode()

    def test_what_opens_later_is_locked_until_then(self, api: Any, course: Course) -> None:
        ModuleFactory(course=course, unlock_at=timezone.now() + timedelta(days=3))

        [step] = api.get(f"/api/v1/courses/{course.pk}/map/").json()["modules"]

        assert step["state"] == "locked"
        assert step["waits_for"]

    def test_unlocked_for_me_leaves_the_locked_and_the_completed_out(self, page: Any, course: Course) -> None:
        for state in ("completed", "started", "unlocked", "locked"):
            ModuleFactory(course=course, state=state, name=state)

        found = page.get(reverse("courses:module-map", args=[course.pk]), {"show": "unlocked"}).context["map"]

        assert {step.module.name for step in found.shown} == {"started", "unlocked"}
        assert {node.label for node in found.picture.nodes if node.is_dim} == {"completed", "locked"}

    def test_a_strangers_course_is_not_there(self, page: Any, api: Any, stranger: Any) -> None:
        other = CourseFactory(owner=stranger)

        assert page.get(reverse("courses:module-map", args=[other.pk])).status_code == 404
        assert api.get(f"/api/v1/courses/{other.pk}/map/").status_code == 404

    def test_queries_do_not_grow(self, page: Any, course: Course) -> None:
        def fill(count: int) -> None:
            for _ in range(count):
                ModuleItemFactory(module=ModuleFactory(course=course))

        fill(3)
        url = reverse("courses:module-map", args=[course.pk])
        with CaptureQueriesContext(connection) as few:
            page.get(url)
        fill(10)

        with CaptureQueriesContext(connection) as many:
            page.get(url)
        assert len(many) == len(few) <= 12
