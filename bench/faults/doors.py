"""The web server's API, for faults that begin there. A caller that is cut off asks again with the same key."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from bench.faults.trial import Trial
from bench.faults.world import World

_tokens: dict[int, str] = {}


def client(world: World, *, timeout_s: float = 20) -> httpx.Client:
    """A program with the student's token."""
    from coreengine.accounts.services import create_api_token

    assert world.student is not None
    if world.student.pk not in _tokens:
        _, _tokens[world.student.pk] = create_api_token(world.student, name="faults", by=world.student)
    headers = {"Authorization": f"Bearer {_tokens[world.student.pk]}"}
    return httpx.Client(base_url=f"{world.address}/api/v1", timeout=timeout_s, headers=headers)


def ask(trial: Trial, api: httpx.Client, path: str, body: Any, key: str, *, tries: int = 40) -> httpx.Response | None:
    """POST until an answer comes; the server may be killed meanwhile."""
    for _ in range(tries):
        try:
            answer = api.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.HTTPError:
            trial.world.until(trial.world.web_answers, limit_s=30, every_s=0.1)
            continue
        if answer.status_code not in (425, 502, 503):
            return answer
        trial.world.until(lambda: False, limit_s=0.3, every_s=0.1)
    return None


def start(trial: Trial, api: httpx.Client, workflow: Any) -> None:
    """Start an execution through the API, however often that takes."""
    key = secrets.token_hex(8)
    answer = ask(trial, api, f"/workflows/{workflow.pk}/executions/", {}, key)
    if answer is None or answer.status_code not in (200, 201):
        trial.expect(False, f"a start was answered {answer and (answer.status_code, answer.text[:200])}")
        return
    trial.executions.append(answer.json()["id"])


def accepted(workflow: Any) -> list[int]:
    """Every execution of a workflow that was committed, answered or not."""
    from workflows.models import Execution

    return list(Execution.objects.filter(workflow=workflow).values_list("pk", flat=True))
