"""Forms of the agents' pages. They parse; services write."""

from decimal import Decimal
from typing import Any

from django import forms

from agents.models import MAX_LIMIT_USD_MICROS, MICROS_PER_DOLLAR, Budget
from agents.providers.base import PROMPT_MAX_CHARS
from agents.registry import AgentManifest, catalog
from agents.rules import MAX_OUTPUT_TOKENS, check_api_key, check_prompt
from coreengine.accounts.models import User
from courses.choices import CourseField, offer_courses


class RunForm(forms.Form):
    """A question to one agent."""

    prompt = forms.CharField(
        label="Prompt",
        strip=False,
        error_messages={"required": "Write what the agent should do."},
        widget=forms.Textarea(attrs={"rows": 10, "maxlength": PROMPT_MAX_CHARS, "autofocus": True}),
    )
    max_tokens = forms.IntegerField(
        label="Longest answer",
        required=False,
        min_value=1,
        max_value=MAX_OUTPUT_TOKENS,
        help_text="In tokens, about four characters each. Less costs less.",
    )

    course = CourseField(
        required=False,
        label="For a course",
        empty_label="No course",
        help_text="Its policy on AI is looked at first.",
    )
    ai_confirmed = forms.BooleanField(required=False, label="I made sure that this use is within the course's rules")

    def __init__(self, *args: Any, manifest: AgentManifest, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not offer_courses(self, owner, with_policy=True):
            del self.fields["course"], self.fields["ai_confirmed"]
        self.fields["prompt"].widget.attrs["placeholder"] = (
            "Paste the text to summarise" if manifest.provider == "local" else "Ask, or paste what to work on"
        )
        self.fields["max_tokens"].widget.attrs["placeholder"] = str(manifest.max_tokens)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "prompt" in cleaned:
            # A browser sends CRLF; an agent counts characters as the writer saw them.
            cleaned["prompt"] = cleaned["prompt"].replace("\r\n", "\n")
            check_prompt(cleaned["prompt"])
        return cleaned

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that were filled in."""
        found: dict[str, Any] = {}
        if tokens := self.cleaned_data.get("max_tokens"):
            found["max_tokens"] = tokens
        if course := self.cleaned_data.get("course"):
            found |= {"course": course.pk, "ai_confirmed": self.cleaned_data.get("ai_confirmed", False)}
        return found


class BudgetForm(forms.Form):
    """How much may be spent, and how often that starts anew."""

    limit = forms.DecimalField(
        label="Limit in US dollars",
        min_value=Decimal(0),
        max_value=Decimal(MAX_LIMIT_USD_MICROS // MICROS_PER_DOLLAR),
        decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
        help_text="Runs that could exceed it are refused. 0 allows free agents only.",
    )
    period = forms.ChoiceField(label="Renewed", choices=Budget.Period.choices)

    @property
    def limit_usd_micros(self) -> int:
        """The limit in USD micros."""
        return int(self.cleaned_data["limit"] * MICROS_PER_DOLLAR)


class KeyForm(forms.Form):
    """A student's own key."""

    anthropic_api_key = forms.CharField(
        label="Anthropic key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "placeholder": "sk-ant-…"}),
        help_text="Stored encrypted, never shown again. Runs with it are billed to your own account.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        check_api_key(cleaned.get("anthropic_api_key", "").strip())
        return cleaned


class PreferencesForm(forms.Form):
    """The agent that is offered first."""

    default_agent = forms.ChoiceField(label="First choice", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agents = [(agent.name, agent.title) for agent in catalog().agents]
        self.fields["default_agent"].choices = [("", "The first that is ready"), *agents]  # type: ignore[attr-defined]
