"""The forms of courses and assignments. They read what was typed and check it; services write it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.accounts.models import User
from courses.choices import CourseField, offer_courses
from courses.models import Assignment, AssignmentGroup, Course, Term
from courses.models.courses import HUES
from courses.models.planned import LONGEST_ESTIMATE
from courses.rules import LONGEST_NOTES, check_assignment, check_course, check_local_time

END_OF_DAY = time(23, 59)
HUE_NAMES = [
    "Blue", "Green", "Orange", "Pink", "Teal", "Gold", "Purple", "Red", "Cyan", "Olive", "Violet", "Lime",
]  # fmt: skip


class LocalDateTimeField(forms.DateTimeField):
    """A date and a time as the browser's own control gives them, in the student's zone."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(
            widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **kwargs
        )
        self.error_messages["invalid"] = "Write a date and a time, such as 2026-11-30 23:59."

    def to_python(self, value: Any) -> datetime | None:
        """Read it in the student's zone; a time that the clocks skip or repeat that night is refused with a way out."""
        for pattern in self.input_formats if isinstance(value, str) else []:
            try:
                local = datetime.strptime(value.strip(), pattern)  # noqa: DTZ007  (the zone follows)
            except ValueError:
                continue
            return check_local_time(local, timezone.get_current_timezone())
        return super().to_python(value)


class DayField(forms.DateField):
    """A day, kept as the moment at which it begins or (with `is_end`) ends in the student's zone."""

    def __init__(self, *, is_end: bool = False, **kwargs: Any) -> None:
        self.is_end = is_end
        super().__init__(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)
        self.error_messages["invalid"] = "Write a day, such as 2026-11-30."

    def prepare_value(self, value: Any) -> Any:
        return timezone.localtime(value).date() if isinstance(value, datetime) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> datetime | None:
        day = super().clean(value)
        if day is None:
            return None
        moment = datetime.combine(day, END_OF_DAY if self.is_end else time.min)
        return moment.replace(tzinfo=timezone.get_current_timezone())


def _notes_field(help_text: str) -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=LONGEST_NOTES,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=help_text,
    )


class _Changes:
    """What a form says that is different from what the form showed."""

    def changes(self) -> dict[str, Any]:
        values = {name: self.cleaned_data[name] for name in self.changed_data}  # type: ignore[attr-defined]
        if values.get("hue", 0) is None:  # no swatch chosen: the colour stays
            del values["hue"]
        return values


class OwnCourseForm(_Changes, forms.Form):
    """What a student may say about any course, also one from a source."""

    nickname = forms.CharField(
        max_length=255, required=False, label="Your name for it", help_text="Shown instead of the course's own name."
    )
    hue = forms.TypedChoiceField(
        label="Colour",
        coerce=int,
        required=False,
        empty_value=None,
        choices=[(hue, HUE_NAMES[hue]) for hue in range(HUES)],
        widget=forms.RadioSelect,
    )
    notes = _notes_field("Only you see them. Markdown works.")
    is_hidden = forms.BooleanField(
        required=False, label="Hide this course", help_text="It stays in step, and out of the lists and the dashboard."
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        check_course(values)
        return values


class CourseForm(OwnCourseForm):
    """A course made by hand."""

    name = forms.CharField(max_length=255, label="Name", widget=forms.TextInput(attrs={"autofocus": True}))
    code = forms.CharField(max_length=100, required=False, label="Course code", help_text="For example CS 240.")
    term_name = forms.CharField(
        max_length=255, required=False, label="Term", widget=forms.TextInput(attrs={"list": "term-names"})
    )
    starts_at = DayField(required=False, label="First day")
    ends_at = DayField(required=False, is_end=True, label="Last day")
    html_url = forms.URLField(max_length=2000, required=False, label="Web page", assume_scheme="https")
    state = forms.ChoiceField(
        choices=[(Course.State.AVAILABLE, "Going on"), (Course.State.COMPLETED, "Concluded")],
        required=False,
        label="State",
    )

    field_order = [
        "name",
        "code",
        "term_name",
        "starts_at",
        "ends_at",
        "html_url",
        "hue",
        "notes",
        "state",
        "is_hidden",
    ]

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        # A course made by hand has one name, and it is the student's.
        del self.fields["nickname"]

    @property
    def term_names(self) -> list[str]:
        """The terms to choose from while typing."""
        return list(Term.objects.visible_to(self.owner).values_list("name", flat=True).distinct().order_by("name"))

    def clean_state(self) -> str:
        return self.cleaned_data["state"] or Course.State.AVAILABLE


class OwnAssignmentForm(_Changes, forms.Form):
    """What a student may say about an assignment from a source."""

    estimate_minutes = forms.IntegerField(
        required=False, min_value=1, max_value=LONGEST_ESTIMATE, label="Estimate in minutes"
    )
    notes = _notes_field("Only you see them. Markdown works.")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        check_assignment(values)
        return values


class AssignmentForm(OwnAssignmentForm):
    """An assignment made by hand."""

    name = forms.CharField(max_length=255, label="What is to do", widget=forms.TextInput(attrs={"autofocus": True}))
    due_at = LocalDateTimeField(required=False, label="Due")
    points_possible = forms.FloatField(
        required=False, label="Points", widget=forms.NumberInput(attrs={"step": "any", "min": 0})
    )
    group = forms.ModelChoiceField(
        queryset=AssignmentGroup.objects.none(), required=False, label="Group", empty_label="No group"
    )
    unlock_at = LocalDateTimeField(required=False, label="Opens")
    lock_at = LocalDateTimeField(required=False, label="Closes")
    omit_from_final_grade = forms.BooleanField(required=False, label="It does not count in the grade")
    html_url = forms.URLField(max_length=2000, required=False, label="Web page", assume_scheme="https")

    field_order = [
        *("name", "due_at", "group", "points_possible", "estimate_minutes", "html_url", "notes"),
        *("unlock_at", "lock_at"),
    ]

    def __init__(self, *args: Any, course: Course | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Groups and grades of a course from a source are its source's: own tasks stand beside them.
        if course is None or not course.is_by_hand:
            del self.fields["group"], self.fields["omit_from_final_grade"]
        else:
            self.fields["group"].queryset = course.groups.all()  # type: ignore[attr-defined]
        self.order_fields([*self.field_order, "omit_from_final_grade"])


class TaskForm(AssignmentForm):
    """An assignment made by hand from anywhere: it asks for its course."""

    course = CourseField(label="Course", empty_label=None)

    field_order = ["name", "course", "due_at", "points_possible", "estimate_minutes", "html_url", "notes"]

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_courses(self, owner)


def course_initial(course: Course) -> dict[str, Any]:
    return {
        "name": course.name,
        "nickname": course.nickname,
        "code": course.code,
        "term_name": course.term.name if course.term else "",
        "starts_at": course.starts_at,
        "ends_at": course.ends_at,
        "html_url": course.html_url,
        "hue": course.hue,
        "notes": course.notes,
        "state": course.state,
        "is_hidden": course.is_hidden,
    }


def assignment_initial(assignment: Assignment) -> dict[str, Any]:
    names = [
        *("name", "due_at", "points_possible", "estimate_minutes", "html_url", "notes"),
        *("unlock_at", "lock_at", "omit_from_final_grade"),
    ]
    return {**{name: getattr(assignment, name) for name in names}, "group": assignment.group_id}


def tomorrow_night() -> datetime:
    """The due date that a new assignment's form proposes."""
    tomorrow = timezone.localtime() + timedelta(days=1)
    return tomorrow.replace(hour=23, minute=59, second=0, microsecond=0)


def add_errors(form: forms.Form, error: ValidationError) -> None:
    """Put what a service refused where it was typed; what belongs to no field goes above the form."""
    for name, messages in (error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}).items():
        form.add_error(name if name in form.fields else None, messages)
