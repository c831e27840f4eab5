"""`.env.example` names every variable that the code reads, and none that it does not."""

import ast
import os
from pathlib import Path

import pytest

from coreengine.settings import env

ROOT = Path(__file__).resolve().parents[1]
READERS = {"text", "flag", "integer", "seconds", "words", "secret", "url", "mapping"}
SOURCES = [*(ROOT / "coreengine" / "settings").glob("*.py"), *(ROOT / "coreengine" / "supervise").glob("*.py")]


def read_names() -> set[str]:
    names = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if (
                isinstance(node, ast.Call)
                and (getattr(node.func, "attr", "") in READERS or getattr(node.func, "id", "") in READERS)
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and str(node.args[0].value).isupper()
            ):
                names.add(str(node.args[0].value))
    return names


def named() -> set[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def test_every_variable_that_is_read_is_named() -> None:
    assert len(read_names()) > 20
    assert read_names() - named() == set()


def test_every_variable_that_is_named_is_read() -> None:
    assert named() - read_names() == set()


def test_a_file_of_variables_yields_to_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("# a remark\nCE_TEST_ONE=from file\nexport CE_TEST_TWO='quoted = yes'\nCE_TEST_EMPTY=\nnonsense\n")
    monkeypatch.setenv("CE_TEST_ONE", "from outside")
    for name in ("CE_TEST_TWO", "CE_TEST_EMPTY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    env.read_file(file)
    assert os.environ["CE_TEST_ONE"] == "from outside"
    assert os.environ["CE_TEST_TWO"] == "quoted = yes"
    assert "CE_TEST_EMPTY" not in os.environ


def test_a_copy_of_the_example_starts_production_only_with_its_secrets(tmp_path: Path) -> None:
    """Nothing in the example is a secret that somebody might forget to change."""
    values = dict(line.partition("=")[::2] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line)
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY"):
        assert values[name] == ""
