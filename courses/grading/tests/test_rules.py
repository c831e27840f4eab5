"""The arithmetic of grades against a second formula: every way to drop is tried, in exact fractions."""

from __future__ import annotations

import random
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from courses.grading.rules import Group, Work, rounded, standing
from courses.grading.scales import COMMON, Step, checked_scale, letter, points_of

HALVES = st.integers(0, 60).map(lambda number: number / 2)
SCORES = st.one_of(st.none(), HALVES)


def works(*pairs: tuple[float | None, float], group: int = 1, first: int = 1) -> list[Work]:
    return [Work(first + at, group, score, points) for at, (score, points) in enumerate(pairs)]


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Group], list[Work], bool]:
    """A few groups with a few pieces each: small enough to try everything."""
    groups, pieces, number = [], [], 0
    for key in range(1, draw(st.integers(1, 3)) + 1):
        count = draw(st.integers(0, 6))
        own = []
        for _ in range(count):
            number += 1
            own.append(Work(number, key, draw(SCORES), draw(st.sampled_from([1.0, 5.0, 10.0, 17.5, 100.0]))))
        pieces += own
        fixed = draw(st.sets(st.sampled_from([work.id for work in own]))) if own else set()
        groups.append(
            Group(
                key,
                draw(st.sampled_from([0.0, 10.0, 33.3, 50.0, 70.0])),
                draw(st.integers(0, 3)),
                draw(st.integers(0, 2)),
                frozenset(fixed),
            )
        )
    return groups, pieces, draw(st.booleans())


def ratio(pieces: Iterable[Work]) -> Fraction:
    pieces = list(pieces)
    points = sum(Fraction(work.points) for work in pieces)
    return sum((Fraction(work.score or 0) for work in pieces), Fraction()) / points


def by_trying(groups: list[Group], pieces: list[Work], zero: bool) -> Fraction | None:
    """The score by its definition: of all sets that may be kept, the best, then the worst of those."""
    counting: list[tuple[Fraction, Fraction]] = []
    for group in groups:
        own = [work for work in pieces if work.group == group.id and (zero or work.score is not None)]
        if not own:
            continue
        fixed = [work for work in own if work.id in group.never_drop]
        loose = [work for work in own if work.id not in group.never_drop]
        found = {ratio(own)}
        if loose:
            many = max(1, len(loose) - group.drop_lowest)
            few = max(1, many - group.drop_highest)
            top = max(ratio([*kept, *fixed]) for kept in combinations(loose, many))
            found = {
                min(ratio([*kept, *fixed]) for kept in combinations(chosen, few))
                for chosen in combinations(loose, many)
                if ratio([*chosen, *fixed]) == top
            }
        if len(found) > 1:
            return None  # several sets are equally good, and the rule does not say which: nothing to compare
        counting.append((Fraction(group.weight), found.pop()))
    weight = sum((weight for weight, _value in counting), Fraction())
    if not weight:
        return Fraction(-1)
    total = sum((100 * weight * value for weight, value in counting), Fraction())
    return total / min(weight, Fraction(100))


class TestAgainstTrying:
    @settings(max_examples=400, deadline=None)
    @given(courses(), st.booleans())
    def test_weights_and_drops_give_what_trying_every_set_gives(
        self, course: tuple[list[Group], list[Work], bool], zero: bool
    ) -> None:
        groups, pieces, _ = course
        expected = by_trying(groups, pieces, zero)
        if expected is None:
            return
        found = standing(groups, pieces, is_weighted=True, ungraded_as_zero=zero).percent

        assert (found is None) is (expected == -1)
        if found is not None:
            assert found == pytest.approx(float(expected), abs=1e-7)

    @settings(max_examples=200, deadline=None)
    @given(courses())
    def test_without_weights_and_drops_all_points_are_added(self, course: tuple[list[Group], list[Work], bool]) -> None:
        groups, pieces, _ = course
        plain = [Group(group.id) for group in groups]
        graded = [work for work in pieces if work.score is not None]
        found = standing(plain, pieces, is_weighted=False).percent

        assert found == (pytest.approx(100 * float(ratio(graded))) if graded else None)

    @settings(max_examples=200, deadline=None)
    @given(courses(), st.randoms(use_true_random=False))
    def test_the_order_of_the_work_does_not_matter(
        self, course: tuple[list[Group], list[Work], bool], rng: random.Random
    ) -> None:
        groups, pieces, is_weighted = course
        shuffled = pieces[:]
        rng.shuffle(shuffled)
        first = standing(groups, pieces, is_weighted=is_weighted).percent
        second = standing(groups, shuffled, is_weighted=is_weighted).percent

        assert first == (None if second is None else pytest.approx(second, abs=1e-7))

    @settings(max_examples=200, deadline=None)
    @given(courses(), st.integers(0, 100))
    def test_a_better_score_never_lowers_the_grade_where_only_the_lowest_are_dropped(
        self, course: tuple[list[Group], list[Work], bool], more: int
    ) -> None:
        groups, pieces, is_weighted = course
        groups = [Group(g.id, g.weight, g.drop_lowest, 0, g.never_drop) for g in groups]
        graded = [work for work in pieces if work.score is not None]
        if not graded:
            return
        better = [
            Work(work.id, work.group, (work.score or 0) + more, work.points) if work is graded[0] else work
            for work in pieces
        ]
        before = standing(groups, pieces, is_weighted=is_weighted).percent
        after = standing(groups, better, is_weighted=is_weighted).percent

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
        pieces = works((9, 10), (3, 0))

        assert standing([Group(1)], pieces, is_weighted=False).percent == pytest.approx(120)
        assert standing([Group(1)], works((3, 0)), is_weighted=False).percent is None

    @pytest.mark.parametrize(
        ("percent", "shown"), [(89.995, 90.0), (89.99499, 89.99), (0.005, 0.01), (66.66666667, 66.67), (100.0, 100.0)]
    )
    def test_halves_are_rounded_up(self, percent: float, shown: float) -> None:
        assert rounded(percent) == shown


class TestScales:
    def test_the_shown_percentage_decides(self) -> None:
        assert letter(92.995, COMMON) == Step("A", 93, 4.0)
        assert letter(92.99, COMMON) == Step("A-", 90, 3.7)
        assert letter(0, COMMON) == Step("F", 0, 0.0)
        assert letter(None, COMMON) is None
        assert points_of("A−") == 3.7 and points_of("pass") is None

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ([], "at least one letter"),
            ([["1,0", "93"], ["2,0", 70]], "There is a gap: below 70 %"),
            ([["B", 80], ["A", 90], ["F", 0]], "not below “B”"),
            ([["A", 90], ["a", 0]], "“A” stands in it twice"),
            ([["A", "ninety"], ["F", 0]], "Row 1: the least percentage of “A” is not a number"),
            ([["", 90], ["F", 0]], "Row 1: a letter is missing"),
            ([["A", None], ["F", 0]], "Row 1: the least percentage of “A” is missing"),
            ([["A", -1], ["F", 0]], "Row 1: -1 is not a percentage"),
            ([["A", "nan"], ["F", 0]], "Row 1: the least percentage of “A” is not a number that can be used"),
            ([["A", 90, 99], ["F", 0]], "Row 1: the points of “A” lie between 0 and 20"),
            ([[f"g{n}", 100 - n] for n in range(30)], "at most 20 letters"),
        ],
    )
    def test_what_is_no_scale_is_refused_in_words(self, rows: list[list[object]], words: str) -> None:
        with pytest.raises(ValidationError) as caught:
            checked_scale(rows)

        assert any(words in message for message in caught.value.message_dict["scale"])

    def test_numbers_may_have_a_comma_and_a_percent_sign(self) -> None:
        assert checked_scale([["1,0", "92,5 %", "1,0"], ["5,0", "0", ""]]) == (Step("1,0", 92.5, 1.0), Step("5,0", 0.0))
