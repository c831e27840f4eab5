"""PostgreSQL, Redis and workers of a benchmark's own. Whatever it starts ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bench.running import ROOT, folder_for_servers
from coreengine.supervise.child import die_with_parent

READY_LIMIT_S = 60


class Helper:
    """A process that answers each line it is given with a line."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )

    def tell(self, *words: object) -> None:
        """Give it a line."""
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)

    def hear(self) -> str:
        """Wait for its answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args} has ended ({self._process.wait()})")
        return line.strip()

    def ask(self, *words: object) -> str:
        """Give it a line and wait for its answer."""
        self.tell(*words)
        return self.hear()

    def stop(self) -> None:
        """End it and wait."""
        self._process.terminate()
        self._process.communicate()


class Site:
    """Servers that run, and the environment in which processes meet them."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment = environment
        self.log = log
        self._helpers: list[Helper] = []
        self._workers: list[subprocess.Popen[bytes]] = []

    def python(self, module: str, *arguments: str, **variables: str) -> Helper:
        """A helper that runs a module of ours."""
        return self.helper([sys.executable, "-m", module, *arguments], **variables)

    def helper(self, command: list[str], **variables: str) -> Helper:
        """A helper that runs a command."""
        helper = Helper(command, self.environment | variables)
        self._helpers.append(helper)
        return helper

    def celery(self, app: str, queues: str, name: str, processes: int = 2) -> None:
        """A Celery worker of two processes; they are up when their first task is done."""
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queues, "-n", f"{name}@bench"]
        command += ["-c", str(processes), "-l", "WARNING", "--without-gossip", "--without-mingle"]
        with self.log.open("ab") as log:
            self._workers.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent,
                )
            )

    def stop(self) -> None:
        """End every process."""
        for worker in self._workers:
            worker.terminate()
        for helper in self._helpers:
            helper.stop()
        for worker in self._workers:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()


@contextmanager
def own_site(**variables: str) -> Iterator[Site]:
    """Embedded servers in a temporary folder. Settings must not be loaded yet: they join these servers."""
    with folder_for_servers() as var:
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        os.environ |= {"VAR_DIR": str(var), "ENVIRONMENT": "development", "LOG_LEVEL": "WARNING", **variables}
        os.environ["DJANGO_SETTINGS_MODULE"] = "coreengine.settings.dev"
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        os.environ |= {"DATABASE_URL": settings.DATABASE_URL, "REDIS_URL": settings.REDIS_URL}
        site = Site(dict(os.environ), var / "workers.log")
        try:
            yield site
        except BaseException:
            if site.log.exists():
                sys.stderr.write("".join(site.log.read_text().splitlines(keepends=True)[-40:]))
            raise
        finally:
            site.stop()
            from django.db import connections

            connections.close_all()


def other_database(address: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))


def until(answer: object, what: str, *, every_s: float = 0.001, limit_s: float = 120) -> None:
    """Call until it says yes."""
    assert callable(answer)
    deadline = time.monotonic() + limit_s
    while not answer():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not end within {limit_s} s")
        time.sleep(every_s)
