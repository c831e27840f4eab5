"""The markup of lines that stand on a page by the dozen, put together in Python: a template costs ten times as much."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from coreengine.kernel.templatetags.ce import icon_markup

if TYPE_CHECKING:
    from courses.changes import Change
    from courses.moments import Moment
    from courses.planning.rows import PlanRow
    from courses.repository_marks import CiWords, CodeMark
    from courses.rows import Badge, WorkRow


def work_line(row: WorkRow, form: str, swap: str = "", *, hides_course: bool = False, shows_badge: bool = False) -> str:
    """One line of work in a list: its mark, name, facts and date. `form` is what its mark sends along."""
    tag = "" if hides_course or not row.course else _course_tag(row.course, row.hue)
    note = f'<span class="badge" data-status="soon">{escape(row.note)}</span>' if row.note else ""
    badge = badge_markup(row.badge) if shows_badge and row.badge else ""
    meta = f"{tag}{_facts(row.facts)}{note}{badge}{_code(row.code)}"
    when = escape(row.when_text) if (row.when_text and not shows_badge) or not row.when else _dated(row.when)
    return (
        f'<div class="task{" done" if row.done and not shows_badge else ""}">\n  {_mark(row, form, swap)}\n'
        f'  <div class="what">\n    {_title(row.url, row.name)}\n    <div class="meta">{meta}</div>\n  </div>\n'
        f'  <div class="when{" late" if row.late else ""}">{when}</div>\n</div>\n'
    )


def course_work_line(row: WorkRow, form: str) -> str:
    """One assignment on its course's page, with its state."""
    note = f"<span>{escape(row.note)}</span>" if row.note else ""
    meta = f"{_facts(row.facts)}{note}{badge_markup(row.badge) if row.badge else ''}{_code(row.code)}"
    if row.when is None:
        when = "no date"
    else:
        is_past = row.done or row.state == "past"
        when = _time(row.when, escape(row.when.main) if is_past else _bold(row.when))
    return (
        f'<div class="task">\n  {_mark(row, form)}\n  <div class="what">{_title(row.url, row.name)}\n'
        f'    <div class="meta">{meta}</div></div>\n'
        f'  <div class="when{" late" if row.late else ""}">{when}</div>\n</div>\n'
    )


def plan_line(row: PlanRow) -> str:
    """One row of the planner's list."""
    when = _dated(row.when) if row.when else escape(row.when_text)
    title = escape(row.title)
    if row.dismissed:
        more = (
            f'<button class="icon-button" type="submit" form="planner-form" name="do" value="return {row.key}" '
            f'aria-label="Bring back {title}" title="Bring back">{icon_markup("undo-2", 16)}</button>'
        )
    else:
        more = _plan_menu(row.key, title)
    tag = _course_tag(row.course, row.hue) if row.course else ""
    return (
        f'<li class="task plan-row{_done(row)}"{_plan_data(row)}>\n  {_plan_check(row, title)}\n'
        f'  <div class="what"><a class="title" href="{escape(row.url)}" draggable="false">{title}</a>'
        f'<div class="meta">{tag}{_facts(row.facts)}</div></div>\n'
        f'  <div class="when{" late" if row.late else ""}">{when}</div>\n  {more}\n</li>\n'
    )


def plan_card(row: PlanRow, show: str) -> str:
    """One row of the planner as a card of a column; `show` is what it tells of its date: "day" or "time"."""
    title, when = escape(row.title), ""
    if show == "time":
        when = f"<time>{row.time}</time>" if row.time else ""
    elif row.when:
        words = f"{escape(row.when.main)}{f' {row.time}' if row.time else ''}"
        when = _time(row.when, words, 'class="late" ' if row.late else "")
    tag = _course_tag(row.course, row.hue) if row.course else ""
    return (
        f'<li class="plan-card{_done(row)}{" late" if row.late else ""}"{_plan_data(row)}>\n'
        f"  {_plan_check(row, title)}\n"
        f'  <div class="what"><a class="title" href="{escape(row.url)}" draggable="false">{title}</a>\n'
        f'    <div class="meta">{when}{tag}{_facts(row.facts)}</div></div>\n  {_plan_menu(row.key, title)}\n</li>\n'
    )


def change_line(change: Change) -> str:
    """One thing that changed at a source."""
    new = f" <b>{escape(change.new)}</b>" if change.new else ""
    old = f"{', was' if change.new else ''} <s>{escape(change.old)}</s>" if change.old else ""
    name = f'<a href="{escape(change.url)}"><b>{escape(change.name)}</b></a>'
    return f"<li>{icon_markup(change.icon)}<div>{name} {escape(change.verb)}{new}{old}</div></li>\n"


def _title(url: str, name: str) -> str:
    return f'<a class="title" href="{escape(url)}">{escape(name)}</a>'


def _course_tag(course: str, hue: int | None) -> str:
    return f'<span class="course-tag hue-{hue}">{escape(course)}</span>'


def _facts(facts: Iterable[str]) -> str:
    return "".join(f"<span>{escape(fact)}</span>" for fact in facts)


def badge_markup(badge: Badge | CiWords) -> str:
    """A status: an icon, a word and a tint."""
    return (
        f'<span class="badge" data-status="{badge.status}">{icon_markup(badge.icon, 12)} {escape(badge.label)}</span>'
    )


def _code(code: CodeMark | None) -> str:
    if code is None:
        return ""
    mark = f"{icon_markup('git-commit-horizontal', 12)} {escape(code.text)}"
    return f'<span class="code-mark with-icon" title="{escape(code.title)}">{mark}</span>' + (
        badge_markup(code.ci) if code.ci else ""
    )


def _time(when: Moment, words: str, attributes: str = "") -> str:
    return f'<time {attributes}datetime="{when.iso}" title="{escape(when.exact)}">{words}</time>'


def _bold(when: Moment) -> str:
    return f"<b>{escape(when.main)}</b>{escape(when.detail)}"


def _dated(when: Moment) -> str:
    return _time(when, _bold(when))


def _mark(row: WorkRow, form: str, swap: str = "") -> str:
    """The round mark: a form of its own, or a picture where there is nothing to tick off."""
    if not row.can_mark:
        checked = " data-checked" if row.done else ""
        label = escape(row.when_text or row.state)
        return f'<span class="check" role="img" aria-label="{label}"{checked} data-fixed></span>'
    url = escape(row.done_url)
    live = f' hx-post="{url}" hx-target="#{swap}" hx-swap="outerHTML"' if swap else ""
    return (
        f'<form class="mark-done" method="post" action="{url}"{live}>{form}'
        f'<input type="hidden" name="done" value="{"0" if row.done else "1"}"><button class="check" '
        f'id="{row.mark_id}" role="checkbox" aria-checked="{"true" if row.done else "false"}" '
        f'aria-label="Done: {escape(row.name)}"></button></form>'
    )


def _done(row: PlanRow) -> str:
    return " done" if row.done or row.dismissed else ""


def _plan_data(row: PlanRow) -> str:
    day = f' data-day="{row.day.isoformat()}"' if row.day else ""
    repeats = " data-repeats" if row.repeats else ""
    dismissed = " data-dismissed" if row.dismissed else ""
    moves = ' draggable="true"' if row.can_move else ""
    return f' data-key="{row.key}"{day} data-column="{row.column}"{repeats}{dismissed}{moves}'


def _plan_check(row: PlanRow, title: str) -> str:
    if not row.can_mark:
        checked = " data-checked" if row.done else ""
        label = escape(row.when_text or "Done")
        return f'<span class="check" role="img" aria-label="{label}"{checked} data-fixed></span>'
    return (
        f'<button class="check" type="submit" form="planner-form" name="do" value="{"un" if row.done else ""}done '
        f'{row.key}" role="checkbox" aria-checked="{"true" if row.done else "false"}" aria-label="Done: {title}" '
        "data-plan-check></button>"
    )


def _plan_menu(key: str, title: str) -> str:
    return (
        f'<a class="icon-button plan-more" href="/planner/items/{key}/" data-plan-menu '
        f'aria-label="Move or change {title}" title="Move or change">{icon_markup("ellipsis", 16)}</a>'
    )
