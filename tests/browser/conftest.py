"""A browser and the whole product for the tests in it: every process, started as `script/server` starts them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coreengine.kernel.waiting import wait_until

ROOT = Path(__file__).parents[2]
REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") == "1"
START_LIMIT_S = 90
STOP_LIMIT_S = 45


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, so that `-m "not browser"` leaves it out."""
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.browser)


def chromium() -> str:
    """Return the path of Chromium, or end the test loudly."""
    found = os.environ.get("CHROMIUM") or next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    if not found:
        message = "SKIPPED for want of Chromium: the browser tests (journeys, axe, keyboard)."
        if REQUIRE_ALL:
            pytest.fail(message)
        pytest.skip(message)
    return found


def is_complaint(message: Any) -> bool:
    """Say whether the console tells of a fault.

    A refused form (422) is an answer, though Chromium logs it; so is that a window like the tests' has no push service.
    """
    known = ("status of 422", "Push API in incognito")
    return message.type == "error" and not any(words in message.text for words in known)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(address: str) -> bool:
    """Say whether the whole product is up: database, Redis, a worker that consumes, beat."""
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the product with its own database, Redis, workers and demo university; give its address."""
    given = os.environ.get("BROWSER_SITE")
    if given:  # while developing: a server that runs already
        yield given.rstrip("/")
        return
    var = tmp_path_factory.mktemp("v")
    port = free_port()
    left_out = {"DATABASE_URL", "REDIS_URL", "ENVIRONMENT", "DJANGO_SETTINGS_MODULE"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"PORT": str(port), "VAR_DIR": str(var), "ENVIRONMENT": "development", "PLUGIN_SANDBOX": "process"}
    log = (var / "server.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "coreengine.supervise"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(
            lambda: server.poll() is not None or is_ready(address),
            timeout_s=START_LIMIT_S,
            interval_s=0.3,
            what=address,
        )
        assert server.poll() is None, (var / "server.log").read_text()[-3000:]
        yield address
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                server.kill()
        log.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Start Chromium once for this folder.

    Not for the whole session: Playwright runs an event loop in this thread for as long as it lives, and Django then
    refuses every query of the tests that come after.
    """
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="package")
def sessions(browser: Any, site: str) -> Callable[[str], Any]:
    """Sign each demo person in once, through the page, and keep the session: hashing a password takes its time."""
    kept: dict[str, Any] = {}

    def session_of(email: str) -> Any:
        if email not in kept:
            context = browser.new_context(base_url=site)
            page = context.new_page()
            page.goto("/accounts/login/")
            page.get_by_label("E-mail").fill(email)
            page.get_by_label("Password", exact=True).fill("core-engine")
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{site}/")
            kept[email] = context.storage_state()
            context.close()
        return kept[email]

    return session_of


@pytest.fixture
def open_page(browser: Any, site: str) -> Iterator[Callable[..., Any]]:
    """Open pages that fail the test when the browser complains: errors, refused content, policy violations."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def note(kind: str, text: str) -> None:
        complaints.append(f"{kind}: {text}")

    def opener(*, theme: str = "light", width: int = 1280, height: int = 900, session: Any = None) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            base_url=site,
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            storage_state=session,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: note(message.type, message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: note("script", str(error)))
        page.on("response", lambda answer: note("server", answer.url) if answer.status >= 500 else None)
        return page

    yield opener
    for context in contexts:
        context.close()
    assert not complaints, complaints


@pytest.fixture
def sign_in(open_page: Callable[..., Any], sessions: Callable[[str], Any]) -> Callable[..., Any]:
    """Open the dashboard as one of the demo people."""

    def signed_in(email: str = "student@example.edu", **options: Any) -> Any:
        page = open_page(session=sessions(email), **options)
        page.goto("/")
        return page

    return signed_in
