"""How schedules and triggers are said."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.utils import timezone

from coreengine.kernel.event_types import described_type
from workflows.models import Execution, WorkflowTrigger
from workflows.triggers.slots import next_slot
from workflows.wording import MARKS_OF_MARKDOWN

register = template.Library()

TRIGGER_ICONS = {"schedule": "calendar-clock", "event": "zap", "webhook": "webhook"}


@lru_cache(maxsize=256)
def _cron_words(cron: str) -> str:
    from cron_descriptor import CasingTypeEnum, Options, get_description

    options = Options()
    options.use_24hour_time_format = True
    options.casing_type = CasingTypeEnum.Sentence
    return str(get_description(cron, options))


def _event_words(pattern: str) -> str:
    """Say a type of events: "When an assignment is created", "When anything happens to a workflow execution"."""
    known = described_type(pattern)
    if known is not None:
        return f"When {known.label[:1].lower()}{known.label[1:]}"
    *noun, verb = pattern.replace("_", " ").split(".")
    thing = " ".join(noun)
    if not thing or (" " in verb and verb != "*"):
        return f"On {pattern}"
    thing = f"{'an' if thing[:1] in 'aeiou' else 'a'} {thing}"
    return f"When anything happens to {thing}" if verb == "*" else f"When {thing} is {verb}"


@register.filter
def schedule_words(trigger: WorkflowTrigger) -> str:
    """Say a trigger: "At 07:00, Europe/Berlin", "Webhook “push”", "When an assignment is created"."""
    if trigger.kind == WorkflowTrigger.Kind.WEBHOOK:
        return f"Webhook “{trigger.config.get('name', '')}”"
    if trigger.kind == WorkflowTrigger.Kind.EVENT:
        return _event_words(str(trigger.config.get("event", "")))
    return f"{_cron_words(trigger.cron)}, {trigger.time_zone}"


@register.filter
def raw_trigger_words(trigger: dict[str, Any]) -> str:
    """Say a trigger as a definition has it."""
    match trigger.get("type"):
        case "schedule":
            return _cron_words(str(trigger["cron"]))
        case "event":
            return _event_words(str(trigger.get("event", "")))
        case "webhook":
            return f"Webhook “{trigger.get('name', '')}”"
    return "When you start it"


@register.filter
def raw_trigger_icon(trigger: dict[str, Any]) -> str:
    """Return the icon of a trigger as a definition has it."""
    return TRIGGER_ICONS.get(str(trigger.get("type")), "play")


@register.filter
def trigger_icon(trigger: WorkflowTrigger) -> str:
    """Name the picture of a trigger's kind."""
    return TRIGGER_ICONS[trigger.kind]


@register.filter
def outcome_status(outcome: str) -> str:
    """Say how a slot or a delivery stands in the words that every badge knows."""
    known = {"started": "completed", "queued": "pending", "received": "pending", "rejected": "cancelled"}
    return known.get(outcome, outcome)


@register.filter
def next_start(trigger: WorkflowTrigger) -> datetime | None:
    """Return when a schedule is due next."""
    return next_slot(trigger.cron, trigger.time_zone, timezone.now()) if trigger.cron else None


@register.filter
def trigger_words(execution: Execution) -> str:
    """Say what started an execution, or which other one it repeats."""
    if execution.rerun_of_id is not None:
        return f"{'Re-run' if execution.rerun_from else 'Retry'} of execution {execution.rerun_of_id}"
    return f"Started by {trigger_noun(execution)}"


@register.filter
def trigger_noun(execution: Execution) -> str:
    """Name what started an execution: hand, its schedule, a program."""
    kind = str((execution.trigger or {}).get("type", "manual"))
    nouns = {"manual": "hand", "schedule": "its schedule", "api": "a program", "error": "a failure"}
    return nouns.get(kind, f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind.replace('_', ' ')}")


@register.filter
def plain_markdown(text: str) -> str:
    """Return the words of a Markdown text on one line."""
    return " ".join(MARKS_OF_MARKDOWN.sub("", text).split())
