"""Tags that draw the rows of a course's grades: many at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django import template
from django.utils.safestring import SafeString, mark_safe

from courses.grading import line_html
from courses.grading.courses import GradedWork
from courses.grading.pages import WorkLine
from courses.models import Course

register = template.Library()


@register.simple_tag
def grade_rows(lines: Iterable[WorkLine], course: Course, counts: list[tuple[str, str]]) -> SafeString:
    """Draw the rows of a group's work."""
    return mark_safe("".join(line_html.grade_row(line, course, counts) for line in lines))


@register.simple_tag
def flag_marks(lines: Iterable[WorkLine]) -> SafeString:
    """Draw what happens to each piece of work, to replace what the page shows of it."""
    return mark_safe("".join(line_html.flag_mark(line, ' hx-swap-oob="true"') for line in lines))


@register.simple_tag
def work_options(works: Iterable[GradedWork], chosen: str) -> SafeString:
    """Draw pieces of work to choose from."""
    return mark_safe("".join(line_html.work_option(work, chosen) for work in works))


@register.simple_tag
def history_rows(rows: Iterable[tuple[datetime, float, float | None, str]]) -> SafeString:
    """Draw the rows of how a grade moved."""
    return mark_safe("".join(line_html.history_row(*row) for row in rows))
