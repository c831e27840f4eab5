"""Forms of grades: scales as rows, a course's own rules, groups and scores of own courses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from courses.grading.courses import SCALES, CourseGrades, GradedWork
from courses.grading.late import MOST_GRACE_HOURS
from courses.grading.scale_presets import PRESETS, preset
from courses.grading.scales import MOST_ROWS, Scale
from courses.models import AssignmentGroup

BLANK_ROWS = 2


class RowsMixin:
    """Rows of inputs of one name each, kept as they were typed; `rows_key` is the field of their errors."""

    rows_key: str
    columns: Sequence[str]
    rows: list[dict[str, Any]]
    row_errors: dict[int, str]

    def read_rows(self, data: QueryDict | None, stored: Iterable[Sequence[Any]], most: int) -> None:
        """Take the rows from what was sent, else from what is stored, with a few blank ones below."""
        if data is not None and data.getlist(self.columns[0]):
            lists = [data.getlist(name)[: most + BLANK_ROWS] for name in self.columns]
            rows = [dict(zip(self.columns, values, strict=False)) for values in zip(*lists, strict=False)]
        else:
            rows = [dict(zip(self.columns, values, strict=False)) for values in stored]
        while rows and not any(str(value or "").strip() for value in rows[-1].values()):
            rows.pop()
        self.row_errors = {}
        self.rows = rows + [dict.fromkeys(self.columns, "") for _ in range(min(BLANK_ROWS, max(0, most - len(rows))))]

    def mark_rows(self, messages: Iterable[str]) -> None:
        """Note which rows a message "Row 3: ..." is about."""
        for message in messages:
            if found := re.match(r"Row (\d+)", message):
                self.row_errors[int(found[1]) - 1] = message

    @property
    def numbered_rows(self) -> list[tuple[int, dict[str, Any], str]]:
        """Each row with its place and what is wrong with it."""
        return [(at, row, self.row_errors.get(at, "")) for at, row in enumerate(self.rows)]


class ScaleForm(RowsMixin, forms.Form):
    """A grading scale as rows of letter, least percentage and points; a known scale can be filled in."""

    rows_key = "scale"
    columns = ("letter", "least", "points")
    presets = PRESETS

    def __init__(self, data: QueryDict | None, *, stored: Scale) -> None:
        super().__init__(data)
        self.preset = ""
        filled = preset(data.get("preset", "")) if data is not None and "fill" in data else None
        if filled is not None:
            data, stored, self.preset = None, filled.scale, filled.key
        self.read_rows(data, [(step.name, _number(step.least), _number(step.points)) for step in stored], MOST_ROWS)

    def scale_rows(self) -> list[list[Any]]:
        """What `checked_scale` reads, blank rows included so that its row numbers are those of the page."""
        rows = [[row["letter"], row["least"], row["points"]] for row in self.rows]
        while rows and not any(str(value or "").strip() for value in rows[-1]):
            rows.pop()
        return rows

    def take_errors(self, error: ValidationError) -> None:
        """Put the rules' faults at the fields."""
        for name, words in error.message_dict.items():
            self.add_error(name if name in self.fields else None, words)
        self.mark_rows(error.message_dict.get("scale", []))


class GradingForm(ScaleForm):
    """A course's scale, credits, goal, and (of one made by hand) what late work costs."""

    own_scale = forms.ChoiceField(label="Grading scale", widget=forms.RadioSelect)
    credits = forms.FloatField(
        required=False, min_value=0, max_value=1000, help_text="How much the course counts in your average."
    )
    counts_in_average = forms.BooleanField(required=False, label="Counts in the grade point average")
    goal = forms.FloatField(
        required=False, min_value=0, max_value=1000, label="Your goal, in per cent", help_text="Shown beside the score."
    )
    percent_per_day = forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label="A day late costs, in per cent",
        help_text="Of the points possible, for each day begun.",
    )
    least_percent = forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label="But leaves at least, in per cent",
        help_text="Being late never takes a score below this part of the points.",
    )
    grace_hours = forms.FloatField(
        required=False,
        min_value=0,
        max_value=MOST_GRACE_HOURS,
        label="Hours of grace",
        help_text="So many hours late cost nothing.",
    )
    missing_percent = forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label="Work that never came gives, in per cent",
        help_text="Leave it empty and it stays open.",
    )
    LATE = ("percent_per_day", "least_percent", "grace_hours", "missing_percent")

    def __init__(self, data: QueryDict | None, *, grades: CourseGrades, without: str) -> None:
        super().__init__(data, stored=grades.scale)
        self.fields["own_scale"].choices = [  # type: ignore[attr-defined]
            ("", f"Take {SCALES[without]}"),
            ("1", "A scale of its own for this course"),
        ]
        self.fields["own_scale"].required = False
        policy = grades.late_policy
        self.initial = {
            "own_scale": "1" if grades.has_own_scale else "",
            "credits": grades.credits,
            "counts_in_average": grades.counts_in_average,
            "goal": grades.goal,
            **({name: getattr(policy, name) for name in self.LATE} if policy else {}),
        }
        if not grades.course.is_by_hand:
            for name in self.LATE:
                del self.fields[name]
        if self.preset:
            self.initial["own_scale"] = "1"

    def changes(self) -> dict[str, Any]:
        """What `services.update_grading` takes."""
        found = {name: self.cleaned_data[name] for name in ("credits", "counts_in_average", "goal")}
        found["scale"] = self.scale_rows() if self.cleaned_data["own_scale"] else None
        if "percent_per_day" in self.fields:
            found["late_policy"] = {name: self.cleaned_data[name] for name in self.LATE}
        return found


class GroupsForm(RowsMixin, forms.Form):
    """The groups of a course made by hand: name, weight, drop rules."""

    rows_key = "groups"
    columns = ("id", "name", "weight", "drop_lowest", "drop_highest")
    MOST = 20

    def __init__(
        self, data: QueryDict | None, *, groups: Sequence[AssignmentGroup], works: Sequence[GradedWork]
    ) -> None:
        super().__init__(data)
        self.groups, self.works = groups, works
        self.read_rows(
            data,
            [(g.pk, g.name, _number(g.weight), g.drop_lowest or "", g.drop_highest or "") for g in groups],
            self.MOST,
        )
        kept = {int(each) for group in groups for each in group.never_drop if each.isdecimal()}
        self.never_drop = {int(each) for each in data.getlist("never_drop") if each.isdecimal()} if data else kept
        self.gone = {each for each in data.getlist("gone") if each} if data else set()

    def group_rows(self) -> list[dict[str, Any]]:
        """What `services.update_groups` takes; a row that is ticked off is left out."""
        by_group: dict[int, list[str]] = {}
        for work in self.works:
            if work.id in self.never_drop:
                by_group.setdefault(work.group, []).append(str(work.id))
        return [
            {**row, "never_drop": by_group.get(int(row["id"] or 0), [])}
            for row in self.rows
            if str(row["id"]) not in self.gone and str(row["id"] or "0").isdecimal()
        ]

    def take_errors(self, error: ValidationError) -> None:
        """Put the rules' faults at the rows."""
        shown = [at for at, row in enumerate(self.rows) if str(row["id"]) not in self.gone]
        for name, words in error.message_dict.items():
            self.add_error(None, words)
            place = name.removeprefix("groups.")
            if place.isdecimal() and int(place) < len(shown):
                self.row_errors[shown[int(place)]] = " ".join(words)


class OwnGradeForm(forms.Form):
    """What work of an own course gave."""

    score = forms.CharField(required=False, max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    group = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    submitted_at = forms.DateTimeField(
        required=False,
        label="Handed in",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text="Decides what being late costs, where the course has a late policy.",
    )
    excused = forms.BooleanField(required=False, help_text="It does not count at all.")
    omit_from_final_grade = forms.BooleanField(required=False, label="Not part of the grade")

    def __init__(self, data: Mapping[str, Any] | None, *, assignment: Any, groups: Sequence[AssignmentGroup]) -> None:
        given = assignment.own_submission
        super().__init__(
            data,
            initial={
                "score": _number(given.score if given else None),
                "group": assignment.group_id or "",
                "submitted_at": given.submitted_at if given else None,
                "excused": given.excused if given else False,
                "omit_from_final_grade": assignment.omit_from_final_grade,
            },
        )
        self.fields["group"].choices = [  # type: ignore[attr-defined]
            ("", "Without a group"),
            *((group.pk, group.name) for group in groups),
        ]
        if not groups:
            del self.fields["group"]
        if assignment.points_possible:
            self.fields["score"].help_text = f"Of {assignment.points_possible:g} points, before anything is taken off."

    def changes(self) -> dict[str, Any]:
        """What `services.grade_by_hand` takes: what differs from what the form showed."""
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def take_errors(self, error: ValidationError) -> None:
        """Put the rules' faults at the fields."""
        for name, words in error.message_dict.items():
            self.add_error(name if name in self.fields else None, words)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
