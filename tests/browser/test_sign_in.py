"""Connecting by signing in at the service: there and back in a browser, with the pages' policy in force."""

from collections.abc import Callable
from typing import Any


def leave_for_the_university(page: Any) -> None:
    """Choose the demo university and signing in, and follow up to the university's own question."""
    page.goto("/connections/new/canvas-integration/?demo=1&way=sign_in")
    page.get_by_role("button", name="Continue to Canvas").click()
    page.wait_for_url("**/login**")
    if page.get_by_role("button", name="Allow").count() == 0:
        page.get_by_role("button").first.click()
    page.get_by_role("button", name="Allow").wait_for()


def test_a_student_signs_in_at_the_university_and_comes_back_connected(sign_in: Callable[..., Any], site: str) -> None:
    page = sign_in()
    leave_for_the_university(page)

    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{site}/connections/*/", timeout=60_000)

    main = page.get_by_role("main")
    main.get_by_text("healthy").first.wait_for()
    assert "Alex Rivera" in main.inner_text() and "renewed by itself" in main.inner_text()
    page.get_by_role("link", name="Disconnect").click()
    assert "told that the sign-in is over" in page.get_by_role("main").inner_text()
    page.get_by_role("button", name="Disconnect").click()
    page.wait_for_url(f"{site}/connections/")


def test_a_student_who_says_no_finds_the_form_as_it_was(sign_in: Callable[..., Any], site: str) -> None:
    page = sign_in()
    leave_for_the_university(page)

    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url(f"{site}/connections/new/canvas-integration/**")

    assert "You did not allow it" in page.get_by_role("main").inner_text()
    assert page.get_by_label("Canvas domain").input_value() == "demo.university.edu"
