"""The API's doors to drafts, versions and their differences."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.pagination import CursorPages
from workflows import versions as services
from workflows.api.version_serializers import (
    ComparisonSerializer,
    DraftChangeSerializer,
    DraftSerializer,
    PublishSerializer,
    RestoreSerializer,
    VersionSerializer,
)
from workflows.comparisons import compare
from workflows.models import Workflow, WorkflowDraft, WorkflowVersion

REF = "A version's number, `draft` or `published`."
NUMBER = OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH, description="The version's number.")


class ByNumber(CursorPages):
    """Versions, newest first."""

    ordering = "-number"


class VersionActions:
    """What can be done with the text of a workflow; a mixin for the workflows' viewset."""

    @extend_schema(responses=VersionSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=ByNumber, filterset_class=None)
    def versions(self: Any, request: Request, pk: str | None = None) -> Response:
        """List the versions, newest first."""
        page = self.paginate_queryset(self.get_object().versions.with_execution_count())
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(parameters=[NUMBER], responses=VersionSerializer, filters=False)
    @action(detail=True, methods=["get"], url_path=r"versions/(?P<number>\d{1,9})", filterset_class=None)
    def one_version(self: Any, request: Request, number: str, pk: str | None = None) -> Response:
        """Give one version."""
        return Response(VersionSerializer(_version(self.get_object(), number)).data)

    @extend_schema(parameters=[NUMBER], request=RestoreSerializer, responses=DraftSerializer, filters=False)
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<number>\d{1,9})/restore", filterset_class=None)
    def restore_version(self: Any, request: Request, number: str, pk: str | None = None) -> Response:
        """Make the text of an old version the draft; published, the new version says which one it restores."""
        given = RestoreSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        workflow = self.get_object()
        old = _version(workflow, number)
        draft = services.restore_version(
            workflow, old.number, by=request.user, revision=given.validated_data.get("revision")
        )
        return Response(DraftSerializer(draft).data)

    @extend_schema(methods=["get"], operation_id="workflows_draft_retrieve", responses=DraftSerializer, filters=False)
    @extend_schema(
        methods=["patch"],
        operation_id="workflows_draft_update",
        request=DraftChangeSerializer,
        responses=DraftSerializer,
        filters=False,
    )
    @extend_schema(
        methods=["delete"],
        operation_id="workflows_draft_destroy",
        parameters=[OpenApiParameter("revision", int, description="The revision that was read before.")],
        request=None,
        responses={204: None},
        filters=False,
    )
    @action(detail=True, methods=["get", "patch", "delete"], filterset_class=None)
    def draft(self: Any, request: Request, pk: str | None = None) -> Response:
        """Read the draft with its faults, keep another text, or throw it away."""
        workflow = self.get_object()
        if request.method == "PATCH":
            given = DraftChangeSerializer(data=request.data)
            given.is_valid(raise_exception=True)
            draft = services.save_draft(workflow, by=request.user, **given.validated_data)
            return Response(DraftSerializer(draft).data)
        if request.method == "DELETE":
            text = request.query_params.get("revision", "")
            revision = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
            services.discard_draft(workflow, by=request.user, revision=revision)
            return Response(status=204)
        draft = WorkflowDraft.objects.filter(workflow=workflow).select_related("workflow").first()
        if draft is None:
            raise Http404
        return Response(DraftSerializer(draft).data)

    @extend_schema(request=PublishSerializer, filters=False)
    @action(detail=True, methods=["post"], filterset_class=None)
    def publish(self: Any, request: Request, pk: str | None = None) -> Response:
        """Make the draft the next version. A faulty one is answered 422 with every fault, and stays."""
        given = PublishSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        workflow = self.get_object()
        services.publish_draft(workflow, by=request.user, **given.validated_data)
        return self._answer(workflow)

    @extend_schema(
        parameters=[OpenApiParameter("from", str, description=REF), OpenApiParameter("to", str, description=REF)],
        responses=ComparisonSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], filterset_class=None)
    def diff(self: Any, request: Request, pk: str | None = None) -> Response:
        """Compare two versions, or the draft with what is published (which it does when nothing is said)."""
        asked = request.query_params
        try:
            found = compare(self.get_object(), asked.get("from", ""), asked.get("to", ""))
        except WorkflowVersion.DoesNotExist:
            raise Http404 from None
        return Response(ComparisonSerializer(found).data)


def _version(workflow: Workflow, number: str) -> WorkflowVersion:
    found = workflow.versions.with_execution_count().filter(number=int(number)).first()
    if found is None:
        raise Http404
    return found
