"""Forms of the workflow pages."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from workflows.engine.definition import Definition, DefinitionInvalid
from workflows.engine.source import read_source
from workflows.models import Workflow, WorkflowVersion
from workflows.rules import check_inputs
from workflows.store import definition_of

LONG_TEXT = 200
MOST_TEXT = 20_000


class LinesField(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def validate(self, value: list[str]) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """Its schema checks it as a whole."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(one) for one in value) if isinstance(value, list) else value


class MomentField(forms.DateTimeField):
    """A moment on the student's own clock."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")


class InputsForm(forms.Form):
    """The inputs of a workflow, one field for each property of its JSON Schema; the schema itself has the last word."""

    def __init__(self, schema: dict[str, Any], *args: Any, definition: Definition | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        self.known: dict[str, Any] = {}
        """What is not asked, since it is known already."""
        required = set(schema.get("required") or [])
        for name, described in (schema.get("properties") or {}).items():
            self.fields[name] = _field(name, described if isinstance(described, dict) else {}, name in required)

    @classmethod
    def of(cls, workflow: Workflow, data: Any = None) -> InputsForm:
        """Ask for a workflow's inputs; what a shipped one knows of its connection is not asked."""
        assert workflow.version is not None
        schema = dict(workflow.version.definition.get("inputs") or {})
        known = {"connection": workflow.connection_id} if workflow.connection_id is not None else {}
        schema["properties"] = _as_written(workflow.version, schema.get("properties") or {})
        if "connection" in schema["properties"]:
            schema["properties"] = {k: v for k, v in schema["properties"].items() if k not in known}
            schema["required"] = [name for name in schema.get("required") or [] if name not in known]
        else:
            known = {}
        form = cls(schema, data, definition=definition_of(workflow.version.pk))
        form.known = known
        return form

    def clean(self) -> dict[str, Any]:
        """Let the schema check what was filled in: the rule that programs meet as well."""
        cleaned = super().clean() or {}
        if self.definition is not None and not self.errors:
            try:
                check_inputs(self.definition, self.known | self.inputs())
            except ValidationError as error:
                for place, words in error.message_dict.items():
                    name = place.removeprefix("inputs.").partition(".")[0].partition("[")[0]
                    self.add_error(name if name in self.fields else None, words)
        return cleaned

    def inputs(self) -> dict[str, Any]:
        """Return what was filled in; what was left empty is left out, so that defaults apply."""
        return {
            name: _as_json(value)
            for name, value in self.cleaned_data.items()
            if value not in (None, "") and not (value == [] and not self.fields[name].initial)
        }


def _as_written(version: WorkflowVersion, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties in the order of the text, for versions of the time when definitions were kept without order."""
    if len(properties) < 2:
        return properties
    try:
        written = list(read_source(version.source).data["inputs"]["properties"])
    except (DefinitionInvalid, KeyError, TypeError):
        return properties
    places = {name: place for place, name in enumerate(written)}
    return dict(sorted(properties.items(), key=lambda pair: places.get(pair[0], len(places))))


def _field(name: str, described: dict[str, Any], is_required: bool) -> forms.Field:
    default = described.get("default")
    options: dict[str, Any] = {
        "label": described.get("title") or name.replace("_", " ").capitalize(),
        "help_text": described.get("description", ""),
        "initial": default,
        "required": is_required and "default" not in described,
    }
    kind = described.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    if choices := described.get("enum"):
        blank = [] if is_required else [("", "–")]
        options["initial"] = json.dumps(default) if "default" in described else None
        return forms.TypedChoiceField(
            choices=[*blank, *((json.dumps(c), _said(c)) for c in choices)],
            coerce=json.loads,
            empty_value=None,
            **options,
        )
    bounds: dict[str, Any] = {"min_value": described.get("minimum"), "max_value": described.get("maximum")}
    match kind:
        case "integer":
            return forms.IntegerField(**bounds, **options)
        case "number":
            return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), **bounds, **options)
        case "boolean":
            return forms.BooleanField(**{**options, "required": False})
        case "array":
            return _list_field(described, options)
        case "object":
            return forms.JSONField(widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}), **options)
    match described.get("format"):
        case "date":
            options["initial"] = parse_date(default) if isinstance(default, str) else None
            return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)
        case "date-time":
            options["initial"] = parse_datetime(default) if isinstance(default, str) else None
            return MomentField(**options)
        case "email":
            return forms.EmailField(**options)
        case "uri":
            return forms.URLField(assume_scheme="https", **options)
    longest = described.get("maxLength", MOST_TEXT)
    is_long = LONG_TEXT < longest < MOST_TEXT or "\n" in str(default or "")
    widget = forms.Textarea(attrs={"rows": 4}) if is_long else forms.TextInput()
    examples = described.get("examples")
    if isinstance(examples, list) and examples:
        widget.attrs["placeholder"] = str(examples[0])
    return forms.CharField(
        max_length=longest, min_length=described.get("minLength"), strip=False, widget=widget, **options
    )


def _list_field(described: dict[str, Any], options: dict[str, Any]) -> forms.Field:
    items = described.get("items")
    items = items if isinstance(items, dict) else {}
    if choices := items.get("enum"):
        options["initial"] = [json.dumps(one) for one in options["initial"] or []]
        return forms.TypedMultipleChoiceField(
            choices=[(json.dumps(c), _said(c)) for c in choices],
            coerce=json.loads,
            widget=forms.CheckboxSelectMultiple,
            **options,
        )
    if items.get("type") == "string":
        options["help_text"] = f"{options['help_text']} One on each line.".strip()
        return LinesField(**options)
    return forms.JSONField(widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}), **options)


def _said(choice: Any) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice, ensure_ascii=False)


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.get_current_timezone()).isoformat()
    return value.isoformat() if isinstance(value, date) else value
