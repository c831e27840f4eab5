"""Random workflow definitions, the same for the same seed, whose end does not depend on who is faster.

`definition_of(seed)` gives one that the reference interpreter can tell the end of. Plain Python: the fault runs
with real processes use it too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from workflows.tests.reference import Expected, Undetermined, interpret

Raw = dict[str, Any]

ALL_KINDS = ("system_action", "plugin_action", "condition", "loop", "parallel", "wait", "approval")
WEIGHTS = {"system_action": 6, "plugin_action": 5, "condition": 2, "loop": 2, "parallel": 2, "wait": 1, "approval": 1}
MAX_STEPS = 20
MAX_DEPTH = 8
INPUTS = {"n": 3, "words": "look"}


@dataclass(frozen=True)
class Around:
    """What a body may read, and what is around it."""

    depth: int = 0
    steps: tuple[Raw, ...] = ()
    """Steps that are over before anything here begins."""
    variables: tuple[str, ...] = ()
    loop_names: tuple[str, ...] = ()
    is_concurrent: bool = False
    """Items of a loop may be under way side by side: what they write must not differ."""


@dataclass
class Generator:
    """Makes one definition."""

    rng: random.Random
    kinds: tuple[str, ...] = ALL_KINDS
    max_steps: int = MAX_STEPS
    has_only_real_actions: bool = False
    """No system action but `update_variable`, for runs with the product's own actions."""
    has_unkeyed: bool = False
    """Some actions must not happen twice: when a worker is lost with one, a person must say what became of it."""
    count: int = 0
    variables: dict[str, int] = field(default_factory=dict)

    def definition(self) -> Raw:
        """A whole definition of at most `max_steps` steps, a few loose ends of containers aside."""
        steps = self.body(Around(), self.rng.randint(1, self.max_steps))
        return {
            "name": "Random",
            "timeout": 604_800,
            "inputs": {"properties": {"n": {"type": "integer"}, "words": {"type": "string"}}},
            "variables": self.variables,
            "steps": steps,
        }

    def body(self, around: Around, size: int) -> list[Raw]:
        """A list of about this many steps, those inside them counted."""
        steps: list[Raw] = []
        until = self.count + max(1, size)
        while not steps or self.count < until:
            steps.append(self.step(steps, around, until - self.count))
        return steps

    def step(self, before: list[Raw], around: Around, size: int) -> Raw:
        """One step behind some of its neighbours."""
        rng, kind = self.rng, self.kind(around, size)
        self.count += 1
        name = f"s{self.count}"
        after = rng.sample(before, min(len(before), rng.choice((0, 1, 1, 1, 2, 3))))
        around = self.behind(after, before, around)
        step: Raw = {"name": name, "type": kind, "config": {}}
        if after:
            step["depends_on"] = [other["name"] for other in after]
        if rng.random() < 0.2:
            step["condition"] = self.truth(around)
        if rng.random() < 0.3:
            step["on_error"] = "continue"
        step["max_retries"] = 20  # every lost worker costs an attempt
        step["config"] = getattr(self, kind)(step, around, size - 1)
        return step

    def kind(self, around: Around, size: int) -> str:
        kinds = [
            kind
            for kind in self.kinds
            if kind not in ("condition", "loop", "parallel") or (size > 1 and around.depth < MAX_DEPTH)
        ]
        return self.rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]

    def behind(self, after: list[Raw], before: list[Raw], around: Around) -> Around:
        """What a step behind these neighbours may read."""
        names = {step["name"]: step for step in before}
        over: dict[str, Raw] = {}
        todo = list(after)
        while todo:
            step = todo.pop()
            if step["name"] not in over:
                over[step["name"]] = step
                todo += [names[name] for name in step.get("depends_on", ())]
        steps = list(over.values())
        written = () if around.is_concurrent else _written(steps)
        variables = tuple(dict.fromkeys((*around.variables, *written)))
        return replace(around, steps=(*around.steps, *_readable(steps)), variables=variables)

    # --- what steps are given ---------------------------------------------------------------------------

    def system_action(self, step: Raw, around: Around, _size: int) -> Raw:
        if self.has_only_real_actions or self.rng.random() < 0.4:
            variable = f"v_{step['name']}"
            self.variables[variable] = 0
            value = str(self.count) if around.is_concurrent else self.number(around)
            params = {"name": variable, "value": f"{{{{ {value} }}}}"}
            return {"action": "update_variable", "params": params}
        return {"action": "fake", "params": self.params(step, around)}

    def plugin_action(self, step: Raw, around: Around, _size: int) -> Raw:
        if self.has_unkeyed and self.rng.random() < 0.3:
            return {"plugin": "test", "action": "unkeyed", "params": {"value": self.value(around)}}
        step["on_unknown"] = "retry"
        return {"plugin": "test", "action": "fake", "params": self.params(step, around)}

    def params(self, step: Raw, around: Around) -> Raw:
        """What a fake does, and what it gives back."""
        rng = self.rng
        params: Raw = {"value": self.value(around)}
        chance = rng.random()
        if chance < 0.12:
            params |= {"does": "fail_times", "times": rng.randint(1, 3)}
        elif chance < 0.17:
            params["does"] = "always_retryable"
            step["max_retries"] = rng.randint(0, 2)
        elif chance < 0.24:
            params["does"] = "always_permanent"
        if "does" in params and params["does"].startswith("always") and rng.random() < 0.6:
            step["on_error"] = "continue"
        return params

    def condition(self, _step: Raw, around: Around, size: int) -> Raw:
        inside = replace(around, depth=around.depth + 1)
        config: Raw = {"expression": self.truth(around), "then": self.body(inside, self.rng.randint(1, max(1, size)))}
        if self.rng.random() < 0.7:
            config["else"] = self.body(inside, self.rng.randint(1, max(1, size // 2)))
        return config

    def loop(self, step: Raw, around: Around, size: int) -> Raw:
        rng = self.rng
        concurrency = rng.choice((1, 1, 2, 3, 10))
        config: Raw = {"items": self.items(around), "max_concurrency": concurrency}
        loop_names = ["item", "index"]
        if rng.random() < 0.4:
            config["as"] = f"each_{step['name']}"
            loop_names.append(config["as"])
        if rng.random() < 0.4:
            config["on_item_error"] = "continue"
        inside = replace(
            around,
            depth=around.depth + 1,
            loop_names=tuple(dict.fromkeys((*around.loop_names, *loop_names))),
            is_concurrent=around.is_concurrent or concurrency > 1,
            variables=() if concurrency > 1 else around.variables,
        )
        config["steps"] = self.body(inside, rng.randint(1, max(1, size)))
        if concurrency == 1 and rng.random() < 0.35:
            config["until"] = self.truth(self.behind(config["steps"], config["steps"], inside))
        return config

    def parallel(self, _step: Raw, around: Around, size: int) -> Raw:
        rng = self.rng
        count = rng.randint(1, 4)
        names = [f"b{number}" for number in range(count)]
        inside = replace(around, depth=around.depth + 1)
        config: Raw = {"branches": {name: self.body(inside, max(1, size // count)) for name in names}}
        wait_for = rng.choice(("all", "all", "any", rng.randint(1, count)))
        if wait_for != "all":
            needed = 1 if wait_for == "any" else wait_for
            for name in rng.sample(names, count - needed):
                self.lose(config["branches"][name])
            config["wait_for"] = wait_for
        elif rng.random() < 0.5:
            config["wait_for"] = "all"
        return config

    def lose(self, steps: list[Raw]) -> None:
        """Let a branch never come to its end, or to a bad one."""
        self.count += 1
        name, after = f"s{self.count}", [step["name"] for step in steps if self.rng.random() < 0.5]
        step: Raw = {"name": name, "type": "plugin_action", "depends_on": after, "on_unknown": "retry"}
        if "approval" in self.kinds and self.rng.random() < 0.5:
            step |= {"type": "approval", "config": {"message": "never"}}
            del step["on_unknown"]
        else:
            step["config"] = {"plugin": "test", "action": "fake", "params": {"does": "always_permanent"}}
        steps.append(step)

    def wait(self, _step: Raw, around: Around, _size: int) -> Raw:
        if self.rng.random() < 0.3:
            return {"until": "timestamp('2020-01-01T00:00:00Z')"}
        return {"duration": self.rng.choice((0, 0.01, 1, "20ms", "2s", f"{{{{ ({self.number(around)}) % 3 }}}}"))}

    def approval(self, _step: Raw, _around: Around, _size: int) -> Raw:
        message = f"It will be {self.rng.choice(('approved', 'rejected'))}."
        return {"message": message, "timeout_action": self.rng.choice(("reject", "approve", "fail"))}

    # --- expressions ------------------------------------------------------------------------------------

    def items(self, around: Around) -> Any:
        """A list, or an expression that gives one, a few of them wrong."""
        chance = self.rng.random()
        if chance < 0.5:
            return f"[{', '.join(str(self.rng.randint(0, 9)) for _ in range(self.rng.randint(0, 4)))}]"
        if chance < 0.7:
            return [f"{{{{ {self.number(around)} }}}}" for _ in range(self.rng.randint(1, 3))]
        if chance < 0.95:
            return f"[1, 2, 3].filter(n, n > ({self.number(around)}) % 4)"
        return self.number(around)

    def value(self, around: Around) -> Any:
        """Something that a step is given: a number, or the whole result of a step before."""
        containers = [step for step in around.steps if step["type"] not in ("system_action", "plugin_action")]
        if containers and self.rng.random() < 0.6:
            return f"{{{{ steps.{self.rng.choice(containers)['name']}.result }}}}"
        if self.rng.random() < 0.1:
            return f"n is {{{{ {'index' if around.loop_names else 'inputs.n'} }}}}"
        return f"{{{{ {self.number(around)} }}}}"

    def number(self, around: Around) -> str:
        """An expression that gives a small whole number, and now and then none."""
        choices = [str(self.rng.randint(0, 9)), "inputs.n"]
        if around.loop_names:
            choices += ["index", "index + 1", "(type(item) == int ? item : 0)"]
        choices += [f"variables.{name}" for name in around.variables[-4:]]
        for step in around.steps[-6:]:
            choices.append(f"(steps.{step['name']}.status == 'completed' ? 1 : 0)")
            if step["type"] == "loop":
                choices.append(f"(steps.{step['name']}.result == null ? 0 : size(steps.{step['name']}.result))")
            if step["type"] in ("system_action", "plugin_action") and self.rng.random() < 0.4:
                choices.append(f"(type(steps.{step['name']}.result) == map ? steps.{step['name']}.result.size() : 0)")
        if around.steps and self.rng.random() < 0.06:
            choices = [f"steps.{self.rng.choice(around.steps)['name']}.result.value"]  # may well be null
        one = self.rng.choice(choices)
        return f"{one} + {self.rng.choice(choices)}" if self.rng.random() < 0.3 else one

    def truth(self, around: Around) -> str:
        """An expression that is true or false."""
        chance = self.rng.random()
        if around.steps and chance < 0.35:
            step = self.rng.choice(around.steps)["name"]
            word = self.rng.choice(("completed", "failed", "skipped"))
            return f"steps.{step}.status {self.rng.choice(('==', '!='))} '{word}'"
        if around.steps and chance < 0.5:
            return f"steps.{self.rng.choice(around.steps)['name']}.result != null"
        if chance < 0.6:
            return self.rng.choice(("true", "false"))
        return f"({self.number(around)}) % {self.rng.randint(2, 3)} == {self.rng.randint(0, 1)}"


def definition_of(seed: int, **options: Any) -> tuple[Raw, Expected]:
    """The definition of a seed, and what must come of it with `INPUTS`."""
    rng = random.Random(seed)
    while True:
        definition = Generator(rng, **options).definition()
        try:
            return definition, interpret(definition, inputs=INPUTS)
        except Undetermined:
            continue


def _readable(steps: list[Raw]) -> Iterator[Raw]:
    """These steps and those inside their conditions and parallels."""
    for step in steps:
        yield step
        for body in bodies_of(step):
            if step["type"] != "loop":
                yield from _readable(body)


def _written(steps: list[Raw]) -> Iterator[str]:
    """The variables that these steps and those inside them write."""
    for step in steps:
        if step["config"].get("action") == "update_variable":
            yield step["config"]["params"]["name"]
        if step["type"] != "loop" or step["config"]["max_concurrency"] == 1:
            for body in bodies_of(step):
                yield from _written(body)


def bodies_of(step: Raw) -> list[list[Raw]]:
    """The lists of steps inside a step."""
    config = step["config"]
    if step["type"] == "condition":
        return [config["then"], config.get("else", [])]
    if step["type"] == "parallel":
        return list(config["branches"].values())
    return [config["steps"]] if step["type"] == "loop" else []
