"""The vault's forms parse; services write."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from resources.models import Resource
from resources.rules import check_address, check_body, check_tags, check_title


class _WithTags(forms.Form):
    tags = forms.CharField(
        required=False, max_length=900, help_text="Words to find it by, separated by commas.", label="Tags"
    )

    def clean_tags(self) -> list[str]:
        return _unkeyed(check_tags, self.cleaned_data["tags"], "tags")


class NoteForm(_WithTags):
    """A Markdown note."""

    title = forms.CharField(max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    body = forms.CharField(
        required=False,
        strip=False,
        label="Note",
        help_text="Markdown: **bold**, # headings, - lists, `code` and tables.",
        widget=forms.Textarea(attrs={"rows": 16, "class": "note-source", "spellcheck": "true"}),
    )
    field_order = ["title", "body", "tags"]

    def clean_title(self) -> str:
        return _unkeyed(check_title, self.cleaned_data["title"], "title")

    def clean_body(self) -> str:
        return _unkeyed(check_body, self.cleaned_data["body"], "body")


class LinkForm(_WithTags):
    """A link and what the student says about it. Nothing is fetched."""

    url = forms.CharField(
        label="Address",
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off", "inputmode": "url"}),
    )
    title = forms.CharField(required=False, max_length=255, help_text="Without one, the address serves as the title.")
    body = forms.CharField(
        required=False,
        strip=False,
        label="What it is about",
        help_text="Markdown. The page itself is not fetched, so what you write here is what a search finds.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    field_order = ["url", "title", "body", "tags"]

    def clean_url(self) -> str:
        return _unkeyed(check_address, self.cleaned_data["url"], "url")

    def clean_body(self) -> str:
        return _unkeyed(check_body, self.cleaned_data["body"], "body")


class FileForm(_WithTags):
    """What a student says about a file."""

    title = forms.CharField(max_length=255)
    body = forms.CharField(
        required=False,
        strip=False,
        label="Your notes on it",
        help_text="Markdown.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    field_order = ["title", "body", "tags"]

    clean_title = NoteForm.clean_title
    clean_body = NoteForm.clean_body


FORMS: dict[str, type[_WithTags]] = {
    Resource.Kind.NOTE: NoteForm,
    Resource.Kind.LINK: LinkForm,
    Resource.Kind.FILE: FileForm,
}


def _unkeyed(check: Any, value: Any, field: str) -> Any:
    """Run a check of rules.py, whose errors are keyed by field, for one field of a form."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValidationError(error.message_dict[field]) from error
