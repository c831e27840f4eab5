"""Time: schedules that were missed, clocks that are wrong, timers that outlive every process: R08 to R11, R13."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from bench.faults.definitions import chain, inline, keyed, retried, unkeyed, workflow
from bench.faults.trial import Trial, fault
from bench.faults.world import BEAT, PLUGINS, WORKER

MINUTES = "* * * * *"


@fault("R08")
def beat_down(trial: Trial) -> None:
    """Beat is down for ten minutes, with schedules of every policy for what was missed.

    Pass: every slot of the gap started once or was skipped as its schedule's policy says; none twice. With short
    patience the ten minutes pass by moving the schedules' last look into the past.
    """
    from workflows.models import WorkflowTrigger

    world, size = trial.world, trial.size
    world.only(WORKER)
    world.wait_ready()
    triggers = _schedules(trial, size.of(9, 30), ["skip", "once", "all"])
    if size.is_full:
        world.until(lambda: False, limit_s=600)
    else:
        _look_back(triggers, minutes=10)
    rows = WorkflowTrigger.objects.filter(pk__in=triggers)
    gaps = {trigger.pk: trigger.decided_until for trigger in rows}
    back = timezone.now()
    world.start(BEAT)
    world.until(lambda: not rows.filter(decided_until__lt=back).exists(), limit_s=60)
    trial.note(back_to_decided_s=(timezone.now() - back).total_seconds())
    world.until(lambda: not _queued(triggers), limit_s=size.seconds(60, 300))
    for trigger in rows:
        _check_policy(trial, trigger, gaps[trigger.pk], back)
    _finish_schedules(trial, triggers)


def _check_policy(trial: Trial, trigger: Any, since: datetime, back: datetime) -> None:
    """Compare what became of the slots of the gap with what the policy says, worked out here again."""
    minute = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
    slots = []
    while minute <= back:
        slots.append(minute)
        minute += timedelta(minutes=1)
    started = {row.slot for row in trigger.slots.filter(outcome="started") if row.slot <= back}
    missed = set(slots[:-2])  # the newest may be late or on time, as the seconds fall
    wanted = {"skip": set(), "once": set(), "all": missed}[trigger.missed]
    trial.expect(
        started & missed == wanted,
        f"{trigger.missed}: {len(started & missed)} of {len(missed)} missed slots started, wanted {len(wanted)}",
    )
    trial.expect(trigger.missed == "skip" or slots[-1] in started, f"{trigger.missed}: the newest slot did not start")


@fault("R09")
def two_beats(trial: Trial) -> None:
    """Two beats and four more that tick and sweep, over hundreds of slots.

    Pass: each slot started exactly once; nothing is swept twice.
    """
    from workflows.models import WorkflowTrigger
    from workflows.running import runner
    from workflows.triggers.schedules import tick

    world, size = trial.world, trial.size
    world.only(WORKER)
    world.wait_ready()
    triggers = _schedules(trial, size.of(10, 20), ["all"])
    _look_back(triggers, minutes=30)
    rows = WorkflowTrigger.objects.filter(pk__in=triggers)
    began = timezone.now()
    world.start(BEAT, f"{BEAT}:2")
    over, errors = threading.Event(), []

    def tick_and_sweep() -> None:
        try:
            while not over.wait(0.05):
                tick()
                runner().sweep()
        except Exception as error:
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=tick_and_sweep, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    world.until(lambda: not rows.filter(decided_until__lt=began).exists(), limit_s=60)
    world.until(lambda: not _queued(triggers), limit_s=60)
    if size.is_full:
        world.until(lambda: False, limit_s=600)
    over.set()
    for thread in threads:
        thread.join(20)
    started = Counter(row.slots.filter(outcome="started").count() for row in rows)
    trial.note(slots=sum(count * number for count, number in started.items()))
    trial.expect(not errors, f"a tick broke: {errors[:2]}")
    trial.expect(min(started) >= 29, f"slots were lost: {dict(started)}")
    _finish_schedules(trial, triggers)


def _schedules(trial: Trial, count: int, missed: list[str]) -> list[int]:
    """Workflows that tick every minute; their policies take turns."""
    from workflows.models import WorkflowTrigger

    flows = []
    for number in range(count):
        policy = missed[number % len(missed)]
        ticking = {"type": "schedule", "cron": MINUTES, "time_zone": "UTC", "missed": policy, "overlap": "allow"}
        flows.append(trial.workflow({**chain(2), "name": f"{missed} {number}", "triggers": [ticking]}).pk)
    return list(WorkflowTrigger.objects.filter(workflow__in=flows).values_list("pk", flat=True))


def _look_back(triggers: list[int], *, minutes: int) -> None:
    """As if nobody had looked at these schedules for so long."""
    from workflows.models import WorkflowTrigger
    from workflows.triggers.slots import next_slot

    since = timezone.now() - timedelta(minutes=minutes)
    rows = WorkflowTrigger.objects.filter(pk__in=triggers)
    rows.update(decided_until=since, next_at=next_slot(MINUTES, "UTC", since), created_at=since)


def _queued(triggers: list[int]) -> bool:
    from workflows.models import WorkflowTrigger

    return WorkflowTrigger.objects.filter(pk__in=triggers, slots__outcome="queued").exists()


def _finish_schedules(trial: Trial, triggers: list[int]) -> None:
    """Switch the schedules off, wait for what they started, and look for a slot that started twice."""
    from workflows.models import Execution, WorkflowTrigger
    from workflows.services import set_active

    flows = [row.workflow for row in WorkflowTrigger.objects.filter(pk__in=triggers).select_related("workflow")]
    for flow in flows:
        set_active(flow, False, by=trial.world.student)
    trial.world.remove(*[name for name in trial.world.programs if name == f"{BEAT}:2"])
    trial.world.start(BEAT, PLUGINS)
    executions = Execution.objects.filter(workflow__in=flows)
    trial.executions += list(executions.values_list("pk", flat=True))
    slots = Counter((row.workflow_id, row.trigger.get("slot")) for row in executions)
    twice = {key: count for key, count in slots.items() if count > 1}
    trial.result.duplicated += len(twice)
    trial.expect(not twice, f"slots that started twice: {list(twice)[:3]}")
    trial.finish(120)
    trial.check()


@fault("R10")
def wrong_clocks(trial: Trial) -> None:
    """Workers whose clocks are ten minutes late, ten minutes early, and put back by an hour in the middle.

    Pass: no timer fires more than a second early and nothing happens twice: the database's clock decides. Schedules
    keep their declared slots when the clocks change in spring and autumn, and on 29 February.
    """
    world, size = trial.world, trial.size
    world.only(BEAT)
    for name, offset in ((WORKER, 600), (PLUGINS, -600), (f"{PLUGINS}:2", 600), (f"{WORKER}:2", 0)):
        world.start(name, FAULTS_CLOCK=str(offset))
    world.wait_ready()
    try:
        trial.begin(retried(size.seconds(2, 60)), size.of(12, 100))
        world.until(lambda: False, limit_s=size.seconds(1.5, 45))
        (world.folder / "clock-stepped").touch()
        trial.begin(retried(size.seconds(1, 30)), size.of(6, 50))
        trial.finish(size.seconds(60, 600))
    finally:
        (world.folder / "clock-stepped").unlink(missing_ok=True)
        world.remove(*[name for name in world.programs if name != BEAT])
    early = _earliest(trial)
    trial.note(earliest_s=early)
    trial.expect(early >= -1, f"a timer fired {-early:.1f} s early")
    _expect_slots(trial)
    trial.check()


def _earliest(trial: Trial) -> float:
    """By how much the earliest second attempt came after its time; below zero when it came before."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT min(extract(epoch FROM next_time - time) - (data->>'delay_s')::float) FROM (
                 SELECT time, type, data, lead(time) OVER stream AS next_time, lead(type) OVER stream AS next_type
                 FROM kernel_event
                 WHERE subject_type = 'workflows.execution' AND subject_id = ANY(%s) AND type LIKE 'workflow.step.%%'
                 WINDOW stream AS (PARTITION BY subject_id, data->>'path' ORDER BY sequence)) pairs
               WHERE type = 'workflow.step.retrying' AND next_type = 'workflow.step.started'""",
            [[str(number) for number in trial.executions]],
        )
        return float(cursor.fetchone()[0] or 0)


def _expect_slots(trial: Trial) -> None:
    from workflows.triggers.slots import next_slots

    def at(*when: int) -> datetime:
        return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type,misc]

    cases = [
        # Spring in Berlin: 02:30 does not exist on 29 March; the slot is due when the clocks have gone forward.
        ("30 2 * * *", at(2026, 3, 28, 12), [at(2026, 3, 29, 1), at(2026, 3, 30, 0, 30)]),
        # Autumn: 02:30 comes twice on 25 October; the slot is due the first time only.
        ("30 2 * * *", at(2026, 10, 24, 12), [at(2026, 10, 25, 0, 30), at(2026, 10, 26, 1, 30)]),
        ("0 12 29 2 *", at(2026, 1, 1), [at(2028, 2, 29, 11), at(2032, 2, 29, 11)]),
    ]
    for cron, since, wanted in cases:
        found = [slot.astimezone(UTC) for slot in next_slots(cron, "Europe/Berlin", since, limit=2)]
        trial.expect(found == wanted, f"the slots of {cron} after {since:%Y-%m-%d} are {found}")


@fault("R11")
def timers_survive(trial: Trial) -> None:
    """Timers of a second to a day, with every process killed and started again meanwhile.

    Pass: each fires once; 99 % of them within 15 s of their time or of the recovery. The day is shortened by moving
    the stored times, in proportion, towards now.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT)
    world.wait_ready()
    count = size.of(24, 200)
    for number in range(count):
        trial.begin({**timer(random.uniform(1, 86_400)), "name": f"Timer {number}"})
    armed = world.until(lambda: _armed(trial) == count, limit_s=60)
    trial.expect(bool(armed), "the timers were not set")
    _shorten(trial, size.seconds(12, 300) / 86_400)
    down = []
    for _ in range(size.of(2, 10)):
        world.until(lambda: False, limit_s=random.uniform(1, 4))
        world.kill(WORKER, PLUGINS, BEAT)
        trial.result.kills += 3
        down.append(time.time())
    trial.finish(size.seconds(90, 900))
    late = sorted(_lateness(trial, down[-1] + 3))
    trial.note(p99_late_s=late[int(len(late) * 0.99) - 1] if late else 0.0)
    trial.expect(bool(late) and late[int(len(late) * 0.99) - 1] <= 15, f"late by {late[-3:]} s")
    trial.check()


def timer(seconds: float) -> dict[str, Any]:
    """A workflow that waits for so long."""
    wait = {"name": "timer", "type": "wait", "depends_on": [], "config": {"duration": round(seconds, 3)}}
    return workflow("Timer", wait, inline("end", "timer"), timeout=100_000)


def _armed(trial: Trial) -> int:
    from workflows.models import StepExecution

    found = StepExecution.objects.filter(execution_id__in=trial.executions, name="timer", started_at__isnull=False)
    return found.count()


def _shorten(trial: Trial, factor: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE workflows_stepexecution
               SET next_attempt_at = clock_timestamp() + (next_attempt_at - clock_timestamp()) * %s,
                   hinted_at = clock_timestamp() - interval '1 hour'
               WHERE execution_id = ANY(%s) AND status = 'waiting'""",
            [factor, trial.executions],
        )
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_due (execution bigint, due timestamptz)")
        cursor.execute(
            """INSERT INTO bench_due SELECT execution_id, next_attempt_at FROM workflows_stepexecution
               WHERE execution_id = ANY(%s) AND status = 'waiting'""",
            [trial.executions],
        )


def _lateness(trial: Trial, recovered: float) -> list[float]:
    """How long after its time, or after the last recovery, each timer was over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT extract(epoch FROM s.finished_at), extract(epoch FROM d.due) FROM bench_due d
               JOIN workflows_stepexecution s ON s.execution_id = d.execution AND s.name = 'timer'
               WHERE d.execution = ANY(%s) AND s.finished_at IS NOT NULL""",
            [trial.executions],
        )
        found = [(float(at), float(due)) for at, due in cursor.fetchall()]
    trial.expect(all(at >= due - 1 for at, due in found), "a timer fired early")
    return [at - (due if due > recovered or at < recovered else recovered) for at, due in found]


@fault("R13")
def longer_than_visibility(trial: Trial) -> None:
    """Steps that take far longer than the broker waits before it gives a message to someone else.

    Pass: each is done once, in one attempt.
    """
    from workflows.models import StepExecution

    world, size = trial.world, trial.size
    world.only(BEAT)
    visibility, long = size.seconds(3, 30), size.seconds(10, 120)
    world.start(WORKER, PLUGINS, f"{WORKER}:2", f"{PLUGINS}:2", FAULTS_VISIBILITY=str(visibility))
    world.wait_ready()
    try:
        slow = unkeyed("slow", params={"delay_s": long}, timeout=600)
        trial.begin(workflow("Long outside", slow, inline("end", "slow")), size.of(4, 8))
        held = inline("held", params={"seconds": min(long, 12.0)}, timeout=600)
        trial.begin(workflow("Long in line", held, keyed("end", "held")), size.of(2, 8))
        trial.finish(long * 3 + 60)
    finally:
        world.remove(*[name for name in world.programs if name != BEAT])
    steps = StepExecution.objects.filter(execution_id__in=trial.executions)
    attempts = max(steps.values_list("attempt", flat=True), default=0)
    trial.expect(attempts == 1, f"{attempts} attempts")
    trial.note(visibility_s=visibility, step_s=long)
    trial.check()
