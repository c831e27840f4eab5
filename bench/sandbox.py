"""What a call of a plugin costs in containers: with a waiting one, beside `docker run`, and without end.

Starts a PostgreSQL and a Redis of its own; needs a Docker engine with the base image. All figures are of one run,
ours and its floor in turn.

- `pooled_call`: seconds of `services.call_action` with a child waiting in the pool. Counted: checking parameters, the
  row of the call (committed while the plugin begins), taking the child, the exchange, checking the answer against the
  manifest, writing the end (committed; a call that went as those of the last five seconds leaves the connection's times
  as they are), and handing the child back. Floor: docker-py attaches to a container that waits, sends the same line and
  reads the answer. Aim 1.5.
- `vs_docker_run`: the same call; floor: `docker run -i` of the same image with the same line on its input. Aim 0.1.
- `sustained`: seconds per call when calls come without end from as many threads as a plugin worker has, so that every
  one of them needs a container that is made for it and removed after it. Floor: creating, starting and removing
  containers of the same image with docker-py, by 2 threads and by 3, whichever is quicker. Aim 1.25, which is 0.8 of
  the bare rate.
- `gateway`: seconds of one request through the gateway; floor: the same HTTP client, directly. Aim 3 ms between them;
  see `bench/sandbox_gateway.py`.
- `sync`: a first sync of 50 courses and 2,000 assignments through a running server, in containers; see
  `bench/sandbox_sync.py`. The floor is the same fetched over HTTP. Aim 60 s.

`--only NAME,NAME` measures some of them; `--smoke` measures little, and fails beyond lenient bounds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import sandbox_gateway, sandbox_sync
from bench.engine.site import own_site, until
from bench.harness import Figure, report

NAMES = ("pooled_call", "vs_docker_run", "sustained", "gateway", "sync")
THREADS = 8
MANIFEST = """\
apiVersion: v1
kind: Plugin
metadata: {name: bench-echo, version: 1.0.0, description: Gives back what it was given}
spec:
  capabilities: [read_files]
  endpoints:
    - name: echo
      method: GET
      path: /echo
      parameters: [{name: word, in: query, type: string, required: true}]
      responses: {200: {description: The word, schema: {type: object, properties: {word: {type: string}}}}}
  resources: {limits: {memory: 128Mi, cpu: "1"}}
"""
PROGRAM = """\
from coreengine_sdk import Plugin

plugin = Plugin("bench-echo")


@plugin.action("echo")
def echo(call):
    return {"word": call.params["word"]}


plugin.run()
"""
LINE = (
    b'{"jsonrpc":"2.0","id":1,"method":"execute_action","params":{"config":{},"action":"echo",'
    b'"params":{"word":"umbrella"},"context":{"idempotency_key":""}}}\n'
)
# What --smoke accepts, of ours over the floor: a busy machine, few runs.
LENIENT = {"pooled_call": 6.0, "vs_docker_run": 0.3, "sustained": 2.5}
SMOKE = {"pooled_call", "vs_docker_run", "sustained", "gateway"}


def main() -> None:
    """Start what is needed, measure, print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of figures, separated by commas")
    parser.add_argument("--smoke", action="store_true", help="measure little, and fail beyond lenient bounds")
    options = parser.parse_args()
    wanted = set(options.only.split(",")) - {""} or (SMOKE if options.smoke else set(NAMES))
    figures: dict[str, Figure] = {}
    try:
        _measure(wanted, figures, smoke=options.smoke)
    finally:  # what was measured is told, whatever broke off after it
        report("sandbox", figures)
    if missing := sorted(wanted - set(figures)):
        sys.exit(f"Not measured: {', '.join(missing)}")
    if options.smoke:
        slow = [
            name
            for name, most in LENIENT.items()
            if name in figures and figures[name].ours > most * figures[name].floor
        ]
        if slow:
            sys.exit(f"Beyond the lenient bounds: {', '.join(slow)}")


def _measure(wanted: set[str], figures: dict[str, Figure], *, smoke: bool) -> None:
    if "sync" in wanted:  # first: it has servers of its own, and the rest settles this process on others
        try:
            figures["sync"] = sandbox_sync.measure()
        except (Exception, SystemExit) as error:
            print(f"sync broke off: {error!r}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="ce-bench-plugins-") as folder:
        write_plugin(Path(folder))
        with own_site(PLUGIN_SANDBOX="docker", PLUGIN_DIRECTORIES=folder, PLUGIN_POOL_SIZE="4"):
            Measure(smoke=smoke).fill(figures, wanted)


def write_plugin(root: Path) -> None:
    """Write the plugin that is measured: its program does nothing, so that what is around it shows."""
    folder = root / "bench-echo"
    folder.mkdir()
    (folder / "plugin-manifest.yaml").write_text(MANIFEST, "utf-8")
    (folder / "plugin.py").write_text(PROGRAM, "utf-8")


class Measure:
    """A connection of one student to the plugin, and every figure."""

    def __init__(self, *, smoke: bool) -> None:
        from coreengine.accounts.models import User
        from plugins.models import Connection
        from plugins.registry import get_plugin
        from plugins.sandbox.docker import docker_client
        from plugins.sandbox.images import build_image

        self.is_smoke = smoke
        self.calls, self.runs, self.burst = (9, 3, 12) if smoke else (41, 5, 32)
        self.owner = User.objects.create_user("bench@example.edu", None)
        self.connection = Connection.objects.create(
            owner=self.owner, plugin="bench-echo", label="Bench", health="healthy"
        )
        self.plugin = get_plugin("bench-echo")
        self.image = build_image(docker_client(), self.plugin)

    def fill(self, figures: dict[str, Figure], wanted: set[str]) -> None:
        """Measure every figure that is wanted, each kept as soon as it is there."""
        from plugins.sandbox.docker import docker_client
        from plugins.sandbox.pool import close_pool, open_pool

        if "gateway" in wanted:
            figures |= sandbox_gateway.measure(40 if self.is_smoke else 300)
        try:
            self.pool = open_pool("bench-echo")
            if wanted & {"pooled_call", "vs_docker_run"}:
                figures |= {name: figure for name, figure in self._one().items() if name in wanted}
            if "sustained" in wanted:
                figures["sustained"] = self._many()
        finally:
            close_pool()
            docker_client().images.remove(self.image, force=True)

    def call(self, _: object = None) -> None:
        """One call, as a step of a workflow makes it."""
        from plugins.services import call_action

        result = call_action(self.connection, "echo", {"word": "umbrella"}, by=self.owner)
        assert result.success and result.data == {"word": "umbrella"}, result

    def _one(self) -> dict[str, Figure]:
        ours: list[float] = []
        bare: list[float] = []
        run: list[float] = []
        for number in range(self.calls + 3):
            with self._warm() as link:
                kinds = [(ours, self.call), (bare, lambda link=link: self._exchange(link))]
                for times, thing in kinds if number % 2 else reversed(kinds):
                    self._quiet()
                    times.append(timed(thing))
            if number % 5 == 0:
                run.append(timed(self._docker_run))
        medians = [statistics.median(times[3:]) for times in (ours, bare)]
        return {
            "pooled_call": Figure(*medians),
            "vs_docker_run": Figure(medians[0], statistics.median(run[1:])),
        }

    @contextmanager
    def _warm(self) -> Iterator[str]:
        """A container of docker-py alone that waits on its input."""
        container = self._create()
        self._api().start(container)
        try:
            yield container
        finally:
            self._api().remove_container(container, force=True)

    def _quiet(self) -> None:
        """Wait until the pool is full and its hands are idle: what goes on in the background is no part of a call."""
        until(lambda: self.pool.is_settled() and self.pool.counts().get("bench-echo", 0) >= 4, "the pool")
        time.sleep(0.15)  # containers that wait have started Python by then

    def _exchange(self, container: str) -> None:
        link = self._api().attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        link._sock.sendall(LINE)
        answer = b""
        while not answer.endswith(b"\n"):
            answer += link._sock.recv(65536)
        assert b"umbrella" in answer
        link._sock.close()

    def _docker_run(self) -> None:
        command = ["docker", "run", "--rm", "-i", "--network", "none", self.image]
        answer = subprocess.run(command, input=LINE, stdout=subprocess.PIPE, check=True).stdout
        assert b"umbrella" in answer

    def _many(self) -> Figure:
        ours: list[float] = []
        bare: dict[int, list[float]] = {2: [], 3: []}
        for _ in range(self.runs):
            ours.append(self._at_once(self.call, THREADS))
            until(self.pool.is_settled, "the pool")
            for threads, times in bare.items():
                times.append(self._at_once(self._bare, threads))
        return Figure(statistics.median(ours), min(statistics.median(times) for times in bare.values()), "s/call")

    def _at_once(self, thing: Any, threads: int) -> float:
        """Seconds each, from as many threads; what the pool kept ready is used up before."""
        with ThreadPoolExecutor(threads) as hands:
            list(hands.map(thing, range(threads)))
            return timed(lambda: list(hands.map(thing, range(self.burst)))) / self.burst

    def _bare(self, _: object) -> None:
        container = self._create()
        self._api().start(container)
        self._api().remove_container(container, force=True)

    def _create(self) -> str:
        from plugins.sandbox.docker import host_config

        api, manifest = self._api(), self.plugin.manifest
        assert manifest is not None
        limits = api.create_host_config(**host_config(manifest))
        created: dict[str, str] = api.create_container(
            self.image, stdin_open=True, network_disabled=True, user="65534:65534", host_config=limits
        )
        return created["Id"]

    def _api(self) -> Any:
        from plugins.sandbox.docker import docker_client

        return docker_client().api


def timed(thing: Any) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    thing()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
