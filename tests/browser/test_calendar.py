"""The calendar is worked with the keyboard alone, in each of its views."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from playwright.sync_api import expect


def open_calendar(sign_in: Callable[..., Any], query: str = "", **options: Any) -> Any:
    page = sign_in(**options)
    page.goto(f"/calendar/{query}")
    return page


def add_event(page: Any, title: str) -> None:
    """Add an event from the calendar without a pointer; its day and time are those proposed."""
    page.keyboard.press("n")
    page.wait_for_url("**/calendar/events/new/**")
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/calendar/\?date="))


def test_month_arrows_go_from_day_to_day_and_enter_opens_one(sign_in: Callable[..., Any]) -> None:
    page = open_calendar(sign_in, "?date=2026-12-30")

    page.keyboard.press("ArrowRight")
    expect(page.locator("a[data-day='2026-12-30']")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("a[data-day='2026-12-23']")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.wait_for_url(re.compile("date=2027-01-06"))
    expect(page.locator("a[data-day='2027-01-06']")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Wednesday")).to_be_visible()


def test_letters_change_the_view_and_are_listed(sign_in: Callable[..., Any]) -> None:
    page = open_calendar(sign_in, "?date=2027-03-01")

    page.keyboard.press("w")
    page.wait_for_url(re.compile("view=week"))
    page.keyboard.press("a")
    page.wait_for_url(re.compile("view=agenda"))
    page.keyboard.press("m")
    page.wait_for_url(re.compile("view=month"))
    page.keyboard.press("PageDown")
    page.wait_for_url(re.compile("date=2027-04-01"))
    page.keyboard.press("t")
    page.wait_for_url(re.compile(f"date={date.today():%Y-%m}"))  # noqa: DTZ011
    page.keyboard.press("?")

    keys = page.locator("#shortcuts")
    for words in ("Today", "Week", "From day to day", "Move your own event"):
        expect(keys.get_by_text(words, exact=False).first).to_be_visible()


def test_week_an_own_event_is_added_moved_and_put_back(sign_in: Callable[..., Any]) -> None:
    day = date.today() + timedelta(days=14 - date.today().weekday())  # noqa: DTZ011
    page = open_calendar(sign_in, f"?view=week&date={day}")
    add_event(page, "Rowing by keys")

    page.keyboard.press("w")
    page.wait_for_url(re.compile("view=week"))
    block = page.get_by_role("link", name="Rowing by keys")
    block.focus()
    before = page.locator("[data-column]", has=block).get_attribute("data-column")
    page.keyboard.press("Alt+ArrowRight")
    expect(page.get_by_text("“Rowing by keys” is moved")).to_be_visible()
    after = page.locator("[data-column]", has=block).get_attribute("data-column")
    assert (before, after) == (str(day), str(day + timedelta(days=1)))

    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("is back where it was")).to_be_visible()
    page.get_by_role("link", name="Rowing by keys").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/calendar/events/\d+/"))


def test_agenda_arrows_go_from_day_to_day_and_an_event_is_deleted_and_taken_back(sign_in: Callable[..., Any]) -> None:
    page = open_calendar(sign_in)
    add_event(page, "Choir practice")
    page.keyboard.press("a")
    page.wait_for_url(re.compile("view=agenda"))

    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.matches('a[data-day]')")
    page.get_by_role("link", name="Choir practice").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Edit").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete the event").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("“Choir practice” is deleted")).to_be_visible()
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Choir practice")).to_be_visible()


def test_a_phone_shows_dots_and_the_list_of_a_day(sign_in: Callable[..., Any]) -> None:
    page = open_calendar(sign_in, width=390, height=844)

    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_week_the_line_of_the_present_moves_on_while_the_page_is_open(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.clock.install(time=datetime(2026, 12, 2, 10, 0, tzinfo=UTC))
    page.goto("/calendar/?view=week&date=2026-12-02")
    line = page.locator("[data-column='2026-12-02'] .cal-now")

    def row() -> int:
        return int(re.search(r"\br(\d+)\b", line.get_attribute("class")).group(1))

    before = row()
    page.clock.fast_forward("01:00:00")
    expect(line).to_have_class(f"cal-now r{before + 4}")
    page.clock.fast_forward("24:00:00")
    expect(page.locator("[data-column='2026-12-03'] .cal-now")).to_have_count(1)
    expect(page.locator(".cal-now")).to_have_count(1)
