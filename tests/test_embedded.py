"""The embedded PostgreSQL and Redis, with real processes in folders of their own."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from coreengine.kernel import embedded
from coreengine.kernel.embedded import places
from coreengine.kernel.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike pytest's own: root's servers run as another user."""
    with tempfile.TemporaryDirectory(prefix="ce-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def var(folder: Path) -> Iterator[Path]:
    yield folder / "var"
    embedded.stop(folder / "var")


def state(var: Path, name: str) -> dict[str, int]:
    return json.loads((var / "embedded" / f"{name}.json").read_text())


def value_of(address: str) -> list[tuple[int]]:
    with psycopg.connect(address) as connection:
        return connection.execute("SELECT number FROM kept").fetchall()


def keep_a_row(address: str) -> None:
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (42)")


def processes_of(var: Path) -> list[int]:
    pids = []
    for name in ("postgres", "redis"):
        found = state(var, name)
        pids += [found["pid"], found["keeper"]]
    return pids


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_both_start_keep_data_and_leave_no_process(var: Path) -> None:
    addresses = embedded.ensure_running(var)
    keep_a_row(addresses.database_url)
    assert redis.Redis.from_url(addresses.redis_url).set("kept", "yes")
    pids = processes_of(var)

    assert embedded.running(var) == addresses
    assert embedded.stop(var)
    assert embedded.running(var) is None
    assert not [pid for pid in pids if is_alive(pid)]

    again = embedded.ensure_running(var)
    assert again == addresses
    assert value_of(again.database_url) == [(42,)]
    assert redis.Redis.from_url(again.redis_url).get("kept") == b"yes"


def test_nothing_listens_on_a_port_and_nothing_is_open_to_others(var: Path) -> None:
    embedded.ensure_running(var)
    for name in ("postgres", "redis"):
        process = psutil.Process(state(var, name)["pid"])
        family = [process, *process.children(recursive=True)]
        assert not [c for p in family for c in p.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN]
        assert os.geteuid() != 0 or process.uids().real != 0, f"{name} runs as root"
    place = json.loads((var / "embedded" / "place.json").read_text())
    private = [var / "embedded", var / "log", Path(place["sockets"]), Path(place["base"], "postgres", "data")]
    assert [oct(stat.S_IMODE(p.stat().st_mode)) for p in private] == ["0o700"] * len(private)
    assert stat.S_IMODE(var.stat().st_mode) & 0o007 == 0
    for secret in (var / "embedded").glob("*.password"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_wrong_password_is_refused(var: Path) -> None:
    addresses = embedded.ensure_running(var)
    wrong = addresses.database_url.replace("core_engine:", "core_engine:x", 1)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(addresses.redis_url.replace("unix://:", "unix://:x", 1)).ping()


def test_many_starters_at_once_agree_on_one_server(var: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from coreengine.kernel import embedded\n"
        "print(embedded.ensure_running(Path(sys.argv[1]), ['redis']).redis_url)\nsys.stdin.read()"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(var)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    said = {starter.stdout.readline() for starter in starters if starter.stdout}
    keeper = state(var, "redis")["keeper"]
    servers = [child for child in psutil.Process(keeper).children() if "redis" in child.name()]
    for starter in starters:
        starter.communicate("", timeout=20)
    assert len(said) == 1
    assert len(servers) == 1
    wait_until(lambda: not is_alive(keeper), timeout_s=15, what="the end of the unused server")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_killed_user_leaves_no_server_behind(var: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from coreengine.kernel import embedded\n"
        "embedded.ensure_running(Path(sys.argv[1])); print('up', flush=True); sys.stdin.read()"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", code, str(var)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "up\n"
    pids = processes_of(var)
    user.kill()
    user.communicate()
    wait_until(lambda: not [p for p in pids if is_alive(p)], timeout_s=20, what="the end of the unused servers")


def test_servers_come_back_after_everything_was_killed(var: Path) -> None:
    addresses = embedded.ensure_running(var)
    keep_a_row(addresses.database_url)
    pids = processes_of(var)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not [p for p in pids if is_alive(p)], what="death")
    assert embedded.ensure_running(var) == addresses
    assert value_of(addresses.database_url) == [(42,)]


def test_the_keeper_restarts_a_server_that_died(var: Path) -> None:
    addresses = embedded.ensure_running(var, ["redis"])
    first = state(var, "redis")["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: state(var, "redis")["pid"] != first, what="a new server")
    assert redis.Redis.from_url(addresses.redis_url).ping()


def test_two_checkouts_run_side_by_side(var: Path, folder: Path) -> None:
    other = folder / "other" / "var"
    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(lambda folder: embedded.ensure_running(folder, ["redis"]), [var, other])
    try:
        redis.Redis.from_url(ours.redis_url).set("whose", "ours")
        assert redis.Redis.from_url(theirs.redis_url).get("whose") is None
    finally:
        embedded.stop(other)


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(folder: Path) -> None:
    var = folder / ("long" * 30) / "var"
    addresses = embedded.ensure_running(var, ["redis"])
    try:
        sockets = Path(json.loads((var / "embedded" / "place.json").read_text())["sockets"])
        assert len(str(sockets)) + places.LONGEST_SOCKET_NAME <= places.SOCKET_PATH_LIMIT
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert redis.Redis.from_url(addresses.redis_url).ping()
    finally:
        embedded.stop(var)
        shutil.rmtree(sockets)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that its own servers cannot reach")
def test_root_in_a_closed_folder_keeps_the_data_elsewhere_and_opens_nothing(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    var = closed / "var"
    addresses = embedded.ensure_running(var, ["redis"])
    base = Path(json.loads((var / "embedded" / "place.json").read_text())["base"])
    try:
        assert base.parent == Path("/var/lib/core-engine")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert redis.Redis.from_url(addresses.redis_url).ping()
    finally:
        embedded.stop(var)
        shutil.rmtree(base)


def test_data_of_another_postgres_is_refused_in_one_line(var: Path) -> None:
    embedded.ensure_running(var, ["postgres"])
    embedded.stop(var)
    base = Path(json.loads((var / "embedded" / "place.json").read_text())["base"])
    (base / "postgres" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(embedded.EmbeddedError, match=r"was made by PostgreSQL 12 and this is \d+") as refusal:
        embedded.ensure_running(var, ["postgres"])
    assert "\n" not in str(refusal.value)
