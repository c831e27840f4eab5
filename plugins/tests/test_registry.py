"""The registry: what is found, and that one bad plugin harms no other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.registry import PluginUnknown, all_plugins, get_plugin, usable_plugins
from plugins.tests.conftest import manifest_document


@pytest.fixture
def directory(tmp_path: Path, settings: Any) -> Path:
    settings.PLUGINS = {**settings.PLUGINS, "DIRECTORIES": [tmp_path]}
    return tmp_path


def write(directory: Path, folder: str, document: Any, program: str | None = "") -> Path:
    (directory / folder).mkdir(exist_ok=True)
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    (directory / folder / "plugin-manifest.yaml").write_text(text, encoding="utf-8")
    if program is not None:
        (directory / folder / "plugin.py").write_text(program, encoding="utf-8")
    return directory / folder


def test_what_ships_is_usable() -> None:
    assert "canvas-integration" in {plugin.name for plugin in usable_plugins() if plugin.is_shipped}


def test_a_bad_manifest_is_listed_with_its_fault_and_the_others_work(directory: Path) -> None:
    write(directory, "good", manifest_document("good-one"))
    write(directory, "bad", "kind: [")
    write(directory, "binary", "\x00\x01")

    found = {plugin.name: plugin for plugin in all_plugins()}

    assert found["good-one"].is_usable
    assert not found["bad"].is_usable and found["bad"].faults
    assert not found["binary"].is_usable
    with pytest.raises(PluginUnknown, match="faulty"):
        get_plugin("bad")


def test_a_manifest_is_read_again_after_it_changed(directory: Path) -> None:
    folder = write(directory, "one", manifest_document("one"))
    before = get_plugin("one").manifest
    assert get_plugin("one").manifest is before

    document = manifest_document("one")
    document["metadata"]["version"] = "2.0.0"
    write(directory, "one", document)
    os.utime(folder / "plugin-manifest.yaml", ns=(1, 1))

    assert get_plugin("one").manifest.version == "2.0.0"  # type: ignore[union-attr]


def test_a_shipped_name_cannot_be_taken_over(directory: Path) -> None:
    write(directory, "thief", manifest_document("canvas-integration"))

    assert get_plugin("canvas-integration").is_shipped
    thief = next(plugin for plugin in all_plugins() if plugin.folder == directory / "thief")
    assert "already the name of" in thief.faults[0].message


def test_a_manifest_without_a_program_is_faulty(directory: Path) -> None:
    write(directory, "empty", manifest_document("empty"), program=None)

    with pytest.raises(PluginUnknown, match="There is no plugin.py"):
        get_plugin("empty")


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(PluginUnknown, match='did you mean "canvas-integration"'):
        get_plugin("canvas-intergation")


def test_the_content_hash_follows_the_content(directory: Path) -> None:
    folder = write(directory, "one", manifest_document("one"), "a = 1")
    before = get_plugin("one").content_hash()

    (folder / "plugin.py").write_text("a = 2", encoding="utf-8")

    assert get_plugin("one").content_hash() != before
