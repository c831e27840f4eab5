"""The cells of the heat map, put together in Python: a template takes longer for them than all the rest of the page."""

from __future__ import annotations

from html import escape

from courses.workplan.heat import Cell, HeatPage, HeatWeek


def weeks_html(page: HeatPage) -> str:
    """The rows of the map, one a week."""
    return "".join(_week(week, page) for week in page.weeks)


def _week(week: HeatWeek, page: HeatPage) -> str:
    cells = "".join(_cell(cell, page) for cell in week.cells)
    total = week.total if week.minutes else '<span class="faint">–</span>'
    return f'<tr><th scope="row">{week.title}</th>{cells}<td class="num">{total}</td></tr>'


def _cell(cell: Cell, page: HeatPage) -> str:
    said = f'<span class="sr-only">{cell.words}</span>'
    if cell.is_past:
        day = f'<span aria-hidden="true" class="heat-day">{cell.number}</span>'
        return f'<td><span class="heat-cell is-past">{said}{day}</span></td>'
    address = escape(f"?weeks={page.count}&spread={page.spread}&day={cell.day.isoformat()}")
    today, mark = (" is-today", " data-today") if cell.is_today else ("", "")
    chosen = ' aria-current="true"' if cell.is_chosen else ""
    month = f'<span class="heat-month"> {cell.month}</span>' if cell.month else ""
    due = f' <span class="heat-due">{cell.due}</span>' if cell.due else ""
    return (
        f'<td><a class="heat-cell step-{cell.step}{today}" id="day-{cell.day.isoformat()}" href="{address}#chosen" '
        f'hx-get="{address}" hx-target="#heat" hx-swap="outerHTML" hx-push-url="true" title="{cell.words}"'
        f"{chosen}{mark}>{said}"
        f'<span aria-hidden="true" class="heat-day"><span>{cell.number}{month}</span>{due}</span>'
        f'<span aria-hidden="true" class="heat-time">{cell.short}</span></a></td>'
    )
