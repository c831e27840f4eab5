"""The API's doors to what plugins did and keep."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import ApiView
from plugins import conduct
from plugins.api.serializers import CallShapeSerializer, StorageUseSerializer, StudentCallCountSerializer
from plugins.filters import GatewayCallFilter
from plugins.models import Connection, GatewayCall
from plugins.storage import forget_stored, storage_use

MOST_ROWS = 500
CALL_FILTERS = [
    OpenApiParameter("day", str, description="a day in your time zone, such as 2026-11-23"),
    OpenApiParameter("refused", bool, description="true: only what did not leave"),
]


class CallShapesView(ApiView):
    """One connection's requests, counted."""

    @extend_schema(
        parameters=CALL_FILTERS, responses=CallShapeSerializer(many=True), operation_id="connections_calls_summary"
    )
    def get(self, request: Request, pk: int) -> Response:
        """Count the requests that the plugin made by capability, host, method and path; at most 500 kinds."""
        connection = get_object_or_404(Connection.objects.visible_to(request.user), pk=pk)
        rows = conduct.shapes(filtered_calls(request, GatewayCall.objects.filter(connection=connection)))
        return Response(CallShapeSerializer(rows[:MOST_ROWS], many=True).data)


class StudentCallCountsView(ApiView):
    """One plugin's requests over all students, counted; for admins."""

    @extend_schema(
        parameters=[OpenApiParameter("plugin", str, required=True), *CALL_FILTERS],
        responses=StudentCallCountSerializer(many=True),
        operation_id="gateway_calls_summary",
    )
    def get(self, request: Request) -> Response:
        """Count what a plugin asked by capability, host and method, with nothing that tells whose requests they are."""
        if not request.user.is_staff:
            raise Http404
        calls = conduct.calls_of_plugin(request.query_params.get("plugin", ""))
        rows = conduct.counts_over_students(filtered_calls(request, calls))
        return Response(StudentCallCountSerializer(rows[:MOST_ROWS], many=True).data)


class StorageView(ApiView):
    """What a connection's plugin keeps between calls."""

    @extend_schema(responses=StorageUseSerializer, operation_id="connections_storage_retrieve")
    def get(self, request: Request, pk: int) -> Response:
        """Say how much is kept."""
        connection = get_object_or_404(Connection.objects.visible_to(request.user), pk=pk)
        return Response(StorageUseSerializer(storage_use(connection)).data)

    @extend_schema(responses={204: None}, operation_id="connections_storage_destroy")
    def delete(self, request: Request, pk: int) -> Response:
        """Forget all of it; the next sync starts from the beginning."""
        connection = get_object_or_404(Connection.objects.editable_by(request.user), pk=pk)
        forget_stored(connection, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def filtered_calls(request: Request, calls: Any) -> Any:
    """Narrow calls down to what a request asks for.

    Raises:
        ValidationError: by parameter.
    """
    found = GatewayCallFilter(request.query_params, calls)
    if not found.is_valid():
        raise ValidationError(found.errors)
    return found.qs
