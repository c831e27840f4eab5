"""The forms of a course's page. They read what was typed; services check and write it."""

from __future__ import annotations

from typing import Any

from django import forms

from courses.models import AiPolicy, CoursePerson
from courses.people.services import LONGEST_NOTES as LONGEST_PERSON_NOTES
from courses.people.services import OWN_FIELDS
from courses.rules import LONGEST_NOTES


class NotesForm(forms.Form):
    """The notes of a course."""

    notes = forms.CharField(required=False, max_length=LONGEST_NOTES, strip=False, widget=forms.Textarea)

    def clean_notes(self) -> str:
        return self.cleaned_data["notes"].replace("\r\n", "\n")


class NewNoteForm(forms.Form):
    """A note of the vault about a course."""

    title = forms.CharField(max_length=255, label="Title", error_messages={"required": "Give the note a title."})


class AiPolicyForm(forms.Form):
    """What a course allows of AI."""

    ai_policy = forms.ChoiceField(label="Use of AI", choices=AiPolicy.choices, required=False, widget=forms.RadioSelect)
    ai_policy_text = forms.CharField(
        required=False,
        max_length=LONGEST_NOTES,
        label="What the teacher says",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="The words of the syllabus, so that you need not look for them.",
    )
    ai_policy_where = forms.CharField(
        required=False,
        max_length=500,
        label="Where it is stated",
        help_text="A page, a slide, an address: “Syllabus, section 5”.",
    )


class PersonForm(forms.Form):
    """Somebody of a course; of whom a source names, only what is the student's own."""

    name = forms.CharField(max_length=255, label="Name", widget=forms.TextInput(attrs={"autofocus": True}))
    role = forms.ChoiceField(label="Role", choices=CoursePerson.Role.choices)
    email = forms.EmailField(max_length=254, required=False, label="E-mail")
    html_url = forms.URLField(max_length=2000, required=False, label="Web page", assume_scheme="https")
    office_hours = forms.CharField(
        max_length=500, required=False, label="Office hours", help_text="“Tue 14–16, room 4.02”"
    )
    notes = forms.CharField(
        required=False,
        max_length=LONGEST_PERSON_NOTES,
        label="Notes",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Only you see them. Markdown works.",
    )

    def __init__(self, *args: Any, person: CoursePerson | None = None, **kwargs: Any) -> None:
        if person is not None:
            kwargs["initial"] = {name: getattr(person, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
        if person is not None and not person.is_by_hand:
            for name in set(self.fields) - set(OWN_FIELDS):
                del self.fields[name]
