"""The workflows that are put through it."""

from __future__ import annotations

from typing import Any

Definition = dict[str, Any]


def _step(name: str, kind: str, config: Definition, after: tuple[str, ...], fields: Definition) -> Definition:
    return {"name": name, "type": kind, "depends_on": list(after), "config": config, **fields}


def inline(name: str, *after: str, params: Definition | None = None, **fields: Any) -> Definition:
    """A step of class a: its row is inserted in the transaction that records it."""
    return _step(name, "system_action", {"action": "bench.effect", "params": params or {}}, after, fields)


def keyed(name: str, *after: str, params: Definition | None = None, **fields: Any) -> Definition:
    """A step of class b: the sink is told the step's key."""
    return _step(name, "ai_agent", {"agent": "bench", "prompt": "keyed", "parameters": params or {}}, after, fields)


def agent(name: str, *after: str, params: Definition | None = None, **fields: Any) -> Definition:
    """A step of class b that asks twice, as an agent does its model and then a tool."""
    return _step(name, "ai_agent", {"agent": "bench", "prompt": "agent", "parameters": params or {}}, after, fields)


def unkeyed(name: str, *after: str, params: Definition | None = None, **fields: Any) -> Definition:
    """A step of class c: the sink is told no key. What became of a lost attempt is for a person to say."""
    config = {"plugin": "bench", "action": "unkeyed", "params": params or {}}
    return _step(name, "plugin_action", config, after, fields)


def workflow(name: str, *steps: Definition, **fields: Any) -> Definition:
    """A definition."""
    return {"name": name, "steps": list(steps), **fields}


def classes(name: str = "Three classes") -> Definition:
    """Every class of effect, an agent, a retry, and two branches that join."""
    return workflow(
        name,
        inline("begin"),
        keyed("fetch", "begin", params={"delay_s": 0.2}),
        keyed("again", "begin", params={"refuse_first": 1, "retry_after_s": 0.2}),
        agent("ask", "fetch"),
        inline("left", "fetch"),
        keyed("right", "fetch"),
        inline("join", "left", "right", "ask", "again"),
        unkeyed("send", "join"),
        inline("end", "send"),
    )


def one_effect() -> Definition:
    """A slow effect of class c, and what stands behind it."""
    return workflow("One effect", unkeyed("send", params={"delay_s": 0.3}), inline("end", "send"))


def pauses() -> Definition:
    """Waits for a time and a person, takes a branch, and needs one of two."""
    wait = _step("wait", "wait", {"duration": 20}, (), {})
    question = {"message": "May it go on?", "timeout_action": "approve"}
    ask = _step("ask", "approval", question, ("wait",), {"timeout": 60})
    taken = {"expression": "steps.ask.result.decision == 'approved'", "then": [inline("yes")], "else": [inline("no")]}
    branches = {"a": [inline("first")], "b": [keyed("second", params={"refuse_first": 1})]}
    return workflow(
        "Pauses",
        wait,
        ask,
        _step("choose", "condition", taken, ("ask",), {}),
        _step("both", "parallel", {"branches": branches, "wait_for": "all"}, ("choose",), {}),
        inline("end", "both"),
    )


def fan(width: int = 20) -> Definition:
    """One step, many beside each other, one."""
    middle = [keyed(f"part{number}", "begin") for number in range(width)]
    return workflow("Fan", inline("begin"), *middle, inline("join", *[step["name"] for step in middle]))


def rounds(count: int = 5) -> Definition:
    """A loop with a step of each class."""
    body = [inline("note"), keyed("ask", "note"), inline("keep", "ask")]
    config = {"items": list(range(count)), "max_concurrency": 2, "steps": body}
    return workflow("Rounds", _step("each", "loop", config, (), {}), inline("end", "each"))


def chain(length: int = 8) -> Definition:
    """In-line steps one after the other."""
    names = [f"step{number}" for number in range(length)]
    return workflow("Chain", *[inline(name, *names[max(0, at - 1) : at]) for at, name in enumerate(names)])


def retried(seconds: float = 0.5) -> Definition:
    """A step that is refused twice, and what stands behind it."""
    params = {"refuse_first": 2, "retry_after_s": seconds}
    return workflow("Retried", keyed("ask", params=params), inline("end", "ask"))


def gated() -> Definition:
    """Waits in the middle until the sink's gate opens."""
    gate = keyed("gate", "begin", params={"gate": True, "retry_after_s": 0.5}, max_retries=10)
    return workflow("Gated", inline("begin"), gate, inline("middle", "gate"), keyed("last", "middle"))


def mixed() -> list[Definition]:
    """Five shapes."""
    return [classes(), fan(), rounds(), chain(), retried()]
