"""Drafts, versions and what differs between them, as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from workflows.engine.source import MAX_SOURCE_LENGTH
from workflows.models import WorkflowDraft, WorkflowVersion
from workflows.rules import fault_as_json, faults_of_source

REVISION = "The revision that was read before; another one in the meantime is answered 409."


class DefinitionSerializer(serializers.Serializer):
    """A definition: exactly one of `source` (YAML) and `definition` (JSON)."""

    source = serializers.CharField(
        required=False, max_length=MAX_SOURCE_LENGTH, trim_whitespace=False, help_text="The definition as YAML."
    )
    definition = serializers.JSONField(required=False, help_text="The definition as JSON.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("source" in attrs) == ("definition" in attrs):
            raise serializers.ValidationError({"source": "Give either source (YAML) or definition (JSON)."})
        return attrs


class NewWorkflowSerializer(DefinitionSerializer):
    """A new workflow: published at once, or kept as a draft, which may have faults."""

    is_draft = serializers.BooleanField(default=False, help_text="Keep it as a draft; it does not run.")
    message = serializers.CharField(required=False, max_length=200, allow_blank=True)


class WorkflowChangeSerializer(DefinitionSerializer):
    """What can be changed: the definition, which publishes a new version, and whether its schedules tick."""

    is_active = serializers.BooleanField(required=False)
    revision = serializers.IntegerField(required=False, min_value=0, help_text=REVISION)
    message = serializers.CharField(required=False, max_length=200, allow_blank=True, help_text="What changed.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "source" in attrs and "definition" in attrs:
            raise serializers.ValidationError({"source": "Give either source (YAML) or definition (JSON)."})
        return attrs


class DefinitionFaultSerializer(serializers.Serializer):
    """One thing wrong with a definition; line and column count from 1, 0 when it came as JSON."""

    path = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()


class ValidationSerializer(serializers.Serializer):
    """Whether a definition is good, and every fault if not."""

    is_valid = serializers.BooleanField()
    faults = DefinitionFaultSerializer(many=True)


class VersionSerializer(serializers.ModelSerializer):
    """A version of a workflow, which never changes."""

    execution_count = serializers.IntegerField(read_only=True)
    restores = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The number of the version it repeats."
    )

    class Meta:
        model = WorkflowVersion
        fields = [
            *("number", "source", "definition", "message", "restores"),
            *("created_by", "created_at", "execution_count"),
        ]
        read_only_fields = fields


class DraftChangeSerializer(DefinitionSerializer):
    """The text of a draft. Anything that can be kept is kept."""

    revision = serializers.IntegerField(
        required=False, min_value=0, help_text=f"{REVISION} Required when there is a draft."
    )


class DraftSerializer(serializers.ModelSerializer):
    """What will be the next version, with every fault it has."""

    workflow = serializers.IntegerField(source="workflow_id", read_only=True)
    revision = serializers.IntegerField(source="workflow.revision", read_only=True)
    base = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The version that was published when it was begun."
    )
    restores = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The version whose text it began with."
    )
    is_valid = serializers.SerializerMethodField()
    faults = serializers.SerializerMethodField()

    class Meta:
        model = WorkflowDraft
        fields = [
            *("workflow", "source", "revision", "base", "restores", "saved_by", "saved_at"),
            *("is_valid", "faults"),
        ]
        read_only_fields = fields

    @extend_schema_field(bool)
    def get_is_valid(self, draft: WorkflowDraft) -> bool:
        """Say whether it can be published."""
        return not faults_of_source(draft.source)

    @extend_schema_field(DefinitionFaultSerializer(many=True))
    def get_faults(self, draft: WorkflowDraft) -> list[dict[str, Any]]:
        """List what is to be mended first."""
        return [fault_as_json(fault) for fault in faults_of_source(draft.source)]


class PublishSerializer(serializers.Serializer):
    """How a draft is published."""

    revision = serializers.IntegerField(required=False, min_value=0, help_text=REVISION)
    message = serializers.CharField(required=False, max_length=200, allow_blank=True, help_text="What changed.")


class RestoreSerializer(serializers.Serializer):
    """How an old version is taken up again."""

    revision = serializers.IntegerField(
        required=False, min_value=0, help_text=f"{REVISION} Required when there is a draft, which is replaced."
    )


class SideSerializer(serializers.Serializer):
    """One side of a comparison."""

    ref = serializers.CharField(help_text="The version's number, or draft.")
    number = serializers.IntegerField(allow_null=True)


class FieldChangeSerializer(serializers.Serializer):
    """One value that differs."""

    path = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)
    is_added = serializers.BooleanField()
    is_removed = serializers.BooleanField()


class ChangeSerializer(serializers.Serializer):
    """What happened to one step, or (no name) around the steps."""

    kind = serializers.ChoiceField(["added", "removed", "renamed", "moved", "changed"])
    name = serializers.CharField()
    type = serializers.CharField()
    old_name = serializers.CharField()
    place = serializers.CharField()
    old_place = serializers.CharField()
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]


class ComparisonSerializer(serializers.Serializer):
    """What differs between two versions, step by step and line by line."""

    old = SideSerializer()
    new = SideSerializer()
    is_same = serializers.BooleanField()
    is_readable = serializers.BooleanField(help_text="Whether both sides can be compared step by step.")
    changes = ChangeSerializer(many=True)
    lines = serializers.CharField(source="patch", help_text="The lines with -, + or a blank in front.")
