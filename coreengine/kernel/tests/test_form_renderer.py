"""A select is what Django's own templates make of it, and faster."""

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
