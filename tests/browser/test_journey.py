"""The main job, as a new student does it: sign up, connect the demo university, sync, watch, read the dashboard."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_accounts import new_address, sign_up

SYNC_LIMIT_MS = 90_000  # a loaded machine; the figure itself is held by script/bench


def token_of_the_demo_university(page: Any) -> str:
    """Sign in at the demo university in a second tab, and make a token there."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Make a token on its page").click()
    university = opened.value
    university.get_by_role("button", name=re.compile("Continue as")).click()
    university.get_by_label("Purpose").fill("Core Engine")
    university.get_by_role("button", name="Make token").click()
    token = university.get_by_label("Token", exact=True).input_value()
    university.close()
    return str(token)


def test_a_new_student_gets_from_nothing_to_a_full_dashboard(open_page: Callable[..., Any]) -> None:
    page = open_page(width=1440)
    sign_up(page, new_address())
    page.wait_for_url("**/")

    # The empty dashboard leads to the one next step.
    page.get_by_role("main").get_by_role("link", name="Connect Canvas").click()
    page.wait_for_url(re.compile(r"/connections/new/canvas-integration/"))
    page.get_by_role("link", name="Use the demo university").click()
    page.wait_for_url(re.compile(r"demo=1"))
    page.get_by_label(re.compile("API key|Access token")).fill(token_of_the_demo_university(page))
    page.get_by_role("button", name="Connect", exact=True).click()
    page.wait_for_url(re.compile(r"/connections/\d+/"), timeout=SYNC_LIMIT_MS)

    # Syncing is watched step by step, without loading the page again.
    page.get_by_role("button", name="Sync now").first.click()
    page.wait_for_url(re.compile(r"/executions/\d+/"))
    page.evaluate("window.isTheSamePage = true")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("completed", timeout=SYNC_LIMIT_MS)
    assert page.evaluate("window.isTheSamePage")

    # The dashboard shows the semester, the bell what was found.
    page.goto("/")
    expect(page.locator(".task").first).to_be_visible()
    expect(page.locator(".sidebar .course-tag")).to_have_count(6)
    assert page.locator(".task").count() >= 5
    page.locator("#bell > summary").click()
    expect(page.locator("#bell .notice").first).to_contain_text(re.compile("assignment", re.I))


def test_a_wrong_token_is_told_at_its_field_and_nothing_is_lost(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/connections/new/canvas-integration/?demo=1")

    page.get_by_label(re.compile("API key|Access token")).fill("not-a-token")
    page.get_by_role("button", name="Connect", exact=True).click()

    expect(page.locator(".error-summary")).to_be_focused(timeout=SYNC_LIMIT_MS)
    expect(page.get_by_label("Canvas domain")).to_have_value("demo.university.edu")
