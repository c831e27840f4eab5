"""One form field for each setting of a plugin. It parses; `check_configuration` decides, as it does for the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from plugins.pages import sentence
from plugins.settings_schema import MAX_SETTING_LENGTH, choices_of

_CHOICE_WORDS = {"realtime": "As soon as possible"}
_LONG = 200
_WIDGETS: dict[str, type[forms.Widget]] = {"email": forms.EmailInput, "uri": forms.URLInput}
_INPUT_TYPES = {"date": "date", "time": "time"}
_EXAMPLES = {"uri": "https://", "date-time": "2026-11-23T09:30:00Z"}


def field_for(name: str, schema: Mapping[str, Any], *, is_required: bool) -> forms.Field:
    """Return the field of one setting."""
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
            choices=_choices(items),
            coerce=_reader(items["type"]),
            widget=forms.CheckboxSelectMultiple,
            **{**shared, "required": is_required or schema.get("minItems", 0) > 0},
        )
    if choices_of(schema):
        choices = _choices(schema)
        if not is_required and "default" not in schema:
            choices.insert(0, ("", "Not set"))
        return forms.TypedChoiceField(choices=choices, coerce=_reader(kind), empty_value=None, **shared)
    if kind == "boolean":
        return forms.BooleanField(**{**shared, "required": False})
    if kind in {"integer", "number"}:
        number = forms.IntegerField if kind == "integer" else forms.FloatField
        field = number(min_value=schema.get("minimum"), max_value=schema.get("maximum"), **shared)
        field.widget.attrs["step"] = schema.get("multipleOf", 1 if kind == "integer" else "any")
        return field
    return _text_field(schema, shared)


def _text_field(schema: Mapping[str, Any], shared: dict[str, Any]) -> forms.Field:
    form, most = schema.get("format", ""), min(schema.get("maxLength", MAX_SETTING_LENGTH), MAX_SETTING_LENGTH)
    widget: forms.Widget = _WIDGETS.get(form, forms.TextInput)()
    if form in _INPUT_TYPES:
        widget = forms.TextInput(attrs={"type": _INPUT_TYPES[form]})
    elif not form and "pattern" not in schema and schema.get("maxLength", 0) > _LONG:
        widget = forms.Textarea(attrs={"rows": 4})
    field = forms.CharField(min_length=schema.get("minLength"), max_length=most, widget=widget, **shared)
    example = (schema.get("examples") or [_EXAMPLES.get(form, "")])[-1]
    if example:
        field.widget.attrs["placeholder"] = str(example)
    return field


def _choices(schema: Mapping[str, Any]) -> list[tuple[Any, str]]:
    return [(value, words or _choice_words(value)) for value, words in choices_of(schema)]


def _choice_words(item: Any) -> str:
    return _CHOICE_WORDS.get(str(item), str(item).replace("_", " ").capitalize())


def _reader(kind: str) -> Any:
    return {"integer": int, "number": float, "boolean": lambda text: text == "True"}.get(kind, str)
