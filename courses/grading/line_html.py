"""The markup of the rows of a course's grades, put together in Python: there is one for each piece of work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from django.template.defaultfilters import floatformat

from coreengine.kernel.templatetags.ce import when

if TYPE_CHECKING:
    from courses.grading.courses import GradedWork
    from courses.grading.pages import WorkLine
    from courses.models import Course


def grade_row(line: WorkLine, course: Course, counts: Iterable[tuple[str, str]]) -> str:
    """A row of the table: the work, what it gave, and what it would be worth otherwise."""
    work, name = line.work, escape(line.work.name)
    note = f' <span class="muted faint">{escape(line.note)}</span>' if line.note else ""
    return (
        f'<tr>\n          <th scope="row"><a href="/assignments/{work.id}/">{name}</a> {flag_mark(line)}{note}</th>\n'
        f'          <td class="num">{_score(line, course, name)}</td><td class="num" id="percent-{work.id}">'
        f"{escape(line.percent)}</td>\n"
        f'          <td class="num">{_what_if(line, name)}{_counts(line, name, counts)}{_fault(line)}</td>\n'
        f'          <td><input type="checkbox" name="out-{work.id}" value="1" aria-label="Leave out “{name}”"'
        f"{' checked' if line.change.get('left_out') else ''}></td></tr>"
    )


def flag_mark(line: WorkLine, attributes: str = "") -> str:
    """What happens to the work, in a place that is filled anew as one types."""
    flag = ' class="flag"' if line.flag else ""
    off = " data-off" if line.is_off else ""
    return f'<span id="flag-{line.work.id}"{attributes}{flag}{off}>{escape(line.flag)}</span>'


def work_option(work: GradedWork, chosen: str) -> str:
    """A piece of work to choose."""
    is_open = " (open)" if work.score is None else ""
    selected = " selected" if str(work.id) == chosen else ""
    return f'<option value="{work.id}"{selected}>{escape(work.name)}{is_open}</option>'


def history_row(at: datetime, percent: float, moved: float | None, names: str) -> str:
    """A row of how the grade moved."""
    change = f"{'+' if moved > 0 else ''}{floatformat(moved, '-2')}" if moved else ""
    score = floatformat(percent, "-2")
    return (
        f'<tr><td class="muted">{when(at)}</td><td>{escape(names)}</td><td class="num">{score} %</td>'
        f'<td class="num">{change}</td></tr>'
    )


def _score(line: WorkLine, course: Course, name: str) -> str:
    work, score = line.work, escape(line.score)
    if work.is_by_hand and course.is_by_hand:
        url = f"/courses/{course.pk}/grades/work/{work.id}/"
        return f'<a class="link" href="{url}" aria-label="Enter what “{name}” gave: {score}">{score}</a>'
    return f'<span id="score-of-{work.id}">{score}</span>'


def _what_if(line: WorkLine, name: str) -> str:
    fault = f' aria-invalid="true" aria-describedby="fault-{line.work.id}"' if line.error else ""
    return (
        f'<input class="input what-if" name="score-{line.work.id}" value="{escape(line.typed)}" inputmode="decimal" '
        f'autocomplete="off" size="6" placeholder="–" aria-label="What if “{name}” gave so many points"{fault}>'
    )


def _counts(line: WorkLine, name: str, counts: Iterable[tuple[str, str]]) -> str:
    if not line.work.graded_at:
        return ""
    chosen = line.change.get("counts")
    options = "".join(
        f'<option value="{key}"{" selected" if key == chosen else ""}>{words}</option>' for key, words in counts
    )
    return (
        f'<select class="input counts" name="counts-{line.work.id}" '
        f'aria-label="How the new score of “{name}” counts beside the old one">{options}</select>'
    )


def _fault(line: WorkLine) -> str:
    return f'<p class="error" id="fault-{line.work.id}">{escape(line.error)}</p>' if line.error else ""
