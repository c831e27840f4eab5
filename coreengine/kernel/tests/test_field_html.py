"""A field of a form: its parts, tied to its control, and nothing from outside as markup."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.test.html import Element, parse_html

XSS = '"><img src=x>'


class Everything(forms.Form):
    name = forms.CharField(label="Name", help_text="As it is called.")
    notes = forms.CharField(required=False, widget=forms.Textarea)
    count = forms.IntegerField(required=False, min_value=1)
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B <b>")])
    agreed = forms.BooleanField(label="I agree", help_text="Really.")
    days = forms.MultipleChoiceField(
        choices=[(0, "Mo"), (1, "Tu")], required=False, widget=forms.CheckboxSelectMultiple, help_text="Any."
    )
    way = forms.ChoiceField(choices=[("x", "X")], widget=forms.RadioSelect)
    token = forms.CharField(widget=forms.HiddenInput)


def drawn(form: forms.Form, name: str, arguments: str = "") -> str:
    return Template(f"{{% field form.{name} {arguments} %}}").render(Context({"form": form}))


def ids(element: Element | str) -> list[str]:
    if isinstance(element, str):
        return []
    own = [value or "" for name, value in element.attributes if name == "id"]
    return own + [found for child in element.children for found in ids(child)]


def attributes_of(html: str, tag: str) -> dict[str, str]:
    def find(element: Any) -> Any:
        if isinstance(element, str):
            return None
        if element.name == tag:
            return {name: value or "" for name, value in element.attributes}
        return next((found for child in element.children if (found := find(child)) is not None), None)

    found = find(parse_html(f"<div>{html}</div>"))
    assert found is not None, html
    return dict(found)


def test_a_control_is_tied_to_its_label_its_help_and_its_errors() -> None:
    html = drawn(Everything({"name": ""}), "name")

    control = attributes_of(html, "input")
    assert attributes_of(html, "label")["for"] == control["id"] == "id_name"
    assert control["aria-describedby"] == "id_name_helptext id_name_error"
    assert control["aria-invalid"] == "true"
    assert ids(parse_html(html)) == ["id_name", "id_name_error", "id_name_helptext"]
    assert "This field is required." in html and "As it is called." in html


@pytest.mark.parametrize(("name", "told"), [("notes", True), ("count", True), ("days", True), ("name", False)])
def test_what_may_be_left_out_says_so(name: str, told: bool) -> None:
    assert ("optional" in drawn(Everything(), name)) is told


def test_a_group_has_a_legend_and_a_label_for_each_of_its_boxes() -> None:
    html = drawn(Everything({"days": ["1"]}), "days")

    assert attributes_of(html, "fieldset")["aria-describedby"] == "id_days_helptext"
    assert "<legend>Days" in html and html.count("<label") == 2
    assert attributes_of(html, "input") == {"type": "checkbox", "name": "days", "value": "0", "id": "id_days_0"}
    assert html.count("checked") == 1


def test_a_hidden_field_is_its_control_alone_and_a_box_stands_before_its_label() -> None:
    assert drawn(Everything(), "token") == '<input type="hidden" name="token" id="id_token">'
    html = drawn(Everything(), "agreed")
    assert html.index("<input") < html.index("<label") < html.index("Really.")


def test_words_and_attributes_can_be_given_by_the_page() -> None:
    html = drawn(Everything(), "name", 'label="Called" help="" autofocus="autofocus" hx_get="/x/"')
    assert attributes_of(html, "input")["hx-get"] == "/x/"
    assert ">Called<" in html and "As it is called" not in html


def test_nothing_from_outside_is_markup() -> None:
    form = Everything({XSS: XSS})
    for kind in (
        forms.CharField(),
        forms.BooleanField(),
        forms.ChoiceField(choices=[(XSS, XSS)], widget=forms.RadioSelect),
    ):
        kind.label, kind.help_text = XSS, XSS
        form.fields[XSS] = kind
        form._bound_fields_cache.pop(XSS, None)
        form.full_clean()
        form.add_error(XSS, XSS)
        html = Template("{% field bound %}").render(Context({"bound": form[XSS]}))
        assert "<img" not in html and html.count("&lt;img") > 4


def test_a_control_of_its_own_has_the_same_notes() -> None:
    html = Template("{% field_notes form.name %}").render(Context({"form": Everything({})}))
    assert 'id="id_name_error"' in html and 'id="id_name_helptext"' in html and "<input" not in html
