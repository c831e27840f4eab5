"""manage.py plugins."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError

from plugins.manifest import parse_manifest
from plugins.tests.conftest import manifest_document


def run(*words: str) -> str:
    out = StringIO()
    call_command("plugins", *words, stdout=out)
    return out.getvalue()


def test_check_is_content_with_what_ships() -> None:
    assert "good" in run("check")


def test_check_names_every_fault_and_fails(tmp_path: Path) -> None:
    document = manifest_document(security={"network_policy": "open"})
    document["metadata"]["version"] = "1"
    (tmp_path / "plugin-manifest.yaml").write_text(yaml.safe_dump(document), "utf-8")

    with pytest.raises(CommandError) as failure:
        run("check", str(tmp_path))

    assert failure.value.returncode == 1


def test_list_shows_faults_and_sandboxes(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "plugin-manifest.yaml").write_text("kind: [", "utf-8")
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "DIRECTORIES": [tmp_path]}

    text = run("list")

    assert "canvas-integration" in text and "sandbox: process" in text
    assert "bad  faulty" in text and "line 1" in text


def test_build_without_an_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.management.commands.plugins.engine_answers", lambda: False)

    with pytest.raises(CommandError, match="Docker engine does not answer"):
        run("build")


def test_the_guides_example_is_a_good_manifest() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")

    blocks = [block.split("```")[0] for block in guide.split("```yaml\n")[1:]]
    whole = [block for block in blocks if "kind: Plugin" in block]

    assert [parse_manifest(block).name for block in whole] == ["campus-weather"]
