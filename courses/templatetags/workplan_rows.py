"""Tags that draw what stands by the dozen on the pages of the plan of work."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from courses.workplan import heat_html
from courses.workplan.heat import HeatPage

register = template.Library()


@register.simple_tag
def heat_weeks(page: HeatPage) -> SafeString:
    """Draw the weeks of the heat map."""
    return mark_safe(heat_html.weeks_html(page))
