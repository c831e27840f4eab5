"""Steps whose work is their own steps: a condition takes one of two branches, a loop its items, a parallel its
branches side by side.

Each body that begins is a *scope* (`each[3]`, `decide[then]`). A container hears twice of a scope: when it is over
(`scope_over`) and when a step in it failed for good (`scope_failed`). Its row keeps only what its steps cannot
tell (which branch, which branches); the rest of its result is composed when someone reads it (`results`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coreengine.kernel.expressions import ExpressionError, bare, condition, evaluate, render
from workflows.engine import transitions
from workflows.engine.definition import CONDITION, CONTINUE, ELSE, LOOP, PARALLEL, THEN
from workflows.engine.ledger import Ledger
from workflows.engine.records import Key, StepRecord, parent_of, path_in, scope_of
from workflows.engine.scope import names_for, names_in
from workflows.engine.states import BRANCH_FAILED, BRANCH_NOT_TAKEN, ITEM_FAILED, LOOP_ENDED_EARLY, NOT_NEEDED

UNTIL_FAILED = "“until” cannot be worked out."


def start(ledger: Ledger, step: StepRecord) -> None:
    """Begin a container: work out what it goes by, and begin its first scopes."""
    transitions.enter(ledger, step)
    begin: Callable[[Ledger, StepRecord], None] = {
        CONDITION: _start_condition,
        LOOP: _start_loop,
        PARALLEL: _start_parallel,
    }[step.kind]
    begin(ledger, step)


def scope_over(ledger: Ledger, scope: str) -> None:
    """Every step of a scope is over and none failed for good: the container goes on, or is over too."""
    path, key = parent_of(scope)
    container = ledger.step(path)
    ledger.count_items(container, over=1)
    if container.kind == LOOP:
        if not _ends_early(ledger, container, scope):
            _next_items(ledger, container)
    elif container.kind == CONDITION:
        transitions.complete(ledger, container, None)
    else:
        _end_parallel_if_decided(ledger, container, key, "")


def scope_failed(ledger: Ledger, step: StepRecord, error: str) -> None:
    """A step failed for good: so did its scope, and the container decides what that means for itself."""
    path, key = parent_of(step.scope)
    container = ledger.step(path)
    if not container.is_open:
        return
    definition = ledger.definition.step(container.name)
    words = f"step “{step.name}” failed. {error}"
    ledger.closed_scopes.add(step.scope)
    if definition.loop is not None and definition.loop.on_item_error == CONTINUE:
        transitions.close_steps(ledger, ledger.open_steps(f"{step.scope}."), ITEM_FAILED)
        ledger.count_items(container, over=1, failed=1)
        _next_items(ledger, container)
    elif container.kind == LOOP:
        assert isinstance(key, int)
        transitions.fail_for_good(ledger, container, f"Item {key + 1}: {words}")
    elif container.kind == CONDITION:
        transitions.fail_for_good(ledger, container, f"Branch “{key}”: {words}")
    else:
        transitions.close_steps(ledger, ledger.open_steps(f"{step.scope}."), BRANCH_FAILED)
        ledger.count_items(container, over=1, failed=1)
        _end_parallel_if_decided(ledger, container, key, words)


def reason_of_failure(ledger: Ledger, step: StepRecord) -> str:
    """The mark of a step whose failure is that of its item or branch; results are composed by it."""
    return {LOOP: ITEM_FAILED, PARALLEL: BRANCH_FAILED}.get(ledger.step(parent_of(step.scope)[0]).kind, "")


def look_again(ledger: Ledger, loop: StepRecord, key: Key) -> None:
    """Look once more at the `until` of a reopened loop, which could not be worked out behind this item."""
    _ends_early(ledger, loop, scope_of(loop.path, key))


def go_on(ledger: Ledger, container: StepRecord) -> None:
    """Begin what of a reopened container had never begun; when nothing is left to do in it, it is over."""
    if container.kind == LOOP:
        _next_items(ledger, container)
        return
    if container.kind == PARALLEL:
        for branch, body in ledger.definition.step(container.name).bodies.items():
            first = path_in(scope_of(container.path, branch), body[0].name) if body else ""
            if container.is_open and body and not ledger.has(first):
                _open(ledger, container, branch)
    if container.is_open and container.items_done == container.item_count:
        if container.kind == CONDITION:
            transitions.complete(ledger, container, None)
        else:
            _end_parallel_if_decided(ledger, container, "", "")


# --- condition ---------------------------------------------------------------------------------------------


def _start_condition(ledger: Ledger, step: StepRecord) -> None:
    definition = ledger.definition.step(step.name)
    try:
        names = names_for(ledger, definition, step, definition.config_chains)
        branch = THEN if condition(definition.config["expression"], names) else ELSE
    except ExpressionError as error:
        transitions.fail_unready(ledger, step, f"The expression cannot be worked out. {error}")
        return
    step.item_count = 1 if definition.body(branch) else 0
    ledger.set_result(step, {"branch": branch})
    ledger.note("condition.decided", path=step.path, items=step.item_count, result=step.result)
    for other in definition.bodies:
        if other != branch:
            for inner in definition.body(other):
                record = transitions.laid_out(scope_of(step.path, other), inner)
                ledger.insert(record)
                transitions.skip(ledger, record, BRANCH_NOT_TAKEN)
    if step.item_count:
        _open(ledger, step, branch)
    else:
        transitions.complete(ledger, step, None)


# --- loop --------------------------------------------------------------------------------------------------


def _start_loop(ledger: Ledger, step: StepRecord) -> None:
    definition = ledger.definition.step(step.name)
    loop = definition.loop
    assert loop is not None
    names = names_for(ledger, definition, step, definition.config_chains)
    try:
        items = evaluate(bare(loop.items), names) if isinstance(loop.items, str) else render(loop.items, names)
    except ExpressionError as error:
        transitions.fail_unready(ledger, step, f"The items cannot be worked out. {error}")
        return
    if not isinstance(items, list):
        transitions.fail_for_good(ledger, step, f"A loop needs a list of items; this is {_kind(items)}.")
    elif len(items) > loop.max_iterations:
        words = f"There are {len(items):,} items; max_iterations is {loop.max_iterations:,}."
        transitions.fail_for_good(ledger, step, words)
    elif not items:
        step.item_count = 0
        transitions.complete(ledger, step, None)
    else:
        step.item_count = len(items)
        ledger.insert_items(step.path, items)
        ledger.note("loop.started", path=step.path, items=len(items))
        _next_items(ledger, step)


def _next_items(ledger: Ledger, loop: StepRecord) -> None:
    """Begin as many items as may go on side by side; when none is left, the loop is over."""
    if loop.path in ledger.expanding:
        return  # an item whose steps were all skipped ended while it was begun: the loop below goes on
    definition = ledger.definition.step(loop.name)
    assert definition.loop is not None and loop.item_count is not None
    ledger.expanding.add(loop.path)
    while (
        loop.is_open
        and loop.items_started < loop.item_count
        and loop.items_started - loop.items_done < definition.loop.max_concurrency
    ):
        _open(ledger, loop, loop.items_started)
    ledger.expanding.discard(loop.path)
    if loop.is_open and loop.items_done == loop.item_count:
        transitions.complete(ledger, loop, None)


def _ends_early(ledger: Ledger, loop: StepRecord, scope: str) -> bool:
    """Look at a loop's `until` after an item that worked; when true, the loop is over."""
    definition = ledger.definition.step(loop.name)
    assert definition.loop is not None
    if not definition.loop.until or loop.items_done == loop.item_count:
        return False
    try:
        is_enough = condition(definition.loop.until, names_in(ledger, scope, definition.until_chains))
    except ExpressionError as error:
        transitions.fail_unready(ledger, loop, f"{UNTIL_FAILED} {error}")
        return True
    if is_enough:
        transitions.close_steps(ledger, ledger.open_steps(f"{loop.path}["), LOOP_ENDED_EARLY)
        transitions.complete(ledger, loop, None, reason=LOOP_ENDED_EARLY)
    return is_enough


# --- parallel ----------------------------------------------------------------------------------------------


def _start_parallel(ledger: Ledger, step: StepRecord) -> None:
    definition = ledger.definition.step(step.name)
    step.item_count = len(definition.bodies)
    ledger.set_result(step, dict.fromkeys(definition.bodies))
    ledger.note("parallel.started", path=step.path, items=step.item_count, result=step.result)
    for branch in definition.bodies:
        if step.is_open:  # the first may win, or fail the whole, before the others have begun
            _open(ledger, step, branch)


def _end_parallel_if_decided(ledger: Ledger, step: StepRecord, branch: Key, error: str) -> None:
    """When enough branches have worked, cancel the others; when enough can no longer work, fail."""
    needed = ledger.definition.step(step.name).needed
    assert step.item_count is not None
    if step.items_done - step.items_failed >= needed:
        transitions.close_steps(ledger, ledger.open_steps(f"{step.path}["), NOT_NEEDED)
        transitions.complete(ledger, step, None)
    elif step.item_count - step.items_failed < needed:
        transitions.fail_for_good(ledger, step, f"Branch “{branch}”: {error}")


def _open(ledger: Ledger, container: StepRecord, key: Key) -> None:
    ledger.count_items(container, begun=1)
    body = ledger.definition.step(container.name).body(key)
    transitions.open_scope(ledger, scope_of(container.path, key), body)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", int: "a number", float: "a number", str: "a text"}.get(type(value), "a map")
