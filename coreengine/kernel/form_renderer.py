"""The renderer of form widgets. It writes inputs, text areas and selects itself: Django asks two templates for each
input and for each option, which took more of a page with a form than everything else on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import conditional_escape

_FOLDER = "django/forms/widgets/"
_OPTION = f"{_FOLDER}select_option.html"
_INPUTS = [
    *("checkbox", "color", "date", "datetime", "email", "file", "hidden", "input", "number", "password"),
    *("search", "tel", "text", "time", "url"),
]


class FormRenderer(DjangoTemplates):
    """Django's own templates for all but the usual controls, which look the same and take a tenth of the time."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        """Render a widget."""
        write = _WRITERS.get(template_name)
        written = write(context["widget"]) if write is not None else None
        return super().render(template_name, context, request) if written is None else written


def _input(widget: dict[str, Any]) -> str:
    value = "" if widget["value"] is None else f' value="{_written(widget["value"])}"'
    return (
        f'<input type="{_shown(widget["type"])}" name="{_shown(widget["name"])}"{value}{_attributes(widget["attrs"])}>'
    )


def _input_option(widget: dict[str, Any]) -> str:
    if not widget.get("wrap_label"):
        return _input(widget)
    pk = widget["attrs"].get("id")
    aim = f' for="{_shown(pk)}"' if pk else ""
    return f"<label{aim}>{_input(widget)} {_shown(widget['label'])}</label>"


def _textarea(widget: dict[str, Any]) -> str:
    text = _shown(widget["value"]) if widget["value"] else ""
    return f'<textarea name="{_shown(widget["name"])}"{_attributes(widget["attrs"])}>\n{text}</textarea>'


def _select(widget: dict[str, Any]) -> str | None:
    """A select; None where its options have a template of their own."""
    groups = widget["optgroups"]
    if any(each["template_name"] != _OPTION for _, options, _ in groups for each in options):
        return None
    lines = [f'<select name="{_shown(widget["name"])}"{_attributes(widget["attrs"])}>']
    for name, options, _ in groups:
        if name:
            lines.append(f'<optgroup label="{_shown(name)}">')
        lines += [
            f'<option value="{_written(each["value"])}"{_attributes(each["attrs"])}>{_shown(each["label"])}</option>'
            for each in options
        ]
        if name:
            lines.append("</optgroup>")
    lines.append("</select>")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    """A value as a template shows it."""
    # Past what Django does for lazy texts and numbers, which takes ten times as long.
    return escape(value) if type(value) is str else conditional_escape(localize(value))


def _written(value: Any) -> str:
    """A value as a template writes it into an attribute: numbers as they are."""
    return escape(value) if type(value) is str else conditional_escape(value)


def _attributes(attrs: Mapping[str, Any]) -> str:
    """Attributes as widgets' templates write them: True is a name alone, False is none."""
    return "".join(
        f" {escape(name)}" if value is True else f' {escape(name)}="{_written(value)}"'
        for name, value in attrs.items()
        if value is not False
    )


_WRITERS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    **{f"{_FOLDER}{name}.html": _input for name in _INPUTS},
    **{f"{_FOLDER}{name}_option.html": _input_option for name in ("checkbox", "radio")},
    f"{_FOLDER}textarea.html": _textarea,
    f"{_FOLDER}select.html": _select,
}
