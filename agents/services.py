"""Starting, carrying out, stopping and cleaning up runs of agents.

How a run goes:
1. `start_run` checks the input, reserves the most it can cost and writes the row, in one transaction.
2. `execute_run` claims it (pending to running), asks the provider outside any transaction, and writes down
   what came so far about once a second together with a heartbeat.
3. One transaction ends it: the row, the settled reservation and the event.
If the process dies between 2 and 3, `sweep_runs` ends the run with the last figures written down.
"""

import logging
import time
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents import budgets, tasks
from agents.errors import AgentNotReady, IdempotencyKeyReused, RunAlreadyFinished
from agents.models import AgentRun, Reservation
from agents.preferences import credentials_of
from agents.providers.base import (
    DEFAULT_TIMEOUT_S,
    AgentContext,
    AgentRequest,
    Estimate,
    Health,
    Provider,
    ProviderError,
    Usage,
)
from agents.registry import AgentManifest, catalog, get_agent, make_provider
from agents.rules import check_course_policy, check_parameters, check_prompt
from coreengine.accounts.models import User
from coreengine.kernel import streams
from coreengine.kernel.events import record
from coreengine.kernel.statuses import Status
from coreengine.kernel.waiting import wait_until

logger = logging.getLogger(__name__)

# A worker writes a heartbeat every second while an answer comes, and waits at most one timeout (30 s by
# default, 600 s at the most) for the next bit; what is silent for longer than both has no worker any more.
HEARTBEAT_S = 1.0
LEASE_MARGIN_S = 60
QUEUE_PATIENCE_S = 120
# All of an answer, pauses included. Below Celery's limit of 870 s.
MAX_RUN_S = 600


class _Stopped(Exception):
    """The person asked to stop, or the run has another master."""


def run_agent(
    agent: str,
    prompt: str,
    *,
    owner: User,
    by: User,
    parameters: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    session_id: str = "",
    idempotency_key: str = "",
    source: str = "",
    run_id: int | None = None,
) -> AgentRun:
    """Ask an agent and wait for its answer. A failure of the provider comes back as a failed run.

    The same `idempotency_key` gives the recorded run without a second charge; only a run that failed in a
    way that may pass, or whose worker died, is tried anew. `run_id` carries out a run already started.

    Raises:
        AgentNotFound, AgentNotReady, AiNotAllowed, BudgetUsedUp, ValidationError: nothing was started.
    """
    if run_id is not None:
        run = AgentRun.objects.get(pk=run_id, owner=owner)
    else:
        run = start_run(
            agent,
            prompt,
            owner=owner,
            by=by,
            parameters=parameters,
            context=context,
            session_id=session_id,
            idempotency_key=idempotency_key,
            source=source,
        )
    if run.status == Status.PENDING:
        execute_run(run.pk)
    run.refresh_from_db()
    if not run.is_finished:
        # Another process is at the same run; its answer is ours too.
        deadline = MAX_RUN_S + LEASE_MARGIN_S
        finished = wait_until(
            lambda: _finished(run.pk), timeout_s=deadline, interval_s=0.25, what=f"agent run {run.pk}"
        )
        return finished or run
    return run


def _finished(run_id: int) -> AgentRun | None:
    sweep_runs(only=run_id)
    run = AgentRun.objects.get(pk=run_id)
    return run if run.is_finished else None


def queue_run(
    agent: str,
    prompt: str,
    *,
    owner: User,
    by: User,
    parameters: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    session_id: str = "",
    idempotency_key: str = "",
    source: str = "",
) -> AgentRun:
    """Start a run that a worker carries out; arguments and errors as of `run_agent`."""
    with transaction.atomic():
        run = start_run(
            agent,
            prompt,
            owner=owner,
            by=by,
            parameters=parameters,
            context=context,
            session_id=session_id,
            idempotency_key=idempotency_key,
            source=source,
        )
        if run.status == Status.PENDING:
            tasks.execute_agent_run.delay_on_commit(run.pk)
    return run


def start_run(
    agent: str,
    prompt: str,
    *,
    owner: User,
    by: User,
    parameters: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    session_id: str = "",
    idempotency_key: str = "",
    source: str = "",
) -> AgentRun:
    """Write down a pending run and hold back its cost; or give the one that this key already has."""
    manifest = get_agent(agent)
    check_prompt(prompt)
    parameters = check_parameters(parameters)
    check_course_policy(owner, parameters)
    if len(idempotency_key) > 200:
        raise ValidationError({"idempotency_key": "At most 200 characters."})
    with transaction.atomic():
        if idempotency_key and (known := _known_run(owner, idempotency_key)):
            return _again(known, manifest, prompt, by=by)
        try:
            with transaction.atomic():
                run = AgentRun.objects.create(
                    owner=owner,
                    agent=manifest.name,
                    provider=manifest.provider,
                    model=manifest.model,
                    prompt=prompt,
                    parameters=parameters,
                    context=dict(context or {}),
                    session_id=session_id[:100],
                    idempotency_key=idempotency_key,
                    source=source[:120],
                )
        except IntegrityError:
            # Somebody wrote the same key between our look and our insert.
            known = _known_run(owner, idempotency_key)
            if known is None:
                raise
            return _again(known, manifest, prompt, by=by)
        _begin_attempt(run, manifest, by=by)
    return run


def _known_run(owner: User, key: str) -> AgentRun | None:
    return AgentRun.objects.select_for_update().filter(owner=owner, idempotency_key=key).first()


def _again(run: AgentRun, manifest: AgentManifest, prompt: str, *, by: User) -> AgentRun:
    if run.agent != manifest.name or run.prompt != prompt:
        raise IdempotencyKeyReused(
            f"The idempotency key “{run.idempotency_key}” already belongs to run {run.pk}, which asks "
            "something else. Use a new key."
        )
    if run.status == Status.RUNNING and _is_abandoned(run):
        _end(
            run,
            Status.FAILED,
            by=by,
            error="The worker stopped during the run.",
            error_code="worker_lost",
            retryable=True,
        )
    if run.status == Status.FAILED and run.is_retryable:
        _begin_attempt(run, manifest, by=by)
    return run


def _begin_attempt(run: AgentRun, manifest: AgentManifest, *, by: User) -> None:
    """Reserve and make pending; the caller holds the transaction (and the row's lock, if it is old)."""
    provider = make_provider(manifest, credentials_of(run.owner, manifest))
    _check_ready(provider.health(), manifest)
    estimate = _estimate(provider, _request_of(run, manifest))
    run.attempt += 1
    run.provider, run.model = manifest.provider, manifest.model
    run.status = Status.PENDING
    run.error = run.error_code = run.content = run.stop_reason = ""
    run.is_retryable = False
    run.started_at = run.finished_at = run.cancel_requested_at = None
    run.heartbeat_at = timezone.now()
    run.save()
    budgets.reserve(run, estimate.worst_usd_micros, by=by)
    name, owner_id = run.stream_name, run.owner_id
    # Pages listen from the moment the run is queued, long before a worker has it.
    transaction.on_commit(lambda: streams.open_stream_quietly(name, owner_id=owner_id))
    record(
        "agent_run.started",
        actor=by,
        subject=run,
        data={
            "agent": run.agent,
            "model": run.model,
            "attempt": run.attempt,
            "reserved_usd_micros": estimate.worst_usd_micros,
            "source": run.source,
        },
    )


def _check_ready(health: Health, manifest: AgentManifest) -> None:
    if not health.is_usable:
        raise AgentNotReady(f"{manifest.title} cannot run yet: {health.detail} {health.next_step}".strip())


def _estimate(provider: Provider, request: AgentRequest) -> Estimate:
    try:
        return provider.estimate(request)
    except ProviderError as error:
        raise AgentNotReady(str(error)) from error


def _request_of(run: AgentRun, manifest: AgentManifest) -> AgentRequest:
    context = run.context or {}
    return AgentRequest(
        prompt=run.prompt,
        context=AgentContext(
            user_id=str(run.owner_id),
            session_id=run.session_id,
            conversation_history=tuple(context.get("conversation_history") or ()),
            workflow_context=context.get("workflow_context") or {},
            metadata=context.get("metadata") or {},
        ),
        parameters=run.parameters,
        timeout_s=float(run.parameters.get("timeout", manifest.timeout_s)),
    )


# --- Carrying out -----------------------------------------------------------------------------------------


def execute_run(run_id: int) -> None:
    """Carry out a pending run. Called twice, by a repeated message, it does nothing the second time."""
    now = timezone.now()
    claimed = AgentRun.objects.filter(pk=run_id, status=Status.PENDING).update(
        status=Status.RUNNING, started_at=now, heartbeat_at=now
    )
    if not claimed:
        return
    run = AgentRun.objects.select_related("owner").get(pk=run_id)
    streams.publish(run.stream_name, "status", {"status": run.status})
    manifest = catalog().get(run.agent)
    if manifest is None:
        gone = f"The agent “{run.agent}” was removed before the run began. Choose another one."
        finish_run(run, status=Status.FAILED, usage=Usage(), error=gone, error_code="agent_not_found")
        return
    _Execution(run, make_provider(manifest, credentials_of(run.owner, manifest)), manifest).carry_out()


class _Execution:
    """One attempt under way in this process."""

    def __init__(self, run: AgentRun, provider: Provider, manifest: AgentManifest) -> None:
        self._run = run
        self._provider = provider
        self._request = _request_of(run, manifest)
        self._parts: list[str] = []
        self._usage = Usage()
        self._started = self._saved = time.monotonic()

    def carry_out(self) -> None:
        run = self._run
        stop_reason, metadata = "", dict(run.metadata)
        outcome: dict[str, Any] = {"status": Status.COMPLETED}
        try:
            for piece in self._provider.stream(self._request, wait=self._wait):
                if piece.text:
                    self._parts.append(piece.text)
                    streams.publish(run.stream_name, "text", piece.text)
                is_first = piece.usage is not None and self._usage == Usage()
                self._usage = piece.usage or self._usage
                stop_reason = piece.stop_reason or stop_reason
                metadata.update(piece.metadata)
                self._check_in(is_due=is_first)
            if not "".join(self._parts).strip():
                note = metadata.get("note") or "The agent gave no answer. Rephrase the prompt, or raise max_tokens."
                outcome = {"status": Status.FAILED, "error": note, "error_code": stop_reason or "no_answer"}
        except _Stopped:
            outcome = {"status": Status.CANCELLED}
            self._charge_what_was_received()
        except ProviderError as error:
            self._usage = error.usage or self._usage
            outcome = {
                "status": Status.FAILED,
                "error": str(error),
                "error_code": error.code,
                "retryable": error.retryable,
            }
        except Exception:
            logger.exception("agent run %s failed", run.pk)
            outcome = {
                "status": Status.FAILED,
                "error": "The run failed because of a fault in Core Engine. The operator's log has the details.",
                "error_code": "internal_error",
                "retryable": True,
            }
        finish_run(
            run,
            content="".join(self._parts),
            usage=self._usage,
            stop_reason=stop_reason,
            metadata={**metadata, "usage_is_estimated": self._usage.is_estimated},
            execution_time=time.monotonic() - self._started,
            **outcome,
        )

    def _charge_what_was_received(self) -> None:
        """A stream that we cut is charged for what came, though its last usage never arrived."""
        received = sum(map(len, self._parts)) // 3
        if self._provider.cost(Usage(output_tokens=1000)) and received > self._usage.output_tokens:
            self._usage = Usage(**{**asdict(self._usage), "output_tokens": received, "is_estimated": True})

    def _wait(self, pause_s: float) -> None:
        """Sleep before a retry, in slices, so that a stop is heard."""
        streams.publish(self._run.stream_name, "status", {"status": "waiting", "pause_s": round(pause_s, 1)})
        until = time.monotonic() + pause_s
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, HEARTBEAT_S))
            self._check_in(is_due=True)

    def _check_in(self, *, is_due: bool = False) -> None:
        """About once a second write down what came, and hear whether to stop."""
        now = time.monotonic()
        if now - self._started > MAX_RUN_S:
            raise ProviderError(
                f"The answer took longer than {MAX_RUN_S // 60} minutes and was cut. Ask for less at once.",
                code="run_took_too_long",
                usage=self._usage,
            )
        if not is_due and now - self._saved < HEARTBEAT_S:
            return
        self._saved = now
        updated = AgentRun.objects.filter(
            pk=self._run.pk, status=Status.RUNNING, attempt=self._run.attempt, cancel_requested_at=None
        ).update(
            heartbeat_at=timezone.now(),
            content="".join(self._parts),
            metadata={**self._run.metadata, "usage": asdict(self._usage)},
        )
        if not updated:
            raise _Stopped


def finish_run(
    run: AgentRun,
    *,
    status: str,
    content: str = "",
    usage: Usage,
    error: str = "",
    error_code: str = "",
    retryable: bool = False,
    stop_reason: str = "",
    metadata: dict[str, Any] | None = None,
    execution_time: float = 0.0,
) -> bool:
    """End a run's attempt and settle its cost, once; False when it was over before."""
    with transaction.atomic():
        current = AgentRun.objects.select_for_update().select_related("owner").get(pk=run.pk)
        if current.is_finished or current.attempt != run.attempt:
            return False
        current.content = content
        current.metadata = {k: v for k, v in (metadata or current.metadata).items() if k != "usage"}
        current.stop_reason = stop_reason[:40]
        current.execution_time = round(execution_time, 4)
        _end(
            current,
            status,
            by=current.owner,
            usage=usage,
            error=error,
            error_code=error_code,
            retryable=retryable,
        )
    return True


def _end(
    run: AgentRun,
    status: str,
    *,
    by: User,
    usage: Usage | None = None,
    error: str = "",
    error_code: str = "",
    retryable: bool = False,
) -> None:
    """Write the end of a locked run, settle it and tell the watchers after the commit."""
    if usage is None:
        # Whoever held the run is gone; the last figures that it wrote down are what we know.
        usage = Usage(**(run.metadata.get("usage") or {}))
        run.metadata = {**{k: v for k, v in run.metadata.items() if k != "usage"}, "usage_is_estimated": True}
    cost = _cost(run, usage)
    run.status = status
    run.error = error
    run.error_code = error_code[:60]
    run.is_retryable = retryable
    run.finished_at = timezone.now()
    run.input_tokens += usage.input_tokens
    run.output_tokens += usage.output_tokens
    run.cache_read_tokens += usage.cache_read_tokens
    run.cache_write_tokens += usage.cache_write_tokens + usage.cache_write_1h_tokens
    run.cost_usd_micros += cost
    run.save()
    budgets.settle(run, run.attempt, cost, by=by)
    record(
        f"agent_run.{status}",
        actor=by,
        subject=run,
        data={
            "agent": run.agent,
            "attempt": run.attempt,
            "input_tokens": run.input_tokens,
            "output_tokens": run.output_tokens,
            "cost_usd_micros": cost,
            "error_code": run.error_code,
        },
    )
    name, final = run.stream_name, {"status": str(status)}
    transaction.on_commit(lambda: streams.publish(name, streams.END, final))


def _cost(run: AgentRun, usage: Usage) -> int:
    """The price of `usage`; where agent or price are gone by now, all that was reserved."""
    manifest = catalog().get(run.agent)
    try:
        if manifest is not None:
            return make_provider(manifest.model_copy(update={"model": run.model})).cost(usage)
    except LookupError:
        logger.warning("no price is known any more for %s of agent run %s", run.model, run.pk)
    if usage == Usage():
        return 0
    held = Reservation.objects.filter(run=run, attempt=run.attempt).first()
    return held.amount_usd_micros if held else 0


# --- Stopping and cleaning up -------------------------------------------------------------------------------


@transaction.atomic
def cancel_run(run: AgentRun, *, by: User) -> AgentRun:
    """Stop a run. A pending one is over at once; a running one stops at its next bit. Twice is harmless.

    Raises:
        RunAlreadyFinished: it is over, and was not cancelled.
    """
    run = AgentRun.objects.select_for_update().select_related("owner").get(pk=run.pk)
    if run.status == Status.CANCELLED:
        return run
    if run.is_finished:
        raise RunAlreadyFinished(f"Run {run.pk} is {run.status} already; there is nothing left to stop.")
    if run.status == Status.PENDING or _is_abandoned(run):
        _end(run, Status.CANCELLED, by=by)
    elif run.cancel_requested_at is None:
        run.cancel_requested_at = timezone.now()
        run.save(update_fields=["cancel_requested_at"])
        record("agent_run.stop_requested", actor=by, subject=run)
    return run


def retry_run(run: AgentRun, *, by: User) -> AgentRun:
    """Ask the same again, as a new run that a worker carries out; errors as of `run_agent`."""
    return queue_run(
        run.agent,
        run.prompt,
        owner=run.owner,
        by=by,
        parameters=run.parameters,
        context=run.context,
        session_id=run.session_id,
        source=f"agent-run:{run.pk}",
    )


def sweep_runs(*, only: int | None = None) -> int:
    """End runs whose worker is gone and queue those whose message was lost; return how many were touched.

    Safe to run at any time, by several at once.
    """
    candidates = AgentRun.objects.unfinished()
    if only is not None:
        candidates = candidates.filter(pk=only)
    # Nothing younger than the shortest lease can be abandoned.
    candidates = candidates.filter(heartbeat_at__lt=timezone.now() - timedelta(seconds=LEASE_MARGIN_S))
    touched = 0
    for pk in list(candidates.values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            run = (
                AgentRun.objects.select_for_update(of=("self",), skip_locked=True)
                .select_related("owner")
                .filter(pk=pk)
                .first()
            )
            if run is None or run.is_finished:
                continue
            if run.status == Status.RUNNING and _is_abandoned(run):
                touched += 1
                if run.cancel_requested_at:
                    _end(run, Status.CANCELLED, by=run.owner)
                else:
                    _end(
                        run,
                        Status.FAILED,
                        by=run.owner,
                        error="The worker stopped during the run. Run it again.",
                        error_code="worker_lost",
                        retryable=True,
                    )
            elif run.status == Status.PENDING and _is_older_than(run, QUEUE_PATIENCE_S):
                touched += 1
                run.heartbeat_at = timezone.now()
                run.save(update_fields=["heartbeat_at"])
                tasks.execute_agent_run.delay_on_commit(run.pk)
    return touched


def _is_abandoned(run: AgentRun) -> bool:
    manifest = catalog().get(run.agent)
    timeout_s = manifest.timeout_s if manifest else DEFAULT_TIMEOUT_S
    patience = float(run.parameters.get("timeout", timeout_s)) + LEASE_MARGIN_S
    return run.status == Status.RUNNING and _is_older_than(run, patience)


def _is_older_than(run: AgentRun, seconds: float) -> bool:
    return run.heartbeat_at is None or run.heartbeat_at < timezone.now() - timedelta(seconds=seconds)
