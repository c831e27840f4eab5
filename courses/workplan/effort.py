"""How long a piece of work takes: the student's own estimate, else a guess from its share of the grade.

Plain arithmetic. The assumptions, which the pages show beside every number:

- One per cent of a course's grade takes `minutes_per_percent` (30 by default; the student can change it).
- A piece of work's share is its points of all points of its group, times the group's weight of all weights; in a
  course without weights, its points of all points.
- Work without points, or outside the grade, takes `default_minutes` (an hour by default).
- A guess lies between 15 minutes and 10 hours, in steps of 5 minutes; an estimate is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

STEP = 5
LEAST, MOST = 15, 10 * 60


@dataclass(frozen=True)
class Effort:
    """Minutes of work, and how they are known. `share` is the part of the course's grade in per cent, if known."""

    minutes: int
    words: str
    is_estimate: bool = False
    share: float | None = None


def effort_of(
    *,
    estimate: int | None = None,
    points: float | None = None,
    group_points: float = 0,
    group_weight: float | None = None,
    all_weights: float = 0,
    counts: bool = True,
    minutes_per_percent: int = 30,
    default_minutes: int = 60,
) -> Effort:
    """Say how long a piece of work takes.

    `group_points` are all points of its group (without weights: of its course), `group_weight` is None where the
    course weighs nothing, `all_weights` is the sum of the weights of groups that have work.
    """
    share = _share(points, group_points, group_weight, all_weights) if counts else None
    if estimate is not None and estimate > 0:
        return Effort(estimate, "your estimate", is_estimate=True, share=share)
    if share is None or not points:
        why = "it has no points" if counts else "it does not count for the grade"
        return Effort(default_minutes, f"assumed, since {why}", share=share)
    minutes = min(max(up_to_step(share * minutes_per_percent), LEAST), MOST)
    return Effort(minutes, _words(points, group_points, group_weight, minutes), share=share)


def up_to_step(minutes: float) -> int:
    """Round up to whole steps of five minutes."""
    return -int(-round(minutes, 6) // STEP) * STEP


def _share(points: float | None, group_points: float, weight: float | None, all_weights: float) -> float | None:
    if not points or points < 0:
        return None
    of_group = points / max(points, group_points)
    if weight is None:
        return 100 * of_group
    # Weights that do not add up to 100 are taken for what they are of their sum, as the grade rules do.
    return 100 * of_group * weight / all_weights if all_weights else 0.0


def _words(points: float, group_points: float, weight: float | None, minutes: int) -> str:
    of = f"{points:g} point{'' if points == 1 else 's'} of {max(points, group_points):g}"
    where = "in the course" if weight is None else f"in a group that weighs {weight:g} %"
    bound = (
        ", the least that is assumed" if minutes == LEAST else ", the most that is assumed" if minutes == MOST else ""
    )
    return f"estimated from {of} {where}{bound}"


def minutes_words(minutes: int) -> str:
    """ "50 min", "2 h", "2 h 30 min"."""
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"
