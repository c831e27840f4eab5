"""The plan of work, the workload and the maps with the keyboard alone; what exists only with data, in both themes."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import THEMES, findings, overflow, visit

LIMIT_MS = 60_000
WORK = "Essay on planning"


def press(page: Any, control: Any, key: str = "Enter") -> None:
    """Work a control as a keyboard does: it must be able to take the focus."""
    control.focus()
    expect(control).to_be_focused()
    page.keyboard.press(key)


@pytest.fixture
def planner(sign_in: Callable[..., Any]) -> Any:
    """A page of a student who has two courses, one of which needs the other, and an essay due in six days."""
    page = sign_in("admin@example.edu", width=1440)
    page.goto("/courses/?show=all")
    if page.get_by_role("link", name="Planning II").count() == 0:
        for name in ("Planning I", "Planning II"):
            page.goto("/courses/new/")
            page.get_by_label("Name", exact=True).fill(name)
            page.get_by_role("button", name="Make the course").click()
            page.wait_for_url(re.compile(r"/courses/\d+/$"))
        page.get_by_role("link", name="New task").first.click()
        page.wait_for_url(re.compile("/assignments/new/$"))
        page.locator("main [name=name]").fill(WORK)
        due = datetime.now() + timedelta(days=6)  # noqa: DTZ005  (a wall clock's time, as the form takes it)
        page.locator("[name=due_at]").fill(f"{due:%Y-%m-%dT20:00}")
        page.locator("main form.form button.primary").click()
        page.wait_for_url(re.compile(r"/courses/\d+/$"))
    return page


def test_a_plan_is_proposed_changed_accepted_and_worked_by_keyboard(planner: Any) -> None:
    page = planner
    page.goto("/planner/plan/")

    press(page, page.get_by_role("button", name=re.compile("Propose a plan|Replan the rest")))
    expect(page.get_by_text("Working out a plan")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(r"proposed$"))).to_be_visible(timeout=LIMIT_MS)
    expect(page.get_by_role("button", name=re.compile(f"^Accept {WORK}")).first).to_be_visible()
    press(page, page.get_by_role("button", name="Refuse", exact=True))
    expect(page.get_by_text("The proposal is put away.")).to_be_visible()
    press(page, page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("button", name=re.compile(f"^Accept {WORK}")).first).to_be_visible()
    block = page.locator("li.block", has_text=WORK).filter(has_text="Proposed").first
    key = re.search(r"\d+", block.get_attribute("id"))[0]

    # Another start, by the arrow keys in the picture and by the form in the list.
    before = page.locator(f"#block-{key} .block-time b").inner_text()
    press(page, page.locator(f"#slot-{key}"), "Alt+ArrowDown")
    expect(page.locator(f"#block-{key} .block-time b")).not_to_have_text(before)
    expect(page.locator(f"#slot-{key}")).to_be_focused()
    press(page, page.locator(f"#block-{key} summary"))
    page.locator(f"#length-{key}").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    expect(page.locator(f"#block-{key} .block-time")).to_contain_text("25 min")

    press(page, page.locator(f"#block-{key}").get_by_role("button", name=re.compile("^Accept")))
    expect(page.locator(f"#block-{key}")).to_contain_text("Planned")
    expect(page.get_by_text("The blocks are in your plan.")).to_be_visible()
    press(page, page.locator(f"#block-{key} summary"))
    page.locator(f"#worked-{key}").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page.locator(f"#block-{key}")).to_contain_text("Worked 40 min")

    page.goto("/planner/plan/worked/")
    expect(page.get_by_role("row", name=re.compile(WORK))).to_contain_text(re.compile(r"\d+ min more"))


def test_a_day_of_the_workload_is_chosen_by_keyboard(planner: Any) -> None:
    page = planner
    page.goto("/planner/workload/")

    press(page, page.get_by_role("link", name="On the due day"))
    expect(page.get_by_role("link", name="On the due day")).to_have_attribute("aria-current", "true")
    day = page.get_by_role("link", name=re.compile(r"of work, \d+ due")).first
    press(page, day)

    expect(page.locator("#chosen .shares li").first).to_be_visible()
    expect(page.locator("a.heat-cell[aria-current]")).to_be_focused()


def test_working_hours_are_changed_by_keyboard_and_a_fault_keeps_what_was_typed(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/planner/plan/preferences/")
    shortest = page.get_by_label("Shortest block")

    shortest.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("200")
    page.keyboard.press("Enter")
    expect(page.get_by_text("at least as long as the shortest").first).to_be_visible()
    expect(shortest).to_have_value("200")
    shortest.fill("30")
    page.keyboard.press("Enter")

    page.wait_for_url("**/planner/plan/")
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_an_arrow_of_the_course_map_is_drawn_and_removed_by_keyboard(planner: Any) -> None:
    page = planner
    page.goto("/courses/map/")

    page.get_by_label("Course", exact=True).select_option(label="Planning II")
    page.get_by_label("needs", exact=True).select_option(label="Planning I")
    press(page, page.get_by_role("button", name="Draw it"))
    node = page.locator("a.map-node", has_text="Planning II")
    expect(node).to_be_visible()
    press(page, node)
    assert re.search(r"#course-\d+$", page.url)

    page.get_by_label("Course", exact=True).select_option(label="Planning I")
    page.get_by_label("needs", exact=True).select_option(label="Planning II")
    press(page, page.get_by_role("button", name="Draw it"))
    expect(page.get_by_role("alert")).to_contain_text("round in a circle")
    press(page, page.get_by_role("button", name="Planning II does not need Planning I"))
    expect(page.get_by_text("Planning II no longer needs Planning I.")).to_be_visible()
    press(page, page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("button", name="Planning II does not need Planning I")).to_be_visible()


@pytest.mark.parametrize(("theme", "rules"), THEMES, ids=["light", "dark"])
def test_the_pages_have_no_serious_finding_and_fit_a_phone(
    planner: Any, sign_in: Callable[..., Any], theme: str, rules: list[str] | None
) -> None:
    page = sign_in("admin@example.edu", theme=theme)
    phone = sign_in("admin@example.edu", theme=theme, width=390, height=844)
    found, wide = [], {}

    for address in (
        *("/planner/plan/", "/planner/workload/", "/planner/plan/worked/", "/planner/plan/preferences/"),
        *("/courses/map/",),
    ):
        visit(page, address)
        found += [f"{address} {text}" for text in findings(page, rules=rules)]
        visit(phone, address)
        if overflow(phone) > 0:
            wide[address] = overflow(phone)

    assert not found, "\n".join(found)
    assert not wide
