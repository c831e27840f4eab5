"""Agents, runs and budgets as JSON. Amounts are whole USD micros (a millionth of a dollar)."""

from typing import Any

from rest_framework import serializers

from agents.models import AgentRun, Budget
from agents.registry import AgentCapability
from agents.rules import check_parameters, check_prompt
from coreengine.kernel.statuses import Status
from coreengine.kernel.streams import stream_url


class HealthSerializer(serializers.Serializer):
    """Whether the agent could run now; `next_step` is for a person."""

    status = serializers.CharField(help_text="healthy, needs_key or unavailable")
    detail = serializers.CharField()
    next_step = serializers.CharField()


class AgentSerializer(serializers.Serializer):
    """An agent as its manifest and its state tell."""

    name = serializers.CharField(source="manifest.name")
    title = serializers.CharField(source="manifest.title")
    summary = serializers.CharField(source="manifest.summary")
    type = serializers.CharField(source="manifest.type.value")
    capabilities = serializers.SerializerMethodField()
    provider = serializers.CharField(source="manifest.provider")
    model = serializers.CharField(source="manifest.model")
    temperature = serializers.FloatField(source="manifest.temperature")
    max_tokens = serializers.IntegerField(source="manifest.max_tokens")
    timeout = serializers.IntegerField(source="manifest.timeout_s")
    typical_cost_usd_micros = serializers.IntegerField(source="typical_usd_micros")
    health = HealthSerializer()

    def get_capabilities(self, agent: Any) -> list[str]:
        return [capability.value for capability in agent.manifest.capabilities]


class AgentListSerializer(serializers.Serializer):
    """All agents, on one page."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = AgentSerializer(many=True)


class RunRequestSerializer(serializers.Serializer):
    """A question. `parameters` may hold max_tokens, temperature, sentences and timeout.

    `course` in them names the course that it is for: one whose policy allows no AI is refused (`ai_not_allowed`) unless
    `ai_confirmed` says that the student made sure of it.
    """

    prompt = serializers.CharField(trim_whitespace=False, allow_blank=True)
    parameters = serializers.JSONField(required=False, default=dict)
    context = serializers.DictField(required=False, default=dict)  # type: ignore[assignment]  (a field, not DRF's)
    session_id = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # Django's own ValidationError passes through to the exception handler, with its fields.
        check_prompt(attrs["prompt"])
        attrs["parameters"] = check_parameters(attrs["parameters"])
        return attrs


class RunListSerializer(serializers.ModelSerializer):
    """A run without its long texts."""

    excerpt = serializers.CharField(read_only=True)
    # The words of every status, so that the schema has one enumeration for all.
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)

    class Meta:
        model = AgentRun
        fields = [
            "id",
            "agent",
            "provider",
            "model",
            "status",
            "excerpt",
            "session_id",
            "source",
            "error",
            "error_code",
            "attempt",
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cost_usd_micros",
            "execution_time",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class RunSerializer(RunListSerializer):
    """A run with its prompt and answer. `stream_url` gives the answer as server-sent events while it comes."""

    stream_url = serializers.SerializerMethodField()

    class Meta(RunListSerializer.Meta):
        fields = [
            *RunListSerializer.Meta.fields,
            "prompt",
            "parameters",
            "context",
            "content",
            "data",
            "metadata",
            "stop_reason",
            "is_retryable",
            "cancel_requested_at",
            "stream_url",
        ]
        read_only_fields = fields

    def get_stream_url(self, run: AgentRun) -> str | None:
        return None if run.is_finished else stream_url(self.context["request"], run.stream_name)


class EstimateSerializer(serializers.Serializer):
    """What a run would cost, probably and at the most, beside what the budget has left."""

    input_tokens = serializers.IntegerField(source="estimate.input_tokens")
    output_tokens = serializers.IntegerField(source="estimate.output_tokens")
    likely_usd_micros = serializers.IntegerField(source="estimate.likely_usd_micros")
    worst_usd_micros = serializers.IntegerField(source="estimate.worst_usd_micros")
    left_usd_micros = serializers.IntegerField()
    fits = serializers.BooleanField()


class RecommendationSerializer(serializers.Serializer):
    """A capable agent and why it stands where it does."""

    agent = serializers.CharField(source="agent.name")
    title = serializers.CharField(source="agent.title")
    typical_cost_usd_micros = serializers.IntegerField(source="typical_usd_micros")
    health = HealthSerializer()
    reason = serializers.CharField()


class CapabilitiesSerializer(serializers.Serializer):
    """What an agent must be able to do; give `capability` once for each."""

    capability = serializers.ListField(child=serializers.ChoiceField(choices=[c.value for c in AgentCapability]))


class BudgetSerializer(serializers.ModelSerializer):
    """The budget of the current period. Limit and period can be changed."""

    left_usd_micros = serializers.IntegerField(read_only=True)
    used_percent = serializers.IntegerField(read_only=True)
    renews_on = serializers.DateField(read_only=True)
    limit_usd_micros = serializers.IntegerField(required=False)

    class Meta:
        model = Budget
        fields = [
            "limit_usd_micros",
            "period",
            "spent_usd_micros",
            "reserved_usd_micros",
            "left_usd_micros",
            "used_percent",
            "period_started_on",
            "renews_on",
        ]
        read_only_fields = ["spent_usd_micros", "reserved_usd_micros", "period_started_on"]


class PreferencesSerializer(serializers.Serializer):
    """First choice and own key. The key is written only; of a stored one `key_hint` shows the last characters."""

    default_agent = serializers.CharField(required=False, allow_blank=True)
    anthropic_api_key = serializers.CharField(required=False, allow_blank=True, write_only=True)
    key_hint = serializers.CharField(read_only=True)
