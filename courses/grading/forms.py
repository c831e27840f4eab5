"""The form of a course's own grading rules."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from courses.grading.courses import CourseGrades
from courses.grading.scales import COMMON, MOST_ROWS, Scale

LONGEST = 1_000


class GradingForm(forms.Form):
    """Scale, credits and goal. The scale is typed as a text: a letter, its least percentage and its points a line."""

    scale = forms.CharField(
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off"}),
        label="Grading scale",
        help_text="One letter a line, the highest first: its name, from which percentage on, and its points in a grade "
        "point average. Leave it empty to take the common scale.",
    )
    credits = forms.FloatField(
        required=False, min_value=0, max_value=1000, help_text="How much the course counts in your average."
    )
    counts_in_average = forms.BooleanField(required=False, label="Counts in the grade point average")
    goal = forms.FloatField(
        required=False, min_value=0, max_value=1000, label="Your goal, in per cent", help_text="Shown beside the score."
    )

    def __init__(self, data: Any, *, grades: CourseGrades) -> None:
        initial = {
            "scale": scale_text(grades.scale if grades.has_own_scale else COMMON),
            "credits": grades.credits,
            "counts_in_average": grades.counts_in_average,
            "goal": grades.goal,
        }
        super().__init__(data, initial=initial)

    def changes(self) -> dict[str, Any]:
        """What differs from what the form showed."""
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def clean_scale(self) -> list[list[str]] | None:
        lines = [line for line in self.cleaned_data["scale"].splitlines() if line.strip()]
        if len(lines) > MOST_ROWS:
            raise ValidationError(f"A scale has at most {MOST_ROWS} letters.")
        return [_parts(line) for line in lines] or None

    def take_errors(self, error: ValidationError) -> None:
        """Put the rules' faults at the fields."""
        for name, words in error.message_dict.items():
            self.add_error(name if name in self.fields else None, words)


def scale_text(scale: Scale) -> str:
    """A scale as lines to edit."""
    return "\n".join(
        f"{step.name}  {step.least:g}" + ("" if step.points is None else f"  {step.points:g}") for step in scale
    )


def _parts(line: str) -> list[str]:
    parts = re.split(r"[\s;:|]+", re.sub(r"\s*%", "", line.strip()), maxsplit=2)
    return [*parts, "", ""][:3]
