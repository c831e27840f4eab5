"""A faulty plugin is shown with its faults, and is nobody else's trouble."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coreengine.supervise.programs import ROOT
from plugins.registry import CATALOG
from tests.faults.student import PLUGIN, Student, assert_problem
from tests.faults.system import System

GOOD = (CATALOG / "canvas" / "plugin-manifest.yaml").read_text()
MANIFESTS = [
    pytest.param("kind: [unclosed", "line 1, column 16", id="no YAML"),
    pytest.param("- just\n- a list\n", "", id="no manifest"),
    pytest.param(GOOD.replace('method: "GET"', 'method: "FETCH"', 1), "spec.endpoints[0].method", id="a wrong value"),
    pytest.param(
        re.sub(r'version: "[0-9.]+"', 'version: "new"', GOOD, count=1), "metadata.version", id="a wrong version"
    ),
]


@pytest.fixture
def folder(system: System) -> Iterator[Path]:
    folder = system.folder / "plugins" / "broken"
    folder.mkdir()
    (folder / "plugin.py").write_text("")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(("manifest", "place"), MANIFESTS)
def test_a_malformed_manifest_is_shown_at_both_doors_and_the_other_plugins_go_on(
    system: System, student: Student, folder: Path, manifest: str, place: str
) -> None:
    (folder / "plugin-manifest.yaml").write_text(manifest)
    listed = {plugin["name"]: plugin for plugin in student.read_api("/plugins/")}
    assert listed[PLUGIN]["is_usable"]
    broken = listed["broken"]
    assert not broken["is_usable"]
    fault = next(fault for fault in broken["faults"] if fault["path"] == place)
    page = student.read_page("/settings/plugins/")
    assert fault["message"] in page
    assert place in page
    assert "broken" not in student.read_page("/connections/new/")
    assert_problem(student.api.post("/connections/", json={"plugin": "broken", "configuration": {}}), 404)
    assert student.page.get("/connections/new/broken/").status_code == 404


def test_the_check_on_the_command_line_names_file_and_field_and_fails(
    system: System, student: Student, folder: Path
) -> None:
    (folder / "plugin-manifest.yaml").write_text(GOOD.replace('method: "GET"', 'method: "FETCH"', 1))
    done = subprocess.run(
        [sys.executable, "manage.py", "plugins", "check"],
        cwd=ROOT,
        env=system.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"{folder}/plugin-manifest.yaml" in done.stdout
    assert "spec.endpoints[0].method" in done.stdout
    assert "1 of " in done.stderr and "Traceback" not in done.stderr
    assert student.sync(student.connected()).status == "completed"
    student.assert_nothing_lost_or_doubled()
