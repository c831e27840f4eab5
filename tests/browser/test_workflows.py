"""Workflows in the browser: written, started, watched, approved by keyboard; the pages that exist only with data."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import THEMES, findings, overflow, visit

LIMIT_MS = 60_000
ASKS = """\
name: Ask before telling
steps:
  - name: each
    type: loop
    config:
      items: ["one", "two", "three", "four", "five", "six", "seven", "eight"]
      as: word
      steps:
        - name: keep
          type: system_action
          config: {action: update_variable, params: {name: last, value: "{{ word }}"}}
  - name: ask
    type: approval
    depends_on: [each]
    config: {message: "Shall **eight words** be told?"}
  - name: decide
    type: condition
    depends_on: [ask]
    config:
      expression: steps.ask.result.decision == "approved"
      then:
        - name: tell
          type: system_action
          config: {action: create_notification, params: {title: "Told: {{ variables.last }}"}}
      else:
        - name: keep_quiet
          type: wait
          config: {duration: 1}
"""


@pytest.fixture
def waiting(sign_in: Callable[..., Any]) -> Any:
    """A page that shows an execution which waits for its student's decision."""
    page = sign_in(width=1440)
    page.goto("/workflows/new/")
    page.get_by_label("Definition").fill(ASKS)
    expect(page.locator("#preview")).to_contain_text("6 steps")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url(re.compile(r"/workflows/\d+/$"))
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/executions/\d+/"))
    expect(page.get_by_role("button", name="Approve")).to_be_visible(timeout=LIMIT_MS)
    return page


def test_a_workflow_is_written_started_and_approved_by_keyboard(waiting: Any) -> None:
    page = waiting
    page.evaluate("window.isTheSamePage = true")

    # What was unfolded stays so while the page follows, and what is being written is not lost.
    expect(page.get_by_text("Shall eight words be told?")).to_be_visible()
    page.get_by_label("Comment").focus()
    page.keyboard.type("Go on")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("completed", timeout=LIMIT_MS)
    expect(page.locator(".timeline").first).to_contain_text("Approved: “Go on”")
    expect(page.locator(".timeline").first).to_contain_text("else 1 step, not taken")
    page.goto("/notifications/")
    expect(page.get_by_text("Told: eight").first).to_be_visible()


def test_a_loop_and_a_result_unfold_in_place_while_the_page_follows(waiting: Any) -> None:
    page = waiting

    page.get_by_text("8 items", exact=True).last.click()
    page.get_by_text("1 one").click()
    page.locator(".items").get_by_text("Result").first.click()

    expect(page.locator(".items .result-json").first).to_contain_text('"value": "one"')
    page.get_by_text("2 two").click()
    expect(page.locator(".items details[open].item-fold")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()


def test_a_question_can_be_answered_on_its_own_page(waiting: Any) -> None:
    page = waiting
    page.goto("/approvals/")
    page.get_by_role("link", name="Ask before telling").first.click()
    page.wait_for_url(re.compile(r"/approvals/[\w-]+/"))

    page.get_by_role("button", name="Reject").click()

    expect(page.get_by_text("Rejected by you")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_steps_are_put_in_by_keyboard(sign_in: Callable[..., Any]) -> None:
    page = sign_in(width=1440)
    page.goto("/workflows/new/")
    area = page.get_by_label("Definition")
    area.focus()

    page.keyboard.press("Alt+i")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(area).to_be_focused()
    expect(area).to_have_value(re.compile(r"\n  - name: choose\n    type: condition\n"))
    expect(page.locator("#preview")).to_contain_text("This definition can be published")
    area.fill("name: x\nsteps:\n  - {name: a, type: nothing}\n")
    expect(page.locator("#preview")).to_contain_text("Unknown step type")
    page.once("dialog", lambda dialog: dialog.accept())  # it was not saved


@pytest.mark.parametrize(("theme", "rules"), THEMES, ids=["light", "dark"])
def test_pages_of_an_execution_have_no_serious_finding_and_fit_a_phone(
    waiting: Any, sign_in: Callable[..., Any], theme: str, rules: list[str] | None
) -> None:
    execution = re.search(r"/executions/\d+/", waiting.url)[0]
    waiting.goto("/approvals/")
    question = waiting.get_by_role("link", name="Ask before telling").first.get_attribute("href")
    page = sign_in(theme=theme)
    phone = sign_in(theme=theme, width=390, height=844)
    found, wide = [], {}

    for address in (execution, f"{execution}log/", question, "/workflows/"):
        visit(page, address)
        found += [f"{address} {text}" for text in findings(page, rules=rules)]
        visit(phone, address)
        if extra := overflow(phone):
            wide[address] = extra

    assert not found, "\n".join(found)
    assert not wide
