"""Accounts in a real browser: sign up, verify, sign in, tokens, theme, notifications."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

PASSWORD = "correct horse battery"


def sign_up(page: Any, email: str) -> None:
    """Make an account as a new student does, up to the confirmed address."""
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Name").fill("Noor Haddad")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_role("link", name="Open the mailbox").click()
    page.locator("li", has_text=email).get_by_role("link", name="Confirm your e-mail address").first.click()
    page.get_by_role("link", name=re.compile("confirm-email")).click()
    page.get_by_role("button", name="Yes, confirm it").click()


def new_address() -> str:
    return f"noor-{uuid.uuid4().hex[:8]}@example.edu"


def test_a_new_student_signs_up_and_lands_on_the_dashboard(open_page: Callable[..., Any]) -> None:
    page = open_page()

    sign_up(page, new_address())

    page.wait_for_url("**/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/settings/")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")


def test_a_wrong_password_says_so_and_keeps_the_address(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto("/accounts/login/")

    page.get_by_label("E-mail").fill("student@example.edu")
    page.get_by_label("Password", exact=True).fill("not it")
    page.get_by_role("button", name="Sign in").click()

    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value("student@example.edu")


def test_the_theme_is_chosen_once_and_stays(sign_in: Callable[..., Any]) -> None:
    page = sign_in()

    page.locator("summary[aria-label^='Account of']").click()
    with page.expect_response("**/settings/theme/"):
        page.get_by_role("button", name="Dark").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("summary[aria-label^='Account of']").click()
    with page.expect_response("**/settings/theme/"):
        page.get_by_role("button", name="Same as the system").click()


def test_a_token_is_shown_once_works_and_is_revoked(sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto("/settings/tokens/")
    name = f"script {uuid.uuid4().hex[:6]}"

    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#new-token").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    answer = page.request.get("/api/v1/me/", headers=headers)
    assert answer.json()["email"] == "student@example.edu"
    page.goto("/settings/tokens/")
    expect(page.get_by_text(secret)).to_have_count(0)
    page.get_by_role("button", name=f"Revoke {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    expect(page.get_by_role("row", name=name)).to_have_count(0)
    bare = page.context.browser.new_context(base_url=page.url.partition("/settings")[0])
    assert bare.request.get("/api/v1/me/", headers=headers).status == 401
    bare.close()


def test_signing_out_ends_the_session(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill("admin@example.edu")
    page.get_by_label("Password", exact=True).fill("core-engine")
    page.get_by_role("button", name="Sign in").click()

    page.locator("summary[aria-label^='Account of']").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/settings/")

    page.wait_for_url("**/accounts/login/?next=/settings/")
