"""Grade point averages: of a term, and of all terms up to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from courses.grading.scales import Scale, is_falling
from courses.models import Course


class Averaged(Protocol):
    """What an average is made of."""

    @property
    def course(self) -> Course: ...
    @property
    def scale(self) -> Scale: ...
    @property
    def credits(self) -> float | None: ...
    @property
    def counts_in_average(self) -> bool: ...
    @property
    def average_points(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class TermAverage:
    """A term's average, and that of everything up to its end."""

    term: int | None
    """The term's id; None for courses without a term."""
    name: str
    points: float | None
    credits: float
    cumulative: float | None
    cumulative_credits: float
    is_going_on: bool
    """Some of its courses are not concluded: the average holds if their scores stay as they are."""


def average(grades: Iterable[Averaged]) -> tuple[float | None, float]:
    """The grade point average, and the credits it stands on. A course without credits counts as one."""
    total = weight = 0.0
    for each in grades:
        points = each.average_points if each.counts_in_average else None
        credits = 1.0 if each.credits is None else each.credits
        if points is not None and credits:
            total += credits * points
            weight += credits
    return (round(total / weight + 1e-9, 2) if weight else None), weight


def term_averages(grades: Sequence[Averaged], going_on: set[int]) -> list[TermAverage]:
    """Averages by term, the newest first, as the courses are given; `going_on` are ids of courses not concluded.

    Courses without a term count in the newest cumulative average only.
    """
    terms: dict[int | None, list[Averaged]] = {}
    for each in grades:
        terms.setdefault(each.course.term_id, []).append(each)
    found: list[TermAverage] = []
    before: list[Averaged] = []
    in_order = [key for key in reversed(terms) if key is not None] + ([None] if None in terms else [])
    for key in in_order:
        own = terms[key]
        before = [*before, *own]
        points, credits = average(own)
        cumulative, all_credits = average(before)
        term = own[0].course.term
        is_going_on = any(each.course.pk in going_on and each.average_points is not None for each in own)
        name = term.name if term else "Other courses"
        found.append(TermAverage(key, name, points, credits, cumulative, all_credits, is_going_on))
    return found[::-1]


def mixes_scales(grades: Iterable[Averaged]) -> bool:
    """True where lower is better in some of the courses and worse in others: their average says nothing."""
    kinds = {is_falling(each.scale) for each in grades if each.counts_in_average and each.average_points is not None}
    return len(kinds) > 1
