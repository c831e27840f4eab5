"""What differs in the processes of the bench: steps whose effects are recorded, and points at which they die.

Celery is given this module as its application and granian as its WSGI file. Product code is wrapped, never changed:
the engine's runner, its hints, the executors, and the commit of Django's database connection.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django import setup
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from pydantic import BaseModel

from bench.faults.points import Points
from coreengine.celery import app
from coreengine.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module())
setup()

from coreengine.kernel.actions import ActionContext, system_action  # noqa: E402
from coreengine.wsgi import application  # noqa: E402,F401  (granian's application)
from workflows import rules, running  # noqa: E402
from workflows.catalogue import InstalledCatalogue  # noqa: E402
from workflows.engine.definition import AI_AGENT, PLUGIN_ACTION, SYSTEM_ACTION  # noqa: E402
from workflows.engine.outcome import Effect, Outcome, StepCall  # noqa: E402
from workflows.engine.runner import Runner  # noqa: E402
from workflows.steps import EXECUTORS  # noqa: E402
from workflows.tests.reference import Call, outcome_of_call  # noqa: E402

if visibility := os.environ.get("FAULTS_VISIBILITY"):
    app.conf.broker_transport_options["visibility_timeout"] = float(visibility)
    app.conf.visibility_timeout = float(visibility)

ROLE = os.environ.get("FAULTS_ROLE", "")
SINK = os.environ.get("FAULTS_SINK", "")
points = Points(Path(os.environ.get("FAULTS_FOLDER", "/nonexistent"), "points"))


class Phase(threading.local):
    """Where this thread is on its way through one task."""

    name = ""
    execution = 0
    path = ""


phase = Phase()


def reach(point: str) -> None:
    """This thread has come to a point."""
    points.reach(point, phase.execution, phase.path)


# --- steps ---------------------------------------------------------------------------------------------------


class EffectParams(BaseModel):
    """What the in-line step is told."""

    do: str = ""
    seconds: float = 0.0
    wants: Any = None


@system_action(
    "bench.effect",
    params=EffectParams,
    writes=True,
    summary="Inserts one row in the step's transaction.",
    is_brief=True,
)
def effect(context: ActionContext, params: EffectParams) -> dict[str, Any]:
    """The effect of class a."""
    misbehave(params.do)
    with connection.cursor() as cursor:
        if params.seconds:
            cursor.execute("SELECT pg_sleep(%s)", [params.seconds])
        cursor.execute(
            "INSERT INTO bench_effect (execution, path) VALUES (%s, %s) RETURNING id",
            [context.execution_id, context.step_path],
        )
        return {"effect": cursor.fetchone()[0], "wants": params.wants}


def misbehave(how: str) -> None:
    """Be a step that ruins the process it runs in."""
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "memory":
        raise MemoryError("there is none left")
    elif how == "exit":
        raise SystemExit(3)
    elif how == "spin":
        while True:
            threading.Event().wait(1)


class Remote:
    """Steps of the two outside types, whose effects happen at the sink."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """The sink knows the keys of all but the steps that send none."""
        return Effect.KEYED if config.get("action", "keyed") == "keyed" else Effect.UNKEYED

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """It talks to the sink."""
        return False

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt. `action` (or an agent's `prompt`) says which kind of step this is."""
        kind = call.config.get("action") or call.config["prompt"]
        params = dict(call.config.get("params") or call.config.get("parameters") or {})
        if kind == "fake":  # of a random definition: what comes of it stands in the step itself
            worked, may_work_later, result = outcome_of_call(Call(call.kind, kind, params), call.attempt)
            return Outcome.done(result) if worked else Outcome.failed("It was told to fail.", retryable=may_work_later)
        misbehave(params.pop("do", ""))
        if kind == "agent":
            self._post(call, params, call.idempotency_key)
            reach("K14")
            return self._post(call, params, f"{call.idempotency_key}:tool", tool=True)
        return self._post(call, params, call.idempotency_key if kind == "keyed" else "")

    def _post(self, call: StepCall, params: dict[str, Any], key: str, *, tool: bool = False) -> Outcome:
        path = f"{call.path}:tool" if tool else call.path
        body = {"execution": call.execution_id, "path": path, "attempt": call.attempt, **params}
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        if params.get("delay_s"):
            self._reach_during(params["delay_s"] / 2)
        client = http.client.HTTPConnection(SINK, timeout=60)
        try:
            client.request("POST", "/", json.dumps(body), headers)
            answer = client.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            return Outcome.failed(f"The other side did not answer: {error}", retryable=True, is_unknown=True)
        finally:
            client.close()
        if answer.status == 200:
            return Outcome.done(said)
        return Outcome.failed("Try again later.", retryable=True, retry_after_s=said["retry_after_s"])

    @staticmethod
    def _reach_during(seconds: float) -> None:
        """Come to K10 while the request is under way."""
        execution, path = phase.execution, phase.path
        timer = threading.Timer(seconds, lambda: points.reach("K10", execution, path))
        timer.daemon = True
        timer.start()


class BenchCatalogue(InstalledCatalogue):
    """Knows every plugin and agent that the bench makes up."""

    def plugin_action_faults(self, plugin: str, action: str, params: Any) -> Any:
        return ()

    def plugin_action_question(self, plugin: str, action: str) -> str:
        return ""

    def agent_faults(self, agent: str, parameters: Any) -> Any:
        return ()


# --- points --------------------------------------------------------------------------------------------------


class Watched:
    """An executor with a point on either side."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    def run(self, call: StepCall) -> Outcome:
        phase.execution, phase.path = call.execution_id, call.path
        reach("K5")
        outcome = self._executor.run(call)
        phase.name = "result"
        reach("K6")
        return outcome


def watch_task(name: str, start: str) -> None:
    """K3 before a task of the runner, K9 after it."""
    real = getattr(Runner, name)

    def watched(self: Runner, execution_id: int, *arguments: Any, **named: Any) -> Any:
        phase.name, phase.execution, phase.path = start, execution_id, str(arguments[0]) if arguments else ""
        reach("K12" if start == "cancel" else "K3")
        try:
            return real(self, execution_id, *arguments, **named)
        finally:
            if sys.exc_info()[0] is None and start != "cancel":
                reach("K9")
            phase.name = ""

    setattr(Runner, name, watched)


def watch_commits() -> None:
    """K7 before and K8 after the commit of an outcome; K4 after the commit of a claim."""
    real = BaseDatabaseWrapper._commit

    def watched(self: Any) -> None:
        now = phase.name
        if now == "result":
            if phase.path.rpartition(".")[2] in ("left", "right"):
                reach("K13")
            reach("K7")
        elif now == "cancel":
            reach("K12")
        real(self)
        if now == "claim":
            reach("K4")
        elif now == "result":
            phase.name = "sending"
            reach("K8")
        elif now == "cancel":
            reach("K12")

    BaseDatabaseWrapper._commit = watched


def watch_hints() -> None:
    """K1 and K2 on either side of a web server's hint; K11 before the hint of a retry; K9 after any other."""

    def watch(real: Callable[..., None]) -> Callable[..., None]:
        def watched(self: Any, execution_id: int, *arguments: Any, delay_s: float = 0.0, **named: Any) -> None:
            if ROLE == "web":
                phase.execution = execution_id
                reach("K1")
            elif delay_s:
                reach("K11")
            real(self, execution_id, *arguments, delay_s=delay_s, **named)
            if ROLE == "web":
                reach("K2")
            elif phase.name == "sending":
                reach("K9")

        return watched

    for name in ("advance", "run_step"):
        setattr(running.CeleryHints, name, watch(getattr(running.CeleryHints, name)))


def install() -> None:
    """Put all of it in place."""
    rules.InstalledCatalogue = BenchCatalogue
    remote = Remote()
    for kind, executor in ((SYSTEM_ACTION, EXECUTORS[SYSTEM_ACTION]), (PLUGIN_ACTION, remote), (AI_AGENT, remote)):
        EXECUTORS[kind] = Watched(executor) if ROLE else executor
    if ROLE:
        watch_task("advance", "claim")
        watch_task("run_step", "claim")
        watch_task("cancel", "cancel")
        watch_commits()
        watch_hints()


install()
