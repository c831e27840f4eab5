"""The API's doors to what executions ask their student."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import OwnedReadViewSet
from workflows.approvals import decide_approval
from workflows.filters import ApprovalFilter
from workflows.models import Approval


class ApprovalSerializer(serializers.ModelSerializer):
    """A question of a waiting step, and what became of it."""

    workflow = serializers.IntegerField(source="execution.workflow_id", read_only=True)
    workflow_name = serializers.CharField(source="execution.workflow.name", read_only=True)
    possible_decisions = serializers.ListField(child=serializers.CharField(), read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True, help_text="The page that asks.")

    class Meta:
        model = Approval
        fields = [
            "id",
            "kind",
            "execution",
            "path",
            "workflow",
            "workflow_name",
            "message",
            "possible_decisions",
            "timeout_action",
            "created_at",
            "deadline_at",
            "decision",
            "decided_by",
            "decided_at",
            "comment",
            "url",
        ]
        read_only_fields = fields


class DecisionSerializer(serializers.Serializer):
    """An answer."""

    decision = serializers.CharField(help_text="approved or rejected; retry, done or fail where a step needs attention")
    comment = serializers.CharField(required=False, allow_blank=True, default="")
    result = serializers.JSONField(
        required=False, allow_null=True, default=None, help_text="With done: what came of it."
    )


class AttentionSerializer(DecisionSerializer):
    """What became of the attempt of a step."""

    path = serializers.CharField(help_text="The step, such as send or each[3].send.")


class ApprovalViewSet(OwnedReadViewSet):
    """What executions ask: to approve, or what became of a step. Open ones have an empty decision."""

    queryset = Approval.objects.with_context()
    serializer_class = ApprovalSerializer
    filterset_class = ApprovalFilter

    @extend_schema(request=DecisionSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def decision(self, request: Request, pk: str | None = None) -> Response:
        """Answer; the first answer counts."""
        approval = self.get_object()
        return self.idempotently(request, lambda: Response(self._decide(request, approval)), in_one_transaction=True)

    def _decide(self, request: Request, approval: Approval) -> dict[str, Any]:
        given = DecisionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        decide_approval(approval, by=request.user, **given.validated_data)
        return ApprovalSerializer(self.get_object(), context=self.get_serializer_context()).data
