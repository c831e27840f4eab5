"""The tag that draws the lines of the vault's list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django import template
from django.utils.safestring import SafeString, mark_safe

from resources.row_html import resource_line

if TYPE_CHECKING:
    from resources.pages import Row

register = template.Library()


@register.simple_tag
def resource_lines(rows: Iterable[Row]) -> SafeString:
    """Draw a line for each resource."""
    return mark_safe("".join(map(resource_line, rows)))
