"""Template tags and filters that every page may use; loaded everywhere (settings)."""

import logging
from datetime import datetime
from functools import lru_cache
from typing import Any

import lucide
from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from coreengine.kernel import places, screens, texts
from coreengine.kernel.field_html import field_html, notes_html
from coreengine.kernel.undo import undo_of

logger = logging.getLogger(__name__)
register = template.Library()

STATUS_ICONS = {
    "pending": "circle-dashed",
    "running": "loader-circle",
    "waiting": "hand",
    "completed": "check",
    "failed": "circle-x",
    "cancelled": "ban",
    "skipped": "skip-forward",
    "overdue": "alarm-clock",
    "missing": "circle-alert",
    "soon": "clock",
    "submitted": "send",
    "graded": "award",
    "excused": "circle-slash",
    "healthy": "circle-check",
    "unhealthy": "triangle-alert",
}
HUES = 12


@lru_cache(maxsize=512)
def _icon(name: str, size: int) -> str:
    try:
        return str(lucide._render_icon(name, size, **{"aria-hidden": "true", "class": "icon"}))
    except lucide.IconDoesNotExist:
        # Names also come from manifests and registries: a page must not fail for want of decoration.
        logger.warning("there is no icon %r", name)
        return _icon("circle", size)


def icon_markup(name: str, size: int = 16) -> str:
    """Give the markup of an icon, for lines that are put together in Python."""
    return _icon(name, size)


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """Draw a Lucide icon; it is decoration, so give the control a name of its own."""
    return mark_safe(_icon(str(name), size))


@register.simple_tag
def svg_icon(name: str, x: int, y: int, size: int = 16) -> SafeString:
    """Draw an icon at a place inside a picture."""
    placed = _icon(str(name), size).replace("\n", "").replace("<svg ", f'<svg x="{int(x)}" y="{int(y)}" ', 1)
    return mark_safe(placed)


@register.simple_tag
def status_badge(status: str, label: str = "") -> SafeString:
    """Draw the badge of a status: an icon, a word and a tint."""
    return format_html(
        '<span class="badge" data-status="{}">{} {}</span>',
        status,
        mark_safe(_icon(STATUS_ICONS.get(str(status), "circle"), 12)),
        label or str(status),
    )


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """Say a moment as people do, with the exact time on hover, in the student's zone."""
    if moment is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        texts.exact_words(moment),
        texts.when_words(moment),
    )


@register.filter
def exact(moment: datetime | None) -> str:
    """Say a moment in full, in the student's zone."""
    return texts.exact_words(moment) if moment else ""


@register.filter
def duration(seconds: float | None) -> str:
    """Say a number of seconds."""
    return texts.duration_words(seconds)


@register.filter
def filesize(size: int | None) -> str:
    """Say a number of bytes."""
    return texts.size_words(size)


@register.filter
def markdown(text: str) -> SafeString:
    """Render Markdown from anyone: nothing runs, nothing loads."""
    return mark_safe(texts.markdown_html(text))


@register.filter
def outside_html(html: str) -> SafeString:
    """Show HTML from another system: nothing runs, nothing loads."""
    return mark_safe(texts.safe_html(html))


@register.filter
def hue_class(thing: Any) -> str:
    """Return the class of a thing's colour: its `hue` (0 to 11), or one derived from its id."""
    hue = getattr(thing, "hue", None)
    if hue is None:
        hue = getattr(thing, "pk", thing) or 0
    return f"hue-{int(hue) % HUES}"


@register.simple_tag
def field(bound: Any, *, label: str = "", help: str | None = None, **attrs: Any) -> SafeString:
    """Draw a form field: label, control, help and errors, tied together for assistive technology.

    `label` and `help` replace the form's own words; other names become attributes of the control, with
    hyphens for underscores.
    """
    if label:
        bound.label = label
    if help is not None:
        bound.help_text = help
    bound.field.widget.attrs.update({name.replace("_", "-"): value for name, value in attrs.items()})
    return mark_safe(field_html(bound, icon_markup("circle-alert", 14)))


@register.simple_tag
def field_notes(bound: Any) -> SafeString:
    """Draw what stands below a field: its errors and its help, for one whose control is drawn otherwise."""
    return mark_safe(notes_html(bound, icon_markup("circle-alert", 14)))


@register.filter
def undo(message: Any) -> dict[str, Any] | None:
    """Return how a flash message can be taken back, if it can."""
    return undo_of(message) if hasattr(message, "extra_tags") else None


@register.simple_tag
def form_errors(form: Any) -> SafeString:
    """Say what is wrong with a form, above it, with links to the fields."""
    return render_to_string("components/form_errors.html", {"form": form})


@register.simple_block_tag
def card(
    content: str,
    title: str = "",
    more_url: str = "",
    more_label: str = "All",
    hint: str = "",
    level: int = 2,
    id: str = "",
    classes: str = "",
) -> SafeString:
    """Draw a card around its content; `level` is the heading's, `hint` a word at its end."""
    context = {"content": content, "title": title, "more_url": more_url, "more_label": more_label}
    return render_to_string(
        "components/card.html", {**context, "hint": hint, "level": level, "id": id, "class": classes}
    )


@register.simple_block_tag
def empty_state(
    content: str, icon: str = "inbox", title: str = "", text: str = "", level: int = 2, small: bool = False
) -> SafeString:
    """Say what will be here and offer the next step (the block's content)."""
    context = {"content": mark_safe(content.strip()), "icon": icon, "title": title, "text": text, "level": level}
    return render_to_string("components/empty.html", {**context, "small": small, "icon_size": 20 if small else 32})


@register.simple_block_tag
def callout(content: str, level: str = "", icon: str = "", title: str = "") -> SafeString:
    """Draw a note that stays: level is info, success, warning, danger, or nothing."""
    icons = {"info": "info", "success": "circle-check", "warning": "triangle-alert", "danger": "circle-alert"}
    context = {"content": content, "level": level, "icon": icon or icons.get(level, "info"), "title": title}
    return render_to_string("components/callout.html", context)


@register.simple_tag(takes_context=True)
def slot(context: template.Context, name: str, thing: Any = None) -> SafeString:
    """Draw what upper apps added to this place."""
    request = context["request"]
    pieces = []
    for part in screens.slot_parts(name):
        values = part.context(request, thing)
        if values is not None:
            pieces.append(render_to_string(part.template, values, request=request))
    return mark_safe("".join(pieces))


@register.simple_tag(takes_context=True)
def current(context: template.Context, url_name: str) -> SafeString | str:
    """Mark the navigation entry whose app the page belongs to."""
    match = getattr(context.get("request"), "resolver_match", None)
    if match is None:
        return ""
    here = match.view_name
    is_here = here == url_name or (
        match.namespace and match.namespace != "kernel" and url_name.startswith(f"{match.namespace}:")
    )
    return mark_safe('aria-current="page"') if is_here else ""


@register.simple_tag(takes_context=True)
def nav_links(context: template.Context, group: str) -> list[places.Link]:
    """List the navigation's entries of one group, with the current one marked."""
    return places.nav_links(context.get("request"), group)


@register.simple_tag(takes_context=True)
def settings_links(context: template.Context) -> list[places.Link]:
    """List the settings pages, with the current one marked."""
    return places.settings_links(context.get("request"))


@register.simple_tag
def quick_adds() -> list[places.Link]:
    """List what the quick-add menu can make."""
    return places.quick_adds()


@register.simple_tag
def shortcuts() -> list[places.Shortcut]:
    """List the keys that work on every page."""
    return places.shortcuts()


@register.simple_tag(takes_context=True)
def page_shortcuts(context: template.Context) -> screens.PageKeys | None:
    """Return the keys that this page has of its own, if it has some."""
    return places.page_shortcuts(context.get("request"))
