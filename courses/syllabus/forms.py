"""The forms of an import. They read what was typed and chosen; services check and keep it."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from coreengine.accounts.models import User
from courses.choices import CourseField, offer_courses
from courses.models import ImportDraft
from courses.syllabus.reading import MOST_BYTES, READ_BY_THE_VAULT, TEXT_TYPES, check_text, is_table, read_bytes
from courses.syllabus.rows import FIELDS
from courses.syllabus.tables import LABELS
from resources.models import Resource

MOST_OFFERED = 100


class StartForm(forms.Form):
    """Where the work comes from, and which course it is for."""

    course = CourseField(required=False, label="Course", empty_label="A new course")
    course_name = forms.CharField(
        max_length=255, required=False, label="Name of the new course", help_text="Only if no course is chosen above."
    )
    file = forms.FileField(
        required=False,
        label="A file",
        help_text="CSV, plain text or Markdown, 2 MB at most; or a PDF, Word or web page, which is kept in your vault.",
        widget=forms.FileInput(attrs={"accept": ",".join((*TEXT_TYPES, *READ_BY_THE_VAULT))}),
    )
    resource = forms.ModelChoiceField(
        queryset=Resource.objects.none(), required=False, label="A file of your vault", empty_label="None"
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or a text",
        widget=forms.Textarea(attrs={"rows": 12, "placeholder": "Paste a syllabus, or rows copied from a table"}),
    )
    kind = forms.ChoiceField(
        required=False,
        label="Read it as",
        choices=[("", "Whatever it looks like"), *ImportDraft.Kind.choices],
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_courses(self, owner)
        read = Resource.objects.visible_to(owner).kept().exclude(text="")
        offered = list(read.order_by("-updated_at").values_list("pk", "title")[:MOST_OFFERED])
        field: Any = self.fields["resource"]
        field.queryset, field.choices = read.only("title", "owner_id", "text"), [("", field.empty_label), *offered]

    def clean(self) -> dict[str, Any]:
        """Leave exactly one text, with the kind that it is and where it comes from."""
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        file, resource, text = values.get("file"), values.get("resource"), values.get("text", "")
        name, encoding = "", ""
        if file is not None and PurePath(file.name.lower()).suffix in READ_BY_THE_VAULT:
            return {**values, "has_to_be_read": True}
        if file is not None:
            text, name, encoding = self._read(file)
        elif resource is not None:
            text, name = resource.text, resource.title
        values["text"] = check_text(text)
        values["file_name"], values["encoding"] = name, encoding
        if not values.get("kind"):
            kinds = ImportDraft.Kind
            values["kind"] = kinds.TABLE if is_table(values["text"], name) else kinds.SYLLABUS
        return values

    @staticmethod
    def _read(file: Any) -> tuple[str, str, str]:
        if PurePath(file.name.lower()).suffix not in TEXT_TYPES:
            reason = f"“{file.name}” is neither a table nor a text that can be read. Save it as CSV, text or PDF."
            raise ValidationError({"file": reason})
        if file.size > MOST_BYTES:
            raise ValidationError({"file": f"“{file.name}” is larger than {MOST_BYTES // 1024 // 1024} MB. Split it."})
        read = read_bytes(file.read(), file.name)
        return read.text, file.name, read.encoding

    @property
    def values(self) -> dict[str, Any]:
        """What `begin_import` takes."""
        names = ("kind", "text", "course", "course_name", "file_name", "encoding")
        return {name: self.cleaned_data[name] for name in names}


_FIELD = re.compile(r"^row-(\d{1,6})-([a-z]+)$")


def typed_rows(data: QueryDict) -> dict[int, dict[str, Any]]:
    """Read the rows of one page of the preview: fields as typed; a box that was shown and is not ticked is False."""
    rows: dict[int, dict[str, Any]] = {}
    for number in data.getlist("row"):
        if number.isdecimal() and len(number) < 7:
            rows[int(number)] = {"take": data.get(f"row-{number}-take") == "1"}
    for key in data:
        found = _FIELD.match(key)
        if found and found[2] in FIELDS and int(found[1]) in rows:
            rows[int(found[1])][found[2]] = data[key]
    return rows


def typed_choices(data: QueryDict, width: int) -> dict[str, Any]:
    """Read how the text is to be read."""
    choices: dict[str, Any] = {}
    for name in ("delimiter", "order", "time"):
        if name in data:
            choices[name] = data[name]
    if "column-0" in data:
        columns = [data.get(f"column-{n}", "") for n in range(width)]
        choices["columns"] = [name if name in LABELS else "" for name in columns]
    return choices
