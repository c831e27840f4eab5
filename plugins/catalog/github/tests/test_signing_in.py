"""Signing in at GitHub: the page that asks, tokens that last or expire, and giving them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from coreengine.accounts.models import User
from coreengine.kernel.outbound.network import close_pools
from plugins import services
from plugins.catalog.github.server.oauth import App
from plugins.catalog.github.server.testing import STUDENT, RunningGitHub
from plugins.models import Connection, OAuthClient
from plugins.oauth.tests.conftest import commits_at_once  # noqa: F401, a fixture
from plugins.services import call_action
from plugins.tests.conftest import worker_at_hand  # noqa: F401, a fixture

pytestmark = pytest.mark.usefixtures("commits_at_once")
SITE = "https://core.example.edu"


@pytest.fixture
def app(github: RunningGitHub, settings: Any, db: None) -> Iterator[App]:
    """An OAuth app that is registered at GitHub, and known to an admin here."""
    settings.SITE_URL = SITE
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": github.hosts, "PAGE_WAIT_S": 5.0}
    github.hub.store.add_person(STUDENT)
    made = App(
        "Iv1.8a61f9b3a7aba766",
        "f0e4c2f76c58916ec258f246851bea091d14d424",
        redirect_uri=f"{SITE}/connections/oauth/callback/",
    )
    github.hub.apps[made.client_id] = made
    OAuthClient.objects.create(plugin="github-integration", client_id=made.client_id, client_secret=made.client_secret)
    yield made
    close_pools()


def sign_in(page: Any, github: RunningGitHub, answer: str = "yes") -> Any:
    """Leave for GitHub, say yes or no there, and come back."""
    left = page.post("/connections/new/github-integration/", {"way": "oauth", "sync_frequency": "hourly"})
    assert left.status_code == 200, left.context["form"].errors
    address = urlsplit(left.context["address"])
    asking = f"{github.url}{address.path}?{address.query}"
    assert "Authorise Core Engine" in httpx.get(asking).text
    back = urlsplit(httpx.post(asking, data={"answer": answer}).headers["location"])
    response = page.get(back.path, dict(parse_qsl(back.query)))
    return page.get(response["Location"], follow=True) if response.status_code == 302 else response


def test_a_token_that_lasts_reads_repositories_and_is_given_back(
    page: Any, owner: User, github: RunningGitHub, app: App
) -> None:
    github.hub.store.add_repository(f"{STUDENT}/os-labs", is_private=True)
    sign_in(page, github)

    connection = Connection.objects.get(owner=owner)
    assert (connection.health, connection.way, connection.identity["name"]) == ("healthy", "oauth", STUDENT)
    token = connection.credential["access_token"]
    assert connection.credential["expires_at"] is None
    assert github.hub.store.tokens[token].scopes == "repo,read:user"
    result = call_action(connection, "get_repositories", {}, by=owner)
    assert [record["name"] for record in result.data] == ["os-labs"]

    services.disconnect(connection, by=owner)
    assert token not in github.hub.store.tokens


def test_a_token_that_expires_is_renewed_before_it_does(
    page: Any, owner: User, github: RunningGitHub, app: App
) -> None:
    app.token_lives_s = 28_800
    sign_in(page, github)
    connection = Connection.objects.get(owner=owner)
    first = connection.credential
    assert first["refresh_token"].startswith("ghr_")

    Connection.objects.filter(pk=connection.pk).update(credential={**first, "expires_at": 1_000})
    connection.refresh_from_db()
    assert call_action(connection, "get_repositories", {}, by=owner).success
    connection.refresh_from_db()
    assert connection.credential["access_token"] != first["access_token"]
    assert connection.credential["refresh_token"] != first["refresh_token"]


def test_a_no_at_github_connects_nothing(page: Any, owner: User, github: RunningGitHub, app: App) -> None:
    answer = sign_in(page, github, answer="no")

    assert "You did not allow it" in answer.content.decode()
    assert not Connection.objects.filter(owner=owner).exists()
