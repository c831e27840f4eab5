"""Processes that die, hang or come back from the dead: R01, R02, R03, R12, R22."""

from __future__ import annotations

import random
import signal
import time

from bench.faults import doors
from bench.faults.definitions import Definition, chain, classes, inline, keyed, mixed, one_effect, workflow
from bench.faults.points import CHILD, GROUP, KINDS, STOP
from bench.faults.trial import Trial, fault
from bench.faults.world import BEAT, PLUGINS, WEB, WORKER

AT_THE_DOOR = ("K1", "K2", "K12")
SMOKE_POINTS = ("K1", "K4", "K7", "K9", "K12")
EVERY_STEP = ("K3", "K4", "K5", "K6", "K7", "K8", "K9")


@fault("R01")
def whole_worker_killed(trial: Trial) -> None:
    """A process and its children killed at each of 14 points (five of them where it is small).

    Pass: nothing lost; no effect of class a or b twice; no silent repeat of class c; each recovered within 90 s
    (20 s with short patience).
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    kills = size.of(2, 50)
    for point in SMOKE_POINTS if size.is_small else KINDS:
        if point in AT_THE_DOOR:
            _killed_at_the_door(trial, point, kills)
        else:
            _killed_in_a_worker(trial, point, kills, GROUP)
    for point in ("K10",) if size.is_small else ("K5", "K6", "K7", "K10"):
        _killed_in_a_worker(trial, point, size.of(1, 50), GROUP, one_effect())
    trial.note_kills()
    trial.expect(trial.result.notes.get("answered", 0) > 0, "nobody was asked what became of an unkeyed effect")
    trial.check(wanted="")
    _only_cancelled_where_asked(trial)
    _expect_recovery(trial, size.seconds(20, 90))


@fault("R02")
def child_killed(trial: Trial) -> None:
    """A worker's child killed at K4 to K7.

    Pass: as R01, each recovered within 30 s (20 s with short patience). In-line steps only: outside steps run in
    threads, which have no child.
    """
    trial.world.only(WORKER, PLUGINS, BEAT)
    trial.world.wait_ready()
    for point in ("K4", "K5", "K6", "K7"):
        _killed_in_a_worker(trial, point, trial.size.of(3, 50), CHILD, chain())
    trial.note_kills()
    trial.check()
    _expect_recovery(trial, trial.size.seconds(20, 30))


def _killed_in_a_worker(trial: Trial, point: str, kills: int, kind: str, definition: Definition | None = None) -> None:
    """Let executions meet their kills at one point, wave after wave, and wait for all of them."""
    world = trial.world
    before = len(trial.reached())
    for _ in range(kills):
        # Any step may be the one that is hit; some points are come to once in each execution only.
        world.points.order(point, kind, after=random.randrange(8 if point in EVERY_STEP else 2))

    def obeyed() -> bool:
        return sum(one.kind == kind for one in trial.reached()[before:]) >= kills

    deadline = time.monotonic() + 120 + 30 * kills
    started: list[int] = []
    while not obeyed() and time.monotonic() < deadline:
        wave = trial.begin(definition or classes(), 4)
        world.until(lambda now=wave: obeyed() or not _answered(trial, now), limit_s=20 + world.patience.recovery_s)
        started += wave
    trial.expect(obeyed(), f"{point} was not reached {kills} times")
    world.points.cancel_orders()
    trial.finish(60 + 2 * world.patience.recovery_s, among=started)


def _answered(trial: Trial, executions: list[int]) -> list[int]:
    """Those that are open, after a person has answered what they ask."""
    left = trial.open(executions)
    trial.answer(left)
    return left


def _killed_at_the_door(trial: Trial, point: str, kills: int) -> None:
    """Starts and cancellations through the API, whose server is killed under them."""
    world = trial.world
    world.until(world.web_answers, limit_s=30)
    flow = trial.workflow(classes())
    before = len(trial.reached())
    with doors.client(world) as api:
        if point == "K12":
            executions = trial.begin(classes(), kills)
            world.points.order(point, GROUP, times=kills, after=1)
            for number in executions:
                doors.ask(trial, api, f"/executions/{number}/cancel/", {}, "")
            _cancelled.update(executions)
        else:
            world.points.order(point, GROUP, times=kills)
            for _ in range(kills):
                doors.start(trial, api, flow)
    trial.executions = sorted({*trial.executions, *doors.accepted(flow)})
    trial.expect(len(trial.reached()) - before >= kills, f"{point} was not reached {kills} times")
    world.points.cancel_orders()
    trial.finish(60 + 2 * world.patience.recovery_s)


_cancelled: set[int] = set()


def _only_cancelled_where_asked(trial: Trial) -> None:
    wrong = {
        number: status
        for number, status in trial.statuses().items()
        if status not in ("completed", *(["cancelled"] if number in _cancelled else []))
    }
    if wrong:
        trial.expect(False, f"ended otherwise than wanted: {wrong} {trial.describe(next(iter(wrong)))}")


def _expect_recovery(trial: Trial, limit_s: float) -> None:
    slowest = trial.result.slowest_s
    trial.expect(slowest <= limit_s, f"the slowest recovery took {slowest:.1f} s, allowed are {limit_s:g} s")


@fault("R03")
def soak(trial: Trial) -> None:
    """Five shapes of workflow under a random kill of web, worker or beat every few seconds.

    Pass: nothing lost or doubled. With --full (a kill each 5 to 40 s) at least half the undisturbed throughput;
    with short patience, where a process is down for most of the time between two kills, the figure is only told.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT, WEB)
    world.wait_ready()
    count = size.of(12, 1000)
    calm_s = _run_all(trial, max(2, count // 3), disturbed=False) / max(2, count // 3)
    shaken_s = _run_all(trial, count, disturbed=True) / count
    trial.note(share_of_undisturbed=calm_s / shaken_s)
    if size.is_full:
        trial.expect(calm_s / shaken_s >= 0.5, "less than half of the undisturbed throughput")
    trial.check()


def _run_all(trial: Trial, count: int, *, disturbed: bool) -> float:
    world, size = trial.world, trial.size
    began = time.monotonic()
    started = [number for definition in mixed() for number in trial.begin(definition, count)]
    kill_at, moments = began, []
    while (left := _answered(trial, started)) and time.monotonic() - began < size.seconds(120, 3600):
        if disturbed and time.monotonic() >= kill_at:
            victim = random.choice([WORKER, PLUGINS, BEAT, WEB])
            world.kill(victim)
            trial.result.kills += 1
            if victim in (WORKER, PLUGINS):
                moments += [(number, time.time()) for number in left[:20]]
            kill_at = time.monotonic() + random.uniform(*((5, 40) if size.is_full else (2, 5)))
        world.until(lambda: False, limit_s=0.2)
    trial.note_recoveries(moments)
    return time.monotonic() - began


@fault("R12")
def poison(trial: Trial) -> None:
    """Steps that kill their worker, exhaust memory, never end or raise SystemExit, beside healthy executions.

    Pass: at most four attempts each, then failed; the healthy ones complete. With --full the healthy ones are at
    most 10 % slower; with short patience, where four restarts are most of the time, the figure is only told.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT)
    world.wait_ready()
    healthy = size.of(20, 200)
    began = time.monotonic()
    trial.begin(chain(), healthy)
    trial.finish(120)
    alone_s = time.monotonic() - began
    poisoned = []
    for how in ("kill", "memory", "exit"):
        poisoned += trial.begin(
            workflow(f"In line: {how}", inline("poison", params={"do": how}), inline("end", "poison"))
        )
    for how in ("kill", "memory", "exit", "spin"):
        step = keyed("poison", params={"do": how}, timeout=3)
        poisoned += trial.begin(workflow(f"Outside: {how}", step, inline("end", "poison")))
    began = time.monotonic()
    well = trial.begin(chain(), healthy)
    trial.finish(size.seconds(90, 300), among=well)
    trial.note(healthy_slower_by=(time.monotonic() - began) / alone_s - 1)
    if size.is_full:
        trial.expect(trial.result.notes["healthy_slower_by"] <= 0.1, "healthy executions were slowed down")
    trial.finish(size.seconds(120, 600))
    from workflows.models import StepExecution

    for number, status in trial.statuses(poisoned).items():
        trial.expect(status == "failed", f"a poisoned execution: {trial.describe(number)}")
    steps = StepExecution.objects.filter(execution_id__in=poisoned, name="poison")
    attempts = {f"{step.execution.workflow.name}": step.attempt for step in steps.select_related("execution__workflow")}
    trial.note(attempts=attempts)
    trial.expect(max(attempts.values()) <= 4, f"more than four attempts: {attempts}")
    trial.check(wanted="")
    world.kill(PLUGINS)  # threads that never end


@fault("R22")
def zombies(trial: Trial) -> None:
    """A worker frozen before or after its effects, its steps taken over, then let go on.

    Pass: not one outcome of the frozen worker overwrites anything; every execution ends well, every effect once.
    """
    from workflows.models import StepExecution

    world, size = trial.world, trial.size
    frozen = f"{PLUGINS}:2"
    tries = size.of(6, 200)
    done = 0
    while done < tries:
        world.only(WORKER, BEAT)
        world.start(frozen)
        world.wait_ready()
        point = random.choice(["K5", "K6"])
        world.points.order(point, STOP, after=2 if point == "K5" else 0)
        before = len(trial.reached())
        started = trial.begin(workflow("Zombie", keyed("held", params={"delay_s": 1}), inline("end", "held")), 8)
        world.until(lambda at=before: len(trial.reached()) > at, limit_s=30)
        trial.expect(len(trial.reached()) > before, f"nobody came to {point}")
        world.until(lambda: False, limit_s=size.seconds(world.patience.lease_s + 1, 120))
        world.start(PLUGINS)
        taken = world.until(lambda now=started: _taken_over(now), limit_s=30 + 2 * world.patience.recovery_s)
        trial.expect(bool(taken), "nobody took the frozen worker's steps over")
        world.signal(frozen, signal.SIGCONT)
        trial.finish(30 + 2 * world.patience.recovery_s, among=started)
        done += max(1, StepExecution.objects.filter(execution_id__in=started, name="held", attempt__gte=2).count())
        world.remove(frozen)
        trial.result.kills += 1
    trial.note(steps_held=done)
    trial.check()


def _taken_over(executions: list[int]) -> bool:
    from workflows.models import StepExecution

    return StepExecution.objects.filter(execution_id__in=executions, name="held", attempt__gte=2).exists()
