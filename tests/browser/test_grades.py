"""Grades with the keyboard alone: a what-if is typed, answered while typing, kept, copied, deleted and had back."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_accounts import new_address, sign_up


def tab_to(page: Any, name: str, limit: int = 120, *, is_button: bool = False) -> None:
    """Go on with Tab until the control of this name has the focus."""
    button, link = (page.get_by_role(role, name=name, exact=True) for role in ("button", "link"))
    target = button if is_button else page.get_by_label(name).or_(button).or_(link)
    for _ in range(limit):
        page.keyboard.press("Tab")
        if target.first.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab never came to “{name}”")


def type_into(page: Any, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def test_a_what_if_from_nothing_with_the_keyboard(open_page: Callable[..., Any]) -> None:
    page = open_page(width=1440)
    sign_up(page, new_address())
    page.wait_for_url("**/")
    course, work = make_course(page)

    # A score is entered for own work.
    page.goto(f"/courses/{course}/grades/")
    tab_to(page, "Enter what “Song” gave: – of 10")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/grades/work/{work}/"))
    type_into(page, "Score", "7")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/courses/{course}/grades/$"))
    expect(page.locator("#grade-standing .big")).to_contain_text("70 %")

    # What is typed is answered at once, and the field keeps it and the focus.
    field = "What if “Scales” gave so many points"
    type_into(page, field, "9")
    expect(page.locator("#grade-standing .big")).to_contain_text("80 %")
    expect(page.get_by_label(field)).to_have_value("9")
    expect(page.get_by_label(field)).to_be_focused()

    # It is kept under a name, deleted and had back.
    type_into(page, "Keep it as", "Well")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"scenario=\d+"))
    # Enter in a score works it out, also where a kept scenario has buttons of its own, and makes no copy.
    type_into(page, field, "8")
    page.keyboard.press("Enter")
    page.wait_for_url("**/what-if/")
    expect(page.locator("#grade-standing .big")).to_contain_text("75 %")
    expect(page.locator(".scenarios > li")).to_have_count(1)
    page.get_by_role("link", name="Well", exact=True).press("Enter")
    page.wait_for_url(re.compile(r"scenario=\d+"))
    tab_to(page, "Delete the scenario “Well”")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"deleted=\d+"))
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"scenario=\d+"))
    expect(page.get_by_label(field)).to_have_value("9")


def make_course(page: Any) -> tuple[str, str]:
    """Make a course with two pieces of work through its forms; give the ids of the course and of the second piece."""
    page.goto("/courses/new/")
    page.locator("main [name=name]").fill("Guitar")
    page.locator("main .button.primary").click()
    page.wait_for_url(re.compile(r"/courses/\d+/"))
    course = re.search(r"/courses/(\d+)/", page.url)[1]  # type: ignore[index]
    for name in ("Scales", "Song"):
        page.goto(f"/courses/{course}/assignments/new/")
        page.locator("main [name=name]").fill(name)
        page.locator("main [name=points_possible]").fill("10")
        page.locator("main .button.primary").click()
        page.wait_for_url(re.compile(r"/assignments/\d+/|/courses/\d+/"))
    page.goto(f"/courses/{course}/grades/")
    href = page.get_by_role("link", name="Song", exact=True).get_attribute("href")
    return course, re.search(r"/assignments/(\d+)/", href)[1]  # type: ignore[index]
