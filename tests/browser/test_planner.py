"""The planner with the keyboard alone: each view once, from adding a task to undoing what was done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect


def add(page: Any, line: str, *, title: str) -> None:
    """Type a line, see what is understood, keep it."""
    page.keyboard.press("n")
    page.keyboard.type(line)
    expect(page.locator("#quick-understood")).to_contain_text(title)
    page.keyboard.press("Enter")
    expect(page.locator(".toast").last).to_contain_text(f"“{title}” is in your planner.")
    expect(page.get_by_label("New task in one line")).to_have_value("")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")


def row(page: Any, title: str) -> Any:
    return page.locator("#planner [data-key]", has_text=title)


def go_to(page: Any, title: str) -> None:
    """Press j until the row has the focus."""
    page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("j")
        if page.evaluate("document.activeElement.textContent") == title:
            return
    raise AssertionError(f"{title} was not reached with j")


def told(page: Any, text: str) -> None:
    expect(page.locator("#toasts .toast").last).to_contain_text(text)


def test_the_list(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/planner/")
    page.keyboard.press("n")
    page.keyboard.type("Fold the laundry tomorrow 18:00 45m")
    understood = page.locator("#quick-understood")
    expect(understood).to_contain_text("18:00")
    expect(understood).to_contain_text("45 min")
    page.keyboard.press("Enter")
    told(page, "“Fold the laundry” is in your planner.")
    expect(page.locator("section", has=page.locator("#plan-tomorrow"))).to_contain_text("Fold the laundry")

    go_to(page, "Fold the laundry")
    page.keyboard.press("L")
    told(page, "“Fold the laundry” is due")
    of_tomorrow = page.locator("section", has=page.locator("#plan-tomorrow"))  # gone, where nothing else is due then
    expect(of_tomorrow.filter(has_text="Fold the laundry")).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent") == "Fold the laundry"
    page.keyboard.press("u")
    expect(page.locator("section", has=page.locator("#plan-tomorrow"))).to_contain_text("Fold the laundry")

    go_to(page, "Fold the laundry")
    page.keyboard.press("x")
    told(page, "“Fold the laundry” is done.")
    expect(row(page, "Fold the laundry")).to_have_count(0)
    page.keyboard.press("u")
    expect(row(page, "Fold the laundry")).to_have_count(1)
    go_to(page, "Fold the laundry")
    page.keyboard.press("d")
    told(page, "“Fold the laundry” is dismissed.")
    expect(row(page, "Fold the laundry")).to_have_count(0)


def test_the_board(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/planner/?view=board")
    for line in ("Water the cactus today", "Call the landlord today"):
        add(page, line, title=line.removesuffix(" today"))
    doing = page.locator("section", has=page.locator("#plan-doing"))

    go_to(page, "Water the cactus")
    page.keyboard.press("L")
    expect(doing).to_contain_text("Water the cactus")
    page.keyboard.press("H")
    expect(doing).not_to_contain_text("Water the cactus")
    page.keyboard.press("L")
    expect(doing).to_contain_text("Water the cactus")

    go_to(page, "Call the landlord")
    page.keyboard.press("m")
    expect(page.get_by_role("dialog")).to_contain_text("Call the landlord")
    page.get_by_role("dialog").get_by_role("button", name="Doing").focus()
    page.keyboard.press("Enter")
    expect(doing).to_contain_text("Call the landlord")
    expect(page.get_by_role("dialog")).to_have_count(0)
    titles = doing.locator(".title")
    first = titles.first.inner_text()
    go_to(page, first)
    page.keyboard.press("J")
    told(page, "has another place now")
    expect(titles.nth(1)).to_have_text(first)


def test_the_week(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/planner/?view=week")
    page.get_by_role("link", name="Next week").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("week="))
    week = page.url.partition("week=")[2]
    add(page, f"Visit the archive {week}", title="Visit the archive")
    days = page.locator(".plan-day")
    expect(days.nth(0)).to_contain_text("Visit the archive")

    go_to(page, "Visit the archive")
    page.keyboard.press("L")
    expect(days.nth(1)).to_contain_text("Visit the archive")
    page.keyboard.press("L")
    expect(days.nth(2)).to_contain_text("Visit the archive")
    assert page.evaluate("document.activeElement.textContent") == "Visit the archive"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Move a day or column to the right")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.wait_for_url("**/edit/")
    expect(page.get_by_label("What is to do")).to_be_focused()
    page.keyboard.type("Visit the big archive")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Visit the big archive")


def test_subtasks_are_put_in_order(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/planner/tasks/new/")
    page.get_by_label("Title").fill("Bake bread")
    page.keyboard.press("Enter")
    told(page, "“Bake bread” is in your planner.")
    page.locator("#planner").get_by_role("link", name="Bake bread").first.click()
    page.wait_for_url(re.compile(r"/planner/tasks/\d+/"))
    for title in ("Mix", "Rest", "Shape"):
        page.get_by_label("One step of it").or_(page.locator("#subtask-title")).first.fill(title)
        page.keyboard.press("Enter")
        expect(page.locator(".subtasks a.title").last).to_have_text(title)

    up = page.get_by_role("button", name="Move Shape up")
    up.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".subtasks a.title")).to_have_text(["Mix", "Shape", "Rest"])
    expect(up).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".subtasks a.title")).to_have_text(["Shape", "Mix", "Rest"])
    page.reload()
    expect(page.locator(".subtasks a.title")).to_have_text(["Shape", "Mix", "Rest"])
