"""The renderer of form widgets. It writes a `<select>` itself: Django asks two templates for each option, which took
more of a form with forty courses or two hundred assignments than everything else on its page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import conditional_escape

_SELECT, _OPTION = "django/forms/widgets/select.html", "django/forms/widgets/select_option.html"


class FormRenderer(DjangoTemplates):
    """Django's own templates for everything but selects, which look the same and take a tenth of the time."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        """Render a widget."""
        if template_name == _SELECT:
            groups = context["widget"]["optgroups"]
            if all(option["template_name"] == _OPTION for _, options, _ in groups for option in options):
                return _select(context["widget"])
        return super().render(template_name, context, request)


def _select(widget: dict[str, Any]) -> str:
    lines = [f'<select name="{_shown(widget["name"])}"{_attributes(widget["attrs"])}>']
    for name, options, _ in widget["optgroups"]:
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
