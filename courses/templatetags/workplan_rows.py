"""Tags that draw what stands by the dozen on the pages of the plan of work."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from courses.workplan import heat_html, plan_html
from courses.workplan.heat import HeatPage
from courses.workplan.pages import BlockLine, PlanPage
from courses.workplan.week import Week
from courses.workplan.work import PlannableWork

register = template.Library()


@register.simple_tag
def heat_weeks(page: HeatPage) -> SafeString:
    """Draw the weeks of the heat map."""
    return mark_safe(heat_html.weeks_html(page))


@register.simple_tag
def plan_picture(week: Week) -> SafeString:
    """Draw what lies in the picture of a week."""
    return mark_safe(plan_html.picture(week))


@register.simple_tag(takes_context=True)
def plan_blocks(context: template.Context, lines: Iterable[BlockLine]) -> SafeString:
    """Draw the blocks of one day as lines of the list."""
    page: PlanPage = context["page"]
    token = escape(str(context.get("csrf_token") or ""))
    hidden = (
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{token}">'
        f'<input type="hidden" name="day" value="{page.monday.isoformat()}">'
    )
    accept_url = reverse("courses:accept-proposal", args=[page.offer.proposal.pk]) if page.offer else ""
    sent = plan_html.Sent(hidden, accept_url, context.get("fault"))
    return mark_safe("".join(plan_html.block_line(line, sent) for line in lines))


@register.simple_tag
def work_options(works: Iterable[PlannableWork], chosen: str | None = None) -> SafeString:
    """Draw the options of a field that names a piece of work; `chosen` is the name of the one that is selected."""
    return mark_safe(plan_html.work_options(works, chosen))
