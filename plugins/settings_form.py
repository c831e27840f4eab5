"""One form field for each setting of a plugin. It parses; `check_configuration` decides, as it does for the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from plugins.pages import sentence
from plugins.rules import host_of
from plugins.settings_schema import MAX_SETTING_LENGTH, choices_of, problem_of, worded_choices

_LONG = 200
_WIDGETS: dict[str, type[forms.Widget]] = {"email": forms.EmailInput, "uri": forms.URLInput}
_INPUT_TYPES = {"date": "date", "time": "time"}
_EXAMPLES = {"uri": "https://", "date-time": "2026-11-23T09:30:00Z"}


def field_for(name: str, schema: Mapping[str, Any], *, is_required: bool, is_home: bool = False) -> forms.Field:
    """Return the field of one setting; what is wrong with a value is said by the rules that the API has.

    The setting that names the plugin's home may be typed as a whole address.
    """
    field = _field(name, schema, is_required)
    field.error_messages["required"] = f"{schema.get('title', name)} is needed."
    if schema["type"] != "array" and not choices_of(schema):  # choices check themselves
        field.validators.append(_Rules(schema, host_of if is_home else None))
    return field


class _Rules:
    """The manifest's rules for one setting, as a validator of its field."""

    def __init__(self, schema: Mapping[str, Any], read: Callable[[str], str] | None) -> None:
        self._schema = schema
        self._read = read

    def __call__(self, value: Any) -> None:
        """Say what is wrong with a value, as `check_configuration` does."""
        if words := problem_of(self._schema, self._read(value) if self._read else value):
            raise ValidationError(words)


def _field(name: str, schema: Mapping[str, Any], is_required: bool) -> forms.Field:
    shared: dict[str, Any] = {
        "label": sentence(schema.get("title") or name.replace("_", " ")),
        "help_text": schema.get("description", ""),
        "initial": schema.get("default"),
        "required": is_required,
    }
    kind = schema["type"]
    if kind == "array":
        items = schema["items"]
        return forms.TypedMultipleChoiceField(
            choices=worded_choices(items),
            coerce=_reader(items["type"]),
            widget=forms.CheckboxSelectMultiple,
            **{**shared, "required": is_required or schema.get("minItems", 0) > 0},
        )
    if choices_of(schema):
        choices = worded_choices(schema)
        if not is_required and "default" not in schema:
            choices.insert(0, ("", "Not set"))
        return forms.TypedChoiceField(choices=choices, coerce=_reader(kind), empty_value=None, **shared)
    if kind == "boolean":
        return forms.BooleanField(**{**shared, "required": False})
    if kind in {"integer", "number"}:
        return _number_field(schema, shared)
    return _text_field(schema, shared)


def _number_field(schema: Mapping[str, Any], shared: dict[str, Any]) -> forms.Field:
    is_whole = schema["type"] == "integer"
    field = forms.IntegerField(**shared) if is_whole else forms.FloatField(**shared)
    field.error_messages["invalid"] = f"This must be {'a whole number' if is_whole else 'a number'}."
    attrs = {"min": schema.get("minimum"), "max": schema.get("maximum")}
    field.widget.attrs |= {key: value for key, value in attrs.items() if value is not None}
    field.widget.attrs["step"] = schema.get("multipleOf", 1 if is_whole else "any")
    return field


def _text_field(schema: Mapping[str, Any], shared: dict[str, Any]) -> forms.Field:
    form = schema.get("format", "")
    widget: forms.Widget = _WIDGETS.get(form, forms.TextInput)()
    if form in _INPUT_TYPES:
        widget = forms.TextInput(attrs={"type": _INPUT_TYPES[form]})
    elif not form and "pattern" not in schema and schema.get("maxLength", 0) > _LONG:
        widget = forms.Textarea(attrs={"rows": 4})
    field = forms.CharField(widget=widget, **shared)
    field.widget.attrs["maxlength"] = min(schema.get("maxLength", MAX_SETTING_LENGTH), MAX_SETTING_LENGTH)
    example = (schema.get("examples") or [_EXAMPLES.get(form, "")])[-1]
    if example:
        field.widget.attrs["placeholder"] = str(example)
    return field


def _reader(kind: str) -> Any:
    return {"integer": int, "number": float, "boolean": lambda text: text == "True"}.get(kind, str)
