"""Settings from the environment: understood, or the start is refused in one line."""

from pathlib import Path

import pytest

from coreengine.settings import env


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (lambda: env.flag("X_TEST", False), "maybe"),
        (lambda: env.integer("X_TEST", 1), "1.5"),
        (lambda: env.integer("X_TEST", 1, most=10), "11"),
        (lambda: env.seconds("X_TEST", 1), "soon"),
        (lambda: env.text("X_TEST", choices={"a", "b"}), "c"),
        (lambda: env.url("X_TEST", schemes={"redis"}), "http://x"),
        (lambda: env.mapping("X_TEST"), "a=1,b"),
        (lambda: env.secret("X_TEST", min_length=10), "short"),
    ],
)
def test_a_value_that_is_not_understood_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, reader: object, value: str
) -> None:
    monkeypatch.setenv("X_TEST", value)

    with pytest.raises(SystemExit, match=r"X_TEST .+ See \.env\.example"):
        reader()  # type: ignore[operator]


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-the-file\n")
    monkeypatch.setenv("X_TEST_FILE", str(tmp_path / "key"))

    assert env.secret("X_TEST") == "from-the-file"


def test_durations_and_pairs_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_TEST", "5m")
    assert env.seconds("X_TEST", 1) == 300
    monkeypatch.setenv("X_TEST", "a.edu=http://127.0.0.1:1, b=2")
    assert env.mapping("X_TEST") == {"a.edu": "http://127.0.0.1:1", "b": "2"}


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("postgresql://u:p%40ss@db:5433/core", "db", "5433"),
        ("postgresql://u:p%40ss@%2Fvar%2FRun%2Fpg/core", "/var/Run/pg", ""),
        ("postgresql://u:p%40ss@/core?host=/var/Run/pg", "/var/Run/pg", ""),
    ],
)
def test_addresses_of_databases_are_read(address: str, host: str, port: str) -> None:
    entry = env.database(address)

    assert (entry["HOST"], entry["PORT"], entry["NAME"], entry["PASSWORD"]) == (host, port, "core", "p@ss")


def test_every_variable_is_named_in_the_example() -> None:
    root = Path(__file__).parents[3]
    example = (root / ".env.example").read_text()
    import re

    pattern = re.compile(r'env\.(?:text|flag|integer|seconds|secret|url|words|mapping)\(\s*"([A-Z_]+)"')
    used = {name for path in (root / "coreengine/settings").glob("*.py") for name in pattern.findall(path.read_text())}

    assert used and [name for name in sorted(used) if f"{name}=" not in example] == []
