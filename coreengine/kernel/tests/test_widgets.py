"""Controls of forms."""

from __future__ import annotations

from django import forms
from django.test.html import Element, parse_html

from coreengine.kernel.widgets import PlainSelect

CHOICES = [("", "Every <course>"), (1, 'Rhetoric "A"'), (2, "Logic & sets")]


def drawn(widget: type[forms.Select], choices: list, value: object) -> Element:
    text = widget(attrs={"class": "select", "required": True}, choices=choices).render("course", value, {"id": "x"})
    return parse_html(text)


def test_a_plain_select_is_drawn_as_djangos_own() -> None:
    for value in (None, "", 2, "1"):
        assert drawn(PlainSelect, CHOICES, value) == drawn(forms.Select, CHOICES, value)


def test_options_in_groups_are_drawn_too() -> None:
    grouped = [("Here", [(1, "One")]), ("There", [(2, "Two")])]

    assert drawn(PlainSelect, grouped, 2) == drawn(forms.Select, grouped, 2)
