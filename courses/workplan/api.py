"""The API's doors to the plan of work: workload, proposals, blocks, preferences."""

from __future__ import annotations

from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.pagination import CursorPages
from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet, OwnedReadViewSet
from courses.models import PlanPreferences, PlanProposal, WorkBlock
from courses.pages import clock_of
from courses.workplan import services
from courses.workplan.heat import SPREADS
from courses.workplan.reports import workload_of
from courses.workplan.work import preferences_of
from courses.workplan.workload import SPREAD

MOST_WEEKS = 16


class WorkBlockSerializer(serializers.ModelSerializer):
    """A stretch of time for one piece of work. The work is named by kind (`assignment`, `task`) and id."""

    starts_at = serializers.DateTimeField()
    minutes = serializers.IntegerField(help_text="how long it is")

    class Meta:
        model = WorkBlock
        fields = [
            *("id", "kind", "work_id", "title", "course", "proposal", "starts_at", "ends_at", "minutes", "state"),
            *("due_at", "is_in_buffer", "started_at", "finished_at", "actual_minutes"),
        ]
        read_only_fields = [
            *("title", "course", "proposal", "ends_at", "state", "due_at", "is_in_buffer"),
            *("started_at", "finished_at", "actual_minutes"),
        ]


class WorkBlockUpdateSerializer(WorkBlockSerializer):
    """What can be changed of a block: its start and its length."""

    class Meta(WorkBlockSerializer.Meta):
        read_only_fields = [*WorkBlockSerializer.Meta.read_only_fields, "kind", "work_id"]


class WorkedSerializer(serializers.Serializer):
    """How long one worked."""

    minutes = serializers.IntegerField(min_value=0)


class PlanProposalSerializer(serializers.ModelSerializer):
    """A plan that was worked out, with what found no place and why."""

    class Meta:
        model = PlanProposal
        fields = ["id", "state", "weeks", "made_at", "solved_at", "decided_at", "facts", "unplaced", "error"]
        read_only_fields = [name for name in fields if name != "weeks"]


class AcceptBlocksSerializer(serializers.Serializer):
    """Which blocks to accept; all that are left without it."""

    blocks = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=1000)


class PlanPreferencesSerializer(serializers.ModelSerializer):
    """When and how the student works; what is not sent stays as it is."""

    hours = serializers.ListField(
        help_text='Monday to Sunday: ["09:00", "18:00"], or null for a day without work', required=False
    )

    class Meta:
        model = PlanPreferences
        fields = sorted(services.PREFERENCES)


class ShareSerializer(serializers.Serializer):
    """What one piece of work asks of a day."""

    kind = serializers.CharField()
    id = serializers.IntegerField()
    title = serializers.CharField()
    minutes = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    effort_minutes = serializers.IntegerField(help_text="all of it")
    effort = serializers.CharField(help_text="how that is known")


class WorkloadDaySerializer(serializers.Serializer):
    """One day with work."""

    day = serializers.DateField()
    minutes = serializers.IntegerField()
    step = serializers.IntegerField(help_text="1 to 5: how full the day is")
    work = ShareSerializer(many=True)


class WorkloadSerializer(serializers.Serializer):
    """The coming weeks; days without work are left out."""

    weeks = serializers.IntegerField()
    spread = serializers.ChoiceField(choices=list(SPREADS))
    minutes = serializers.IntegerField()
    days = WorkloadDaySerializer(many=True)
    undated = serializers.IntegerField(help_text="how many things have no date")


class WorkloadQuery(serializers.Serializer):
    """What to ask for."""

    weeks = serializers.IntegerField(min_value=1, max_value=MOST_WEEKS, default=8)
    spread = serializers.ChoiceField(choices=list(SPREADS), default=SPREAD)


class BlockFilter(django_filters.FilterSet):
    """By state, work and time."""

    state = django_filters.ChoiceFilter(choices=WorkBlock.State.choices)
    kind = django_filters.CharFilter()
    work_id = django_filters.NumberFilter()
    since = django_filters.IsoDateTimeFilter(field_name="ends_at", lookup_expr="gt")
    until = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = WorkBlock
        fields = ["state", "kind", "work_id", "proposal", "since", "until"]


class ByStart(CursorPages):
    """Blocks in the order of time."""

    ordering = ("starts_at", "id")


class WorkBlockViewSet(OwnedModelViewSet):
    """Blocks of work: proposed, planned, done and skipped. A new one is planned at once."""

    queryset = WorkBlock.objects.select_related("owner")
    serializer_class = WorkBlockSerializer
    filterset_class = BlockFilter
    pagination_class = ByStart

    def get_serializer_class(self) -> Any:
        return WorkBlockUpdateSerializer if self.action == "partial_update" else WorkBlockSerializer

    def perform_create(self, serializer: Any) -> None:
        user = self.request.user
        serializer.instance = services.add_block(user, by=user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.move_block(
            serializer.instance, by=self.request.user, **serializer.validated_data
        )

    def perform_destroy(self, instance: WorkBlock) -> None:
        services.remove_block(instance, by=self.request.user)

    def _answer(self, block: WorkBlock) -> Response:
        return Response(WorkBlockSerializer(block, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses=WorkBlockSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back the removal of a block."""
        block = get_object_or_404(WorkBlock.objects.restorable_by(request.user).select_related("owner"), pk=pk)
        return self._answer(services.restore_block(block, by=request.user))

    @extend_schema(request=None, responses=WorkBlockSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str | None = None) -> Response:
        """Begin to work: the block's clock runs from now."""
        return self._answer(services.start_block(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=WorkBlockSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str | None = None) -> Response:
        """End the running block; it is done."""
        return self._answer(services.stop_block(self.get_object(), by=request.user))

    @extend_schema(request=WorkedSerializer, responses=WorkBlockSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str | None = None) -> Response:
        """Say how long one worked."""
        body = WorkedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        minutes = body.validated_data["minutes"]
        return self._answer(services.complete_block(self.get_object(), by=request.user, minutes=minutes))

    @extend_schema(request=None, responses=WorkBlockSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str | None = None) -> Response:
        """Say that nothing was worked in it."""
        return self._answer(services.skip_block(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=WorkBlockSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str | None = None) -> Response:
        """Take back that it is done or skipped."""
        return self._answer(services.reopen_block(self.get_object(), by=request.user))


class NewestMade(CursorPages):
    """Proposals, the newest first."""

    ordering = ("-made_at", "-id")


class PlanProposalViewSet(OwnedReadViewSet):
    """Proposals of a plan. Their blocks are at `work-blocks/?proposal=ID`."""

    queryset = PlanProposal.objects.select_related("owner")
    serializer_class = PlanProposalSerializer
    filterset_fields = ["state"]
    pagination_class = NewestMade

    @extend_schema(request=PlanProposalSerializer, responses={202: PlanProposalSerializer})
    def create(self, request: Request) -> Response:
        """Have a plan worked out; 202 with the address of its status. An open proposal is replaced."""
        return self.idempotently(request, lambda: self._create(request), in_one_transaction=True)

    def _create(self, request: Request) -> Response:
        body = PlanProposalSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        proposal = services.propose_plan(request.user, by=request.user, **body.validated_data)
        headers = {"Location": f"/api/v1/plan-proposals/{proposal.pk}/"}
        return Response(PlanProposalSerializer(proposal).data, status=202, headers=headers)

    @extend_schema(request=AcceptBlocksSerializer, responses=PlanProposalSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str | None = None) -> Response:
        """Take blocks into the plan: all that are left, or those named."""
        body = AcceptBlocksSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        only = body.validated_data.get("blocks")
        return Response(
            PlanProposalSerializer(services.accept_blocks(self.get_object(), by=request.user, only=only)).data
        )

    @extend_schema(request=None, responses=PlanProposalSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str | None = None) -> Response:
        """Put away what is still on offer."""
        return Response(PlanProposalSerializer(services.refuse_proposal(self.get_object(), by=request.user)).data)

    @extend_schema(request=None, responses=PlanProposalSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str | None = None) -> Response:
        """Take back the last acceptance or the refusal."""
        return Response(PlanProposalSerializer(services.reopen_proposal(self.get_object(), by=request.user)).data)


class WorkloadView(ApiView):
    """How much work lies on each of the coming days."""

    @extend_schema(
        responses=WorkloadSerializer,
        parameters=[
            OpenApiParameter("weeks", int, description="1 to 16; 8 by default"),
            OpenApiParameter("spread", str, enum=list(SPREADS), description="over the days before, or on the due day"),
        ],
    )
    def get(self, request: Request) -> Response:
        asked = WorkloadQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return Response(workload_of(request.user, clock_of(request.user), **asked.validated_data))


class PlanPreferencesView(ApiView):
    """When and how the student works."""

    @extend_schema(responses=PlanPreferencesSerializer)
    def get(self, request: Request) -> Response:
        return Response(PlanPreferencesSerializer(preferences_of(request.user)).data)

    @extend_schema(request=PlanPreferencesSerializer, responses=PlanPreferencesSerializer)
    def patch(self, request: Request) -> Response:
        body = PlanPreferencesSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        row = services.save_preferences(request.user, by=request.user, changes=body.validated_data)
        return Response(PlanPreferencesSerializer(row).data)
