"""The form of an own task. It reads what was typed; the rules are below the doors."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from coreengine.accounts.models import User
from courses.choices import AssignmentField, CourseField, offer_assignments, offer_courses
from courses.models import OwnTask
from courses.models.planned import LONGEST_ESTIMATE
from courses.moments import short_date
from courses.planning.quick import Understood
from courses.planning.recurrence import DAY_WORDS, Pattern
from courses.planning.services import repeats_as
from courses.rules import LONGEST_NOTES

ENDS = [("never", "Never"), ("until", "On a day"), ("times", "After a number of times")]
MONTHLY = [
    ("day", "On this day of the month"),
    ("nth", "On this weekday of the month"),
    ("last", "On the last such weekday"),
]
# Where the services name a field of the model, the form has other words for it.
FIELDS_OF = {"due_on": "due_day", "due_at": "due_day", "due": "due_day", "rule": "repeat", "course": "course"}


class TaskForm(forms.Form):
    """A task: what, for which course or assignment, when, how long, and whether it repeats."""

    title = forms.CharField(
        max_length=255, label="What is to do", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    due_day = forms.DateField(
        required=False, label="Due", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    due_time = forms.TimeField(
        required=False, label="At", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    estimate_minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_ESTIMATE,
        label="Estimate in minutes",
        widget=forms.NumberInput(attrs={"list": "usual-minutes"}),
    )
    course = CourseField(required=False, empty_label="No course")
    assignment = AssignmentField(required=False, empty_label="None")
    notes = forms.CharField(
        required=False,
        max_length=LONGEST_NOTES,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Only you see them. Markdown works.",
    )
    repeat = forms.ChoiceField(
        required=False,
        label="Repeat",
        choices=[("", "Never"), ("DAILY", "By day"), ("WEEKLY", "By week"), ("MONTHLY", "By month")],
    )
    repeat_interval = forms.IntegerField(
        required=False, initial=1, min_value=1, label="Every", help_text="1 is each time, 2 every other."
    )
    repeat_weekdays = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        label="On",
        choices=list(enumerate(DAY_WORDS)),
        widget=forms.CheckboxSelectMultiple,
        help_text="Without any, the weekday of its first day.",
    )
    repeat_monthly = forms.ChoiceField(required=False, label="Which day", choices=MONTHLY, initial="day")
    repeat_end = forms.ChoiceField(required=False, label="Ends", choices=ENDS, initial="never")
    repeat_until = forms.DateField(
        required=False, label="Last day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    repeat_times = forms.IntegerField(required=False, min_value=1, label="Number of times")
    scope = forms.ChoiceField(
        required=False,
        label="Change",
        choices=[("this", "This one alone"), ("following", "This and the following")],
        widget=forms.RadioSelect,
        initial="this",
    )

    def __init__(self, *args: Any, owner: User, task: OwnTask | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner, self.task = owner, task
        if task is None or task.series_id is None:
            del self.fields["scope"]
        if task is not None and task.parent_id is not None:
            for name in set(self.fields) - {"title", "notes", "estimate_minutes"}:
                del self.fields[name]
        else:
            offer_courses(self, owner)
            offer_assignments(self, owner)

    @property
    def pattern_fields(self) -> list[Any]:
        names = [name for name in self.fields if name.startswith("repeat_")]
        return [self[name] for name in names]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("due_time") and not values.get("due_day") and "due_day" not in self.errors:
            self.add_error("due_day", "Say the day too, or leave the time out.")
        elif values.get("due_time") and values.get("due_day"):
            self._check_is_there(values["due_day"], values["due_time"])
        return values

    def _check_is_there(self, day: date, at: time) -> None:
        """Refuse a time that the clocks leap over."""
        moment = datetime.combine(day, at, tzinfo=self.owner.zone)
        if datetime.fromtimestamp(moment.timestamp(), tz=self.owner.zone).time() != at:
            text = f"There is no {at:%H:%M} on {short_date(day)}: the clocks go forward then. Choose another time."
            self.add_error("due_time", text)

    @property
    def is_for_following(self) -> bool:
        return self.cleaned_data.get("scope") == "following"

    def values(self) -> dict[str, Any]:
        """What the services take."""
        cleaned = self.cleaned_data
        names = [name for name in ("title", "notes", "estimate_minutes", "course", "assignment") if name in self.fields]
        values = {name: cleaned[name] for name in names}
        if "due_day" in self.fields:
            day, at = cleaned["due_day"], cleaned["due_time"]
            values["due_on"] = day if at is None else None
            values["due_at"] = datetime.combine(day, at, tzinfo=self.owner.zone) if day and at else None
            values["repeat"] = self._pattern()
        return values

    def _pattern(self) -> Pattern | None:
        cleaned = self.cleaned_data
        if not cleaned["repeat"]:
            return None
        day, end = cleaned["due_day"], cleaned["repeat_end"]
        nth = None
        if cleaned["repeat"] == "MONTHLY" and cleaned["repeat_monthly"] == "nth" and day:
            nth = (day.day - 1) // 7 + 1
            nth = -1 if nth == 5 else nth
        elif cleaned["repeat"] == "MONTHLY" and cleaned["repeat_monthly"] == "last":
            nth = -1
        return Pattern(
            cleaned["repeat"],
            interval=cleaned["repeat_interval"] or 1,
            weekdays=tuple(sorted(cleaned["repeat_weekdays"])) if cleaned["repeat"] == "WEEKLY" else (),
            nth=nth,
            until=cleaned["repeat_until"] if end == "until" else None,
            times=cleaned["repeat_times"] if end == "times" else None,
        )

    def add_refusal(self, error: ValidationError) -> None:
        """Put what a service refused where it was typed."""
        for name, messages in error.message_dict.items():
            field = FIELDS_OF.get(name, name)
            self.add_error(field if field in self.fields else None, messages)


def initial_of(task: OwnTask) -> dict[str, Any]:
    """What the form shows of a task."""
    local = task.due_at.astimezone(task.owner.zone) if task.due_at else None
    initial: dict[str, Any] = {
        "title": task.title,
        "notes": task.notes,
        "estimate_minutes": task.estimate_minutes,
        "course": task.course_id,
        "assignment": task.assignment_id,
        "due_day": local.date() if local else task.due_on,
        "due_time": local.time() if local else None,
        "scope": "this",
    }
    return initial | _pattern_initial(repeats_as(task))


def initial_understood(found: Understood) -> dict[str, Any]:
    """What the form shows of a line that was understood."""
    return {
        "title": found.title or found.line,
        "due_day": found.due_at.date() if found.due_at else found.due_on,
        "due_time": found.due_at.time() if found.due_at else None,
        "estimate_minutes": found.minutes,
        "course": found.course.pk if found.course else None,
        **_pattern_initial(found.repeat),
    }


def _pattern_initial(pattern: Pattern | None) -> dict[str, Any]:
    if pattern is None:
        return {"repeat": "", "repeat_interval": 1, "repeat_end": "never", "repeat_monthly": "day"}
    return {
        "repeat": pattern.frequency,
        "repeat_interval": pattern.interval,
        "repeat_weekdays": list(pattern.weekdays),
        "repeat_monthly": "day" if pattern.nth is None else "last" if pattern.nth == -1 else "nth",
        "repeat_end": "until" if pattern.until else "times" if pattern.times else "never",
        "repeat_until": pattern.until,
        "repeat_times": pattern.times,
    }
