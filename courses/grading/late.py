"""What late and missing work costs in a course made by hand. A source's scores have paid for it already."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError

MOST_GRACE_HOURS = 24 * 14
LIMITS = {"percent_per_day": 100, "least_percent": 100, "grace_hours": MOST_GRACE_HOURS, "missing_percent": 100}


@dataclass(frozen=True, slots=True)
class LatePolicy:
    """The rules: each day begun costs `percent_per_day` of the points possible, down to `least_percent` of them.

    Up to `grace_hours` cost nothing, and days count from there. Work that was due and never came gives
    `missing_percent`; None leaves it open.
    Source: instructure/canvas-lms, `app/models/late_policy.rb` (`points_deducted`), whose rule this is.
    """

    percent_per_day: float = 0.0
    least_percent: float = 0.0
    grace_hours: float = 0.0
    missing_percent: float | None = None

    def deducted(self, score: float, points: float, late: timedelta) -> float:
        """How many points so much lateness takes off a score."""
        hours = late.total_seconds() / 3600 - self.grace_hours
        if hours <= 0 or points <= 0:
            return 0.0
        days = math.ceil(hours / 24)
        most = max(0.0, score - points * self.least_percent / 100)
        return min(points * self.percent_per_day * days / 100, most)

    def missing_score(self, points: float) -> float | None:
        """What work that never came gives."""
        return None if self.missing_percent is None else points * self.missing_percent / 100


def policy_of(stored: Mapping[str, Any] | None) -> LatePolicy | None:
    """The policy that a row keeps."""
    return LatePolicy(**stored) if stored else None


def checked_policy(given: Any) -> dict[str, float | None] | None:
    """Return a policy with numbers as numbers, None for one that says nothing.

    Raises:
        ValidationError: under `late_policy`.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) - set(LIMITS):
        raise ValidationError({"late_policy": f"Name {', '.join(LIMITS)} only."})
    faults = []
    found: dict[str, float | None] = {}
    for name, most in LIMITS.items():
        value = given.get(name)
        if value is None or value == "":
            found[name] = None if name == "missing_percent" else 0.0
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0 <= number <= most:
            faults.append(f"{name.replace('_', ' ')} is a number from 0 to {most}.")
        found[name] = number
    if faults:
        raise ValidationError({"late_policy": faults})
    return found if found["percent_per_day"] or found["missing_percent"] is not None else None
