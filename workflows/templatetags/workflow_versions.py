"""How differences between versions are said, and which executions repeat which."""

import json
from typing import Any

from django import template

from workflows.models import Execution
from workflows.reruns import newer_version_of

register = template.Library()
register.simple_tag(newer_version_of, name="newer_version")
MOST_RERUNS = 5

LONGEST = 240
ICONS = {"added": "plus", "removed": "minus", "renamed": "text-cursor-input", "moved": "move", "changed": "pencil"}


@register.simple_tag
def reruns_of(execution: Execution) -> list[int]:
    """Return the newest executions that repeat this one."""
    found = Execution.objects.filter(rerun_of=execution).order_by("-pk")
    return list(found.values_list("pk", flat=True)[:MOST_RERUNS])


@register.filter
def change_icon(kind: str) -> str:
    """Return the icon of a kind of change."""
    return ICONS.get(kind, "pencil")


@register.filter
def short_json(value: Any) -> str:
    """Write a value as in a definition, the end of a long one left out."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
