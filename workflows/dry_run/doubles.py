"""What takes the place of the executors: system actions write for real and are counted, nobody else is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import transaction

from agents.budgets import budget_of
from agents.orchestrator import estimate_run
from coreengine.kernel.errors import DomainError
from plugins.models import Connection
from plugins.registry import get_manifest
from plugins.rules import check_params
from workflows.dry_run.stand_ins import StandIns
from workflows.dry_run.unknowns import PLACEHOLDER
from workflows.dry_run.writes import Written, counted_writes
from workflows.engine.definition import AI_AGENT, PLUGIN_ACTION, SYSTEM_ACTION
from workflows.engine.outcome import Effect, Executor, Outcome, StepCall
from workflows.engine.store import Lease
from workflows.steps.faults import EXPECTED, validation_words
from workflows.steps.people import people_of
from workflows.steps.plugin_action import choose_connection
from workflows.steps.system_action import SystemActionExecutor


@dataclass
class Deed:
    """What one attempt of a step did, or would do."""

    config: dict[str, Any] = field(default_factory=dict)
    written: Written = field(default_factory=Written)
    origin: str = ""
    is_called: bool = False
    problem: str = ""
    likely_usd_micros: int = 0
    worst_usd_micros: int = 0


class Doubles:
    """The executors of one dry run, and what they saw by path; a later attempt of a step replaces an earlier."""

    def __init__(self, stand_ins: StandIns) -> None:
        self.stand_ins = stand_ins
        self.deeds: dict[str, Deed] = {}
        self.mark = f"dry-run:{uuid4()}"

    @property
    def executors(self) -> Mapping[str, Executor]:
        """One for each type of step."""
        outside = _Outside(self)
        return {SYSTEM_ACTION: _Inside(self), PLUGIN_ACTION: outside, AI_AGENT: outside}


class _Inside:
    """Runs system actions in the transaction that will be rolled back, each in a savepoint of its own."""

    def __init__(self, doubles: Doubles) -> None:
        self.doubles = doubles
        self.real = SystemActionExecutor()

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """It commits with nothing at all."""
        return Effect.SAME_TRANSACTION

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """As in earnest."""
        return self.real.is_brief(config)

    def run(self, call: StepCall) -> Outcome:
        """Do it, and count what it writes."""
        deed = self.doubles.deeds[call.path] = Deed(config=call.config)
        if call.config["action"] == PLACEHOLDER:
            deed.config = {}
            return Outcome.done(None)
        # A key of its own: what an execution did under the usual key must not look as if it were done.
        own = replace(call, execution_id=0, idempotency_key=f"{self.doubles.mark}:{call.path}"[:200])
        with transaction.atomic(), counted_writes() as written:
            outcome = self.real.run(own)
            if not outcome.ok:
                transaction.set_rollback(True)
        if outcome.ok:
            deed.written = written
        return outcome


class _Outside:
    """Tells what another service would be asked, and gives the stand-in for its answer."""

    def __init__(self, doubles: Doubles) -> None:
        self.doubles = doubles

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """Nothing happens."""
        return Effect.KEYED

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """It would talk to the outside."""
        return False

    def run(self, call: StepCall) -> Outcome:
        """Look at what would be sent; send nothing."""
        deed = self.doubles.deeds[call.path] = Deed(is_called=True)
        if "needs" not in call.config:  # else its values cannot be filled in
            deed.config = call.config
            try:
                self._look(call, deed)
            except EXPECTED as error:
                deed.problem = validation_words(error) if isinstance(error, ValidationError) else str(error)
        found = self.doubles.stand_ins.find(call.path, call.name)
        deed.origin = found.origin if found else ""
        return Outcome.done(found.result if found else None)

    def _look(self, call: StepCall, deed: Deed) -> None:
        owner, _ = people_of(call)
        config = call.config
        if call.kind == AI_AGENT:
            prompt = config["prompt"] if isinstance(config["prompt"], str) else str(config["prompt"])
            parameters = config.get("parameters") or {}
            told = estimate_run(config["agent"], prompt, owner=owner, budget=budget_of(owner), parameters=parameters)
            deed.likely_usd_micros = told.estimate.likely_usd_micros
            deed.worst_usd_micros = told.estimate.worst_usd_micros
            if not told.fits:
                raise DomainError("The budget does not allow for its worst case, so it would not start.")
            return
        connections = list(Connection.objects.visible_to(owner).for_plugin(config["plugin"]))
        _, deed.problem = choose_connection(connections, call, config["plugin"])
        check_params(get_manifest(config["plugin"]), config["action"], config.get("params") or {})


class NoLeases:
    """Nobody else is at a dry run."""

    @contextmanager
    def holding(self, lease: Lease, *, at_most_s: float) -> Iterator[None]:
        """Hold nothing."""
        yield
