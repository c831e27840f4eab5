"""A form field with its label, errors and help, put together in Python: forms have a dozen of them."""

from __future__ import annotations

from html import escape

from django import forms
from django.utils.html import conditional_escape


def field_html(bound: forms.BoundField, icon: str) -> str:
    """Draw a field; what its errors and its help have is tied to the control by their ids. `icon` marks an error."""
    if bound.is_hidden:
        return str(bound)
    widget, label = bound.field.widget, conditional_escape(bound.label)
    optional = "" if bound.field.required else ' <span class="optional">optional</span>'
    if isinstance(widget, forms.CheckboxInput):
        return (
            f'<div class="field choice">\n  {bound}\n  <label for="{_id(bound.id_for_label)}">{label}</label>\n'
            f"{notes_html(bound, icon)}</div>\n"
        )
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        described = bound.aria_describedby
        told = f' aria-describedby="{_id(described)}"' if described else ""
        options = "".join(map(_option, bound))
        return (
            f'<fieldset class="field fieldset"{told}>\n  <legend>{label}{optional}</legend>\n'
            f'  <div class="options">{options}</div>\n{notes_html(bound, icon)}</fieldset>\n'
        )
    return (
        f'<div class="field">\n  <label for="{_id(bound.id_for_label)}">{label}{optional}</label>\n  {bound}\n'
        f"{notes_html(bound, icon)}</div>\n"
    )


def _option(each: forms.boundfield.BoundWidget) -> str:
    words = f"<span>{conditional_escape(each.choice_label)}</span>"
    return f'<label for="{_id(each.id_for_label)}">{each.tag()}{words}</label>'


def _id(name: str | None) -> str:
    """An id as an attribute has it: names of fields come from plugins' manifests too."""
    return escape(name or "")


def notes_html(bound: forms.BoundField, icon: str) -> str:
    """What stands below a field: its errors, then its help."""
    errors = "".join(
        f'<li class="row nowrap tight">{icon}<span>{conditional_escape(str(error))}</span></li>'
        for error in bound.errors
    )
    told = f'<ul class="errors" id="{_id(bound.auto_id)}_error">{errors}</ul>\n' if errors else ""
    if bound.help_text:
        told += f'<div class="help" id="{_id(bound.auto_id)}_helptext">{conditional_escape(bound.help_text)}</div>\n'
    return told
