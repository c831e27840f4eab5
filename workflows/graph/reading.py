"""Read the raw steps of a definition, finished or half typed: names, order, what stands inside what, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coreengine.kernel.texts import duration_words

MOST_STEPS, MOST_DEPTH = 400, 9

ICONS = {
    "plugin_action": "plug",
    "system_action": "zap",
    "ai_agent": "sparkles",
    "condition": "split",
    "loop": "repeat",
    "parallel": "git-fork",
    "wait": "hourglass",
    "approval": "user-check",
}
WORDS = {
    "plugin_action": "plugin",
    "system_action": "action",
    "ai_agent": "agent",
}


@dataclass(frozen=True)
class RawStep:
    """One step as far as it can be read."""

    name: str
    kind: str
    config: Mapping[str, Any]
    needs: tuple[str, ...]
    condition: str = ""
    description: str = ""

    @property
    def label(self) -> str:
        """Return its name as a person would write it."""
        return self.name.replace("_", " ")

    @property
    def icon(self) -> str:
        """Return the icon of its type."""
        return ICONS.get(self.kind, "circle-dashed")

    def lanes(self) -> list[tuple[str, Any]]:
        """Return the lists of steps inside it: (key, steps); the key is empty where there is only one."""
        if self.kind == "loop":
            return [("", self.config.get("steps"))]
        if self.kind == "condition":
            return [(key, self.config[key]) for key in ("then", "else") if self.config.get(key)]
        branches = self.config.get("branches")
        if self.kind == "parallel" and isinstance(branches, Mapping):
            return [(str(key), value) for key, value in branches.items()]
        return []

    @property
    def words(self) -> str:
        """Say what it does in a few words, as its type and what it is told."""
        config = self.config
        match self.kind:
            case "plugin_action":
                plugin = _text(config, "plugin").removesuffix("-integration")
                return _joined(plugin or "plugin", _text(config, "action"))
            case "system_action":
                return _text(config, "action") or "system action"
            case "ai_agent":
                return _joined("agent", _text(config, "agent"))
            case "condition":
                return _joined("condition", _text(config, "expression"))
            case "loop":
                items = config.get("items")
                over = bare(items) if isinstance(items, str) else f"{len(items)} items" if _is_list(items) else ""
                return _joined("loop", f"each {config.get('as') or 'item'} of {over}" if over else "")
            case "parallel":
                return _joined("parallel", wait_for_words(config.get("wait_for", "all")))
            case "wait":
                return _joined("wait", wait_words(config))
            case "approval":
                return _joined("approval", _text(config, "message"))
        return self.kind or "no type yet"

    @property
    def type_words(self) -> str:
        """Return the type alone, as it begins the words."""
        if self.kind == "plugin_action":
            return _text(self.config, "plugin").removesuffix("-integration") or "plugin"
        if self.kind == "system_action":
            return _text(self.config, "action") or "system action"
        return WORDS.get(self.kind, self.kind)


def read_steps(steps: Any) -> list[RawStep]:
    """Read one list of steps; what is no step is left out, and so is a name that came before."""
    if not isinstance(steps, list):
        return []
    found: dict[str, RawStep] = {}
    for step in steps[:MOST_STEPS]:
        if not isinstance(step, Mapping) or not isinstance(step.get("name"), str) or step["name"] in found:
            continue
        wanted = step.get("depends_on")
        config = step.get("config")
        found[step["name"]] = RawStep(
            name=step["name"],
            kind=str(step.get("type") or ""),
            config=config if isinstance(config, Mapping) else {},
            needs=tuple(n for n in wanted if isinstance(n, str)) if _is_list(wanted) else (),
            condition=_text(step, "condition"),
            description=_text(step, "description"),
        )
    return list(found.values())


def walk(steps: Any, depth: int = 0) -> Iterator[tuple[RawStep, int]]:
    """Give every step with its depth, in the order of the text."""
    for step in read_steps(steps):
        yield step, depth
        if depth < MOST_DEPTH:
            for _, inner in step.lanes():
                yield from walk(inner, depth + 1)


def paths(steps: Any, path: str = "steps", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Give (name, place in the definition) of every step, such as `steps[2].config.then[0]`."""
    for number, step in enumerate(steps[:MOST_STEPS] if isinstance(steps, list) else ()):
        if not isinstance(step, Mapping) or not isinstance(step.get("name"), str):
            continue
        here = f"{path}[{number}]"
        yield step["name"], here
        config = step.get("config")
        if depth >= MOST_DEPTH or not isinstance(config, Mapping):
            continue
        for key in ("steps", "then", "else"):
            yield from paths(config.get(key), f"{here}.config.{key}", depth + 1)
        branches = config.get("branches")
        for key, inner in branches.items() if isinstance(branches, Mapping) else ():
            yield from paths(inner, f"{here}.config.branches.{key}", depth + 1)


def wait_for_words(wait_for: Any) -> str:
    """Say how many branches a parallel step waits for."""
    if wait_for == "any":
        return "the first is enough"
    if isinstance(wait_for, int) and not isinstance(wait_for, bool):
        return f"{wait_for} are enough"
    return "all of them"


def wait_words(config: Mapping[str, Any]) -> str:
    """Say for how long or until when a wait step waits."""
    if (until := config.get("until")) is not None:
        return f"until {bare(str(until))}"
    duration = config.get("duration")
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        return duration_words(duration)
    return bare(str(duration)) if duration is not None else ""


def bare(text: str) -> str:
    """Take an expression out of its braces."""
    text = text.strip()
    return text[2:-2].strip() if text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1 else text


def shorten(text: str, length: int) -> str:
    """Cut a text to a number of characters, with an ellipsis where something is missing."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: max(1, length - 1)].rstrip() + "…"


def _joined(*words: str) -> str:
    return " · ".join(word for word in words if word)


def _text(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    return value if isinstance(value, str) else ""


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
