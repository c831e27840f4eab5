"""docs/plugins.md, followed word for word: its files are written, its commands run, in the order of the page."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection as database

from coreengine.accounts.services import create_api_token
from coreengine.kernel.outbound.network import close_pools
from coreengine.kernel.waiting import wait_until
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE

ROOT = Path(django_settings.BASE_DIR)
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>[^,>]+?)(?:, (?P<how>\w+): (?P<place>[^>]+?))? -->\n)?"
    r"```(?P<kind>\w+)\n(?P<text>.*?)```\n",
    re.S,
)


@dataclass
class Follower:
    """Somebody who does what the page says, in a shell and an editor."""

    folder: Path
    environment: dict[str, str]
    replacements: dict[str, str] = field(default_factory=dict)

    def follow(self, text: str) -> None:
        """Write every named file and run every command of a part of the page, in its order."""
        for block in BLOCK.finditer(text):
            body = block["text"]
            for old, new in self.replacements.items():
                body = body.replace(old, new)
            if block["file"]:
                self._write(block["file"], block["how"] or "", (block["place"] or "").strip('"'), body)
            elif block["kind"] == "bash":
                self._run(body)

    def _write(self, name: str, how: str, place: str, body: str) -> None:
        file = self.folder / name
        before = file.read_text(encoding="utf-8") if how else ""
        if how in {"before", "replace"}:
            assert before.count(place) == 1, f"{place!r} stands {before.count(place)} times in {name}"
            body = before.replace(place, body + place if how == "before" else body.strip())
        elif how == "at":
            body = before + body
        file.write_text(body, encoding="utf-8")

    def _run(self, commands: str) -> None:
        script = f"set -e\ncd {self.folder}\n{commands}\npwd > {self.environment['WHERE']}"
        done = subprocess.run(
            ["bash", "-c", script], env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        self.said = done.stdout
        self.folder = Path(Path(self.environment["WHERE"]).read_text(encoding="utf-8").strip())


def part(number: int) -> str:
    """One numbered step of "In ten minutes"."""
    section = GUIDE[GUIDE.index("## In ten minutes") : GUIDE.index("## Trying it with recordings")]
    return re.split(r"^\*\*\d\. ", section, flags=re.M)[number]


@pytest.fixture
def author(tmp_path: Path, settings: Any) -> Iterator[Follower]:
    """Somebody at the folder of Core Engine, whose commands go to this test's database and folders."""
    where = database.settings_dict
    port = free_port()
    python = Path(sys.executable).parent
    host = quote(where["HOST"], safe="")  # the directory of a socket, where the database has no port
    address = f"postgresql://{where['USER']}:{where['PASSWORD']}@{host}:{where['PORT']}/{where['NAME']}"
    follower = Follower(
        ROOT,
        {
            "PATH": f"{python}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "WHERE": str(tmp_path / "where"),
            "CORE": str(ROOT),
            "ENVIRONMENT": "development",
            "DATABASE_URL": address,
            "REDIS_URL": settings.REDIS_URL,
            "PLUGIN_INSTALL_DIR": str(tmp_path / "installed"),
            "VAR_DIR": str(tmp_path / "var"),
        },
        {"$PWD/.venv/bin": str(python), "9000": str(port)},
    )
    gateway = {"api.menu.example": f"http://127.0.0.1:{port}"}
    changes = {"GATEWAY_HOSTS": gateway, "INSTALL_DIR": tmp_path / "installed", "SANDBOX": "docker"}
    settings.PLUGINS = {**settings.PLUGINS, **changes}
    yield follower
    close_pools()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.django_db(transaction=True)
def test_a_plugin_is_written_extended_tried_and_checked(author: Follower) -> None:
    author.follow(part(1))
    assert "4 passed" in author.said
    author.follow(part(2))
    assert "5 passed" in author.said and "good" in author.said


@pytest.mark.docker
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
def test_the_whole_section_leads_to_an_installed_plugin_in_less_than_ten_minutes(
    author: Follower, owner: Any, live_server: Any
) -> None:
    if not (engine_answers() and any(BASE_IMAGE in image.tags for image in docker_client().images.list())):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    started = time.monotonic()
    for number in (1, 2, 3):
        author.follow(part(number))
    service = subprocess.Popen([sys.executable, str(author.folder.parent / "service.py")])
    try:
        wait_until(lambda: _listens(int(author.replacements["9000"])), what="the service")
        author.follow(part(4))
        _, author.environment["TOKEN"] = create_api_token(owner, name="author", by=owner)
        author.replacements["http://127.0.0.1:8000"] = live_server.url
        author.follow(part(5))
    finally:
        service.terminate()
        service.wait(10)
        with suppress(CommandError):  # it was not installed: what the test failed at is said above
            call_command("plugins", "uninstall", "campus-menu", "--yes")

    assert '"title":"Pasta"' in author.said.replace(" ", "")
    assert time.monotonic() - started < 600


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_manifests_on_the_page_are_good() -> None:
    from plugins.manifest import parse_manifest

    whole = [block["text"] for block in BLOCK.finditer(GUIDE) if "apiVersion: v1" in block["text"]]
    assert [parse_manifest(text).name for text in whole] == ["campus-weather"]
