"""The API's door to dry runs."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.dry_run import APPROVED, REJECTED, StandIns, dry_run
from workflows.models import Execution


class DryRunRequestSerializer(serializers.Serializer):
    """What is tried."""

    inputs = serializers.DictField(required=False, help_text="By the JSON Schema in the definition's inputs.")
    draft = serializers.BooleanField(default=False, help_text="Try the draft instead of what is published.")
    stand_ins = serializers.DictField(
        required=False, help_text="Step name or path → the result that stands in for another service's answer."
    )
    execution = serializers.IntegerField(
        required=False, help_text="An execution of this workflow whose recorded answers stand in."
    )
    approvals = serializers.ChoiceField([APPROVED, REJECTED], default=APPROVED)


class WroteSerializer(serializers.Serializer):
    """Rows of one kind."""

    rows = serializers.CharField()
    what = serializers.ChoiceField(["added", "changed", "removed"])
    count = serializers.IntegerField()


class DryStepSerializer(serializers.Serializer):
    """One step as it would go."""

    path = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    outcome = serializers.CharField(help_text="Its status; `needs` when it cannot be worked out without an answer.")
    config = serializers.DictField(help_text="What it would be given, templates filled in.")
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField()
    reason = serializers.CharField()
    needs = serializers.ListField(child=serializers.CharField(), help_text="The steps whose results are not known.")
    is_called = serializers.BooleanField(help_text="Another service would be asked here.")
    stand_in = serializers.CharField(help_text="Where the answer is from that stands in.")
    problem = serializers.CharField(help_text="Why the call could not be made as things are.")
    wrote = WroteSerializer(many=True)
    worst_usd_micros = serializers.IntegerField()
    until = serializers.CharField()


class DryRunSerializer(serializers.Serializer):
    """What would happen. Nothing of it did."""

    status = serializers.CharField()
    error = serializers.CharField()
    steps = DryStepSerializer(many=True)
    hidden_steps = serializers.IntegerField(help_text="How many more steps there were.")
    wrote = WroteSerializer(many=True)
    notifications = serializers.ListField(child=serializers.DictField())
    mails = serializers.ListField(child=serializers.DictField())
    variables = serializers.DictField()
    calls = serializers.IntegerField()
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="The steps whose answers are missing to go on."
    )
    problems = serializers.ListField(child=serializers.CharField())
    likely_usd_micros = serializers.IntegerField()
    worst_usd_micros = serializers.IntegerField()
    budget_left_usd_micros = serializers.IntegerField()
    stand_ins_of = serializers.IntegerField(allow_null=True)
    is_cut = serializers.BooleanField(help_text="It was stopped before the end, because it took too long.")


class DryRunActions:
    """Trying a workflow without any effect; a mixin for the workflows' viewset."""

    @extend_schema(request=DryRunRequestSerializer, responses=DryRunSerializer, filters=False)
    @action(detail=True, methods=["post"], url_path="dry-runs", filterset_class=None)
    def dry_runs(self: Any, request: Request, pk: str | None = None) -> Response:
        """Tell what would be written, asked and paid; nothing happens. It ends after a few seconds."""
        asked = DryRunRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given, workflow = asked.validated_data, self.get_object()
        execution = None
        if "execution" in given:
            mine = Execution.objects.visible_to(request.user).filter(workflow=workflow)
            execution = get_object_or_404(mine, pk=given["execution"])
        found = dry_run(
            workflow,
            by=request.user,
            inputs=given.get("inputs"),
            stand_ins=StandIns.of(by_hand=given.get("stand_ins"), execution=execution),
            decision=given["approvals"],
            of_draft=given["draft"],
        )
        return Response(DryRunSerializer(found).data)
