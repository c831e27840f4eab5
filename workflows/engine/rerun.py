"""An execution that repeats a part of an earlier one: which results are taken over, and what runs again.

What is over is never changed, so repeating makes a new execution. The rule, scope by scope:

- A step runs again when it is the chosen one, when it had not finished (it failed for good, was cancelled or never
  began), or when a step that it depends on runs again.
- A container around such a step is *reopened*: its items stay as they were, the items and branches that were over are
  taken over, and what depends on the container runs again. A condition keeps the branch it took.
- Everything else is taken over as it was. A failure that the definition lets pass (`on_error: continue`,
  `on_item_error: continue`, a branch that was not needed) counts as over.
- Variables begin as the definition says; each step that is taken over brings along the changes it made, in the order
  of the earlier log. A value too long for the log is the one that the earlier execution ended with.
- A step that had not finished keeps the idempotency key of its first execution, so that an effect that did happen
  somewhere else is not repeated; the chosen step and those behind it get keys of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from workflows.engine import containers, transitions
from workflows.engine.definition import CONDITION, CONTINUE, LOOP, PARALLEL, Definition, Step
from workflows.engine.digest import digest_of
from workflows.engine.ledger import Ledger
from workflows.engine.records import EventRecord, ExecutionRecord, Key, StepRecord, parent_of, path_in, scope_of
from workflows.engine.states import BRANCH_NOT_TAKEN, CANCELLED, COMPLETED, FAILED, LOOP_ENDED_EARLY, SKIPPED

KEEP, REOPEN, REDO = "keep", "reopen", "redo"
STARTED = {LOOP: "loop.started", PARALLEL: "parallel.started", CONDITION: "condition.decided"}
ENDED = {COMPLETED: "step.completed", FAILED: "step.failed", SKIPPED: "step.skipped", CANCELLED: "step.cancelled"}


class CannotRepeat(Exception):
    """The earlier execution cannot be repeated so; the message says why, to people."""


@dataclass(frozen=True)
class Earlier:
    """An execution that is over, with all there is of it."""

    execution: ExecutionRecord
    definition: Definition
    steps: Mapping[str, StepRecord]
    items: Mapping[tuple[str, int], Any]
    """(path of the loop, index) → item."""
    events: Sequence[EventRecord] = ()

    @cached_property
    def ends(self) -> Mapping[str, EventRecord]:
        """Path → the event with which the step ended, in the order of the log."""
        endings = {f"workflow.{type}" for type in ENDED.values()}
        return {event.data["path"]: event for event in self.events if event.type in endings}

    @cached_property
    def scopes(self) -> Mapping[str, list[Key]]:
        """Path of a container → the items or branches that were laid out in it, in order."""
        found: dict[str, dict[Key, None]] = {}
        for step in self.steps.values():
            if step.scope:
                path, key = parent_of(step.scope)
                found.setdefault(path, {})[key] = None
        return {path: sorted(keys, key=lambda key: (isinstance(key, str), key)) for path, keys in found.items()}

    def last_to_end(self, container: str) -> Key | None:
        """The item or branch whose own step was the last to end well."""
        for path, event in reversed([*self.ends.items()]):
            scope = path.rpartition(".")[0]
            if scope and event.type != "workflow.step.cancelled" and parent_of(scope)[0] == container:
                return parent_of(scope)[1]
        return None

    def is_not_taken(self, scope: str) -> bool:
        """Say whether a scope is the branch that a condition did not take."""
        return scope in self._not_taken

    @cached_property
    def _not_taken(self) -> frozenset[str]:
        return frozenset(step.scope for step in self.steps.values() if step.reason == BRANCH_NOT_TAKEN)


@dataclass
class Plan:
    """What becomes of each step. Steps inside a container that is kept or runs again have no entry of their own."""

    earlier: Earlier
    definition: Definition
    chosen: str = ""
    fates: dict[str, str] = field(default_factory=dict)
    keyed: set[str] = field(default_factory=set)
    """Steps that run again under the key of their first execution."""
    settled: dict[str, dict[Key, bool]] = field(default_factory=dict)
    """Path of a reopened container → the items or branches that stay over, and whether each failed."""

    def __post_init__(self) -> None:
        self._decide("", self.definition.steps)

    @property
    def reopened(self) -> list[str]:
        """The containers that go on, outer ones first."""
        return [path for path, fate in self.fates.items() if fate == REOPEN]

    @property
    def redone(self) -> list[str]:
        """The steps that run again, or for the first time."""
        return [path for path, fate in self.fates.items() if fate == REDO]

    def taken_over(self) -> Iterator[str]:
        """The paths of all rows that are taken over, in the order in which they came into being."""
        for path, step in self.earlier.steps.items():
            if step.name in self.definition.by_name and self._is_kept(path, step.scope):
                yield path

    def _is_kept(self, path: str, scope: str) -> bool:
        """The nearest fate decides: the step's own, or that of a container around it."""
        if path in self.fates:
            return self.fates[path] == KEEP
        while scope:
            around, key = parent_of(scope)
            if around in self.fates:
                return self.fates[around] == KEEP or key in self.settled.get(around, ())
            scope = self.earlier.steps[around].scope
        return False

    # --- deciding ---------------------------------------------------------------------------------------

    def _decide(self, scope: str, body: Iterable[Step]) -> bool:
        """Settle what becomes of the steps of a scope; says whether something in it runs again."""
        for step in _dependencies_first(body):
            path = path_in(scope, step.name)
            record = self.earlier.steps.get(path)
            follows = any(self.fates[path_in(scope, name)] != KEEP for name in step.depends_on)
            if follows or record is None or path == self.chosen:
                self.fates[path] = REDO
            elif step.is_container and record.kind == step.type:
                self.fates[path] = KEEP  # its place comes before those of what is inside it
                self.fates[path] = self._decide_container(path, step, record)
            else:
                self.fates[path] = KEEP if _is_over(step, record) else REDO
            if self.fates[path] == REDO and not follows and record is not None and path != self.chosen:
                self.keyed.add(path)
        return any(self.fates[path_in(scope, step.name)] != KEEP for step in body)

    def _decide_container(self, path: str, step: Step, record: StepRecord) -> str:
        is_around = self.chosen.startswith(f"{path}[")
        if _is_over(step, record) and not is_around:
            return KEEP
        if record.item_count is None or path not in self.earlier.scopes:  # it had not begun its own steps
            return REDO
        settled: dict[Key, bool] = {}
        for key in self.earlier.scopes[path]:
            scope = scope_of(path, key)
            if self.earlier.is_not_taken(scope):
                settled[key] = False  # its steps were skipped, and stay so
                continue
            if not self.chosen.startswith(f"{scope}.") and self._failed_and_passed(step, record, scope):
                settled[key] = True
            elif not self._decide(scope, step.body(key)):
                settled[key] = False
        self.settled[path] = settled
        return REOPEN

    def _failed_and_passed(self, step: Step, record: StepRecord, scope: str) -> bool:
        """Say whether an item or branch failed and its container went on all the same."""
        passes = step.loop.on_item_error == CONTINUE if step.loop is not None else record.status != FAILED
        if step.type == CONDITION or not passes:
            return False
        records = (self.earlier.steps.get(path_in(scope, inner.name)) for inner in step.body(parent_of(scope)[1]))
        return any(
            inner is not None and inner.status == FAILED and self.definition.step(inner.name).on_error != CONTINUE
            for inner in records
        )


def plan_of(earlier: Earlier, definition: Definition, chosen: str = "") -> Plan:
    """Plan to repeat an execution from a chosen step, or (none chosen) from whatever had not finished.

    `definition` may be a newer version: then everything that is to be taken over must stand there as it stood.

    Raises:
        CannotRepeat: the step never had its turn, nothing is left to do, or the versions do not fit.
    """
    if chosen:
        _check_chosen(earlier, definition, chosen)
    plan = Plan(earlier, definition, chosen)
    if not plan.redone and not plan.reopened:
        raise CannotRepeat("Everything finished. Choose the step to run again from.")
    if definition is not earlier.definition:
        _check_versions(plan, Plan(earlier, earlier.definition, chosen))
    return plan


def _check_chosen(earlier: Earlier, definition: Definition, chosen: str) -> None:
    record = earlier.steps.get(chosen)
    if record is None:
        raise CannotRepeat(f"Execution {earlier.execution.id} has no step {chosen}.")
    if record.name not in definition.by_name:
        raise CannotRepeat(f"The step {chosen} is not in this version any more.")
    scope = record.scope
    while scope:
        path, _ = parent_of(scope)
        if earlier.is_not_taken(scope):
            raise CannotRepeat(f"{chosen} stands in a branch that was not taken. Run again from {path}.")
        scope = earlier.steps[path].scope


def _check_versions(plan: Plan, as_it_was: Plan) -> None:
    """Refuse a newer version that would run again, or lose its place for, what is over."""
    old, new = as_it_was.definition, plan.definition
    kept = set(plan.taken_over()) | set(plan.reopened)
    faults = []
    for path in [*as_it_was.taken_over(), *as_it_was.reopened]:
        name = plan.earlier.steps[path].name
        if name not in new.by_name:
            continue  # it is not wanted any more
        before, after = old.step(name), new.step(name)
        has_place = (before.type, before.ancestors, before.branches) == (after.type, after.ancestors, after.branches)
        if not has_place or path not in kept:
            faults.append(path)
    for path in kept:
        name = plan.earlier.steps[path].name
        body = {step.name for inner in new.step(name).bodies.values() for step in inner}
        if plan.fates.get(path) != REOPEN and body - old.by_name.keys():
            faults.append(path)
    if faults:
        names = ", ".join(sorted(set(faults))[:5])
        raise CannotRepeat(f"In this version the results of {names} cannot be taken over. Use the version it ran with.")


def _is_over(step: Step, record: StepRecord) -> bool:
    if record.status == FAILED:
        return step.on_error == CONTINUE
    return record.status in (COMPLETED, SKIPPED)


def _dependencies_first(body: Iterable[Step]) -> list[Step]:
    waiting, ordered = list(body), list[Step]()
    seen: set[str] = set()
    while waiting:
        ready = [step for step in waiting if seen.issuperset(step.depends_on)]
        ordered += ready
        seen |= {step.name for step in ready}
        waiting = [step for step in waiting if step.name not in seen]
    return ordered


# --- laying out --------------------------------------------------------------------------------------------


def plan_for(ledger: Ledger) -> Plan:
    """The plan of an execution that is about to begin and repeats a part of another.

    Raises:
        CannotRepeat: see `plan_of`; or the other one is not kept any more.
    """
    execution = ledger.execution
    assert execution.rerun_of_id is not None
    earlier = ledger.reader.earlier(execution.rerun_of_id)
    if earlier is None:
        raise CannotRepeat(f"Execution {execution.rerun_of_id}, which this one repeats, is not kept any more.")
    return plan_of(earlier, ledger.definition, execution.rerun_from)


def lay_out(ledger: Ledger, plan: Plan) -> None:
    """Take over the rows that are over, reopen containers, and let the other steps begin.

    The execution has just been started; the log gets an event for each row that is taken over.
    """
    for path in plan.reopened:
        _reopen(ledger, plan, path)
    for path in _as_they_ended(plan.earlier, plan.taken_over()):
        _take_over(ledger, plan.earlier, path)
    redone = [_lay_out(ledger, plan, path) for path in plan.redone]
    for path in reversed(plan.reopened):
        _look_at_until_again(ledger, plan, path)
    for record in redone:
        if record.is_ready and record.ready_at is None and ledger.execution.is_open:
            transitions.become_ready(ledger, record)
    for path in reversed(plan.reopened):  # inner ones first: an outer one may be over by them
        if ledger.execution.is_open and ledger.step(path).is_open:
            containers.go_on(ledger, ledger.step(path))


def _look_at_until_again(ledger: Ledger, plan: Plan, path: str) -> None:
    """A loop that failed by its `until` is not past it: the item behind which it failed is over, and stays so."""
    was, step = plan.earlier.steps[path], ledger.step(path)
    last = plan.earlier.last_to_end(path)
    if last is None or last not in plan.settled[path] or not was.error.startswith(containers.UNTIL_FAILED):
        return
    if step.kind == LOOP and step.is_open and ledger.execution.is_open:
        containers.look_again(ledger, step, last)


def _reopen(ledger: Ledger, plan: Plan, path: str) -> None:
    was = plan.earlier.steps[path]
    definition = ledger.definition.step(was.name)
    step = transitions.laid_out(was.scope, definition)
    step.waiting_for = 0
    step.ready_at = ledger.now
    ledger.insert(step)
    transitions.enter(ledger, step)
    step.item_count = was.item_count
    told: dict[str, Any] = {}
    keys = [key for key in plan.earlier.scopes.get(path, ()) if not plan.earlier.is_not_taken(scope_of(path, key))]
    settled = {key: failed for key, failed in plan.settled[path].items() if key in keys}
    if was.status == COMPLETED and was.reason == LOOP_ENDED_EARLY and plan.earlier.last_to_end(path) in settled:
        step.item_count = was.items_started  # the item that ended the loop stands, and so does its end
    if step.kind == LOOP:
        _copy_items(ledger, plan.earlier, path)
    else:
        # A container that failed has lost its result; the rows inside it still tell.
        result = {"branch": keys[0]} if step.kind == CONDITION else dict.fromkeys(definition.bodies)
        ledger.set_result(step, result)
        told["result"] = result
    ledger.note(STARTED[step.kind], path=path, items=step.item_count, **told)
    ledger.count_items(step, begun=was.items_started, over=len(settled), failed=sum(settled.values()))


def _take_over(ledger: Ledger, earlier: Earlier, path: str) -> None:
    """Copy a row that is over; its event tells everything that the row says."""
    was = earlier.steps[path]
    step = transitions.laid_out(was.scope, ledger.definition.step(was.name))
    step = replace(
        step,
        status=was.status,
        waiting_for=0,
        finished_at=ledger.now,
        execution_time=was.execution_time,
        error=was.error,
        reason=was.reason,
        item_count=was.item_count,
        is_reused=True,
    )
    told: dict[str, Any] = {"path": path, "attempt": 0, "reused": earlier.execution.id}
    if was.error:
        told["error"] = was.error
    if was.reason:
        told["reason"] = was.reason
    if was.item_count is not None:
        told["items"] = was.item_count
    if was.status == COMPLETED and not ledger.definition.step(was.name).is_container or was.result is not None:
        told |= transitions.digest_or_result(was.result)
    _bring_variables(ledger, earlier, path)
    ledger.note(ENDED[was.status], **told)
    ledger.insert(step)
    if was.result is not None:
        ledger.set_result(step, copy.deepcopy(was.result))
    if was.item_count is not None:
        ledger.count_items(step, begun=was.items_started, over=was.items_done, failed=was.items_failed)
    if step.kind == LOOP:
        _copy_items(ledger, earlier, path)


def _lay_out(ledger: Ledger, plan: Plan, path: str) -> StepRecord:
    scope, _, name = path.rpartition(".")
    definition = ledger.definition.step(name)
    step = transitions.laid_out(scope, definition)
    others = (plan.fates[path_in(scope, other)] for other in definition.depends_on)
    step.waiting_for = sum(1 for fate in others if fate != KEEP)
    was = plan.earlier.steps.get(path)
    if path in plan.keyed and was is not None and _is_same(plan, was):
        step.key_execution_id = was.key_execution_id or plan.earlier.execution.id
    ledger.insert(step)
    return step


def _is_same(plan: Plan, was: StepRecord) -> bool:
    """Say whether a step asks for the same in both versions: a key must not stand for two different things."""
    before, after = plan.earlier.definition.by_name.get(was.name), plan.definition.step(was.name)
    return before is not None and (before.type, before.config) == (after.type, after.config)


def _copy_items(ledger: Ledger, earlier: Earlier, path: str) -> None:
    count = earlier.steps[path].item_count or 0
    values = [copy.deepcopy(earlier.items[path, index]) for index in range(count) if (path, index) in earlier.items]
    if values:
        ledger.insert_items(path, values)


# --- variables ---------------------------------------------------------------------------------------------


def _bring_variables(ledger: Ledger, earlier: Earlier, path: str) -> None:
    """Make the changes of variables that a step made when it ended; the next event tells them again."""
    event = earlier.ends.get(path)
    if event is None:
        return
    variables = dict(ledger.execution.variables)
    for name in event.data.get("variables_removed", ()):
        variables.pop(name, None)
    variables |= copy.deepcopy(event.data.get("variables", {}))
    for name, digest in event.data.get("variables_sha256", {}).items():
        kept = earlier.execution.variables.get(name)
        if kept is not None or digest_of(kept) == digest:
            variables[name] = copy.deepcopy(kept)
    if variables != ledger.execution.variables:
        ledger.set_variables(variables)


def _as_they_ended(earlier: Earlier, paths: Iterable[str]) -> list[str]:
    """Paths in the order in which their steps ended; without a log, as they came into being."""
    order = {path: number for number, path in enumerate(earlier.ends)}
    return sorted(paths, key=lambda path: order.get(path, -1))
