"""The forms of reminders. They read what was typed; services check and write it."""

from __future__ import annotations

from typing import Any

from django import forms

from coreengine.accounts.models import User
from courses.choices import CourseField, offer_courses
from courses.forms import LocalDateTimeField
from courses.models import ReminderRule, ReminderSettings
from courses.models.reminders import Channel
from courses.reminders.pages import PRESETS, lead_choices
from courses.reminders.times import WEEKDAYS, lead_words

NEVER = "never"
AT = "at"


class ReminderForm(forms.Form):
    """When to be reminded of a thing: some time before (`lead_minutes`), or at a time of one's own."""

    target_kind = forms.CharField(max_length=20)
    target_id = forms.IntegerField(min_value=1, max_value=2**62)
    lead_minutes = forms.ChoiceField(
        choices=[*((str(minutes), lead_words(minutes)) for minutes in PRESETS), (AT, "at a time")], required=False
    )
    remind_at = LocalDateTimeField(required=False)
    channels = forms.MultipleChoiceField(choices=Channel.choices, required=False)

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        lead = self.cleaned_data["lead_minutes"]
        is_at = lead in ("", AT)
        return {
            "lead_minutes": None if is_at else int(lead),
            "remind_at": self.cleaned_data["remind_at"] if is_at else None,
            "channels": self.cleaned_data["channels"],
        }


class RuleForm(forms.Form):
    """A default: of which kind, how long before, for which course, and how."""

    kind = forms.ChoiceField(choices=ReminderRule.Kind.choices, label="Of")
    lead_minutes = forms.ChoiceField(label="When")
    course = CourseField(required=False, empty_label="Every course", label="Course")
    channels = forms.MultipleChoiceField(
        choices=Channel.choices, required=False, widget=forms.CheckboxSelectMultiple, label="How"
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_courses(self, owner)
        self.fields["lead_minutes"].choices = [*lead_choices(), (NEVER, "never")]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        lead = self.cleaned_data["lead_minutes"]
        return {**self.cleaned_data, "lead_minutes": None if lead == NEVER else int(lead)}


class SettingsForm(forms.ModelForm):
    """Digests, and how early workflows are told that something is due."""

    weekly_day = forms.TypedChoiceField(choices=list(enumerate(WEEKDAYS)), coerce=int, label="On")
    daily_days = forms.TypedMultipleChoiceField(
        choices=[(number, name[:3]) for number, name in enumerate(WEEKDAYS)],
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label="On",
        error_messages={"required": "Pick at least one day."},
    )

    class Meta:
        model = ReminderSettings
        fields = [
            *("has_daily_digest", "daily_at", "daily_days", "has_weekly_digest", "weekly_day", "weekly_at"),
            "soon_hours",
        ]
        widgets = {
            "daily_at": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "weekly_at": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def _post_clean(self) -> None:
        """Leave the row as it is: the service changes it."""
