"""Controls are what Django's own templates make of them, and faster."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.forms.renderers import DjangoTemplates, get_default_renderer
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as some

from coreengine.kernel.form_renderer import FormRenderer

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = TEXTS | some.integers() | some.none()
LABELS = TEXTS | TEXTS.map(mark_safe) | TEXTS.map(lazystr) | some.integers() | some.floats(allow_nan=False)
OPTIONS = some.lists(some.tuples(VALUES, LABELS), max_size=5)
CHOICES = some.lists(some.tuples(VALUES, LABELS) | some.tuples(TEXTS, OPTIONS), max_size=6)
ATTRIBUTES = some.dictionaries(some.sampled_from(["id", "class", "hx-get", "disabled"]), TEXTS | some.booleans())


def drawn(widget: forms.Widget, value: Any, attrs: dict[str, Any], renderer: Any) -> str:
    """The HTML without the space between tags."""
    return re.sub(r">\s+<", "><", widget.render("of", value, attrs, renderer=renderer))


@given(CHOICES, some.lists(VALUES, max_size=3), ATTRIBUTES, some.booleans())
def test_a_select_is_drawn_as_djangos_templates_do(
    choices: list[Any], value: list[Any], attrs: dict[str, Any], is_multiple: bool
) -> None:
    widget = (forms.SelectMultiple if is_multiple else forms.Select)(choices=choices)
    assert drawn(widget, value, attrs, FormRenderer()) == drawn(widget, value, attrs, DjangoTemplates())


CONTROLS: dict[Any, Any] = {
    forms.TextInput: TEXTS | some.none(),
    forms.NumberInput: TEXTS | some.integers() | some.floats(allow_nan=False),
    forms.HiddenInput: TEXTS | some.integers(),
    forms.PasswordInput: TEXTS,
    forms.DateInput: some.dates() | TEXTS,
    forms.DateTimeInput: some.datetimes() | TEXTS,
    forms.TimeInput: some.times() | TEXTS,
    forms.CheckboxInput: some.booleans() | TEXTS | some.none(),
    forms.Textarea: TEXTS | TEXTS.map(lazystr) | some.none(),
    forms.FileInput: some.none(),
}


@given(some.data(), some.sampled_from(list(CONTROLS)), ATTRIBUTES)
def test_a_control_is_drawn_as_djangos_templates_do(data: Any, kind: Any, attrs: dict[str, Any]) -> None:
    value = data.draw(CONTROLS[kind])
    assert drawn(kind(), value, attrs, FormRenderer()) == drawn(kind(), value, attrs, DjangoTemplates())


@given(CHOICES, some.lists(VALUES, max_size=3), ATTRIBUTES, some.booleans())
def test_boxes_and_buttons_are_drawn_as_djangos_templates_do(
    choices: list[Any], value: list[Any], attrs: dict[str, Any], is_multiple: bool
) -> None:
    widget = (forms.CheckboxSelectMultiple if is_multiple else forms.RadioSelect)(choices=choices)
    assert drawn(widget, value, attrs, FormRenderer()) == drawn(widget, value, attrs, DjangoTemplates())
    for own, djangos in zip(widget.subwidgets("of", value, attrs), widget.subwidgets("of", value, attrs), strict=True):
        assert tag(own, FormRenderer()) == tag(djangos, DjangoTemplates())


def tag(option: dict[str, Any], renderer: Any) -> str:
    """One box or button alone, as `{% field %}` draws it."""
    widget = {**option, "wrap_label": False}
    return re.sub(r">\s+<", "><", renderer.render(option["template_name"], {"widget": widget}).strip())


def test_markup_in_a_label_or_a_value_is_shown_and_not_run() -> None:
    html = forms.Select(choices=[('"><script>', "<b>x</b>")]).render("a", None, renderer=FormRenderer())
    assert "<script>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html


def test_a_widget_with_options_of_its_own_is_left_to_its_template() -> None:
    class Own(forms.Select):
        option_template_name = "django/forms/widgets/checkbox_option.html"

    assert 'type="select"' in Own(choices=[("a", "A")]).render("a", None, renderer=FormRenderer())


def test_forms_use_it() -> None:
    assert isinstance(get_default_renderer(), FormRenderer), settings.FORM_RENDERER
