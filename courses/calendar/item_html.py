"""The markup of the calendar's cells and lines, put together in Python: a month has hundreds of them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from coreengine.kernel.templatetags.ce import icon_markup

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from courses.calendar.month import Day, Slot
    from courses.calendar.week import Block, Hour, WeekDay
    from courses.calendar.words import Item, KnownCourse


def day_lines(items: Iterable[Item]) -> SafeString:
    """The entries of one day as a list."""
    lines = "".join(_line(item) for item in items)
    return mark_safe(
        f'<ul class="rows cal-list">{lines}</ul>' if lines else '<p class="muted">Nothing on this day.</p>'
    )


def month_row(days: Iterable[Day], opened: date | None) -> SafeString:
    """A week of the month's table."""
    return mark_safe("".join(_cell(day, is_opened=opened == day.day) for day in days))


def week_column(day: WeekDay, hours: Iterable[Hour]) -> SafeString:
    """What stands in a day's column of the week: hours to begin an event at, then the entries."""
    create = reverse("courses:create-calendar-event")
    cells = "".join(
        f'<span class="cal-gap r{hour.row}" aria-hidden="true"></span>'
        if hour.row in day.gaps
        else f'<a class="cal-hour r{hour.row}" href="{create}?at={day.iso}T{hour.hour:02}:00" tabindex="-1" '
        f'aria-hidden="true" data-hour="{hour.hour:02}:00"></a>'
        for hour in hours
    )
    return mark_safe(cells + "".join(map(_block, day.blocks)))


def whole_days(items: Iterable[Item]) -> SafeString:
    """The bars above a day's hours."""
    return mark_safe(
        "".join(f'<li class="cal-bar first starts ends {item.css}">{_linked(item)}</li>' for item in items)
    )


def course_options(courses: Iterable[KnownCourse], chosen: int) -> SafeString:
    """The courses to choose from."""
    return mark_safe(
        "".join(
            f'<option value="{course.pk}"{" selected" if course.pk == chosen else ""}>{escape(course.title)}</option>'
            for course in courses
        )
    )


def _linked(item: Item, inner: str = "") -> str:
    """An entry's name as a link where it has a page; `inner` is ready markup instead of its name."""
    told, inner = escape(item.told), inner or escape(item.title)
    if not item.url:
        return f'<span title="{told}">{inner}</span>'
    return f'<a href="{escape(item.url)}" title="{told}">{inner}</a>'


def _line(item: Item) -> str:
    title = escape(item.title)
    if item.url:
        title = f'<a class="title" href="{escape(item.url)}" title="{escape(item.told)}">{title}</a>'
    else:
        title = f'<span class="title">{title}</span>'
    facts = [
        f'<span class="with-icon">{icon_markup("check", 12)} done</span>' if item.is_done else "",
        f"<span>{escape(item.course)}</span>" if item.course else "",
        f'<span class="with-icon">{icon_markup("map-pin", 12)} {escape(item.location)}</span>' if item.location else "",
        f"<span>{escape(item.course_time)}</span>" if item.course_time else "",
    ]
    return (
        f'<li class="{item.css}">\n  <span class="cal-time">{"all day" if item.is_all_day else item.time}</span>'
        f'<span class="cal-edge" aria-hidden="true"></span>\n  <div class="grow">{title}\n'
        f'    <p class="meta">{"".join(facts)}</p></div>\n</li>'
    )


def _cell(day: Day, *, is_opened: bool) -> str:
    css = f"{'other' if day.is_other else ''}{' today' if day.is_today else ''}{' opened' if is_opened else ''}"
    url = f"?view=month&amp;date={day.iso}&amp;day={day.iso}#day"
    named = f"{day.name}{', today' if day.is_today else ''}, {day.count} entr{'y' if day.count == 1 else 'ies'}"
    dots = "".join(f'<i class="{dot}"></i>' for dot in day.dots)
    dots = f'<span class="cal-dots" aria-hidden="true">{dots}</span>' if dots else ""
    more = f'<a class="cal-more" href="{url}" aria-label="{day.more} more on {day.name}">+{day.more} more</a>'
    return (
        f'<td class="{css}"><div class="cal-cell">\n      <a class="cal-date" href="{url}" data-day="{day.iso}" '
        f'aria-label="{named}"{_current(day.is_today)}>{day.day.day}</a>\n      {dots}\n'
        f'      <ul class="cal-items">{"".join(map(_slot, day.slots))}</ul>\n      {more if day.more else ""}\n'
        f"    </div></td>"
    )


def _current(is_today: bool) -> str:
    return ' aria-current="date"' if is_today else ""


def _slot(slot: Slot) -> str:
    item = slot.item
    if item is None:
        return '<li class="cal-none" aria-hidden="true"></li>'
    if not slot.is_span:
        return f'<li class="cal-item {item.css}">{_linked(item, f"<time>{item.time}</time> {escape(item.title)}")}</li>'
    if not slot.is_first:
        return f'<li class="cal-bar {item.css} {slot.css}" aria-hidden="true"></li>'
    return f'<li class="cal-bar {item.css} {slot.css} first">{_linked(item)}</li>'


def _block(block: Block) -> str:
    item = block.item
    url, told, title = escape(item.url), escape(item.told), escape(item.title)
    start = block.starts_at.isoformat() if block.can_move else ""
    moves = f' data-move="{url}move/" data-from="{start}" draggable="true"' if block.can_move else ""
    if item.url:
        place = f" <span>{escape(item.location)}</span>" if item.location else ""
        inner = f'<a href="{url}" title="{told}" aria-label="{told}"><time>{item.time}</time> <b>{title}</b>{place}</a>'
    else:
        inner = f'<span title="{told}"><time>{item.time}</time> <b>{title}</b></span>'
    return f'<article class="cal-block {block.css} {item.css}"{moves}>{inner}</article>'
