"""Checks of single fields of a definition, each noting a fault with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from coreengine.kernel.expressions import Problem, check, nearest
from workflows.engine.definition import Fault

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class FieldChecks:
    """Collects faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, path: str, message: str, line: int = 0, column: int = 0) -> None:
        """Note a fault. Line and column here count inside the text at `path`."""
        self.faults.append(Fault(path, message, line, column))

    def problems(self, found: Iterable[Problem], path: str) -> None:
        for problem in found:
            inner = problem.path if problem.path.startswith("[") or not problem.path else f".{problem.path}"
            self.add(f"{path}{inner}", problem.message, problem.line, problem.column)

    def outside(self, path: str, found: Iterable[tuple[str, str]]) -> None:
        for inner, message in found:
            self.add(f"{path}.{inner}" if inner else path, message)

    def filled_in(self, value: Any, path: str, known: Mapping[str, Any]) -> None:
        """Templates in a value may only name what is known."""
        self.problems(check(value, dict(known)), path)

    def unknown_fields(self, data: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
        for key in data:
            if key not in known:
                self.add(f"{path}.{key}" if path else str(key), f"Unknown field “{key}”.{nearest(str(key), known)}")

    def text(self, data: Mapping[str, Any], key: str, path: str, *, required: bool = False, longest: int) -> None:
        value, here = data.get(key), f"{path}.{key}" if path else key
        if value is None and not required:
            return
        if not isinstance(value, str) or (required and not value.strip()):
            self.add(here, f"“{key}” must be a text{'' if value is not None else ' and is missing'}.")
        elif len(value) > longest:
            self.add(here, f"“{key}” has {len(value):,} characters; {longest:,} are allowed.")

    def fixed(self, data: Mapping[str, Any], key: str, path: str) -> str:
        """A name that must be known before anything runs, so no template."""
        value = data.get(key)
        if not isinstance(value, str) or not value.strip():
            self.add(f"{path}.{key}", f"“{key}” is missing." if value is None else f"“{key}” must be a name.")
            return ""
        if "{{" in value:
            self.add(f"{path}.{key}", f"“{key}” must be a fixed name, not an expression.")
            return ""
        return value

    def params(self, config: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
        value = config.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.add(f"{path}.{key}", f"“{key}” is a map of names and values.")
            return {}
        return value

    def number(self, data: Mapping[str, Any], key: str, path: str, low: int, high: int) -> None:
        value = data.get(key)
        if key not in data:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            unit = " seconds" if key == "timeout" else ""
            self.add(f"{path}.{key}" if path else key, f"“{key}” must be a whole number from {low} to {high}{unit}.")

    def choice(self, data: Mapping[str, Any], key: str, path: str, known: Iterable[str]) -> None:
        value, words = data.get(key), list(known)
        if key in data and (not isinstance(value, str) or value not in words):
            hint = nearest(value, words) if isinstance(value, str) else ""
            listed = ", ".join(words[:-1]) + f" or {words[-1]}"
            self.add(f"{path}.{key}" if path else key, f"“{key}” is {listed}.{hint}")
