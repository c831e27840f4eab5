"""The form of a student's working hours. It reads and checks; services write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from courses.models import PlanPreferences
from courses.models.workplan import WEEKDAYS
from courses.workplan.rules import check_preferences, checked_hours

NUMBERS = {
    "shortest_minutes": ("Shortest block", "minutes"),
    "longest_minutes": ("Longest block", "minutes; then comes a break"),
    "break_minutes": ("Break between blocks", "minutes"),
    "most_per_day_minutes": ("Most on one day", "minutes of planned work"),
    "buffer_hours": ("Time to spare before a deadline", "hours; used only where there is no other way"),
    "minutes_per_percent": ("Minutes for each per cent of a grade", "how work without your own estimate is guessed"),
    "default_minutes": ("Minutes for work without points", "assumed where there is nothing to go by"),
}


class PreferencesForm(forms.Form):
    """Working hours of each weekday, and how blocks are made."""

    latest = forms.TimeField(
        label="No work after",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="Whatever the working hours say.",
    )

    def __init__(self, data: Any = None, *, preferences: PlanPreferences) -> None:
        super().__init__(data)
        for number, (day, span) in enumerate(zip(WEEKDAYS, preferences.hours, strict=True)):
            for name, label, index in (("from", f"{day} from", 0), ("to", f"{day} to", 1)):
                self.fields[f"day_{number}_{name}"] = forms.TimeField(
                    label=label,
                    required=False,
                    initial=span[index] if span else None,
                    widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
                )
        for name, (label, help_text) in NUMBERS.items():
            field = PlanPreferences._meta.get_field(name)
            self.fields[name] = field.formfield(label=label, help_text=help_text, initial=getattr(preferences, name))
        self.fields["latest"].initial = preferences.latest

    @property
    def days(self) -> list[tuple[str, Any, Any]]:
        """The rows of the week: name, from, to."""
        return [(day, self[f"day_{n}_from"], self[f"day_{n}_to"]) for n, day in enumerate(WEEKDAYS)]

    @property
    def others(self) -> list[Any]:
        """The fields beside the hours."""
        return [self["latest"], *(self[name] for name in NUMBERS)]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        hours: list[Any] = []
        for number in range(7):
            first, last = values.get(f"day_{number}_from"), values.get(f"day_{number}_to")
            if (first is None) != (last is None) and f"day_{number}_to" not in self.errors:
                self.add_error(f"day_{number}_to", "Give both times, or neither for a day without work.")
            elif first and last and last <= first:
                self.add_error(f"day_{number}_to", "The working hours end before they begin.")
            hours.append((first, last) if first and last else None)
        if not self.errors:
            try:
                values["hours"] = checked_hours(hours)
                check_preferences(values)
            except ValidationError as error:
                self.take_errors(error)
        return values

    def take_errors(self, error: ValidationError) -> None:
        """Show what a service refused, at its field."""
        for name, words in error.message_dict.items():
            for word in words:
                self.add_error("day_0_from" if name == "hours" else name if name in self.fields else None, word)

    def changes(self) -> dict[str, Any]:
        """What to save."""
        return {name: self.cleaned_data[name] for name in ("hours", "latest", *NUMBERS)}
