"""`manage.py` with values in the environment that make no sense: one line, no traceback, no start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "moon"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "postgresql://localhost"),
        ("REDIS_URL", "memcached://localhost"),
        ("PLUGIN_SANDBOX", "none"),
        ("PLUGIN_POOL_SIZE", "two"),
        ("GATEWAY_HOSTS", "demo.university.edu"),
        ("MAX_UPLOAD_MB", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("DEBUG", "perhaps"),
    ],
)
def test_an_odd_value_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str, value: str) -> None:
    environment = {key: text for key, text in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    environment |= {
        "ENVIRONMENT": "development",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "VAR_DIR": str(tmp_path),
        name: value,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    said = done.stderr.strip()
    assert name in said
    assert len(said.splitlines()) == 1, said
