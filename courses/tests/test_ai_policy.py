"""A course's policy on AI: noted by the student, kept by agents."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from courses.ai_policy import check_ai_allowed
from courses.errors import AiNotAllowed
from courses.models import AiPolicy
from courses.tests.factories import CourseFactory
from courses.tests.test_doors import DOORS, Doors

pytestmark = pytest.mark.django_db


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


class TestTheRule:
    @pytest.mark.parametrize("policy", [AiPolicy.UNSTATED, AiPolicy.CITED, AiPolicy.ALLOWED])
    def test_only_what_is_forbidden_is_refused(self, policy: str) -> None:
        check_ai_allowed(CourseFactory.build(ai_policy=policy))

    def test_the_refusal_names_the_course_and_where_it_is_stated(self) -> None:
        course = CourseFactory.build(name="OS", ai_policy=AiPolicy.FORBIDDEN, ai_policy_where="Syllabus, 5")
        with pytest.raises(AiNotAllowed, match=r"not allowed in OS.*stated in: Syllabus, 5"):
            check_ai_allowed(course)
        check_ai_allowed(course, is_confirmed=True)


class TestNotingIt:
    def test_both_doors_note_it_also_on_a_course_from_a_source(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        data = {"ai_policy": "cited", "ai_policy_text": "Cite it.", "ai_policy_where": "Slide 3"}
        assert doors.send(reverse("courses:ai-policy", args=[course.pk]), "patch", f"courses/{course.pk}/", data) == 200
        course.refresh_from_db()
        assert (course.ai_policy, course.ai_policy_text, course.ai_policy_where) == ("cited", "Cite it.", "Slide 3")

    def test_an_unknown_policy_is_refused_at_the_field(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        url = reverse("courses:ai-policy", args=[course.pk])
        assert doors.send(url, "patch", f"courses/{course.pk}/", {"ai_policy": "maybe"}) == 422
        assert doors.error_fields == {"ai_policy"}
