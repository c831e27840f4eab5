"""Reminders with the keyboard alone: of a task, the defaults, quiet hours, a digest, and push."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_accounts import new_address, sign_up


def newcomer(open_page: Callable[..., Any]) -> Any:
    """A page of a student who has nothing yet, so that no other journey changes what is seen."""
    page = open_page()
    sign_up(page, new_address())
    page.wait_for_url("**/")
    return page


def press(page: Any, role: str, name: str, *, key: str = "Enter", inside: Any = None) -> None:
    """Go to what has this name, as Tab would, and press a key on it."""
    control = (inside or page).get_by_role(role, name=name, exact=True).first
    control.focus()
    page.keyboard.press(key)


def own_task(page: Any, title: str) -> None:
    """Make a course and a task in it that is due tomorrow, and open the task."""
    page.goto("/courses/new/")
    page.keyboard.type(f"Course of {title}")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/courses/\d+/"))
    press(page, "link", "New task", inside=page.locator(".page-head"))
    page.wait_for_url("**/assignments/new/")
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/(courses|assignments)/\d+/"))
    press(page, "link", title)
    page.wait_for_url(re.compile(r"/assignments/\d+/"))


def test_a_task_is_reminded_of_and_the_reminder_taken_back(open_page: Callable[..., Any]) -> None:
    page = newcomer(open_page)
    own_task(page, "Return the library books")
    card = page.locator("#reminders")

    press(page, "button", "1 hour before", inside=card)
    added = card.get_by_role("button", name="Remove the reminder 1 hour before")
    expect(added).to_have_count(1)
    press(page, "button", "Remove the reminder 1 hour before", inside=card)
    expect(card.get_by_role("status")).to_contain_text("Removed")
    press(page, "button", "Undo", inside=card)
    expect(added).to_have_count(1)

    card.locator("summary", has_text="Another time").focus()
    page.keyboard.press("Enter")
    card.get_by_label("When").focus()
    page.keyboard.type("at a time")
    card.get_by_label("Time", exact=False).last.fill("2020-01-01T10:00")
    press(page, "button", "Add reminder", inside=card)
    expect(card.locator("#reminder-at-error")).to_be_visible()
    expect(card.locator("#reminder-at")).to_have_value("2020-01-01T10:00")


def test_defaults_and_digests_are_set(open_page: Callable[..., Any]) -> None:
    page = newcomer(open_page)
    page.goto("/settings/reminders/")
    rules = page.locator("#defaults .rule")
    before = rules.count()

    page.locator("#add-rule > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("When", exact=False).first.focus()
    page.get_by_role("button", name="Add default").focus()
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(rules).to_have_count(before + 1)

    page.get_by_label("Daily digest").focus()
    page.keyboard.press("Space")
    press(page, "button", "Save")
    expect(page.locator("#toasts .toast").last).to_be_visible()
    expect(page.get_by_text("Next digest:").first).to_be_visible()
    page.get_by_role("link", name="Preview").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Daily digest")


def test_a_browser_without_a_push_service_says_so(open_page: Callable[..., Any]) -> None:
    page = newcomer(open_page)
    page.goto("/settings/notifications/")
    page.get_by_label("Workflows by e-mail").focus()
    page.keyboard.press("Space")
    press(page, "button", "Save")
    expect(page.get_by_label("Workflows by e-mail")).to_be_checked()

    state = page.locator("[data-push-state]")
    expect(state).not_to_contain_text("is asked whether")
    page.context.grant_permissions(["notifications"])
    page.reload()
    press(page, "button", "Push to this browser")
    expect(state).to_contain_text("The bell and e-mail work")
    expect(page.get_by_role("button", name="Push to this browser")).to_be_focused()
