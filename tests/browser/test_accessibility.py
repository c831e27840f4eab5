"""axe finds nothing serious on the main pages, in both themes; pages fit a phone."""

import re
from collections.abc import Callable
from typing import Any

import pytest

OPEN_PAGES = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/confirm-email/",
    "/mailbox/",
]
OWN_PAGES = [
    "/",
    "/notifications/",
    "/settings/",
    "/settings/security/",
    "/settings/tokens/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/places/",
    "/courses/",
    "/assignments/",
    "/courses/new/",
    "/courses/?show=concluded",
    "/courses/import/",
    "/courses/archive/",
    "/courses/changes/",
    "/courses/announcements/",
    "/courses/map/",
    "/planner/",
    "/planner/?view=board",
    "/planner/?view=week",
    "/planner/tasks/new/",
    "/planner/workload/",
    "/planner/plan/",
    "/planner/plan/preferences/",
    "/planner/plan/worked/",
    "/grades/",
    "/grades/scale/",
    "/reminders/",
    "/settings/reminders/",
    "/settings/reminders/digests/daily/",
    "/settings/notifications/",
    "/calendar/",
    "/calendar/?view=week",
    "/calendar/?view=agenda",
    "/calendar/events/new/",
    "/calendar/sources/",
    "/calendar/sources/new/",
    "/calendar/feeds/",
    "/calendar/feeds/new/",
    "/vault/",
    "/vault/notes/new/",
    "/search/?q=canvas",
    "/workflows/",
    "/workflows/new/",
    "/workflows/gallery/",
    "/workflows/gallery/last-call/",
    "/approvals/",
    "/executions/",
    "/agents/",
    "/agents/runs/",
    "/connections/",
    "/connections/new/",
    "/connections/new/canvas-integration/",
    "/connections/new/canvas-integration/?way=sign_in",
    "/settings/plugins/",
    "/settings/agents/",
]


# Parts of the first course there is: that of whoever signs in, else none.
COURSE_PAGES = [
    "",
    "?part=assignments",
    "?part=modules",
    "?part=announcements",
    "?part=resources",
    "?part=people",
    "?part=repositories",
    "?part=notes",
    "?part=activity",
    "grades/",
    "grades/rules/",
    "grades/groups/",
    "map/",
    "edit/",
    "ai-policy/",
    "groups/new/",
    "assignments/new/",
    "people/new/",
]


def findings(page: Any, *, rules: list[str] | None = None) -> list[str]:
    """Run axe (or only these rules of it) and return what is serious or critical, with the place."""
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    result = Axe().run(page, options=options)
    return [
        f"{found['id']}: {node['target']} {node['failureSummary']}"
        for found in result.response["violations"]
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]


def visit(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")


def overflow(page: Any) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


# The themes differ in colours alone, so the second one is asked about colours alone.
THEMES = [("light", None), ("dark", ["color-contrast", "link-in-text-block"])]


@pytest.mark.parametrize(("theme", "rules"), THEMES, ids=["light", "dark"])
def test_open_pages_have_no_serious_finding(open_page: Callable[..., Any], theme: str, rules: list[str] | None) -> None:
    page = open_page(theme=theme)
    found = []

    for address in OPEN_PAGES:
        visit(page, address)
        found += [f"{address} {text}" for text in findings(page, rules=rules)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(("theme", "rules"), THEMES, ids=["light", "dark"])
def test_own_pages_have_no_serious_finding(sign_in: Callable[..., Any], theme: str, rules: list[str] | None) -> None:
    page = sign_in(theme=theme)
    found = []

    for address in OWN_PAGES:
        visit(page, address)
        found += [f"{address} {text}" for text in findings(page, rules=rules)]

    assert not found, "\n".join(found)


def test_open_menus_and_dialogs_have_no_serious_finding(sign_in: Callable[..., Any]) -> None:
    page = sign_in()

    page.locator("#bell > summary").click()
    page.get_by_role("link", name="All notifications").wait_for()
    bell = findings(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("option").first.wait_for()
    palette = findings(page)

    assert not bell + palette, "\n".join(bell + palette)


def test_pages_fit_a_phone(sign_in: Callable[..., Any]) -> None:
    page = sign_in(width=390, height=844)
    wide = {}

    for address in OWN_PAGES:
        visit(page, address)
        if extra := overflow(page):
            wide[address] = extra

    assert not wide


def course_of(page: Any) -> str:
    """Make a course of one's own, so that there is one whatever else ran; return its address."""
    visit(page, "/courses/new/")
    page.get_by_label("Name").fill("Compilers")
    page.get_by_role("button", name="Make the course").click()
    page.wait_for_url(re.compile(r"/courses/\d+/$"))
    return str(page.url)


@pytest.mark.parametrize(("theme", "rules"), THEMES, ids=["light", "dark"])
def test_pages_of_a_course_have_no_serious_finding(
    sign_in: Callable[..., Any], theme: str, rules: list[str] | None
) -> None:
    page = sign_in(theme=theme, width=390 if theme == "dark" else 1280)
    course, found = course_of(page), []

    for part in COURSE_PAGES:
        visit(page, f"{course}{part}")
        found += [f"{part or 'overview'} {text}" for text in findings(page, rules=rules)]
        if extra := overflow(page):
            found.append(f"{part or 'overview'} is {extra} px too wide")

    assert not found, "\n".join(found)
