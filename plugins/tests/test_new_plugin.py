"""A new plugin, from the command that writes it to its answer over the API."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from coreengine.kernel.outbound.network import close_pools
from plugins import registry
from plugins.models import Connection
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE
from plugins.scaffold import ROOT, TEMPLATES
from plugins.tests.peer import Peer, running_peer, text
from workflows.models import Workflow

NAME, HOST, TOKEN = "campus-menu", "api.menu.example.com", "a-token-for-the-menu"
ITEMS = [{"id": 2**60, "title": "Soup", "updated_at": None}, {"id": 2, "title": "Pasta"}]


def command(*arguments: str | Path) -> str:
    """Run manage.py plugins and return what it says."""
    said = io.StringIO()
    call_command("plugins", *map(str, arguments), stdout=said)
    return said.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a new plugin."""
    said = command("new", NAME, "--directory", tmp_path / "catalog")
    assert f"cd {tmp_path / 'catalog' / NAME} && pytest" in said
    return tmp_path / "catalog" / NAME


@pytest.fixture
def service(settings: Any, tmp_path: Path) -> Iterator[Peer]:
    """The service that the plugin is for, on a real port."""
    with running_peer() as peer:
        peer.answers["/v1/me"] = text(json.dumps({"id": 7, "name": "Mira"}))
        peer.answers["/v1/items"] = text(json.dumps(ITEMS))
        changes = {"GATEWAY_HOSTS": {HOST: peer.url}, "INSTALL_DIR": tmp_path / "installed"}
        settings.PLUGINS = {**settings.PLUGINS, **changes}
        yield peer
        close_pools()


def test_its_own_tests_pass_in_its_folder_without_settings_and_network(folder: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=folder, env=kept, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_its_manifest_is_good_and_nothing_of_it_is_left_to_fill_in(folder: Path) -> None:
    assert "good" in command("check", folder)
    for file in folder.rglob("*.*"):
        assert "$name" not in file.read_text() and "$title" not in file.read_text() and "TODO" not in file.read_text()


def test_container_images_leave_none_of_its_templates_out() -> None:
    skipped = {line.removeprefix("**/") for line in (ROOT / ".dockerignore").read_text().split()}
    for template in TEMPLATES.rglob("*.txt"):
        assert not skipped & set(template.relative_to(ROOT).parts)


@pytest.mark.parametrize("name", ["Campus", "campus_menu", "menu-", "x" * 65, "../menu", ""])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match="is not a plugin name"):
        command("new", name, "--directory", tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_is_not_overwritten(folder: Path) -> None:
    (folder / "plugin.py").write_text("mine")
    with pytest.raises(CommandError, match="not empty"):
        command("new", NAME, "--directory", folder.parent)
    assert (folder / "plugin.py").read_text() == "mine"


def use(api: Any, service: Peer) -> None:
    """Connect it and ask it over the API."""
    configuration = {"service_domain": HOST}
    made = api.post(
        "/api/v1/connections/",
        {"plugin": NAME, "configuration": configuration, "token": TOKEN},
        format="json",
    )
    assert made.status_code == 201, made.content
    assert made.json()["identity"] == {"id": "7", "name": "Mira"}
    items = api.get(f"/api/v1/plugins/{NAME}/items", {"limit": 1, "search": "so"})

    assert items.status_code == 200, items.content
    assert items.json() == [{"id": str(2**60), "title": "Soup", "updated_at": None}]
    assert service.asked[-1][1] == "/v1/items?per_page=50&q=so"
    assert service.asked[-1][2]["Authorization"] == f"Bearer {TOKEN}"
    assert api.get(f"/api/v1/plugins/{NAME}/items", {"limit": 1_000}).status_code == 422


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
def test_it_is_connected_and_answers_in_the_confined_process(
    folder: Path, service: Peer, api: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CATALOG", folder.parent)
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process"}
    use(api, service)

    workflow = Workflow.objects.get(connection_id=Connection.objects.get().pk)
    assert workflow.name == "Sync Campus Menu"


@pytest.mark.docker
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
def test_it_is_installed_and_answers_in_a_container(folder: Path, service: Peer, api: Any, settings: Any) -> None:
    if not (engine_answers() and any(BASE_IMAGE in image.tags for image in docker_client().images.list())):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "docker"}
    assert "is installed" in command("install", folder, "--yes")
    try:
        use(api, service)
    finally:
        command("uninstall", NAME, "--yes")
