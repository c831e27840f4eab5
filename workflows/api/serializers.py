"""Workflows and executions as JSON. Serializers parse and present; services write."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from workflows.models import Execution, StepExecution, Workflow, WorkflowTrigger
from workflows.reports import results_of


class ScheduleSerializer(serializers.Serializer):
    """When a workflow starts by itself."""

    cron = serializers.CharField()
    time_zone = serializers.CharField()


class WorkflowSerializer(serializers.ModelSerializer):
    """A workflow. Its definition is written as YAML in `source` or as JSON in `definition`."""

    version = serializers.IntegerField(
        source="version.number",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="The published version; null as long as there is only a draft.",
    )
    has_draft = serializers.BooleanField(read_only=True)
    schedules = serializers.SerializerMethodField(help_text="Other triggers stand under triggers/.")
    is_shipped = serializers.BooleanField(read_only=True)
    last_status = serializers.CharField(read_only=True, allow_null=True, default=None)
    last_execution = serializers.IntegerField(source="last_execution_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Workflow
        fields = [
            "id",
            "name",
            "description",
            "is_active",
            "version",
            "revision",
            "has_draft",
            "is_shipped",
            "shipped_key",
            "connection_id",
            "schedules",
            "last_status",
            "last_execution",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    @extend_schema_field(ScheduleSerializer(many=True))
    def get_schedules(self, workflow: Workflow) -> list[dict[str, Any]]:
        """List its schedules; `triggers` were read with the workflow."""
        schedules = [row for row in workflow.triggers.all() if row.kind == WorkflowTrigger.Kind.SCHEDULE]
        return ScheduleSerializer(schedules, many=True).data


class WorkflowDetailSerializer(WorkflowSerializer):
    """A workflow with its definition as written and as data."""

    source = serializers.CharField(source="version.source", read_only=True, allow_null=True, default=None)
    definition = serializers.JSONField(source="version.definition", read_only=True, allow_null=True, default=None)

    class Meta(WorkflowSerializer.Meta):
        fields = [*WorkflowSerializer.Meta.fields, "source", "definition"]
        read_only_fields = fields


class StartSerializer(serializers.Serializer):
    """What an execution is given."""

    inputs = serializers.DictField(required=False, help_text="By the JSON Schema in the definition's inputs.")


class ExecutionListSerializer(serializers.ModelSerializer):
    """An execution without its results."""

    version = serializers.IntegerField(source="version.number", read_only=True)
    workflow_name = serializers.CharField(source="workflow.name", read_only=True)
    current_step = serializers.CharField(read_only=True, help_text="The steps under way, by name.")
    is_queued = serializers.BooleanField(
        read_only=True, help_text="It waits until others of the same student are over."
    )
    priority = serializers.IntegerField(read_only=True, help_text="-1 low, 0 normal, 1 high.")
    rerun_of = serializers.IntegerField(
        source="rerun_of_id", read_only=True, allow_null=True, help_text="The execution of which it repeats a part."
    )
    rerun_from = serializers.CharField(
        read_only=True, help_text="The step it was repeated from; empty for a retry of what had not finished."
    )

    class Meta:
        model = Execution
        fields = [
            "id",
            "workflow",
            "workflow_name",
            "version",
            "status",
            "is_queued",
            "priority",
            "current_step",
            "trigger",
            "inputs",
            "error_message",
            "rerun_of",
            "rerun_from",
            "created_at",
            "started_at",
            "completed_at",
        ]
        read_only_fields = fields


class ExecutionSerializer(ExecutionListSerializer):
    """An execution with its variables and what each step came to."""

    results = serializers.SerializerMethodField(help_text="Step → status, result, error, reason, execution_time.")

    class Meta(ExecutionListSerializer.Meta):
        fields = [*ExecutionListSerializer.Meta.fields, "variables", "results"]
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "object"}})
    def get_results(self, execution: Execution) -> dict[str, Any]:
        """Put the results of the steps together."""
        return results_of(execution)


class StartedSerializer(ExecutionSerializer):
    """An execution that was started, or the one under way that took its place."""

    is_reused = serializers.BooleanField(read_only=True)
    message = serializers.SerializerMethodField()

    class Meta(ExecutionSerializer.Meta):
        fields = [*ExecutionSerializer.Meta.fields, "is_reused", "message"]
        read_only_fields = fields

    def get_message(self, execution: Execution) -> str:
        """Say whether it is new."""
        if execution.is_reused:
            return f"This is under way already as execution {execution.pk}; no second one was started."
        return f"Execution {execution.pk} was started."


class StepSerializer(serializers.ModelSerializer):
    """A step of an execution; inside a loop there is one for each item."""

    type = serializers.CharField(source="kind", read_only=True)

    class Meta:
        model = StepExecution
        fields = [
            "path",
            "name",
            "type",
            "index",
            "status",
            "attempt",
            "result",
            "error",
            "reason",
            "is_reused",
            "execution_time",
            "item_count",
            "items_done",
            "next_attempt_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class ReadyMadeSerializer(serializers.Serializer):
    """A workflow of the gallery."""

    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    source = serializers.CharField(help_text="The definition as YAML.")
