"""How differences between versions are said."""

import json
from typing import Any

from django import template

register = template.Library()

LONGEST = 240
ICONS = {"added": "plus", "removed": "minus", "renamed": "text-cursor-input", "moved": "move", "changed": "pencil"}


@register.filter
def change_icon(kind: str) -> str:
    """Return the icon of a kind of change."""
    return ICONS.get(kind, "pencil")


@register.filter
def short_json(value: Any) -> str:
    """Write a value as in a definition, the end of a long one left out."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
