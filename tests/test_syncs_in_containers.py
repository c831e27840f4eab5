"""The shipped plugins in containers: each one's sync, whole, against the server that speaks its service's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.outbound.network import close_pools
from courses.models import Assignment, Course
from plugins.catalog.github.server import demo
from plugins.catalog.github.server.testing import running_github
from plugins.catalog.google_drive.server.drive import DOCUMENT
from plugins.catalog.google_drive.server.testing import running_drive
from plugins.demo_university.testing import DOMAIN, running_university
from plugins.models import ActionCall, Connection
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE
from plugins.services import call_action
from resources.models import Repository, Resource
from workflows.models import Execution
from workflows.shipped import keep_shipped_workflows, start_sync_execution

pytestmark = [pytest.mark.docker, pytest.mark.django_db(transaction=True)]
Sync = Callable[[Connection], None]


@pytest.fixture
def in_containers(settings: Any) -> Iterator[Callable[[dict[str, str]], None]]:
    """Run plugins in containers, and let them reach these hosts at these addresses."""
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")

    def reach(hosts: dict[str, str]) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "docker", "GATEWAY_HOSTS": hosts}

    yield reach
    close_pools()


@pytest.fixture
def sync(owner: User, watch: Callable[[Execution | None], Execution]) -> Sync:
    """Press "Sync now" and watch it to its end; every call was made in a container."""

    def go(connection: Connection) -> None:
        execution = watch(start_sync_execution(connection, by=owner))
        assert (execution.status, execution.error_message) == ("completed", "")
        assert set(ActionCall.objects.values_list("sandbox", "status")) == {("docker", "completed")}

    return go


def connect(owner: User, plugin: str, **fields: Any) -> Connection:
    return Connection.objects.create(owner=owner, plugin=plugin, label=plugin, confirmed_at=timezone.now(), **fields)


def test_canvas(owner: User, in_containers: Any, sync: Sync) -> None:
    with running_university() as university:
        in_containers({DOMAIN: university.url})
        configuration = {"canvas_domain": DOMAIN, "sync_frequency": "daily", "include_concluded": False}
        sync(connect(owner, "canvas-integration", configuration=configuration, credential={"token": university.token}))

    assert (Course.objects.count(), Assignment.objects.count()) == (6, 60)
    assert Course.objects.filter(external_id="10430000000000127").exists()


def test_github(owner: User, in_containers: Any, sync: Sync, settings: Any) -> None:
    with running_github() as github:
        in_containers(github.hosts)
        configuration = {"sync_frequency": "hourly", "follow_live": False, "include_organizations": True}
        credential = {"token": demo.fill(github.hub)}
        connection = connect(owner, "github-integration", configuration=configuration, credential=credential)
        keep_shipped_workflows(connection, owner)
        sync(connection)
        ours = f"{demo.COURSE}/lab-4-readers-writers"
        owner_name, _, name = ours.partition("/")
        commits = call_action(connection, "get_commits", {"owner": owner_name, "repo": name}, by=owner)

    assert Repository.objects.filter(full_name=ours).exists()
    assert commits.success and commits.data, commits.error


def test_google_drive(owner: User, in_containers: Any, sync: Sync) -> None:
    with running_drive() as google:
        in_containers(google.hosts)
        folder = google.drive.folder("University")
        google.drive.add("Lecture notes", parent=folder.id, mime=DOCUMENT, text="Round robin is fair.")
        google.drive.add("Lab.md", parent=folder.id, mime="text/markdown", content="# Barriers")
        credential = {"access_token": google.token, "token_type": "Bearer", "expires_at": 7e9, "scope": ""}
        configuration = {"folders": "University", "sync_frequency": "daily", "max_file_mb": 25}
        connection = connect(owner, "google-drive-integration", configuration=configuration, credential=credential)
        sync(connection)
        google.drive.add("Exam.md", parent=folder.id, mime="text/markdown", content="# Later")
        sync(connection)

    assert sorted(Resource.objects.values_list("title", flat=True)) == ["Exam", "Lab", "Lecture notes"]
