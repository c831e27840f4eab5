"""The lines of the vault's list, put together in Python: a template costs ten times as much for each."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.text import Truncator

from coreengine.kernel.templatetags.ce import icon_markup, when
from coreengine.kernel.texts import size_words
from resources.groupings import Choice
from resources.models import Resource

if TYPE_CHECKING:
    from resources.pages import Row

LONGEST_LABEL = 60


def resource_line(row: Row) -> str:
    """One resource: its sign, its title, what matched in it, its facts, and when it changed."""
    resource, found = row.resource, row.found
    snippet = ""
    if found.snippet_html:
        page = f'<span class="page-mark">p. {found.page}</span>' if found.page else ""
        snippet = f'<p class="snippet">{page}{conditional_escape(found.snippet_html)}</p>'
    sign = icon_markup(resource.icon, 18)
    return (
        f'<li>\n  <span class="vault-icon" data-kind="{escape(resource.kind)}">{sign}</span>\n'
        f'  <div class="grow">\n    <a class="title" id="resource-{resource.pk}" href="{resource.get_absolute_url()}">'
        f"{conditional_escape(found.title_html)}</a>\n    {snippet}\n"
        f'    <div class="meta">{"".join(map(_label, row.labels))}{_facts(resource)}</div>\n  </div>\n'
        f'  <span class="when">{when(resource.updated_at)}</span>\n</li>\n'
    )


def _label(label: Choice) -> str:
    if label.hue is not None:
        return f'<span class="course-tag hue-{label.hue}">{escape(label.label)}</span>'
    text = label.label if len(label.label) <= LONGEST_LABEL else Truncator(label.label).chars(LONGEST_LABEL)
    return f'<span class="nowrap">{escape(text)}</span>'


def _facts(resource: Resource) -> str:
    """Where it stands, what it is, how much of it, its tags, and whether its text is read."""
    parts = [f"<span>{icon_markup('cloud-off', 12)} gone at its source</span>" if resource.missing_since else ""]
    parts.append(f"<span>{escape(str(resource.type_label))}</span>")
    if resource.kind == Resource.Kind.FILE:
        parts.append(f"<span>{size_words(resource.size_bytes)}</span>")
        if resource.page_count:
            parts.append(f"<span>{resource.page_count} page{'' if resource.page_count == 1 else 's'}</span>")
    elif resource.kind == Resource.Kind.LINK:
        parts.append(f"<span>{escape(resource.host)}</span>")
    if resource.tags:
        vault = reverse("resources:list")
        parts += [f'<a class="tag" href="{vault}?tag={quote(tag)}">#{escape(tag)}</a>' for tag in resource.tags]
    if resource.is_reading:
        parts.append(f'<span class="reading">{icon_markup("loader-circle", 12)} reading its text</span>')
    elif resource.extraction_status == Resource.Extraction.FAILED:
        parts.append(f'<span class="unread">{icon_markup("circle-alert", 12)} text not readable</span>')
    return "".join(parts)
