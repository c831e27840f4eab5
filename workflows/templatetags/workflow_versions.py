"""How differences between versions are said, and which executions repeat which."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime

from workflows.dry_run import DryStep
from workflows.dry_run.report import NEEDS
from workflows.graph.parts import MARKS
from workflows.models import Execution
from workflows.reruns import newer_version_of

register = template.Library()
register.simple_tag(newer_version_of, name="newer_version")
MOST_RERUNS = 5
MOST_JSON = 4_000

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
def dry_icon(step: DryStep) -> str:
    """Return the icon of a step of a dry run."""
    return "circle-help" if step.outcome == NEEDS else MARKS[step.outcome]


@register.filter
def usd(micros: int) -> str:
    """Write millionths of a dollar."""
    return f"${micros / 1_000_000:,.2f}" if micros >= 10_000 else f"${micros / 1_000_000:.4f}"


@register.filter
def moment(text: str) -> datetime | None:
    """Read a time that the engine wrote."""
    return parse_datetime(text)


@register.filter
def pretty_json(value: Any) -> str:
    """Write a value on lines of its own, the end of a long one left out."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_JSON else f"{text[:MOST_JSON]}…"


@register.filter
def short_json(value: Any) -> str:
    """Write a value as in a definition, the end of a long one left out."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
