"""Checks of the groups that a student makes for an own course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from courses.grading.scenarios import read_score

MOST_GROUPS = 40
MOST_DROPS = 100
NAMES = {"id", "name", "weight", "drop_lowest", "drop_highest", "never_drop"}


def checked_groups(rows: Sequence[Any], *, known: set[int], works: set[int]) -> list[dict[str, Any]]:
    """Return rows with numbers as numbers; one that says nothing is left out. `known` and `works` are ids.

    Weights need not give 100: what that means is said where the grade is shown.

    Raises:
        ValidationError: by `groups.<place>`, from 0.
    """
    if len(rows) > MOST_GROUPS:
        raise ValidationError({"groups": f"A course has at most {MOST_GROUPS} groups."})
    errors: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    names: set[str] = set()
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) - NAMES:
            errors[f"groups.{at}"] = f"Say {', '.join(sorted(NAMES))}."
            continue
        name = " ".join(str(row.get("name") or "").split())
        if not name and not str(row.get("weight") or "").strip() and not row.get("id"):
            continue
        try:
            values = _checked(row, name, known, works)
            if name.lower() in names:
                raise ValueError("there is a group of this name above.")
        except ValueError as error:
            errors[f"groups.{at}"] = f"{name or f'Row {at + 1}'}: {error}"
            continue
        names.add(name.lower())
        found.append(values)
    if errors:
        raise ValidationError(errors)
    return found


def _checked(row: Mapping[str, Any], name: str, known: set[int], works: set[int]) -> dict[str, Any]:
    number = row.get("id") or None
    if number is not None and (not str(number).isdecimal() or int(number) not in known):
        raise ValueError("this course has no such group.")
    if not name:
        raise ValueError("give the group a name.")
    if len(name) > 255:
        raise ValueError("the name is longer than 255 characters.")
    weight = read_score(row.get("weight"), "a weight")
    if weight is not None and weight > 1000:
        raise ValueError("a weight is a percentage from 0 to 1,000.")
    kept = [str(each) for each in row.get("never_drop") or []]
    if any(not each.isdecimal() or int(each) not in works for each in kept):
        raise ValueError("this course has no such work to keep.")
    return {
        "id": int(number) if number is not None else None,
        "name": name,
        "weight": weight,
        "drop_lowest": _count(row.get("drop_lowest")),
        "drop_highest": _count(row.get("drop_highest")),
        "never_drop": kept,
    }


def _count(value: Any) -> int:
    number = read_score(value, "the number of pieces to drop") or 0
    if number != int(number) or number > MOST_DROPS:
        raise ValueError(f"drop a whole number of pieces, at most {MOST_DROPS}.")
    return int(number)
