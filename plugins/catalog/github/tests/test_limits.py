"""GitHub's limits through the real gateway: short ones are waited for, long ones told with the time to come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from coreengine.accounts.models import User
from coreengine.kernel.outbound.network import close_pools
from plugins.catalog.github.server.testing import RunningGitHub
from plugins.models import Connection
from plugins.services import call_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(owner: User, github: RunningGitHub, settings: Any) -> Iterator[Connection]:
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": github.hosts, "MAX_WAIT_S": 3}
    yield Connection.objects.create(
        owner=owner, plugin="github-integration", label="GitHub", credential={"token": github.token()}
    )
    close_pools()


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("switches", "least_s"), [({"secondary_limit": 1}, 60), ({"primary_limit": 1, "reset_in_s": 900}, 890)]
)
def test_a_limit_that_lasts_is_told_with_the_time_to_come_back(
    connection: Connection, owner: User, github: RunningGitHub, switches: dict[str, Any], least_s: float, status: int
) -> None:
    github.hub.fault(**switches, limit_status=status)
    result = call_action(connection, "get_repositories", {}, by=owner)

    assert (result.success, result.error_code, result.retryable) == (False, "too_many_requests", True)
    assert result.retry_after_s is not None and result.retry_after_s >= least_s * 0.9


def test_a_short_limit_is_waited_for(connection: Connection, owner: User, github: RunningGitHub) -> None:
    github.hub.fault(secondary_limit=1, retry_after_s=0.2)

    assert call_action(connection, "get_repositories", {}, by=owner).success
    assert [status for _, _, status in github.hub.requests] == [403, 200]


def test_a_renamed_repository_is_followed_with_the_token(
    connection: Connection, owner: User, github: RunningGitHub
) -> None:
    repository = github.hub.store.add_repository("mira-kaya/labs", is_private=True)
    github.hub.commit(repository, "Start")
    github.hub.rename(repository, "os-labs")
    result = call_action(connection, "get_commits", {"owner": "mira-kaya", "repo": "labs"}, by=owner)

    assert result.success, result.error
    assert [commit["message"] for commit in result.data] == ["Start"]
    assert [status for _, _, status in github.hub.requests] == [301, 200]
