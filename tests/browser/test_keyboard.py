"""The product is worked with the keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect


def test_the_first_stop_skips_to_the_content(sign_in: Callable[..., Any]) -> None:
    page = sign_in()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    assert page.url.endswith("#main")


def test_a_letter_after_g_goes_there(sign_in: Callable[..., Any]) -> None:
    page = sign_in()

    page.keyboard.press("g")
    page.keyboard.press("n")

    page.wait_for_url("**/notifications/")


def test_letters_are_only_text_inside_a_field(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/settings/")

    page.get_by_label("Name", exact=False).first.focus()
    page.keyboard.type("g n?")

    assert page.url.endswith("/settings/")
    expect(page.locator("#shortcuts")).not_to_be_visible()


def test_slash_goes_to_the_search_and_question_mark_lists_the_keys(sign_in: Callable[..., Any]) -> None:
    page = sign_in()

    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")

    expect(page.locator("#search-field")).to_be_focused()


def test_the_palette_finds_and_opens_a_page(sign_in: Callable[..., Any]) -> None:
    page = sign_in()

    page.keyboard.press("Control+k")
    page.keyboard.type("access tok")
    expect(page.get_by_role("option").first).to_contain_text("Access tokens")
    page.keyboard.press("Enter")

    page.wait_for_url("**/settings/tokens/")


def test_a_menu_opens_and_closes_and_gives_the_focus_back(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    account = page.locator("summary[aria-label^='Account of']")

    account.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".menu[open] :focus")).to_have_count(1)
    page.keyboard.press("Escape")

    expect(account).to_be_focused()
    expect(page.locator(".menu[open]")).to_have_count(0)


def test_a_student_can_turn_single_keys_off(sign_in: Callable[..., Any]) -> None:
    page = sign_in("admin@example.edu")
    page.goto("/settings/")
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your profile is saved.").wait_for()

    page.locator("h1").click()
    page.keyboard.press("?")

    expect(page.locator("#shortcuts")).not_to_be_visible()
    page.get_by_role("checkbox", name="Keyboard shortcuts").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("body")).not_to_have_attribute("data-shortcuts", re.compile("off"))


def test_a_phone_opens_all_places_as_a_sheet(sign_in: Callable[..., Any]) -> None:
    page = sign_in(width=390, height=844)

    page.get_by_role("link", name="More").click()
    expect(page.get_by_role("dialog", name="All places")).to_be_visible()
    page.get_by_role("dialog").get_by_role("link", name="Connections").click()

    page.wait_for_url("**/connections/")
