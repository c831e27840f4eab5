"""The API's doors to workflows and executions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.pagination import CursorPages
from coreengine.kernel.api.serializers import EventSerializer
from coreengine.kernel.api.viewsets import OwnedModelViewSet, OwnedReadViewSet
from coreengine.kernel.models import Event
from workflows import services, versions
from workflows.api.approval_views import ApprovalSerializer, AttentionSerializer
from workflows.api.dry_run_actions import DryRunActions
from workflows.api.rerun_actions import RerunActions
from workflows.api.serializers import (
    ExecutionListSerializer,
    ExecutionSerializer,
    ReadyMadeSerializer,
    StartedSerializer,
    StartSerializer,
    StepSerializer,
    WorkflowDetailSerializer,
    WorkflowSerializer,
)
from workflows.api.version_actions import VersionActions
from workflows.api.version_serializers import (
    DefinitionSerializer,
    NewWorkflowSerializer,
    ValidationSerializer,
    WorkflowChangeSerializer,
)
from workflows.approvals import resolve_attention
from workflows.archive import tell_if_archived
from workflows.engine.schema import DEFINITION_SCHEMA
from workflows.filters import ExecutionFilter, WorkflowFilter
from workflows.models import Execution, Workflow
from workflows.ready_made import ready_made
from workflows.rules import fault_as_json, faults_of_data, faults_of_source


class ByPath(CursorPages):
    """Steps in the order they came into being."""

    ordering = "id"


class BySequence(CursorPages):
    """A log from its beginning."""

    ordering = "sequence"


class WorkflowViewSet(VersionActions, DryRunActions, OwnedModelViewSet):
    """The student's workflows. A definition is given as YAML (`source`) or JSON (`definition`)."""

    queryset = (
        Workflow.objects.select_related("version").prefetch_related("triggers").with_last_execution().with_draft_mark()
    )
    serializer_class = WorkflowDetailSerializer
    filterset_class = WorkflowFilter

    def get_serializer_class(self) -> type[BaseSerializer]:
        return WorkflowSerializer if self.action == "list" else WorkflowDetailSerializer

    def get_queryset(self) -> QuerySet[Any]:
        found = super().get_queryset()
        return found.defer("version__source", "version__definition") if self.action == "list" else found

    def _answer(self, workflow: Workflow, code: int = 200) -> Response:
        fresh = self.get_queryset().get(pk=workflow.pk)
        return Response(WorkflowDetailSerializer(fresh, context=self.get_serializer_context()).data, status=code)

    @extend_schema(request=NewWorkflowSerializer, responses={201: WorkflowDetailSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a workflow, or only a draft of one. A faulty definition is answered 422 with every fault,
        its path and line; a faulty draft is kept."""

        def answer() -> Response:
            given = _checked(NewWorkflowSerializer(data=request.data))
            if given.pop("is_draft"):
                given.pop("message", None)
                workflow = versions.create_draft_workflow(request.user, by=request.user, **given)
            else:
                workflow = versions.create_workflow(request.user, by=request.user, **given)
            response = self._answer(workflow, status.HTTP_201_CREATED)
            response["Location"] = f"/api/v1/workflows/{workflow.pk}/"
            return response

        return self.idempotently(request, answer, in_one_transaction=True)

    @extend_schema(request=WorkflowChangeSerializer, responses=WorkflowDetailSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Save a new version, or let the schedules tick or rest."""
        workflow = self.get_object()
        given = _checked(WorkflowChangeSerializer(data=request.data))
        is_active = given.pop("is_active", None)
        if "source" in given or "definition" in given:
            versions.save_version(workflow, by=request.user, **given)
        if is_active is not None:
            services.set_active(workflow, is_active, by=request.user)
        return self._answer(workflow)

    def perform_destroy(self, instance: Workflow) -> None:
        services.delete_workflow(instance, by=self.request.user)

    @extend_schema(request=None, responses=WorkflowDetailSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Bring a removed workflow back."""
        mine = Workflow.objects.filter(owner=request.user)
        return self._answer(services.restore_workflow(get_object_or_404(mine, pk=pk), by=request.user))

    @extend_schema(
        methods=["get"],
        operation_id="workflows_executions_list",
        responses=ExecutionListSerializer(many=True),
        filters=False,
    )
    @extend_schema(
        methods=["post"],
        operation_id="workflows_executions_create",
        request=StartSerializer,
        responses={
            201: StartedSerializer,
            200: OpenApiResponse(StartedSerializer, description="One was under way already; this is it."),
        },
        filters=False,
    )
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def executions(self, request: Request, pk: str | None = None) -> Response:
        """List the executions of a workflow, or start one."""
        workflow = self.get_object()
        if request.method == "POST":
            return self.idempotently(request, lambda: self._start(request, workflow), in_one_transaction=True)
        found = _with_names(Execution.objects.visible_to(request.user).filter(workflow=workflow))
        page = self.paginate_queryset(found)
        return self.get_paginated_response(ExecutionListSerializer(page, many=True).data)

    def _start(self, request: Request, workflow: Workflow) -> Response:
        given = _checked(StartSerializer(data=request.data))
        execution = services.start_execution(
            workflow, by=request.user, inputs=given.get("inputs"), trigger={"type": "api"}
        )
        fresh = _with_names(Execution.objects.filter(pk=execution.pk)).get()
        fresh.is_reused = execution.is_reused
        code = status.HTTP_200_OK if execution.is_reused else status.HTTP_201_CREATED
        headers = {"Location": f"/api/v1/executions/{execution.pk}/"}
        return Response(StartedSerializer(fresh).data, status=code, headers=headers)

    @extend_schema(request=DefinitionSerializer, responses=ValidationSerializer)
    @action(detail=False, methods=["post"])
    def validate(self, request: Request) -> Response:
        """Check a definition without saving it: every fault with its path, line and column."""
        given = _checked(DefinitionSerializer(data=request.data))
        faults = faults_of_source(given["source"]) if "source" in given else faults_of_data(given["definition"])
        return Response({"is_valid": not faults, "faults": [fault_as_json(fault) for fault in faults]})

    @extend_schema(responses=ReadyMadeSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], pagination_class=None, filterset_class=None)
    def gallery(self, request: Request) -> Response:
        """List ready-made workflows. Taking one over is making a workflow with its `source`."""
        return Response(ReadyMadeSerializer(list(ready_made().values()), many=True).data)

    @extend_schema(responses={200: {"type": "object"}}, filters=False)
    @action(detail=False, methods=["get"], url_path="definition-schema", pagination_class=None, filterset_class=None)
    def definition_schema(self, request: Request) -> Response:
        """Give the JSON Schema of definitions."""
        return Response(DEFINITION_SCHEMA)


class ExecutionViewSet(RerunActions, OwnedReadViewSet):
    """What workflows did and are doing."""

    queryset = Execution.objects.all()
    serializer_class = ExecutionSerializer
    filterset_class = ExecutionFilter

    def get_queryset(self) -> QuerySet[Any]:
        return _with_names(super().get_queryset())

    def get_serializer_class(self) -> type[BaseSerializer]:
        return ExecutionListSerializer if self.action == "list" else ExecutionSerializer

    def get_object(self) -> Any:
        """One of the student's executions; 410 with words when it is in the archive."""
        try:
            return super().get_object()
        except Http404:
            tell_if_archived(self.kwargs["pk"], owner=self.request.user)
            raise

    @extend_schema(responses=StepSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=ByPath, filterset_class=None)
    def steps(self, request: Request, pk: str | None = None) -> Response:
        """List the steps, those inside loops with one entry for each item."""
        page = self.paginate_queryset(self.get_object().steps.all())
        return self.get_paginated_response(StepSerializer(page, many=True).data)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=BySequence, filterset_class=None)
    def events(self, request: Request, pk: str | None = None) -> Response:
        """List everything that happened, from the beginning."""
        page = self.paginate_queryset(Event.objects.of(self.get_object()))
        return self.get_paginated_response(EventSerializer(page, many=True).data)

    @extend_schema(request=None, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Cancel it; steps that have not begun never will."""
        services.cancel_execution(self.get_object(), by=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=AttentionSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def attention(self, request: Request, pk: str | None = None) -> Response:
        """Say what became of a step that needs attention: try it again, it was done, or it failed."""
        execution = self.get_object()
        answered = resolve_attention(execution, by=request.user, **_checked(AttentionSerializer(data=request.data)))
        return Response(ApprovalSerializer(answered, context=self.get_serializer_context()).data)


def _with_names(executions: Any) -> Any:
    return (
        executions.select_related("workflow", "version")
        .defer("version__source", "version__definition")
        .with_current_step()
    )


def _checked(serializer: BaseSerializer) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
