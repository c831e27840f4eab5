"""Settings: what a manifest may declare, and that form and API say the same of a value, at its field."""
# ruff: noqa: E501, a table of faults reads best one fault a line

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError

from plugins.faults import ManifestFaulty
from plugins.forms import ConnectionForm
from plugins.manifest import Manifest, manifest_from
from plugins.models import Connection
from plugins.pages import settings_rows
from plugins.rules import check_configuration
from plugins.tests.conftest import manifest_document

FIELDS: dict[str, Any] = {
    "city": {"type": "string", "title": "City Name", "description": "Where you live", "minLength": 2, "maxLength": 20, "required": True},
    "code": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["ABC"]},
    "mail": {"type": "string", "format": "email"},
    "page": {"type": "string", "format": "uri"},
    "from_day": {"type": "string", "format": "date"},
    "server": {"type": "string", "format": "hostname"},
    "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
    "share": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
    "old": {"type": "boolean", "default": False},
    "often": {"type": "string", "enum": ["realtime", "once_a_day"], "default": "once_a_day"},
    "size": {"type": "integer", "oneOf": [{"const": 1, "title": "Small"}, {"const": 2, "title": "Large"}]},
    "kinds": {"type": "array", "items": {"type": "string", "oneOf": [{"const": "pdf", "title": "PDF files"}, {"const": "doc"}]}, "minItems": 1, "default": ["pdf"]},
    "notes": {"type": "string", "maxLength": 400},
}  # fmt: skip
GOOD = {
    "city": "Chapel Hill",
    "code": "ABC",
    "mail": "ada@example.edu",
    "page": "https://example.edu/x",
    "from_day": "2026-11-23",
    "server": "files.example.edu",
    "count": 4,
    "share": 1.5,
    "old": True,
    "often": "realtime",
    "size": 2,
    "kinds": ["pdf", "doc"],
    "notes": "two\nlines",
}


def manifest_with(fields: dict[str, Any]) -> Manifest:
    return manifest_from(manifest_document(configuration={"schema": {"type": "object", "properties": fields}}))


def form_errors(manifest: Manifest, values: dict[str, Any]) -> dict[str, str]:
    """What the page says: the form's own words, else those of the rules."""
    form = ConnectionForm(
        manifest, {key: value for key, value in values.items() if value is not None and value is not False}
    )
    if form.is_valid():
        try:
            check_configuration(manifest, form.configuration())
        except ValidationError as error:
            form.take_errors(error.message_dict)
    return {name: str(messages[0]) for name, messages in form.errors.items()}


def api_errors(manifest: Manifest, values: dict[str, Any]) -> dict[str, str]:
    try:
        check_configuration(manifest, values)
    except ValidationError as error:
        return {name: messages[0] for name, messages in error.message_dict.items()}
    return {}


def test_good_values_pass_both_doors_and_come_out_the_same() -> None:
    manifest = manifest_with(FIELDS)
    form = ConnectionForm(manifest, GOOD)

    assert form.is_valid(), form.errors
    assert check_configuration(manifest, form.configuration()) == check_configuration(manifest, GOOD) == GOOD


def test_defaults_are_filled_in_and_optional_settings_may_be_missing() -> None:
    manifest = manifest_with(FIELDS)

    cleaned = check_configuration(manifest, {"city": "Graz"})

    assert cleaned == {"city": "Graz", "count": 3, "old": False, "often": "once_a_day", "kinds": ["pdf"]}


BAD = [
    ("city", ""), ("city", "x"), ("city", "x" * 21), ("code", "abc"), ("mail", "ada"), ("page", "javascript:alert(1)"),
    ("page", "example.edu"), ("from_day", "2026-02-30"), ("server", "https://x.example.edu"), ("count", 0), ("count", 10),
    ("count", "many"), ("share", 0), ("share", 0.7), ("often", "never"), ("size", 3), ("kinds", ["exe"]), ("notes", "x" * 401),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_told_at_its_field_by_form_and_api(name: str, value: Any) -> None:
    manifest = manifest_with(FIELDS)

    for errors in (form_errors(manifest, {**GOOD, name: value}), api_errors(manifest, {**GOOD, name: value})):
        assert set(errors) == {name} and errors[name]


def test_every_fault_is_shown_at_once_and_in_the_same_words_at_both_doors() -> None:
    manifest = manifest_with(FIELDS)
    wrong = {
        **GOOD,
        "city": "x",
        "code": "abc",
        "mail": "ada",
        "page": "x",
        "from_day": "soon",
        "count": 44,
        "share": 0,
    }

    assert form_errors(manifest, wrong) == api_errors(manifest, wrong)
    assert len(api_errors(manifest, wrong)) == 7


def test_what_is_written_helps() -> None:
    errors = api_errors(
        manifest_with(FIELDS),
        {"city": 7, "code": "abc", "mail": "x", "share": 0, "kinds": ["exe"], "colour": 1, "size": 9},
    )

    assert errors == {
        "city": "This must be text.",
        "code": "That does not have the right form, such as ABC.",
        "mail": "Write an e-mail address, such as ada@example.edu.",
        "share": "This must be more than 0.",
        "kinds": "Choose one of pdf, doc.",
        "colour": "Hostile has no such setting.",
        "size": "Choose one of 1, 2.",
    }


def test_each_type_has_the_field_that_fits_it() -> None:
    fields = ConnectionForm(manifest_with(FIELDS)).fields

    assert (fields["city"].label, fields["city"].help_text, fields["city"].required) == (
        "City name",
        "Where you live",
        True,
    )
    assert isinstance(fields["mail"].widget, forms.EmailInput) and isinstance(fields["page"].widget, forms.URLInput)
    assert fields["from_day"].widget.input_type == "date" and fields["code"].widget.attrs["placeholder"] == "ABC"
    assert isinstance(fields["notes"].widget, forms.Textarea)
    assert isinstance(fields["kinds"].widget, forms.CheckboxSelectMultiple)
    assert fields["kinds"].choices == [("pdf", "PDF files"), ("doc", "Doc")]  # type: ignore[attr-defined]
    assert fields["size"].choices[1:] == [(1, "Small"), (2, "Large")]  # type: ignore[attr-defined]
    assert fields["often"].choices == [("realtime", "As soon as possible"), ("once_a_day", "Once a day")]  # type: ignore[attr-defined]
    assert fields["count"].initial == 3 and fields["share"].widget.attrs["step"] == 0.5


FAULTS = [
    ({"type": "object"}, "type", "an object has no form"),
    ({"type": "array"}, "items", "must say what can be chosen"),
    ({"type": "array", "items": {"type": "string"}}, "items", "must say what can be chosen"),
    ({"type": "array", "items": {"type": "integer", "enum": ["x"]}}, "items", "is not a whole number"),
    ({"type": "string", "writeOnly": True}, "writeOnly", "credentials belong to spec.authentication"),
    ({"type": "string", "format": "password"}, "format", "credentials belong to spec.authentication"),
    ({"type": "string", "format": "emial"}, "format", 'did you mean "email"?'),
    ({"type": "integer", "pattern": "x"}, "pattern", "has no meaning for a whole number"),
    ({"type": "integer", "minimum": 5, "maximum": 1}, "minimum", "more than the maximum"),
    ({"type": "string", "enum": ["a"], "oneOf": [{"const": "a"}]}, "oneOf", "same as enum"),
    ({"type": "string", "enum": ["a", 1]}, "enum", "1 is not text"),
    ({"type": "string", "pattern": "(a+)+"}, "pattern", "itself repeats"),
    ({"type": "string", "enum": ["a"], "default": "b"}, "default", "does not fit the field: Choose one of a."),
    ({"type": "string", "format": "date", "default": "soon"}, "default", "Write a day"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "path", "words"), FAULTS)
def test_a_setting_without_a_form_is_refused_in_words(field: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ManifestFaulty) as refusal:
        manifest_with({"thing": field})

    faults = {fault.path: fault.message for fault in refusal.value.faults}
    assert words in faults[f"spec.configuration.schema.properties.thing.{path}"]


@pytest.mark.parametrize("name", ["label", "password", "url", "api_token"])
def test_a_setting_cannot_have_the_name_of_another_field(name: str) -> None:
    with pytest.raises(ManifestFaulty):
        manifest_with({name: {"type": "string"}})


def test_a_connection_shows_its_settings_in_the_words_of_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = manifest_with(FIELDS)
    monkeypatch.setattr(Connection, "manifest", manifest)

    shown = dict(settings_rows(Connection(plugin="hostile", configuration=check_configuration(manifest, GOOD))))

    assert shown["City name"] == "Chapel Hill" and shown["Old"] == "yes"
    assert (shown["Size"], shown["Often"], shown["Kinds"]) == ("Large", "As soon as possible", "PDF files, Doc")
