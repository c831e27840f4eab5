"""The forms of the calendar. They read what was typed and check it; services write it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError

from coreengine.accounts.models import User
from courses.calendar.entries import layers
from courses.calendar.rules import REPEATS, check_event, check_repeats, event_times, repeats_of
from courses.calendar.zones import typed_moment
from courses.choices import CourseField, offer_courses
from courses.forms import HUE_NAMES
from courses.models import CalendarEvent, CalendarFeed, CalendarSource
from courses.models.courses import HUES
from courses.rules import LONGEST_NOTES

ALARMS = [
    ("", "No alarm"), ("0", "At the time"), ("10", "10 minutes before"), ("30", "30 minutes before"),
    ("60", "1 hour before"), ("180", "3 hours before"), ("1440", "1 day before"), ("2880", "2 days before"),
    ("10080", "1 week before"),
]  # fmt: skip


class LocalTimeField(forms.Field):
    """A time as the browser's own control gives it, in the student's zone; one that the clocks skip is refused."""

    default_error_messages = {
        "invalid": "Write a date and a time, such as 2026-11-30 14:00.",
        "required": "Say when it begins.",
    }

    def __init__(self, *, zone: ZoneInfo, **kwargs: Any) -> None:
        self.zone = zone
        super().__init__(
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"), **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(self.zone) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            local = datetime.fromisoformat(str(value).strip()).replace(tzinfo=None)
        except ValueError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return typed_moment(local, self.zone)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            new = self.to_python(data)
        except ValidationError:
            return True
        return new != (initial.replace(second=0, microsecond=0) if initial else None)


def _hue_field() -> forms.TypedChoiceField:
    choices = [(hue, HUE_NAMES[hue]) for hue in range(HUES)]
    return forms.TypedChoiceField(
        label="Colour", coerce=int, required=False, empty_value=None, choices=choices, widget=forms.RadioSelect
    )


class EventForm(forms.Form):
    """An event by hand."""

    title = forms.CharField(max_length=255, label="What", widget=forms.TextInput(attrs={"autofocus": True}))
    is_all_day = forms.BooleanField(required=False, label="Whole days")
    starts_on = forms.DateField(
        required=False, label="First day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    ends_on = forms.DateField(
        required=False, label="Last day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    location = forms.CharField(max_length=255, required=False, label="Place")
    course = CourseField(required=False, label="Course", empty_label="No course")
    repeats = forms.ChoiceField(choices=REPEATS, required=False, label="Repeats")
    repeats_until = forms.DateField(
        required=False,
        label="Repeats until",
        help_text="Without a day it goes on.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    is_busy = forms.BooleanField(required=False, label="Takes my time", help_text="Work is planned around it.")
    notes = forms.CharField(
        required=False, max_length=LONGEST_NOTES, widget=forms.Textarea(attrs={"rows": 4}), label="Notes"
    )

    field_order = [
        "title", "is_all_day", "starts_at", "ends_at", "starts_on", "ends_on", "location", "course", "repeats",
        "repeats_until", "is_busy", "notes",
    ]  # fmt: skip

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = owner.zone.key.replace("_", " ")
        self.fields["starts_at"] = LocalTimeField(zone=owner.zone, required=False, label="Begins")
        self.fields["ends_at"] = LocalTimeField(
            zone=owner.zone, required=False, label="Ends", help_text=f"Times in {zone}."
        )
        offer_courses(self, owner)
        is_all_day = bool(self.data.get("is_all_day") if self.is_bound else self.initial.get("is_all_day"))
        # Which of the two starts is asked for changes in the browser, so it does not insist on either.
        for name, is_needed in (("starts_at", not is_all_day), ("starts_on", is_all_day)):
            self.fields[name].required = is_needed
            self.fields[name].widget.use_required_attribute = lambda initial: False  # type: ignore[method-assign]
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        check_event(values)
        if not self.errors.keys() & {"starts_at", "ends_at", "starts_on", "ends_on"}:
            starts_at, _ = event_times(values)
            check_repeats(values, starts_at)
        return values


class EventNotesForm(forms.Form):
    """What a student may say about an event that a calendar brought."""

    notes = forms.CharField(
        required=False,
        max_length=LONGEST_NOTES,
        widget=forms.Textarea(attrs={"rows": 5}),
        label="Your notes",
        help_text="Only you see them, and no reading of the calendar touches them. Markdown works.",
    )


def event_initial(event: CalendarEvent) -> dict[str, Any]:
    repeats, until = repeats_of(event.rrule)
    return {
        "title": event.title,
        "is_all_day": event.is_all_day,
        "starts_at": None if event.is_all_day else event.starts_at,
        "ends_at": None if event.is_all_day else event.ends_at,
        "starts_on": event.starts_at.date() if event.is_all_day else None,
        "ends_on": (event.ends_at - timedelta(days=1)).date() if event.is_all_day else None,
        "location": event.location,
        "course": event.course_id,
        "repeats": repeats,
        "repeats_until": until,
        "is_busy": event.is_busy,
        "notes": event.notes,
    }


class SourceForm(forms.Form):
    """What a student says about a calendar that is brought in."""

    name = forms.CharField(max_length=120, required=False, label="Name", help_text="Left empty, it has its own.")
    course = CourseField(
        required=False,
        label="Course",
        empty_label="No course",
        help_text="Its events then belong to this course, and have its colour.",
    )
    hue = _hue_field()
    is_busy = forms.BooleanField(
        required=False,
        label="Takes my time",
        help_text="Work is planned around its events.",
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_courses(self, owner)
        self.order_fields(["address", "file", "name", "course", "hue", "is_busy"])


class AddressForm(SourceForm):
    """A calendar by its address."""

    address = forms.CharField(
        max_length=2000,
        label="Address",
        help_text="It begins with https:// or webcal://. It is stored encrypted, since it may be a secret.",
        widget=forms.TextInput(
            attrs={"autofocus": True, "inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
        ),
    )


class FileForm(forms.Form):
    """A calendar file to look at."""

    file = forms.FileField(
        label="Calendar file", help_text="A file that ends in .ics. You see what is in it before anything is taken.",
        widget=forms.ClearableFileInput(attrs={"accept": ".ics,text/calendar"}),
    )  # fmt: skip


class EditSourceForm(SourceForm):
    """A calendar that is there; a new address only where the old one no longer works."""

    new_address = forms.CharField(
        max_length=2000, required=False, label="New address", help_text="Only if the old one no longer works.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, source: CalendarSource, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
        self.fields["name"].help_text = ""
        if source.kind != CalendarSource.Kind.ADDRESS:
            del self.fields["new_address"]

    def changes(self) -> dict[str, Any]:
        values = {name: self.cleaned_data[name] for name in self.changed_data}
        if "new_address" in values:
            values["address"] = values.pop("new_address")
        return values


def source_initial(source: CalendarSource) -> dict[str, Any]:
    return {"name": source.name, "hue": source.hue, "course": source.course_id, "is_busy": source.is_busy}


class FeedForm(forms.Form):
    """A feed: who reads it, what is in it, when it rings."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="The program or person that reads it, such as “Phone”.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )  # fmt: skip

    course = CourseField(required=False, label="Course", empty_label="All of my calendar")

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_courses(self, owner)
        known = layers()
        self.fields["layers"] = forms.MultipleChoiceField(
            label="What is in it",
            choices=[(layer.key, layer.label) for layer in known],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": "Choose at least one kind of entries."},
        )
        for layer in known:
            name = f"alarm-{layer.key}"
            self.fields[name] = forms.ChoiceField(
                choices=ALARMS, required=False, label=f"Alarm for {layer.label.lower()}"
            )
        self.alarm_names = [f"alarm-{layer.key}" for layer in known]

    @property
    def alarm_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.alarm_names]

    def values(self) -> dict[str, Any]:
        """What the service takes: all kinds is said by naming none, so that kinds to come are in it too."""
        data = self.cleaned_data
        chosen = list(data["layers"])
        return {
            "name": data["name"],
            "course": data["course"],
            "layers": [] if len(chosen) == len(self.alarm_names) else chosen,
            "alarms": {name.removeprefix("alarm-"): int(data[name]) for name in self.alarm_names if data[name] != ""},
        }


def feed_initial(feed: CalendarFeed | None) -> dict[str, Any]:
    every = [layer.key for layer in layers()]
    if feed is None:
        return {"layers": every, "alarm-assignments": "1440", "alarm-events": "10"}
    alarms = {f"alarm-{key}": str(minutes) for key, minutes in feed.alarms.items()}
    return {"name": feed.name, "course": feed.course_id, "layers": feed.layers or every, **alarms}
