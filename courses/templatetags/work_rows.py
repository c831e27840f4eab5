"""Tags that draw the lines of lists: many at once, from rows whose texts are ready."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from courses import course_html, module_html, row_html
from courses.changes import Change
from courses.module_pages import ItemLine
from courses.pages import CourseLine
from courses.planning.rows import PlanRow
from courses.rows import WorkRow

register = template.Library()


def _form(context: template.Context) -> str:
    """What the form of every mark sends along: the token, and where to go without script."""
    token = context.get("csrf_token") or ""
    path = context["request"].get_full_path()
    return (
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{escape(str(token))}">'
        f'<input type="hidden" name="next" value="{escape(path)}">'
    )


@register.simple_tag(takes_context=True)
def work_lines(
    context: template.Context,
    rows: Iterable[WorkRow],
    swap: str = "",
    hide_course: Any = False,
    show_badge: bool = False,
) -> SafeString:
    """Draw lines of work; `swap` is the id of what the answer to a mark replaces."""
    form, hides = _form(context), bool(hide_course)
    lines = (row_html.work_line(row, form, swap, hides_course=hides, shows_badge=show_badge) for row in rows)
    return mark_safe("".join(lines))


@register.simple_tag(takes_context=True)
def course_work_lines(context: template.Context, rows: Iterable[WorkRow]) -> SafeString:
    """Draw the assignments of one course, with their states."""
    form = _form(context)
    return mark_safe("".join(row_html.course_work_line(row, form) for row in rows))


@register.simple_tag
def change_lines(changes: Iterable[Change]) -> SafeString:
    """Draw what changed at the sources."""
    return mark_safe("".join(map(row_html.change_line, changes)))


@register.simple_tag
def plan_lines(rows: Iterable[PlanRow]) -> SafeString:
    """Draw rows of the planner's list."""
    return mark_safe("".join(map(row_html.plan_line, rows)))


@register.simple_tag
def plan_cards(rows: Iterable[PlanRow], show: str = "day") -> SafeString:
    """Draw rows of the planner as cards of a column."""
    return mark_safe("".join(row_html.plan_card(row, show) for row in rows))


@register.simple_tag
def module_items(items: Iterable[ItemLine], shape: str = "list") -> SafeString:
    """Draw the items of a module; `shape` is "list", or "map" for the list below a map."""
    draw = module_html.map_item if shape == "map" else module_html.module_item
    return mark_safe("".join(map(draw, items)))


@register.simple_tag(takes_context=True)
def course_cards(context: template.Context, lines: list[CourseLine], can_order: bool = False) -> SafeString:
    """Draw the courses of one term as cards, which can be moved where `can_order` says so."""
    url = reverse("courses:order") if can_order else ""
    token, path = str(context.get("csrf_token") or ""), context["request"].path
    return mark_safe(course_html.course_cards(lines, order_url=url, token=token, path=path))


@register.simple_tag
def choice_options(choices: Iterable[tuple[str, str]], chosen: Any = None) -> SafeString:
    """Draw the options of a field that stands on a page many times."""
    key = str(chosen)
    return mark_safe(
        "".join(
            f'<option value="{escape(value)}"{" selected" if value == key else ""}>{escape(words)}</option>'
            for value, words in choices
        )
    )
