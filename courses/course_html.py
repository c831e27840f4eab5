"""The cards of the list of courses, put together in Python: forty of them take a template longer than their queries."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from coreengine.kernel.templatetags.ce import icon_markup

if TYPE_CHECKING:
    from courses.pages import CourseLine


def course_cards(lines: list[CourseLine], *, order_url: str = "", token: str = "", path: str = "") -> str:
    """The cards of one term; with `order_url` they can be moved."""
    last = len(lines) - 1
    cards = []
    for at, line in enumerate(lines):
        moves = ""
        if order_url and last:
            moves = _moves(line, order_url, token, path, is_first=at == 0, is_last=at == last)
        cards.append(_card(line, moves, can_order=bool(order_url)))
    return "".join(cards)


def _card(line: CourseLine, moves: str, *, can_order: bool) -> str:
    course = line.course
    facts = [f"<span>{escape(course.code)}</span>"] if course.code else []
    facts += [f"<span>{word}</span>" for word in _standing(line)]
    if line.grade:
        facts.append(f'<span class="grade num">{escape(line.grade)}</span>')
    late = ""
    if line.overdue:
        late = f'<span class="badge" data-status="overdue">{icon_markup("alarm-clock", 12)} {line.overdue}</span>'
    todo = f"{line.todo}, next {line.next_due}" if line.todo and line.next_due else line.todo
    if not todo and not line.overdue:
        todo = "nothing to do"
    name = f'<a href="{course.get_absolute_url()}"><span class="course-tag">{escape(course.title)}</span></a>'
    drag = f' data-ordered="{course.pk}"' if can_order else ""
    return (
        f'\n      <li class="card link-card course-card hue-{course.hue}" id="course-{course.pk}"{drag}>\n'
        f"        <h3>{name}</h3>\n"
        f'        <p class="muted">{"".join(facts)}</p>\n'
        f'        <div class="course-foot">{late}<span class="muted">{todo}</span></div>\n        {moves}\n      </li>'
    )


def _standing(line: CourseLine) -> list[str]:
    course = line.course
    words = ["by hand"] if course.is_by_hand else []
    if course.is_hidden:
        words.append("hidden")
    if course.missing_since:
        words.append("no longer at its source")
    elif line.is_concluded:
        words.append("concluded")
    return words


def _moves(line: CourseLine, url: str, token: str, path: str, *, is_first: bool, is_last: bool) -> str:
    """The buttons that move a card without dragging it."""
    title, pk = escape(line.course.title), line.course.pk
    buttons = "".join(
        f'<button class="icon-button" name="move" value="{way}" aria-label="Move {title} {way}" title="Move {way}">'
        f"{icon_markup(f'chevron-{way}', 14)}</button>"
        for way, is_there in (("up", not is_first), ("down", not is_last))
        if is_there
    )
    return (
        f'<form class="course-move" method="post" action="{url}">'
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{escape(token)}">'
        f'<input type="hidden" name="course" value="{pk}">'
        f'<input type="hidden" name="next" value="{escape(path)}#course-{pk}">{buttons}</form>'
    )
