"""Waiting for a condition with a deadline, for commands and tests."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, timeout_s: float = 10.0, interval_s: float = 0.05, what: str = "") -> T:
    """Call `condition` until it gives something true, and return that.

    Raises:
        TimeoutError: it stayed false for `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what or 'the condition'} did not come true within {timeout_s:g} s")
        time.sleep(interval_s)
