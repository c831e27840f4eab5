"""What the what-if form of a course's page says, as it was typed and as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.http import QueryDict

from courses.grading.courses import Changes, CourseGrades
from courses.grading.scenarios import MOST_EXTRA, changes_in, checked_changes, checked_extra
from courses.models import GradeScenario

EXTRA_COLUMNS = ("name", "group", "score", "points")


@dataclass
class WhatIf:
    """Changes to a course's grades: those that are right, and what was typed where they are not."""

    changes: Changes = field(default_factory=dict)
    extra: list[dict[str, Any]] = field(default_factory=list)
    given: dict[int, dict[str, Any]] = field(default_factory=dict)
    typed: dict[int, str] = field(default_factory=dict)
    extra_rows: list[dict[str, str]] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    extra_errors: dict[int, str] = field(default_factory=dict)

    @property
    def has_changes(self) -> bool:
        return bool(self.changes or self.extra)

    @property
    def faults(self) -> list[str]:
        return [*self.errors.values(), *self.extra_errors.values()]

    @property
    def numbered_extra(self) -> list[tuple[int, dict[str, str], str]]:
        """The rows of work that may come, with a blank one below, each with its place and its fault."""
        rows = self.extra_rows
        if len(rows) < MOST_EXTRA and (not rows or any(rows[-1].values())):
            rows = [*rows, dict.fromkeys(EXTRA_COLUMNS, "")]
        return [(at, row, self.extra_errors.get(at, "")) for at, row in enumerate(rows)]


def what_if_of(scenario: GradeScenario) -> WhatIf:
    """A kept scenario, as the form shows it."""
    rows = [
        {name: "" if each.get(name) is None else f"{each[name]:g}" for name in ("score", "points")}
        | {"name": each["name"], "group": str(each.get("group") or "")}
        for each in scenario.extra
    ]
    return WhatIf(changes_in(scenario), list(scenario.extra), extra_rows=rows)


def read_what_if(grades: CourseGrades, sent: QueryDict) -> WhatIf:
    """Read the form: the right part of it counts, the rest is named."""
    found = WhatIf()
    for work in grades.works:
        text = sent.get(f"score-{work.id}", "").strip()
        if sent.get(f"out-{work.id}"):
            found.given[work.id] = {"left_out": True}
        elif text:
            found.given[work.id] = {"score": text, "counts": sent.get(f"counts-{work.id}", "")}
        if text:
            found.typed[work.id] = text
    lists = [sent.getlist(f"extra-{name}")[:MOST_EXTRA] for name in EXTRA_COLUMNS]
    found.extra_rows = [
        dict(zip(EXTRA_COLUMNS, values, strict=True))
        for values in zip(*lists, strict=False)
        if any(value.strip() for name, value in zip(EXTRA_COLUMNS, values, strict=True) if name != "group")
    ]
    if "more" in sent and len(found.extra_rows) < MOST_EXTRA:
        found.extra_rows.append(dict.fromkeys(EXTRA_COLUMNS, ""))
    found.errors = _faults(lambda: checked_changes(grades, found.given), "changes.")
    found.extra_errors = _faults(lambda: checked_extra(grades, found.extra_rows), "extra.")
    right = {number: change for number, change in found.given.items() if number not in found.errors}
    found.changes = checked_changes(grades, right)
    rows = [row for at, row in enumerate(found.extra_rows) if at not in found.extra_errors]
    found.extra = checked_extra(grades, rows)
    return found


def _faults(check: Any, prefix: str) -> dict[int, str]:
    try:
        check()
    except ValidationError as error:
        return {
            int(key.removeprefix(prefix)): " ".join(words)
            for key, words in error.message_dict.items()
            if key.removeprefix(prefix).isdecimal()
        }
    return {}
