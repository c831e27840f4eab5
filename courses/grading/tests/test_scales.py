"""Grading scales: what a percentage is worth, and what is no scale."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from courses.grading.scale_presets import PRESETS
from courses.grading.scales import COMMON, Step, checked_scale, is_falling, letter, points_of, source_scale


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
            ([["A", 90], ["B", 90], ["F", 0]], "“A” and “B” overlap: both begin at 90 %"),
            ([["A", 90], [" ", "", None], ["", 50]], "Row 3: a letter is missing"),
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

    @pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
    def test_every_scale_to_start_from_is_a_scale(self, preset: object) -> None:
        scale = preset.scale  # type: ignore[attr-defined]

        assert checked_scale([[step.name, step.least, step.points] for step in scale]) == scale

    def test_a_scale_of_the_source_has_the_points_of_the_common_letters(self) -> None:
        assert source_scale([["A", 94.0], ["Good", 50.0]]) == (Step("A", 94.0, 4.0), Step("Good", 50.0, None))
        assert source_scale(None) is None

    def test_only_where_the_best_letter_has_the_fewest_points_is_lower_better(self) -> None:
        assert [preset.key for preset in PRESETS if is_falling(preset.scale)] == ["german"]
