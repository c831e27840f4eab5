"""manage.py plugins install, enable, disable, rollback, uninstall."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from plugins import tasks
from plugins.installing import building
from plugins.installing.models import PluginVersion
from plugins.installing.nearness import near_names
from plugins.installing.tests.conftest import Pack
from plugins.registry import find_plugin, get_manifest

Run = Callable[..., str]


@pytest.fixture
def run(django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb as the command line does, each in a transaction of its own; return what it wrote."""
    for task in (tasks.build_plugin_image, tasks.align_plugin_schedules, tasks.remove_plugin_images):
        monkeypatch.setattr(task, "delay_on_commit", lambda *args: None)

    def go(*words: str) -> str:
        out = io.StringIO()
        with django_capture_on_commit_callbacks(execute=True):
            call_command("plugins", *words, stdout=out)
        return out.getvalue()

    return go


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.sandbox.docker.engine_answers", lambda: False)
    monkeypatch.setattr(building, "write_report", lambda: None)


@pytest.mark.django_db
def test_a_plugin_lives_its_whole_life_on_the_command_line(run: Run, pack: Pack) -> None:
    archive = pack()
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()

    installed = run("install", str(archive), "--checksum", sha256, "--yes")
    assert sha256 in installed and "unsigned" in installed and "Read files" in installed
    assert get_manifest("paper-box").version == "1.0.0"

    upgraded = run("install", str(pack(version="1.1.0", capabilities=["read_files", "read_grades"])), "--yes")
    assert "It newly asks for" in upgraded and "Version 1.0.0 becomes 1.1.0" in upgraded
    assert get_manifest("paper-box").version == "1.1.0"

    assert "It no longer asks for" in run("rollback", "paper-box")
    assert get_manifest("paper-box").version == "1.0.0"

    assert "is off" in run("disable", "paper-box")
    assert "switched off" in run("list")
    assert "is on" in run("enable", "paper-box")
    assert "installed" in run("list")

    assert "0 connections" in run("uninstall", "paper-box", "--yes")
    assert find_plugin("paper-box") is None


@pytest.mark.django_db
def test_a_folder_is_installed_like_an_archive(run: Run, pack: Pack, tmp_path: Any) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "plugin.py").write_text("")
    (folder / "plugin-manifest.yaml").write_text(
        "apiVersion: v1\nkind: Plugin\nmetadata: {name: from-folder, version: 1.0.0, description: x}\n"
        "spec: {capabilities: [read_files]}\n"
    )

    run("install", str(folder), "--yes")

    assert get_manifest("from-folder").version == "1.0.0"


@pytest.mark.django_db
def test_without_a_yes_nothing_is_installed(run: Run, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was installed"):
        run("install", str(pack()))

    monkeypatch.setattr("builtins.input", lambda question: "y" if "all of it" in question else "")
    with pytest.raises(CommandError, match="its own yes"):
        run("install", str(pack(security={"network_policy": "full"})))

    assert not PluginVersion.objects.installed().exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["install", "/nowhere.tar.gz", "--yes"], "cannot be read"),
        (["rollback", "nothing"], "no such version"),
        (["disable", "nothing"], "There is no plugin"),
        (["uninstall", "canvas-integration", "--yes"], "ships with Core Engine"),
        (["install", "{archive}", "--yes", "--checksum", "0" * 64], "not the one you were given"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, pack: Pack, words: list[str], error: str) -> None:
    archive = str(pack())
    with pytest.raises(CommandError, match=error):
        run(*[word.format(archive=archive) for word in words])


@pytest.mark.parametrize("name", ["canvas-lntegration", "canvass-integration", "canvas-plugin", "canvas-sync"])
def test_a_name_that_could_be_taken_for_another_is_told(name: str) -> None:
    assert near_names(name) == ["canvas-integration"]


@pytest.mark.parametrize("name", ["paper-box", "campus-weather", "canvas-integration"])
def test_other_names_are_not(name: str) -> None:
    assert "canvas-integration" not in near_names(name)
