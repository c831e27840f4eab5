"""Text from outside made safe to show, and how times and sizes are said."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import nh3
from django.utils import timezone

TAGS = {
    *"a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre".split(),
    *"q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul".split(),
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}
SCHEMES = {"http", "https", "mailto"}


def safe_html(html: str) -> str:
    """Return HTML from outside without anything that runs or loads: no scripts, styles, images or forms."""
    return nh3.clean(
        html or "", tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel="noopener noreferrer nofollow"
    )


@lru_cache(maxsize=1)
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "linkify": True, "typographer": False}).enable(
        ["table", "strikethrough", "linkify"]
    )


def markdown_html(text: str) -> str:
    """Render Markdown to safe HTML; raw HTML in it is shown as text, images become links."""
    html = _markdown().render(text or "")
    html = re.sub(r'<img src="([^"]*)" alt="([^"]*)"[^>]*>', r'<a href="\1">\2</a>', html)
    return safe_html(html)


def plain_text(html: str) -> str:
    """Return the words of HTML, one space between them."""
    return (
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", nh3.clean(html or "", tags={"br"})))
        .strip()
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
    )


def size_words(size: int | None) -> str:
    """Say a number of bytes: 512 B, 14 KB, 2.3 MB."""
    if size is None:
        return ""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}" if unit in {"B", "KB"} or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return ""


def duration_words(seconds: float | None) -> str:
    """Say a duration: 0.4 s, 12 s, 3 min, 2 h 5 min."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def when_words(moment: datetime, *, now: datetime | None = None, zone: ZoneInfo | None = None) -> str:
    """Say a moment as people do: "in 6 h", "4 min ago", "Wed", "3 Dec", in the given zone."""
    now = now or timezone.now()
    local = moment.astimezone(zone) if zone else timezone.localtime(moment)
    today = (now.astimezone(zone) if zone else timezone.localtime(now)).date()
    days = (local.date() - today).days
    gap = moment - now
    if timedelta(0) <= gap < timedelta(minutes=1):
        return "in a minute"
    if timedelta(minutes=-1) < gap < timedelta(0):
        return "just now"
    if abs(gap) < timedelta(hours=1):
        minutes = round(abs(gap).total_seconds() / 60)
        return f"in {minutes} min" if gap > timedelta(0) else f"{minutes} min ago"
    if (abs(gap) < timedelta(hours=12) and abs(days) <= 1) or days == 0:
        hours = round(abs(gap).total_seconds() / 3600)
        return f"in {hours} h" if gap > timedelta(0) else f"{hours} h ago"
    if days in {1, -1}:
        return "tomorrow" if days == 1 else "yesterday"
    if 1 < days < 7:
        return f"{local:%a}"
    if -7 < days < -1:
        return f"{local:%a}"
    return f"{local.day} {local:%b}" + (f" {local.year}" if local.year != today.year else "")


def exact_words(moment: datetime, zone: ZoneInfo | None = None) -> str:
    """Say a moment in full: Monday 23 November 2026, 17:00."""
    local = moment.astimezone(zone) if zone else timezone.localtime(moment)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M}"
