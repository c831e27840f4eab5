"""The items of modules as lines, put together in Python: a course has a hundred of them, too many for a template."""

from __future__ import annotations

from html import escape

from coreengine.kernel.templatetags.ce import icon_markup
from courses.module_pages import ItemLine
from courses.row_html import badge_markup

_OUTSIDE = ' rel="noopener noreferrer" target="_blank"'


def module_item(item: ItemLine) -> str:
    """One item in the list of a course's modules."""
    title = escape(item.title)
    if item.is_heading:
        return f'<li class="module-heading indent-{item.indent}">{title}</li>'
    name = f'<span class="title">{title}</span>'
    if item.url:
        name = f'<a class="title" href="{escape(item.url)}">{title}</a>'
    if item.url and item.is_outside:
        leaves = f'<span class="outside">{icon_markup("external-link", 12)}</span>'
        leaves += '<span class="sr-only"> (opens at the source)</span>'
        name = f'<a class="title" href="{escape(item.url)}"{_OUTSIDE}>{title}{leaves}</a>'
    facts = "".join(f"<span>{escape(fact)}</span>" for fact in item.facts)
    badge, due = "", ""
    if item.work is not None:
        badge = badge_markup(item.work.badge) if item.work.badge else ""
        when, late = item.work.when, " late" if item.work.late else ""
        if when:
            due = f'<time class="module-when{late}" datetime="{when.iso}" title="{escape(when.exact)}">'
            due += f"{escape(when.main)}</time>"
    kind = escape(item.kind)
    return (
        f'<li class="indent-{item.indent}{" done" if item.is_done else ""}">\n'
        f'  <span class="module-mark" title="{kind}">{_mark(item, 16)}</span>\n'
        f'  <div class="what">{name}\n'
        f'    <div class="meta"><span class="sr-only">{kind}</span>{facts}{badge}</div></div>\n  {due}\n</li>\n'
    )


def map_item(item: ItemLine) -> str:
    """One item in the list below a map."""
    name = escape(item.title)
    mark = "" if item.is_heading else f'<span class="map-mark">{_mark(item, 14)}</span>'
    if item.url and not item.is_heading:
        name = f'<a class="title" href="{escape(item.url)}"{_OUTSIDE if item.is_outside else ""}>{name}</a>'
    done = '<span class="sr-only">, done</span>' if item.is_done else ""
    facts = "".join(f' <span class="muted faint">{escape(fact)}</span>' for fact in item.facts)
    looks = f"{' heading' if item.is_heading else ''}{' done' if item.is_done else ''}"
    return f'<li class="indent-{item.indent}{looks}">{mark}<span>{name}{done}{facts}</span></li>'


def _mark(item: ItemLine, size: int) -> str:
    return icon_markup("circle-check" if item.is_done else item.icon, size)
