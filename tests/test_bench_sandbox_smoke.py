"""The figures of calls in containers, measured little and with lenient bounds: that the measure itself works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 300
"""On a quiet machine it ends after a tenth of this."""
OWN = {"DATABASE_URL", "REDIS_URL", "VAR_DIR", "DJANGO_SETTINGS_MODULE", "ENVIRONMENT"}


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.docker
def test_a_call_in_a_container_costs_about_what_it_should() -> None:
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    environment = {name: value for name, value in os.environ.items() if name not in OWN}

    done = subprocess.run(
        [sys.executable, "-m", "bench.sandbox", "--smoke"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    assert set(figures) == {"pooled_call", "vs_docker_run", "sustained", "gateway"}
