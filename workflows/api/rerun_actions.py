"""The API's doors to repeating executions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.api.serializers import ExecutionSerializer
from workflows.models import Execution
from workflows.reruns import rerun_execution, retry_execution


class RetrySerializer(serializers.Serializer):
    """How a failed or cancelled execution is repeated."""

    version = serializers.ChoiceField(
        ["same", "current"], default="same", help_text="The version it ran with, or the one that is published now."
    )


# `from` is a word of Python, so the fields are given by name.
RerunSerializer = type(
    "RerunSerializer",
    (RetrySerializer,),
    {
        "__doc__": "From which step an execution is repeated.",
        "__module__": __name__,
        "from": serializers.CharField(max_length=1200, help_text="The step's path, such as `each[3].import`."),
    },
)


class RerunActions:
    """Repeating executions; a mixin for their viewset."""

    @extend_schema(request=RetrySerializer, responses={201: ExecutionSerializer}, filters=False)
    @action(detail=True, methods=["post"], filterset_class=None)
    def retry(self: Any, request: Request, pk: str | None = None) -> Response:
        """Repeat whatever failed or never finished, as a new execution with the results of the rest."""
        given = RetrySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        is_current = given.validated_data["version"] == "current"
        found = self.get_object()
        return self.idempotently(
            request,
            lambda: self._started(retry_execution(found, by=request.user, in_current_version=is_current)),
            in_one_transaction=True,
        )

    @extend_schema(request=RerunSerializer, responses={201: ExecutionSerializer}, filters=False)
    @action(detail=True, methods=["post"], filterset_class=None)
    def rerun(self: Any, request: Request, pk: str | None = None) -> Response:
        """Repeat a step and everything behind it, as a new execution with the results of the rest."""
        given = RerunSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        chosen, is_current = given.validated_data["from"], given.validated_data["version"] == "current"
        found = self.get_object()
        return self.idempotently(
            request,
            lambda: self._started(
                rerun_execution(found, chosen=chosen, by=request.user, in_current_version=is_current)
            ),
            in_one_transaction=True,
        )

    def _started(self: Any, again: Execution) -> Response:
        fresh = self.get_queryset().get(pk=again.pk)
        headers = {"Location": f"/api/v1/executions/{again.pk}/"}
        return Response(ExecutionSerializer(fresh).data, status=201, headers=headers)
