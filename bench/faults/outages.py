"""PostgreSQL and Redis that go away, come back, forget or fall silent: R04 to R07."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter

import httpx
from django.db import connection

from bench.faults import doors
from bench.faults.definitions import classes, mixed
from bench.faults.servers import Wire
from bench.faults.trial import Trial, fault
from bench.faults.world import BEAT, PLUGINS, WEB, WORKER

WORKERS = (WORKER, PLUGINS)


@fault("R04")
def database_away(trial: Trial) -> None:
    """PostgreSQL stopped again and again, then for long, then its sessions ended one by one.

    Pass: nothing lost or doubled, no worker is started again for it, and the API answers 503, never 500.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    starts = {name: world.programs[name].starts for name in (*WORKERS, WEB)}
    with _api_watched(trial) as answers:
        for definition in mixed():
            trial.begin(definition, size.of(3, 400))
        for _ in range(size.of(3, 40)):
            world.until(lambda: False, limit_s=size.seconds(random.uniform(0.5, 2), random.uniform(5, 40)))
            _stopped_for(trial, random.uniform(0, 2))
        trial.finish(size.seconds(60, 1200))
        trial.begin(classes(), size.of(4, 50))
        world.until(lambda: False, limit_s=0.3)
        _stopped_for(trial, size.seconds(6, 60))
        trial.finish(size.seconds(60, 300))
        trial.begin(classes(), size.of(6, 200))
        ended = 0
        while ended < size.of(12, 200) and trial.open():
            ended += _end_a_session()
            world.until(lambda: False, limit_s=0.1)
        trial.finish(size.seconds(60, 600))
    restarted = {name: world.programs[name].starts - count for name, count in starts.items()}
    trial.note(sessions_ended=ended, api=dict(answers))
    trial.expect(not any(restarted.values()), f"processes had to be started again: {restarted}")
    trial.expect(answers[503] > 0, "the API was never seen to answer 503")
    trial.expect(not any(code >= 500 and code != 503 for code in answers), f"the API answered {dict(answers)}")
    trial.check()


def _stopped_for(trial: Trial, seconds: float) -> None:
    world = trial.world
    connection.close()
    world.postgres.stop()
    trial.result.kills += 1
    world.until(lambda: False, limit_s=seconds)
    world.postgres.start()
    at = time.time()
    trial.note_recoveries((number, at) for number in trial.open())
    left = world.until(trial.open, limit_s=0.0) or []
    world.until(lambda: _moved_on(left, at), limit_s=world.patience.recovery_s, every_s=0.1)
    trial.note_recoveries((number, at) for number in left)


def _moved_on(executions: list[int], at: float) -> bool:
    """Say whether something happened to each of them since."""
    if not executions:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(DISTINCT subject_id) FROM kernel_event WHERE subject_type = 'workflows.execution'
               AND subject_id = ANY(%s) AND time > to_timestamp(%s)""",
            [[str(number) for number in executions], at],
        )
        return int(cursor.fetchone()[0]) >= len(executions)


def _end_a_session() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"""
        )
        return len(cursor.fetchall())


@contextlib.contextmanager
def _api_watched(trial: Trial):  # type: ignore[no-untyped-def]
    """Ask the API all the time from another thread, and count its answers by code."""
    answers: Counter[int] = Counter()
    over = threading.Event()
    api = doors.client(trial.world, timeout_s=15)

    def ask() -> None:
        while not over.wait(0.1):
            with contextlib.suppress(httpx.HTTPError):
                answers[api.get("/executions/?page_size=1").status_code] += 1

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join(20)
        api.close()


@fault("R05")
def redis_emptied(trial: Trial) -> None:
    """Redis emptied when a tenth, half and nine tenths of the executions are done.

    Pass: nothing lost or doubled; all done within 120 s of the last time (30 s with short patience).
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT)
    world.wait_ready()
    for definition in mixed():
        trial.begin(definition, size.of(6, 100))
    count = len(trial.executions)
    for share in (0.1, 0.5, 0.9):
        world.until(lambda least=share: count - len(trial.open()) >= least * count, limit_s=size.seconds(60, 600))
        world.redis.flushall()
        trial.result.kills += 1
        at, left = time.time(), trial.open()
        world.until(lambda: False, limit_s=0.2)
    trial.finish(size.seconds(60, 200))
    trial.note_recoveries((number, at) for number in left)
    trial.note(done_after_s=time.time() - at)
    limit_s = size.seconds(30, 120)
    trial.expect(time.time() - at <= limit_s, f"not all done {limit_s:g} s after the last time")
    trial.check()


@fault("R06")
def redis_killed(trial: Trial) -> None:
    """Redis killed for a while and for long, with and without its append-only file, and again and again.

    Pass: nothing lost or doubled; after each return work is consumed within 60 s (20 s with short patience).
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT)
    world.wait_ready()
    away = [size.seconds(2, 10), size.seconds(6, 300)]
    plans = [(seconds, keeps) for keeps in ("yes", "no") for seconds in away]
    plans += [(0.2, "yes")] * size.of(3, 20)
    for seconds, keeps in plans:
        for definition in mixed():
            trial.begin(definition, size.of(1, 20))
        world.until(lambda: False, limit_s=0.4)
        world.redis_server.kill()
        trial.result.kills += 1
        world.until(lambda: False, limit_s=seconds)
        world.redis_server.start("--appendonly", keeps)
        _expect_consumption(trial, size.seconds(20, 60))
    trial.finish(size.seconds(60, 300))
    world.redis_server.kill()
    world.redis_server.start()
    trial.check()


def _expect_consumption(trial: Trial, limit_s: float) -> None:
    """A new execution is done within the limit, whatever else waits."""
    at = time.monotonic()
    fresh = trial.begin(classes())
    trial.expect(trial.finish(limit_s, among=fresh), f"nothing was consumed within {limit_s:g} s")
    trial.result.slowest_s = max(trial.result.slowest_s, time.monotonic() - at)


@fault("R07")
def redis_cut_off(trial: Trial) -> None:
    """Connections to Redis reset by the dozen; then the line falls silent with every connection left open.

    Pass: after each reset work is consumed within 60 s (20 s with short patience); readiness is red while the line
    is silent, and work is consumed again within 60 s of its return; nothing lost or doubled.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    for _ in range(size.of(6, 50)):
        trial.begin(classes(), 2)
        world.until(lambda: False, limit_s=random.uniform(0, 0.3))
        world.redis.client_kill_filter(_type="normal", skipme=True)
        trial.result.kills += 1
        _expect_consumption(trial, size.seconds(20, 60))
    wire = Wire(world.redis_server.server.socket)
    behind = f"redis://:{world.redis_server.server.password}@127.0.0.1:{wire.port}/0"  # type: ignore[union-attr]
    world.remove(WORKER, PLUGINS)
    try:
        world.start(WORKER, PLUGINS, REDIS_URL=behind)
        world.wait_ready()
        _expect_consumption(trial, 20)
        trial.begin(classes(), 2)
        wire.silence()
        red = world.until(lambda: _readiness(trial) == 503, limit_s=60, every_s=1)
        trial.expect(bool(red), "readiness stayed green while the line was silent")
        world.until(lambda: False, limit_s=size.seconds(0, 90))
        wire.speak()
        at = time.monotonic()
        _expect_consumption(trial, 60)
        trial.note(consumed_after_silence_s=time.monotonic() - at)
        trial.finish(60)
    finally:
        world.remove(WORKER, PLUGINS)
        wire.close()
    trial.check()


def _readiness(trial: Trial) -> int:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{trial.world.address}/health/ready", timeout=5).status_code
    return 0
