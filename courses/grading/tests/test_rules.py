"""The arithmetic of grades against a second formula: every way to drop is tried, in exact fractions."""

from __future__ import annotations

import random
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses.grading.rules import Group, Standing, Work, rounded, standing

HALVES = st.integers(0, 60).map(lambda number: number / 2)
SCORES = st.one_of(st.none(), HALVES)
Course = tuple[list[Group], list[Work], bool]


def works(*pairs: tuple[float | None, float], group: int = 1, first: int = 1) -> list[Work]:
    return [Work(first + at, group, score, points) for at, (score, points) in enumerate(pairs)]


@st.composite
def courses(draw: st.DrawFn, points: tuple[float, ...] = (0.0, 1.0, 5.0, 10.0, 17.5, 100.0)) -> Course:
    """A few groups with a few pieces each: small enough to try everything."""
    groups, pieces, number = [], [], 0
    for key in range(1, draw(st.integers(1, 3)) + 1):
        own = []
        for _ in range(draw(st.integers(0, 6))):
            number += 1
            own.append(Work(number, key, draw(SCORES), draw(st.sampled_from(points))))
        pieces += own
        fixed = draw(st.sets(st.sampled_from([work.id for work in own]), max_size=2)) if own else set()
        weight = draw(st.sampled_from([0.0, 10.0, 33.3, 50.0, 70.0]))
        groups.append(Group(key, weight, draw(st.integers(0, 3)), draw(st.integers(0, 2)), frozenset(fixed)))
    return groups, pieces, draw(st.booleans())


def sums(pieces: Iterable[Work]) -> tuple[Fraction, Fraction]:
    pieces = list(pieces)
    score = sum((Fraction(work.score or 0) for work in pieces), Fraction())
    return score, sum((Fraction(work.points) for work in pieces), Fraction())


def quality(pieces: Iterable[Work]) -> Fraction:
    """What a set of pieces is judged by: its ratio, or its points where it has none possible."""
    score, points = sums(pieces)
    return score / points if points else score


def kept_sets(group: Group, own: list[Work]) -> list[list[Work]]:
    """By definition: all sets that the group may keep. Of the best after dropping the lowest, the worst."""
    fixed = [work for work in own if work.id in group.never_drop]
    loose = [work for work in own if work.id not in group.never_drop]
    if not loose:
        return [own]
    lowest = len(loose) - 1 if group.drop_lowest >= len(loose) else group.drop_lowest
    highest = 0 if lowest + group.drop_highest >= len(loose) else group.drop_highest
    has_points = any(work.points for work in own)

    def extreme(pools: Iterable[tuple[Work, ...]], count: int, pick: object) -> list[tuple[Work, ...]]:
        found: list[tuple[Work, ...]] = []
        for pool in pools:
            options = list(combinations(pool, count))
            if has_points:  # a set without any points has no ratio to compare
                options = [each for each in options if sums([*each, *fixed])[1]] or options
            best = pick(quality([*each, *fixed]) for each in options)  # type: ignore[operator]
            found += [each for each in options if quality([*each, *fixed]) == best]
        return found

    after_lowest = extreme([tuple(loose)], len(loose) - lowest, max)
    after_highest = extreme(after_lowest, len(loose) - lowest - highest, min)
    return [[*each, *fixed] for each in after_highest]


def by_trying(groups: list[Group], pieces: list[Work], is_weighted: bool, zero: bool) -> set[Fraction | None]:
    """All scores that the definition allows: equally good sets may be kept one or the other."""
    options = []
    for group in groups:
        own = [work for work in pieces if work.group == group.id and (zero or work.score is not None)]
        options.append({sums(kept) for kept in kept_sets(group, own)} if own else {(Fraction(), Fraction())})
    found: set[Fraction | None] = set()
    for chosen in product(*options):
        if is_weighted:
            counting = [(Fraction(g.weight), s / p) for g, (s, p) in zip(groups, chosen, strict=True) if p]
            weight = sum((each for each, _ratio in counting), Fraction())
            total = sum((100 * each * ratio for each, ratio in counting), Fraction())
            found.add(total / min(weight, Fraction(100)) if weight else None)
        else:
            score = sum((s for s, _p in chosen), Fraction())
            points = sum((p for _s, p in chosen), Fraction())
            found.add(100 * score / points if points else None)
    return found


def is_one_of(found: Standing, expected: set[Fraction | None]) -> bool:
    if found.percent is None:
        return None in expected
    return any(each is not None and abs(found.percent - float(each)) < 1e-6 for each in expected)


class TestAgainstTrying:
    @settings(max_examples=150, deadline=None)
    @given(courses(points=(1.0, 5.0, 10.0, 17.5, 100.0)), st.booleans())
    def test_weights_and_drops_give_what_trying_every_set_gives(self, course: Course, zero: bool) -> None:
        groups, pieces, is_weighted = course
        found = standing(groups, pieces, is_weighted=is_weighted, ungraded_as_zero=zero)

        assert is_one_of(found, by_trying(groups, pieces, is_weighted, zero))

    @settings(max_examples=80, deadline=None)
    @given(courses())
    def test_extra_credit_without_points_is_only_added_where_nothing_is_dropped(self, course: Course) -> None:
        groups, pieces, is_weighted = course
        plain = [Group(group.id, group.weight) for group in groups]
        found = standing(plain, pieces, is_weighted=is_weighted)

        assert is_one_of(found, by_trying(plain, pieces, is_weighted, False))

    @settings(max_examples=80, deadline=None)
    @given(courses(points=(0.0,)))
    def test_a_group_of_extra_credit_alone_drops_by_its_points(self, course: Course) -> None:
        groups, pieces, _ = course
        base = Work(999, 99, 50.0, 100.0)
        found = standing([*groups, Group(99)], [*pieces, base], is_weighted=False)

        assert is_one_of(found, by_trying([*groups, Group(99)], [*pieces, base], False, False))

    @settings(max_examples=80, deadline=None)
    @given(courses(), st.randoms(use_true_random=False))
    def test_the_order_of_the_work_does_not_matter(self, course: Course, rng: random.Random) -> None:
        groups, pieces, is_weighted = course
        shuffled = pieces[:]
        rng.shuffle(shuffled)
        first = standing(groups, pieces, is_weighted=is_weighted).percent
        second = standing(groups, shuffled, is_weighted=is_weighted).percent

        assert first == (None if second is None else pytest.approx(second, abs=1e-7))

    @settings(max_examples=80, deadline=None)
    @given(courses(points=(1.0, 5.0, 10.0, 17.5, 100.0)), st.integers(0, 100))
    def test_a_better_score_never_lowers_a_weighted_grade_that_drops_the_lowest(
        self, course: Course, more: int
    ) -> None:
        groups, pieces, _ = course
        groups = [Group(group.id, group.weight, group.drop_lowest, 0, group.never_drop) for group in groups]
        graded = [work for work in pieces if work.score is not None]
        if not graded:
            return
        better = [
            Work(work.id, work.group, (work.score or 0) + more, work.points) if work is graded[0] else work
            for work in pieces
        ]
        before = standing(groups, pieces, is_weighted=True).percent
        after = standing(groups, better, is_weighted=True).percent

        assert before is None or (after is not None and after >= before - 1e-7)


class TestRules:
    def test_the_lowest_is_dropped_by_what_it_does_to_the_whole_not_by_its_own_percentage(self) -> None:
        # 1 of 2 is the lowest percentage, but 30 of 50 costs more: without it 89.2 %, without the other 82.2 %.
        pieces = works((1, 2), (30, 50), (90, 100))
        found = standing([Group(1, drop_lowest=1)], pieces, is_weighted=False)

        assert found.dropped == {2}
        assert rounded(found.percent or 0) == 89.22

    def test_what_is_never_dropped_stays_and_one_piece_always_does(self) -> None:
        pieces = works((1, 10), (5, 10), (9, 10))
        kept = standing([Group(1, drop_lowest=1, never_drop=frozenset({1}))], pieces, is_weighted=False)
        last = standing([Group(1, drop_lowest=9, drop_highest=9)], pieces, is_weighted=False)

        assert kept.dropped == {2}
        assert len(last.dropped) == 2 and last.percent == 90

    def test_where_both_rules_would_take_all_the_highest_stays_as_canvas_has_it(self) -> None:
        pieces = works((1, 10), (5, 10), (9, 10))
        found = standing([Group(1, drop_lowest=1, drop_highest=2)], pieces, is_weighted=False)

        assert found.dropped == {1} and found.percent == 70

    def test_weights_of_less_than_100_are_scaled_up_and_more_are_extra_credit(self) -> None:
        pieces = [*works((8, 10)), *works((6, 10), group=2, first=9), *works((10, 10), group=3, first=20)]
        less = standing([Group(1, 30), Group(2, 20), Group(3, 0)], pieces, is_weighted=True)
        more = standing([Group(1, 60), Group(2, 40), Group(3, 5)], pieces, is_weighted=True)

        assert less.percent == pytest.approx(100 * (0.3 * 0.8 + 0.2 * 0.6) / 0.5)
        assert more.percent == pytest.approx(60 * 0.8 + 40 * 0.6 + 5)

    def test_groups_without_grades_do_not_weigh_in_the_current_score_and_do_in_the_final_one(self) -> None:
        pieces = [*works((9, 10)), *works((None, 10), group=2, first=9)]
        groups = [Group(1, 50), Group(2, 50)]

        assert standing(groups, pieces, is_weighted=True).percent == pytest.approx(90)
        assert standing(groups, pieces, is_weighted=True, ungraded_as_zero=True).percent == pytest.approx(45)

    def test_points_without_points_possible_only_add(self) -> None:
        assert standing([Group(1)], works((9, 10), (3, 0)), is_weighted=False).percent == pytest.approx(120)
        assert standing([Group(1)], works((3, 0)), is_weighted=False).percent is None

    @pytest.mark.parametrize(
        ("percent", "shown"), [(89.995, 90.0), (89.99499, 89.99), (0.005, 0.01), (66.66666667, 66.67), (100.0, 100.0)]
    )
    def test_halves_are_rounded_up(self, percent: float, shown: float) -> None:
        assert rounded(percent) == shown
