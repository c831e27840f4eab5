"""The forms of what is kept by hand. They read what was typed; services check and write it."""

from __future__ import annotations

from typing import Any

from django import forms

from coreengine.accounts.models import User
from courses.forms import DayField, LocalDateTimeField
from courses.models import Submission, Term


class GroupForm(forms.Form):
    """A group of work with its weight and its drop rules."""

    name = forms.CharField(max_length=255, label="Name", widget=forms.TextInput(attrs={"autofocus": True}))
    weight = forms.FloatField(
        required=False,
        label="Weight in per cent",
        widget=forms.NumberInput(attrs={"step": "any", "min": 0}),
        help_text="Its share of the grade. Leave it empty where the course counts points only.",
    )
    drop_lowest = forms.IntegerField(
        required=False, min_value=0, max_value=99, label="Lowest scores dropped", initial=0
    )
    drop_highest = forms.IntegerField(
        required=False, min_value=0, max_value=99, label="Highest scores dropped", initial=0
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        for name in ("drop_lowest", "drop_highest"):
            if name in values and values[name] is None:
                values[name] = 0
        return values


class ResultForm(forms.Form):
    """How a piece of work went."""

    state = forms.ChoiceField(choices=Submission.State.choices, required=False, label="Where it stands")
    score = forms.FloatField(
        required=False, label="Score in points", widget=forms.NumberInput(attrs={"step": "any", "min": 0})
    )
    grade = forms.CharField(max_length=64, required=False, label="Grade", help_text="If it is no number: “B+”, “pass”.")
    submitted_at = LocalDateTimeField(required=False, label="Handed in")
    late = forms.BooleanField(required=False, label="It was late")
    excused = forms.BooleanField(required=False, label="I am excused: it does not count")

    def changes(self) -> dict[str, Any]:
        """What was changed; a score that is typed makes it graded unless the state is changed as well."""
        return {
            name: self.cleaned_data[name] for name in self.changed_data if name != "state" or self.cleaned_data[name]
        }


class DuplicateForm(forms.Form):
    """A course once more."""

    name = forms.CharField(max_length=255, label="Name", widget=forms.TextInput(attrs={"autofocus": True}))
    term_name = forms.CharField(
        max_length=255, required=False, label="Term", widget=forms.TextInput(attrs={"list": "term-names"})
    )
    first_day = DayField(
        required=False,
        label="First day",
        help_text="All dates move with it and keep their time of day. Leave it empty to copy the work without dates.",
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    @property
    def term_names(self) -> list[str]:
        """The terms to choose from while typing."""
        return list(Term.objects.visible_to(self.owner).values_list("name", flat=True).distinct().order_by("name"))
