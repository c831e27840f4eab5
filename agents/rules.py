"""Checks that forms, serializers and services share. Each raises Django's ValidationError by field."""

from typing import Any

from django.core.exceptions import ValidationError

from agents.models import MAX_LIMIT_USD_MICROS, MICROS_PER_DOLLAR, Budget
from agents.providers.base import PROMPT_MAX_CHARS
from agents.registry import catalog
from coreengine.accounts.models import User
from courses.ai_policy import check_ai_allowed, course_of_run

MAX_OUTPUT_TOKENS = 32_000


def check_prompt(prompt: str) -> None:
    """Not empty, and at most 50,000 characters."""
    if not prompt or not prompt.strip():
        raise ValidationError({"prompt": "Write what the agent should do."}, code="required")
    if "\x00" in prompt:
        raise ValidationError({"prompt": "The prompt holds a null character. Remove it."})
    if len(prompt) > PROMPT_MAX_CHARS:
        raise ValidationError(
            {
                "prompt": f"The prompt has {len(prompt):,} characters; at most {PROMPT_MAX_CHARS:,} are "
                "possible. Shorten it or split the material."
            },
            code="max_length",
        )


def check_parameters(parameters: Any) -> dict[str, Any]:
    """A copy of the parameters with numbers as numbers."""
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ValidationError({"parameters": "Give the parameters as an object of names and values."})
    checked = dict(parameters)
    bounds = {
        "temperature": (0.0, 2.0),
        "max_tokens": (1, MAX_OUTPUT_TOKENS),
        "sentences": (1, 20),
        "timeout": (1, 600),
    }
    for name, (least, most) in bounds.items():
        if name not in checked or checked[name] is None:
            checked.pop(name, None)
            continue
        kind = type(least)
        try:
            value = kind(checked[name])
        except (TypeError, ValueError, OverflowError):
            raise ValidationError({"parameters": f"{name} must be a number from {least} to {most}."}) from None
        if isinstance(checked[name], bool) or not least <= value <= most:
            raise ValidationError({"parameters": f"{name} must be from {least} to {most}."})
        checked[name] = value
    if checked.get("course") in (None, ""):
        checked.pop("course", None)
    elif isinstance(checked["course"], bool) or not str(checked["course"]).isdecimal():
        raise ValidationError({"parameters": "course must be the id of a course."})
    else:
        checked["course"] = min(int(checked["course"]), 2**63 - 1)
    if not isinstance(checked.get("ai_confirmed", False), bool):
        raise ValidationError({"parameters": "ai_confirmed must be true or false."})
    return checked


def check_course_policy(owner: User, parameters: dict[str, Any]) -> None:
    """Refuse to work for a course that allows no AI, unless the student confirmed this use.

    Raises:
        AiNotAllowed: the course's policy says no, and `ai_confirmed` is not set.
        ValidationError: the student has no such course.
    """
    course = course_of_run(owner, parameters.get("course"))
    if course is not None:
        check_ai_allowed(course, is_confirmed=parameters.get("ai_confirmed") is True)


def check_budget_limit(limit_usd_micros: int, period: str) -> None:
    """The limit is from nothing to $10,000, the period one that exists."""
    if not 0 <= limit_usd_micros <= MAX_LIMIT_USD_MICROS:
        most = MAX_LIMIT_USD_MICROS // MICROS_PER_DOLLAR
        raise ValidationError({"limit": f"Give an amount from $0 to ${most:,}."})
    if period not in Budget.Period.values:
        raise ValidationError({"period": "Choose day, week or month."})


def check_default_agent(name: str) -> None:
    """Empty, or the name of an agent."""
    if name and catalog().get(name) is None:
        raise ValidationError({"default_agent": f"There is no agent called “{name}”."})


def check_api_key(key: str) -> None:
    """Looks like a key: one word of printable ASCII."""
    if key and (not key.isascii() or not key.isprintable() or " " in key or not 12 <= len(key) <= 300):
        raise ValidationError({"anthropic_api_key": "This does not look like a key. Copy it whole, without blanks."})
