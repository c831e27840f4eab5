"""The form that asks for an archive."""

from __future__ import annotations

from typing import Any

from django import forms

from coreengine.accounts.models import User
from courses.models import Course


class ArchiveForm(forms.Form):
    """Which courses, and whether with their files."""

    courses = forms.ModelMultipleChoiceField(
        queryset=Course.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one of your courses."},
    )
    title = forms.CharField(
        max_length=255, required=False, label="Name", help_text="The term or the course, if you leave it empty."
    )
    with_files = forms.BooleanField(required=False, initial=True, label="With the files of the courses")

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Course.objects.visible_to(owner).shown_once().for_list().by_newest_term()
        self.fields["courses"].queryset = own  # type: ignore[attr-defined]
