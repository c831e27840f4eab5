"""Agents ask before they work for a course that allows no AI."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import AgentRun
from agents.services import queue_run, retry_run
from courses.errors import AiNotAllowed
from courses.tests.factories import CourseFactory

pytestmark = pytest.mark.django_db
PROMPT = "Summarise: the kernel schedules threads. It does so fairly."


def test_a_run_for_such_a_course_is_refused_and_costs_nothing(owner: Any) -> None:
    course = CourseFactory(owner=owner, ai_policy="forbidden")
    with pytest.raises(AiNotAllowed):
        queue_run("summarizer", PROMPT, owner=owner, by=owner, parameters={"course": course.pk})
    assert not AgentRun.objects.exists()


def test_once_confirmed_it_runs_and_so_does_its_retry(owner: Any) -> None:
    course = CourseFactory(owner=owner, ai_policy="forbidden")
    parameters = {"course": course.pk, "ai_confirmed": True}
    run = queue_run("summarizer", PROMPT, owner=owner, by=owner, parameters=parameters)
    assert retry_run(run, by=owner).pk != run.pk


def test_the_page_keeps_the_prompt_and_asks(page: Any, owner: Any) -> None:
    course = CourseFactory(owner=owner, ai_policy="forbidden")
    answer = page.post("/agents/summarizer/", {"prompt": PROMPT, "course": course.pk})
    text = answer.content.decode()
    assert answer.status_code == 409 and 'name="ai_confirmed"' in text and PROMPT in text
    assert (
        page.post("/agents/summarizer/", {"prompt": PROMPT, "course": course.pk, "ai_confirmed": "on"}).status_code
        == 302
    )


def test_the_form_shows_what_the_chosen_course_allows(page: Any, owner: Any, stranger: Any) -> None:
    course = CourseFactory(
        owner=owner, name="OS", ai_policy="cited", ai_policy_text="Cite **every** use.", ai_policy_where="Syllabus, 5"
    )
    html = page.get("/agents/summarizer/", {"course": course.pk}).content.decode()
    assert "<strong>every</strong>" in html and "Syllabus, 5" in html and "OS (AI: " in html
    none = page.get("/agents/summarizer/policy/", {"course": ""}).content.decode()
    assert "badge" not in none and 'id="course-policy"' in none
    foreign = CourseFactory(owner=stranger, ai_policy="cited")
    assert "badge" not in page.get("/agents/summarizer/policy/", {"course": foreign.pk}).content.decode()


def test_choosing_a_course_that_forbids_it_asks_before_anything_is_sent(page: Any, owner: Any) -> None:
    course = CourseFactory(owner=owner, ai_policy="forbidden")
    html = page.get("/agents/summarizer/policy/", {"course": course.pk}).content.decode()
    assert 'name="ai_confirmed"' in html and "<html" not in html


def test_the_api_says_why(api: Any, owner: Any, stranger: Any) -> None:
    course, foreign = CourseFactory(owner=owner, ai_policy="forbidden"), CourseFactory(owner=stranger)
    url = "/api/v1/agents/summarizer/runs/"
    answer = api.post(url, {"prompt": PROMPT, "parameters": {"course": course.pk}}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "ai_not_allowed")
    assert api.post(url, {"prompt": PROMPT, "parameters": {"course": foreign.pk}}, format="json").status_code == 422
