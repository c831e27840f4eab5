"""A course by keyboard alone: its parts, a syllabus brought in and taken back, and an archive read without the site."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_accounts import new_address, sign_up

SYLLABUS = "Homework: 40 %\nExam: 60 %\nHomework 1 due Oct 5 at 17:00 (20 points)\nExam, 2 Dec, 100 points\n"
WORK_LIMIT_MS = 60_000


def tab_to(page: Any, target: Any) -> None:
    """Press Tab until the target has the focus, as a person without a pointer does."""
    expect(target).to_have_count(1)
    for _ in range(120):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached with Tab")


def press(page: Any, target: Any, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def import_a_syllabus(page: Any) -> None:
    page.goto("/courses/import/")
    tab_to(page, page.get_by_label("Name of the new course"))
    page.keyboard.type("Compilers")
    tab_to(page, page.get_by_label("Or a text"))
    page.keyboard.insert_text(SYLLABUS)
    press(page, page.get_by_role("button", name="Look what is in it"))
    page.wait_for_url(re.compile(r"/courses/import/\d+/"))


def test_a_syllabus_is_corrected_brought_in_and_taken_back(open_page: Callable[..., Any]) -> None:
    page = open_page(width=1440)
    sign_up(page, new_address())
    page.wait_for_url("**/")
    import_a_syllabus(page)

    # Nothing is written yet: the first row gets another name, the second is left out.
    names = page.get_by_label("What is to do")
    expect(names).to_have_count(2)
    tab_to(page, names.first)
    page.keyboard.press("Control+A")
    page.keyboard.type("Parser homework")
    press(page, page.get_by_role("checkbox", name="Bring in “Exam”").last, "Space")
    press(page, page.get_by_role("button", name="Bring in the chosen rows"))

    expect(page.get_by_role("heading", level=1)).to_have_text("Brought in")
    press(page, page.get_by_role("main").get_by_role("link", name="Compilers").last)
    expect(page.get_by_role("link", name="Parser homework")).to_be_visible()
    expect(page.get_by_text("40 % of the grade")).to_be_visible()

    page.go_back()
    press(page, page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Check what was found")


def test_the_parts_of_a_course_are_addresses_and_go_back(open_page: Callable[..., Any]) -> None:
    page = open_page(width=390)
    sign_up(page, new_address())
    page.wait_for_url("**/")
    page.goto("/courses/new/")
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Guitar")
    press(page, page.get_by_role("button", name="Make the course"))
    page.wait_for_url(re.compile(r"/courses/\d+/$"))

    press(page, page.get_by_role("link", name="People"))
    expect(page).to_have_url(re.compile(r"part=people"))
    expect(page.locator("#tab-people")).to_be_focused()
    expect(page.locator("#tab-people")).to_be_in_viewport()
    press(page, page.locator("#tab-notes"))
    expect(page.get_by_label("Your notes on Guitar")).to_be_visible()
    page.go_back()
    expect(page.locator("#tab-people")).to_have_attribute("aria-current", "page")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_an_archive_is_read_without_the_site(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page(width=1440)
    sign_up(page, new_address())
    page.wait_for_url("**/")
    import_a_syllabus(page)
    press(page, page.get_by_role("button", name="Bring in the chosen rows"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Brought in")
    page.goto("/courses/archive/")
    box = page.get_by_role("checkbox", name="Compilers")
    if not box.is_checked():
        press(page, box, "Space")
    press(page, page.get_by_role("button", name="Make the archive"))
    download = page.get_by_role("link", name="Download")
    expect(download).to_be_visible(timeout=WORK_LIMIT_MS)
    with page.expect_download() as taken:
        press(page, download)
    taken.value.save_as(tmp_path / "archive.zip")
    with zipfile.ZipFile(tmp_path / "archive.zip") as zip:
        zip.extractall(tmp_path / "unpacked")

    offline = page.context.browser.new_context(offline=True)
    reader = offline.new_page()
    asked: list[str] = []
    reader.on("request", lambda request: asked.append(request.url))
    reader.goto((tmp_path / "unpacked" / "index.html").as_uri())
    press(reader, reader.get_by_role("link", name="Compilers"))
    expect(reader.get_by_role("heading", level=1)).to_have_text("Compilers")
    press(reader, reader.get_by_role("link", name="Assignments"))
    expect(reader.get_by_role("heading", name=re.compile("Homework 1"))).to_be_visible()
    press(reader, reader.get_by_role("link", name="Files"))
    expect(reader.locator(".tabs [aria-current]")).to_have_text("Files")
    color = reader.evaluate("getComputedStyle(document.querySelector('.tabs')).display")
    assert color == "flex"  # the style sheet came along
    assert asked and all(url.startswith("file://") for url in asked)
    offline.close()
