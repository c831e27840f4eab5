"""Starts, claims, cancellations and new versions that meet each other: R18, R20, R21, R23, R24, R31."""

from __future__ import annotations

import multiprocessing
import random
import secrets
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psutil
from django.db import connection, connections
from django.utils import timezone

from bench.faults import doors
from bench.faults.definitions import chain, classes, fan, gated, inline, keyed, workflow
from bench.faults.local import QueuedHints, alone, local_runner
from bench.faults.points import HOLD, KINDS, Reached
from bench.faults.trial import Trial, fault
from bench.faults.world import BEAT, PLUGINS, WEB, WORKER


@fault("R18")
def new_definition(trial: Trial) -> None:
    """A new version is saved while executions wait in the middle: steps added, removed, renamed and reordered.

    Pass: every execution ends on the version that it began with, with exactly that version's steps.
    """
    from workflows.models import Execution
    from workflows.versions import save_version

    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT)
    world.wait_ready()
    world.sink.closed.set()
    old = gated()
    waiting = trial.begin(old, size.of(12, 100))
    trial.expect(
        bool(world.until(lambda: len(_waiting(waiting)) == len(waiting), limit_s=60)), "the gate was not reached"
    )
    gate = {**old["steps"][1], "max_retries": 2}
    new = workflow("Gated", keyed("before"), inline("renamed", "before"), gate, keyed("added", "gate"))
    gate["depends_on"] = ["renamed"]
    save_version(trial.workflow(old), by=world.student, definition=new)
    world.sink.closed.clear()
    later = trial.begin(old, 3)  # of the same workflow: its current version is the new one
    trial.finish(size.seconds(60, 120))
    for numbers, definition in ((waiting, old), (later, new)):
        wanted = {step["name"] for step in definition["steps"]}
        for execution in Execution.objects.filter(pk__in=numbers).prefetch_related("steps"):
            had = {step.name for step in execution.steps.all()}
            trial.expect(had == wanted, f"execution {execution.pk} had the steps {sorted(had)}")
    trial.check()


def _waiting(executions: list[int]) -> list[int]:
    from workflows.models import StepExecution

    found = StepExecution.objects.filter(execution_id__in=executions, name="gate", attempt__gte=1)
    return list(found.values_list("execution_id", flat=True))


@fault("R20")
def cancelled_anywhere(trial: Trial) -> None:
    """Executions cancelled at each of the 14 points, twice, after their end, and in a race with success.

    Pass: over within 10 s of the cancellation; nothing starts after it; each race has one outcome.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    with doors.client(world) as api:
        for point in KINDS:
            for _ in range(size.of(1, 20)):
                _cancel_at(trial, point, api)
    trial.check(wanted="")
    _cancel_late(trial)
    _races(trial, size.of(60, 1000))


def _cancel_at(trial: Trial, point: str, api: Any) -> None:
    from workflows.models import Execution

    world = trial.world
    before = len(trial.reached())
    world.points.order(point, HOLD)
    asked: list[threading.Thread] = []
    if point in ("K1", "K2"):
        flow = trial.workflow(classes())
        asked.append(threading.Thread(target=doors.start, args=[trial, api, flow]))
    else:
        (number,) = trial.begin(classes())
        if point == "K12":
            path = f"/executions/{number}/cancel/"
            asked.append(threading.Thread(target=lambda: doors.ask(trial, api, path, {}, "", tries=1)))
    for thread in asked:
        thread.start()

    def held() -> Reached | None:
        return next((one for one in trial.reached()[before:] if one.kind == HOLD), None)

    at = world.until(held, limit_s=30)
    if at is None:
        trial.expect(False, f"{point} was not reached")
        return
    cancelled = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        # A point inside a transaction holds the execution's lock: whoever cancels waits for it.
        both = [pool.submit(_cancel, at.execution) for _ in range(2)]
        world.until(lambda: all(one.done() for one in both), limit_s=0.5)
        world.points.release(at)
        for thread in asked:
            thread.join()
        outcomes = [one.result() for one in both]
    trial.expect(not any(isinstance(o, Exception) for o in outcomes), f"{point}: a cancellation broke: {outcomes}")
    trial.expect(trial.finish(10, among=[at.execution]), f"{point}: not over 10 s after the cancellation")
    took = time.monotonic() - cancelled
    trial.result.slowest_s = max(trial.result.slowest_s, took)
    trial.result.kills += 1
    status = Execution.objects.get(pk=at.execution).status
    trial.expect(status in ("cancelled", "completed"), f"{point}: it ended {status}")


def _cancel(number: int) -> str | Exception:
    """What came of a cancellation; refused is fine when it was over already."""
    from workflows.errors import ExecutionFinished
    from workflows.models import Execution
    from workflows.services import cancel_execution

    try:
        return str(cancel_execution(Execution.objects.get(pk=number), by=None).status)
    except ExecutionFinished:
        return "over"
    except Exception as error:
        return error
    finally:
        connection.close()


def _cancel_late(trial: Trial) -> None:
    number = trial.begin(chain())[0]
    trial.finish(30, among=[number])
    trial.expect(_cancel(number) == "over", "a finished execution could be cancelled")


def _races(trial: Trial, count: int) -> None:
    """Two threads, one of which ends an execution while the other cancels it."""
    from workflows.models import Execution

    alone(trial)
    numbers = trial.begin(workflow("Race", inline("one"), keyed("two", "one")), count)
    ends: dict[int, list[Any]] = {}

    def succeed(number: int, gate: threading.Barrier) -> Any:
        hints = QueuedHints()
        runner = local_runner(hints)
        gate.wait()
        runner.advance(number)
        runner.run_step(number, "two")
        connection.close()

    def cancel(number: int, gate: threading.Barrier) -> Any:
        gate.wait()
        time.sleep(random.uniform(0, 0.03))
        return _cancel(number)

    with ThreadPoolExecutor(2) as pool:
        for number in numbers:
            gate = threading.Barrier(2)
            both = [pool.submit(succeed, number, gate), pool.submit(cancel, number, gate)]
            ends[number] = [one.result() for one in both]
    for number, (_, said) in ends.items():
        status = Execution.objects.get(pk=number).status
        fits = (status, said) in (("cancelled", "cancelled"), ("completed", "over"))
        trial.expect(fits, f"race of {number}: it is {status}, the cancellation said {said}")
    trial.note(races=count, cancelled=sum(said == "cancelled" for _, said in ends.values()))
    before, trial.executions = trial.executions, numbers
    trial.check(wanted="")
    trial.executions = before


@fault("R21")
def same_key(trial: Trial) -> None:
    """One start asked for a hundred times at once with the same idempotency key, by API and by service.

    Pass: one execution; the same key with other inputs is refused with 422; after a day the API's key is free.
    """
    from coreengine.kernel.models import IdempotentRequest
    from workflows.models import Execution
    from workflows.services import start_execution

    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    times = size.of(100, 100)
    definition = {**chain(), "inputs": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    flow = trial.workflow(definition)
    address, key = f"/workflows/{flow.pk}/executions/", secrets.token_hex(8)
    with doors.client(world) as api, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: doors.ask(trial, api, address, {}, key), range(times)))
        started = {answer.json()["id"] for answer in answers if answer is not None and answer.status_code < 300}
        trial.expect(len(started) == 1, f"{len(started)} executions were answered")
        codes = {answer.status_code for answer in answers if answer is not None}
        trial.expect(codes == {201}, f"answered {codes}")
        other = api.post(address, json={"inputs": {"n": 2}}, headers={"Idempotency-Key": key})
        trial.expect(other.status_code == 422, f"the same key with other inputs was answered {other.status_code}")
        IdempotentRequest.objects.filter(key=key).update(created_at=timezone.now() - timedelta(hours=25))
        again = doors.ask(trial, api, address, {}, key)
        trial.expect(again is not None and again.json()["id"] not in started, "a day later the key was not free")

    def start(_: int) -> int:
        try:
            return start_execution(flow, by=world.student, idempotency_key=key).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        same = set(pool.map(start, range(times)))
    trial.expect(len(same) == 1, f"the service started {len(same)}")
    trial.executions += doors.accepted(flow)
    trial.expect(Execution.objects.filter(workflow=flow).count() == 3, f"there are {len(trial.executions)}, not 3")
    trial.finish(60)
    trial.check()


@fault("R23")
def many_claim(trial: Trial) -> None:
    """Eight processes try to claim the same ready steps at once.

    Pass: each step is done once; no process meets a deadlock or any other error.
    """
    size = trial.size
    alone(trial)
    numbers = trial.begin(fan(), size.of(8, 50))
    runner = local_runner()
    for number in numbers:
        runner.advance(number)
    steps = [(number, f"part{part}") for number in numbers for part in range(20)]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    errors = context.Queue()
    processes = [context.Process(target=_claim_all, args=[steps, seed, errors]) for seed in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(size.seconds(120, 900))
    trial.expect(all(process.exitcode == 0 for process in processes), "a process did not come to its end")
    broken = [errors.get() for _ in range(8)] if all(process.exitcode == 0 for process in processes) else []
    trial.expect(not any(broken), f"errors: {[error for one in broken for error in one][:3]}")
    calls = trial.world.sink.count(set(numbers))
    trial.expect(all(calls[step] == 1 for step in steps), "a step was done more than once, or never")
    for number in numbers:
        runner.advance(number)
    trial.note(steps=len(steps))
    trial.check()


def _claim_all(steps: list[tuple[int, str]], seed: int, errors: Any) -> None:
    """In a process of its own: try every step, in an order of its own."""
    runner, met = local_runner(), []
    for number, path in random.Random(seed).sample(steps, len(steps)):
        try:
            runner.run_step(number, path)
        except Exception as error:
            met.append(f"{number} {path}: {error!r}")
    connections.close_all()
    errors.put(met)


@fault("R24")
def web_killed_before_its_hint(trial: Trial) -> None:
    """The web server killed between the commit of a start and its hint.

    Pass: every execution that was committed begins within 30 s (15 s with short patience), and there is one of each.
    """
    from workflows.models import Execution

    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    kills = size.of(5, 200)
    flow = trial.workflow(chain())
    world.points.order("K1", times=kills)
    with doors.client(world) as api:
        for _ in range(kills):
            doors.start(trial, api, flow)
    trial.note_kills()
    trial.expect(trial.result.kills == kills, f"killed {trial.result.kills} times of {kills}")
    wanted = len(set(trial.executions))
    trial.executions = sorted({*trial.executions, *doors.accepted(flow)})
    trial.expect(len(trial.executions) == wanted == kills, f"{kills} asked for, {len(trial.executions)} committed")
    trial.finish(size.seconds(30, 60))
    for execution in Execution.objects.filter(pk__in=trial.executions):
        if execution.started_at is not None:
            waited = (execution.started_at - execution.created_at).total_seconds()
            trial.result.slowest_s = max(trial.result.slowest_s, waited)
    limit_s = size.seconds(15, 30)
    trial.expect(trial.result.slowest_s <= limit_s, f"one began only after {trial.result.slowest_s:.1f} s")
    trial.check()


@fault("R31")
def flood(trial: Trial) -> None:
    """One student starts far more than the workers can do; another starts one execution now and then.

    Pass: the other's executions begin, at the 95th percentile, at most twice as late as with nobody else about (or
    within a second: a worker's turn is 0.2 s); the flood drains; the workers' memory grows by less than 100 MB.
    """
    from coreengine.accounts.models import User

    world, size = trial.world, trial.size
    world.only()
    # As installed: hints that are repeated while they wait in a long queue make it longer.
    world.start(WORKER, PLUGINS, BEAT, WORKFLOW_HINT_AGAIN_AFTER="10s", WORKFLOW_SWEEP_EVERY="5s")
    world.wait_ready()
    first, other = world.student, User.objects.create_user(f"{secrets.token_hex(4)}@example.edu", "x", name="Ada")
    small = chain(3)
    baseline = _waits(trial, other, small, size.of(12, 50))
    before = _memory_mb(trial)
    world.student = first
    trial.begin(chain(), size.of(600, 10_000))
    with_flood = _waits(trial, other, small, size.of(12, 50))
    world.student = first
    left = len(trial.open())
    trial.note(baseline_p95_s=baseline, flooded_p95_s=with_flood, still_queued=left)
    trial.expect(left > 0, "the flood was over before the other student's executions were: nothing was measured")
    trial.expect(
        with_flood <= max(2 * baseline, 1.0), f"the other student waited {with_flood:.2f} s instead of {baseline:.2f}"
    )
    trial.expect(trial.finish(size.seconds(90, 1800)), "the flood did not drain")
    grown = _memory_mb(trial) - before
    trial.note(memory_grown_mb=grown)
    trial.expect(grown < 100, f"the workers grew by {grown:.0f} MB")
    world.only()
    trial.check()


def _waits(trial: Trial, student: Any, definition: dict[str, Any], count: int) -> float:
    """The 95th percentile of the time from a start to its beginning."""
    from workflows.models import Execution
    from workflows.services import start_execution
    from workflows.versions import create_workflow

    flow = create_workflow(student, by=student, definition={**definition, "name": secrets.token_hex(4)})
    made = []
    for _ in range(count):
        made.append(start_execution(flow, by=student).pk)
        trial.world.until(lambda: False, limit_s=0.1)
    trial.executions += made
    trial.world.until(lambda: not Execution.objects.filter(pk__in=made, started_at=None).exists(), limit_s=120)
    pairs = Execution.objects.filter(pk__in=made).values_list("created_at", "started_at")
    waits = [(started - created).total_seconds() for created, started in pairs if started is not None]
    return statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else 120.0


def _memory_mb(trial: Trial) -> float:
    total = 0
    for name in (WORKER, PLUGINS):
        running = trial.world.programs[name].running
        assert running is not None
        main = psutil.Process(running.pid)
        total += sum(process.memory_info().rss for process in (main, *main.children(recursive=True)))
    return total / 2**20
