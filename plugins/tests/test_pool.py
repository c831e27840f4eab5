"""The pool's rules, with children that cost nothing: who is served when, what is kept ready, what yields to what."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from coreengine.kernel.waiting import wait_until
from plugins.errors import SandboxUnavailable
from plugins.registry import Plugin
from plugins.sandbox import pool
from plugins.sandbox.pool import WarmPool
from plugins.tests.conftest import MakePlugin

LONGEST_S = 30
"""After so long something is broken; nothing that works comes near it."""


class Child:
    def __init__(self, plugin: str) -> None:
        self.plugin, self.alive, self.destroyed_at = plugin, True, 0.0

    def is_alive(self) -> bool:
        return self.alive

    def destroy(self) -> None:
        self.alive, self.destroyed_at = False, time.monotonic()


class Sandbox:
    """Starts children at once, or when the gate is opened."""

    name = "fake"

    def __init__(self) -> None:
        self.started: list[tuple[str, float]] = []
        self.children: list[Child] = []
        self.gate = threading.Semaphore(10**6)
        self.entered = threading.Semaphore(0)
        self.failure: SandboxUnavailable | None = None

    def start(self, plugin: Plugin) -> Child:
        self.entered.release()
        self.gate.acquire()
        if self.failure is not None:
            raise self.failure
        self.started.append((plugin.name, time.monotonic()))
        self.children.append(Child(plugin.name))
        return self.children[-1]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    found = Sandbox()
    monkeypatch.setattr(pool, "sandbox_for", lambda plugin: found)
    return found


@pytest.fixture
def plugins(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> dict[str, Plugin]:
    made = {name: make_plugin("", name=name) for name in ("one", "two", "three")}
    monkeypatch.setattr(pool, "get_plugin", made.__getitem__)
    return made


@pytest.fixture
def open_pool(sandbox: Sandbox) -> Iterator[Callable[..., WarmPool]]:
    opened: list[WarmPool] = []

    def go(size: int, total: int, *names: str) -> WarmPool:
        opened.append(WarmPool(size, total))
        opened[-1].keep_ready(*names)
        wait_until(opened[-1].is_settled, timeout_s=10, what="the pool")
        return opened[-1]

    yield go
    for each in opened:
        sandbox.gate.release(1000)
        each.close()
    assert not any(child.alive for child in sandbox.children)


def test_as_many_wait_as_the_settings_say(open_pool: Any, plugins: dict[str, Plugin]) -> None:
    assert open_pool(2, 8, "one", "two").counts() == {"one": 2, "two": 2}


def test_a_total_that_is_short_is_shared_out(open_pool: Any, plugins: dict[str, Plugin]) -> None:
    counts = open_pool(3, 4, "one", "two", "three").counts()

    assert sum(counts.values()) == 4 and set(counts) == {"one", "two", "three"}


def test_with_a_size_of_nought_every_call_waits_for_its_own(
    open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox
) -> None:
    warm = open_pool(0, 8, "one")
    assert warm.counts() == {} and not sandbox.started

    warm.discard(warm.take(plugins["one"], sandbox, owner=1, wait_s=5))

    wait_until(warm.is_settled, timeout_s=10, what="the pool")
    assert warm.counts() == {} and len(sandbox.started) == 1


def test_no_child_serves_twice(open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox) -> None:
    warm, seen = open_pool(2, 4, "one"), []
    for _ in range(12):
        child = warm.take(plugins["one"], sandbox, owner=1, wait_s=5)
        seen.append(id(child))
        warm.discard(child)

    assert len(set(seen)) == 12


def test_refilling_waits_while_a_call_talks_but_not_for_ever(
    open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE_S", 0.5)
    warm = open_pool(2, 4, "one")
    began = time.monotonic()
    child = warm.take(plugins["one"], sandbox, owner=1, wait_s=5)
    wait_until(lambda: len(sandbox.started) == 3, timeout_s=5, what="the refilling during a long call")
    assert sandbox.started[-1][1] - began >= 0.5

    warm.discard(child)
    short = warm.take(plugins["one"], sandbox, owner=1, wait_s=5)
    ended = time.monotonic()
    warm.discard(short)
    wait_until(lambda: not short.alive and warm.is_settled(), timeout_s=5, what="the end of the short call")
    assert short.destroyed_at - ended < 0.4, "what is over does not wait out the patience"


def test_a_burst_is_served_in_turn_between_students(
    open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve calls of one student, then two of another: the second does not wait for all of the first's."""
    warm = open_pool(0, 0)
    sandbox.gate = threading.Semaphore(0)
    order: list[int] = []

    def call(owner: int) -> None:
        child = warm.take(plugins["one"], sandbox, owner=owner, wait_s=20)
        order.append(owner)
        warm.discard(child)

    with ThreadPoolExecutor(14) as threads:
        calls = [threads.submit(call, 1) for _ in range(12)]
        wait_until(lambda: len(warm._turns) == 12 - pool.HANDS, timeout_s=5, what="the first student's calls in line")
        calls += [threads.submit(call, 2) for _ in range(2)]
        wait_until(lambda: len(warm._turns) == 14 - pool.HANDS, timeout_s=5, what="the second's behind them")
        for done in range(1, 15):
            sandbox.gate.release()
            wait_until(lambda done=done: len(order) >= done, timeout_s=5, what="the next call")
        for each in calls:
            each.result(timeout=5)

    # The hands held some of the first's already; from then on they take turns.
    assert max(place for place, owner in enumerate(order) if owner == 2) <= pool.HANDS + 4


def test_what_cannot_be_started_is_told_to_its_caller_and_tried_again_later(
    open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "AFTER_FAILURE_S", 0.1)
    monkeypatch.setattr(pool, "PLAN_EVERY_S", 0.05)
    warm = open_pool(1, 4)
    sandbox.failure = SandboxUnavailable("The engine is away.")
    with pytest.raises(SandboxUnavailable, match="away"):
        warm.take(plugins["one"], sandbox, owner=1, wait_s=5)

    sandbox.failure = None

    wait_until(lambda: warm.counts() == {"one": 1}, timeout_s=10, what="the refilling after a failure")
    assert warm._talking == 0


def test_children_that_died_while_they_waited_are_replaced_and_never_given_out(
    open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox
) -> None:
    warm = open_pool(2, 4, "one")
    for child in sandbox.children:
        child.alive = False

    child = warm.take(plugins["one"], sandbox, owner=1, wait_s=5)

    assert child.alive
    warm.discard(child)


def test_closing_turns_away_who_waits(open_pool: Any, plugins: dict[str, Plugin], sandbox: Sandbox) -> None:
    """Each step is woken by the one before, so a slow machine takes longer and nothing waits for a clock."""
    warm = open_pool(0, 0)
    sandbox.gate = threading.Semaphore(0)

    def call() -> Any:
        return warm.take(plugins["one"], sandbox, owner=1, wait_s=60)

    with ThreadPoolExecutor(pool.HANDS + 3) as threads:
        try:
            served = [threads.submit(call) for _ in range(pool.HANDS)]
            for _ in served:
                assert sandbox.entered.acquire(timeout=LONGEST_S), "every hand is at work"
            turned_away = [threads.submit(call) for _ in range(2)]
            with warm._change:  # no hand is free to be woken in our place
                assert warm._change.wait_for(lambda: len(warm._turns) == 2, timeout=LONGEST_S), "two calls in line"
            closing = threads.submit(warm.close)
            failures = [each.exception(timeout=LONGEST_S) for each in turned_away]
        finally:
            sandbox.gate.release(2 * pool.HANDS + 2)  # whatever went wrong, no hand is left waiting
        closing.result(timeout=LONGEST_S)
        for each in served:
            each.result(timeout=LONGEST_S).destroy()

    assert all("stopping" in str(failure) for failure in failures)
