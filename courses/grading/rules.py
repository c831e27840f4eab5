"""The arithmetic of a course's score: weights, drop rules, what counts. Plain numbers, no database.

It follows what Canvas does with the same data, so that both give the same number:

- Work that is excused, not graded at all, or left out of the final grade does not count. The *current* score leaves out
  what has no score yet; the *final* score takes it as zero.
- A group drops its lowest (then its highest) pieces so that the ratio of what is left is as good (as bad) as it can be;
  with different points possible that is not always the piece with the lowest percentage. At least one piece stays, and
  what the group never drops stays as well. Where there is too little work for both rules, only the lowest are dropped.
- With weights, the percentages of the groups that have points are weighed; where their weights give less than 100
  together, they are scaled up, and where they give more, they are not scaled down. Without weights all are added.
- Pieces without points possible can only add (extra credit).

Source: instructure/canvas-lms, `lib/grade_calculator.rb`: `create_group_sums` (what counts), `drop_assignments` and
`keep_helper` (drops), `calculate_total_from_group_scores` (weights, rounding to two digits at the very end).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from math import fsum

MOST_ROUNDS = 100
"""Dropping improves the ratio in every round and ends long before; this only ends what rounding would keep going."""


@dataclass(frozen=True, slots=True)
class Group:
    """Work that is weighed as one. `weight` is in per cent; `never_drop` are ids of work."""

    id: int
    weight: float = 0.0
    drop_lowest: int = 0
    drop_highest: int = 0
    never_drop: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work with what it gave. `score` is None until there is one; `points` are those possible."""

    id: int
    group: int
    score: float | None
    points: float


@dataclass(frozen=True, slots=True)
class GroupStanding:
    """What a group gives: the points of what counts, and what was dropped."""

    score: float
    points: float
    dropped: frozenset[int] = frozenset()
    is_empty: bool = False

    @property
    def percent(self) -> float | None:
        """In per cent; None while nothing with points possible counts."""
        return 100 * self.score / self.points if self.points else None


@dataclass(frozen=True, slots=True)
class Standing:
    """The score of a course, in per cent, and how it comes about. None while nothing counts."""

    percent: float | None
    groups: Mapping[int, GroupStanding] = field(default_factory=dict)
    weight: float = 0.0
    """Of the groups that count, together; 0 without weights."""

    @property
    def dropped(self) -> frozenset[int]:
        """The work that no rule counts."""
        return frozenset().union(*(group.dropped for group in self.groups.values()))


def standing(
    groups: Sequence[Group], works: Iterable[Work], *, is_weighted: bool, ungraded_as_zero: bool = False
) -> Standing:
    """Work out the score of a course: the current one, or with `ungraded_as_zero` the final one."""
    parts: dict[int, list[tuple[int, float, float]]] = {group.id: [] for group in groups}
    for work in works:
        if work.score is not None:
            parts[work.group].append((work.id, work.score, work.points))
        elif ungraded_as_zero:
            parts[work.group].append((work.id, 0.0, work.points))
    return total_of(
        groups, {group.id: group_standing(group, parts[group.id]) for group in groups}, is_weighted=is_weighted
    )


def total_of(groups: Sequence[Group], found: Mapping[int, GroupStanding], *, is_weighted: bool) -> Standing:
    """Put the groups' standings together."""
    if not is_weighted:
        points = fsum(part.points for part in found.values())
        score = fsum(part.score for part in found.values())
        return Standing(100 * score / points if points else None, found)
    counting = [(group.weight, found[group.id]) for group in groups if found[group.id].points]
    weight = fsum(weight for weight, _part in counting)
    if not weight:
        return Standing(None, found)
    percent = fsum(weight * part.score / part.points for weight, part in counting)
    return Standing(percent * 100 / weight if weight < 100 else percent, found, weight)


def rounded(percent: float) -> float:
    """A percentage as it is shown and compared: two digits, halves away from zero."""
    # First to what a float holds for sure: 89.995 must not become 89.99 for being 89.99499999999999.
    exact = Decimal(repr(round(percent, 9)))
    return float(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def group_standing(group: Group, pieces: list[tuple[int, float, float]]) -> GroupStanding:
    """What a group gives by its pieces of (id, score, points)."""
    kept = pieces
    if (group.drop_lowest or group.drop_highest) and len(pieces) > 1:
        kept = _kept(group, pieces)
    dropped = frozenset(piece[0] for piece in pieces) - {piece[0] for piece in kept}
    score, points = fsum(piece[1] for piece in kept), fsum(piece[2] for piece in kept)
    return GroupStanding(score, points, dropped, not pieces)


def _kept(group: Group, pieces: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    fixed = [piece for piece in pieces if piece[0] in group.never_drop]
    loose = [piece for piece in pieces if piece[0] not in group.never_drop]
    if not loose:
        return pieces
    lowest, highest = drop_counts(group, len(loose))
    loose = _best(loose, fixed, len(loose) - lowest, sign=1)
    return fixed + _best(loose, fixed, len(loose) - highest, sign=-1)


def drop_counts(group: Group, count: int) -> tuple[int, int]:
    """How many of so many pieces that may go the group drops: the lowest, the highest.

    One piece stays; where both rules together would leave none, the highest stay.
    """
    lowest = min(group.drop_lowest, count - 1)
    return lowest, group.drop_highest if lowest + group.drop_highest < count else 0


def _best(
    loose: list[tuple[int, float, float]], fixed: list[tuple[int, float, float]], count: int, *, sign: int
) -> list[tuple[int, float, float]]:
    """The `count` pieces that, with the fixed ones, give the highest (`sign` 1) or lowest (-1) ratio.

    Dinkelbach's method for a ratio of sums: guess the ratio, keep the pieces that lie furthest above (below) it, and
    take the ratio of those as the next guess, until it stays. Pieces without points possible have no ratio of their
    own: at the top they stay before all others, as they only add. Pieces of the same ratio go by their ids: what a
    float's last digit says would change from score to score.
    """
    if len(loose) <= count:
        return loose
    everything = [*loose, *fixed]
    if not any(piece[2] for piece in everything):  # extra credit only: there is no ratio
        return sorted(loose, key=lambda piece: (-sign * piece[1], piece[0]))[:count]
    guess = _ratio(everything)
    kept = loose
    for _ in range(MOST_ROUNDS):
        kept = sorted(loose, key=lambda piece: (-sign * round(piece[1] - guess * piece[2], 9), piece[0]))[:count]
        if not any(piece[2] for piece in (*kept, *fixed)):
            # Nothing with points is left. The lowest ratio cannot be one of those: look from the highest there is.
            highest = max(piece[1] / piece[2] for piece in everything if piece[2])
            if sign == 1 or guess >= highest:
                break
            guess = highest
            continue
        ratio = _ratio([*kept, *fixed])
        if abs(ratio - guess) <= 1e-12:
            break
        guess = ratio
    return kept


def _ratio(pieces: Sequence[tuple[int, float, float]]) -> float:
    return fsum(piece[1] for piece in pieces) / fsum(piece[2] for piece in pieces)
