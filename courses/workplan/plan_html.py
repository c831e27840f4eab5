"""The blocks of a week, as boxes of its picture and as lines of its list, put together in Python.

A template takes ten times as long for a week with thirty blocks. Every text from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from django.urls import reverse

from coreengine.kernel.templatetags.ce import icon_markup
from courses.workplan.pages import BlockLine
from courses.workplan.week import Box, Week
from courses.workplan.work import PlannableWork


@dataclass(frozen=True)
class Sent:
    """What the forms of a page have in common: `hidden` is the token and the week, `accept_url` of the open offer.

    `fault` is what was wrong with the last change, and at which block.
    """

    hidden: str
    accept_url: str = ""
    fault: Mapping[str, Any] | None = None

    def at(self, line: BlockLine) -> Mapping[str, Any] | None:
        """What was wrong at this block."""
        return self.fault if self.fault and self.fault["at"] == line.pk else None

    def form(self, url: str, body: str, attributes: str = "") -> str:
        return f'<form {attributes}method="post" action="{url}" hx-post="{url}">{self.hidden}{body}</form>'


def block_line(line: BlockLine, sent: Sent) -> str:
    """One block in the list."""
    title, fault = escape(line.title), sent.at(line)
    name = (
        f'<a class="title" href="{escape(line.url)}">{title}</a>' if line.url else f'<span class="title">{title}</span>'
    )
    course = f'<span class="course-tag">{escape(line.course)}</span>' if line.course else ""
    due = f"<span>{escape(line.due)}</span>" if line.due else ""
    badge = f'data-status="{line.badge.status}">{icon_markup(line.badge.icon, 12)} {escape(line.badge.label)}'
    note = f'<p class="block-note">{icon_markup("triangle-alert", 14)} {escape(line.note)}</p>' if line.note else ""
    error = f'<p class="error" role="alert">{escape(fault["words"])}</p>' if fault else ""
    return (
        f'<li class="block hue-{line.hue}" id="block-{line.pk}" data-state="{line.state}">\n'
        f'  <div class="block-time num"><b>{line.time}</b><span class="muted">{line.length}</span></div>\n'
        f'  <div class="what grow"><div>{name}</div>\n'
        f'    <div class="meta">{course}{due}<span class="badge" {badge}</span></div>\n'
        f"    {note}{error}</div>\n"
        f'  <div class="block-acts">{_first_act(line, title, sent)}\n'
        f'    <details class="menu block-menu"{" open" if fault else ""}><summary class="icon-button" '
        f'aria-label="Change {title}, {line.time}">{icon_markup("ellipsis")}</summary>'
        f'<div class="menu-body stack tight">{_menu(line, sent)}</div></details>\n  </div>\n</li>\n'
    )


def _first_act(line: BlockLine, title: str, sent: Sent) -> str:
    """What one does with it most likely, as a button beside it."""
    if line.state == "proposed" and sent.accept_url:
        label = f'name="blocks" value="{line.pk}" aria-label="Accept {title}, {line.time}"'
        return sent.form(
            sent.accept_url, f'<button class="button small" {label}>{icon_markup("check", 14)} Accept</button>'
        )
    if line.state == "planned" and line.is_running:
        return sent.form(_url("stop-block", line), _button("small", "square", "Stop", f"Stop {title}"))
    if line.state == "planned" and not line.is_over:
        return sent.form(_url("start-block", line), _button("small quiet", "play", "Start", f"Start {title}"))
    if line.state == "skipped":
        return sent.form(_url("reopen-block", line), _button("small quiet", "undo-2", "Plan again"))
    return ""


def _menu(line: BlockLine, sent: Sent) -> str:
    fault = sent.at(line)
    typed = fault["typed"] if fault else {}
    is_planned, is_done = line.state == "planned", line.state == "done"
    parts = []
    if line.is_open and not line.is_running:
        start = escape(typed.get("starts_at") or line.local_start)
        minutes = escape(str(typed.get("minutes") or line.minutes))
        fields = (
            f'<div class="field"><label for="start-{line.pk}">Start</label><input class="input" id="start-{line.pk}" '
            f'type="datetime-local" name="starts_at" value="{start}"></div>'
            f'<div class="field"><label for="length-{line.pk}">Minutes</label><input class="input" '
            f'id="length-{line.pk}" type="number" name="minutes" min="5" max="720" value="{minutes}"></div>'
            '<button class="button small">Move</button>'
        )
        parts.append(sent.form(_url("move-block", line), fields, f'class="block-form" id="move-{line.pk}" '))
    if is_planned or is_done:
        fields = (
            f'<div class="field wide"><label for="worked-{line.pk}">I worked (minutes)</label><input class="input" '
            f'id="worked-{line.pk}" type="number" name="minutes" min="1" max="1440" value="{line.minutes}"></div>'
            f"{_button('small', 'check', 'Worked')}"
        )
        parts.append(sent.form(_url("complete-block", line), fields, 'class="block-form" '))
    if is_planned and not line.is_running:
        parts.append(sent.form(_url("skip-block", line), _item("skip-forward", "Skip it")))
    if is_done:
        parts.append(sent.form(_url("reopen-block", line), _item("undo-2", "Not worked after all")))
    parts.append(sent.form(_url("remove-block", line), _item("trash-2", "Remove")))
    return "".join(parts)


def _button(looks: str, icon: str, words: str, label: str = "") -> str:
    named = f' aria-label="{label}"' if label else ""
    return f'<button class="button {looks}"{named}>{icon_markup(icon, 14)} {words}</button>'


def _item(icon: str, words: str) -> str:
    return f'<button class="menu-item">{icon_markup(icon, 14)} {words}</button>'


_patterns: dict[str, str] = {}


def _url(name: str, line: BlockLine) -> str:
    """Where a change of a block is sent; `reverse` is asked once for each name."""
    if name not in _patterns:
        _patterns[name] = reverse(f"courses:{name}", args=[_A_KEY])
    return _patterns[name].replace(str(_A_KEY), str(line.pk))


_A_KEY = 9_111_222_333


def picture(week: Week) -> str:
    """What lies in the picture of a week: days, hours, working hours, what is taken, now, and the blocks."""
    days = (
        f'<text class="day{" is-today" if each.is_today else ""}" x="{each.middle}" y="18" text-anchor="middle">'
        f"{each.label}</text>"
        for each in week.columns
    )
    hours = (
        f'<line class="rule" x1="{week.axis}" x2="{week.width}" y1="{mark.y}" y2="{mark.y}"/>'
        f'<text class="hour" x="36" y="{mark.base}" text-anchor="end">{mark.label}</text>'
        for mark in week.hours
    )
    opened = (f'<rect class="open" {_place(box)} rx="4"/>' for box in week.open)
    taken = (
        f'<rect class="busy" {_place(box)} rx="4"><title>Taken in your calendar</title></rect>' for box in week.busy
    )
    now = week.now
    line = (
        f'<line class="now" x1="{now.x}" x2="{now.x + now.width}" y1="{now.y}" y2="{now.y}"/>'
        if now is not None
        else ""
    )
    parts = ("".join(each) for each in (days, opened, hours, taken))
    return "\n".join([*parts, line, "".join(map(_slot, week.boxes))])


def _place(box: Box) -> str:
    return f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'


def _slot(box: Box) -> str:
    block = box.block
    words = escape(block.words)
    running = " data-running" if block.is_running else ""
    moves = f' data-block="{block.pk}"' if block.is_open and not block.is_running else ""
    time = f'<text class="time" x="{box.text_x}" y="{box.time_y}">{block.time}</text>' if box.has_time else ""
    return (
        f'<a class="slot hue-{block.hue}" id="slot-{block.pk}" href="#block-{block.pk}" data-state="{block.state}"'
        f'{running}{moves} aria-label="{words}"><title>{words}</title><rect {_place(box)} rx="5"/>'
        f'<text x="{box.text_x}" y="{box.title_y}">{escape(box.title)}</text>{time}</a>'
    )


def work_options(works: Iterable[PlannableWork], chosen: str | None = None) -> str:
    """The work of which a block can be planned, as options of a field."""
    named = ((work.name, f"{work.title} ({work.course})" if work.course else work.title) for work in works)
    return "".join(
        f'<option value="{name}"{" selected" if name == chosen else ""}>{escape(words)}</option>'
        for name, words in named
    )
