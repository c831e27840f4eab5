"""The API's doors to agents, their runs and the budget."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.serializers import (
    AgentListSerializer,
    AgentSerializer,
    BudgetSerializer,
    CapabilitiesSerializer,
    EstimateSerializer,
    PreferencesSerializer,
    RecommendationSerializer,
    RunListSerializer,
    RunRequestSerializer,
    RunSerializer,
)
from agents.budgets import budget_of, set_budget
from agents.filters import AgentRunFilter
from agents.models import AgentPreferences, AgentRun
from agents.orchestrator import estimate_run, listed_agent, listed_agents, recommend
from agents.preferences import set_api_key, set_preferences
from agents.registry import AgentCapability, get_agent
from agents.services import cancel_run, queue_run, retry_run
from coreengine.accounts.models import User
from coreengine.kernel.api.viewsets import Conventions, OwnedReadViewSet

NAME = OpenApiParameter("name", str, OpenApiParameter.PATH, description="the agent's name, such as summarizer")


def me(request: Request) -> User:
    """Who asks; the permission classes let nobody in who is not signed in."""
    return cast(User, request.user)


class AgentViewSet(Conventions, viewsets.GenericViewSet):
    """The agents of this installation."""

    lookup_field = "name"
    lookup_value_regex = "[a-z][a-z0-9-]+"
    pagination_class = None
    filter_backends = ()
    serializer_class = AgentSerializer

    @extend_schema(responses=AgentListSerializer, operation_id="agents_list")
    def list(self, request: Request) -> Response:
        """All agents, with whether they could run now."""
        agents = AgentSerializer(listed_agents(me(request)), many=True).data
        return Response({"next": None, "previous": None, "results": agents})

    @extend_schema(parameters=[NAME], responses=AgentSerializer, operation_id="agents_retrieve")
    def retrieve(self, request: Request, name: str) -> Response:
        """One agent."""
        return Response(AgentSerializer(listed_agent(name, me(request))).data)

    @extend_schema(parameters=[NAME], request=RunRequestSerializer, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def runs(self, request: Request, name: str) -> Response:
        """Ask the agent. A worker carries the run out; read it at /agent-runs/{id}/ or listen to its stream_url."""
        get_agent(name)
        return self.idempotently(request, lambda: self._start(request, name))

    def _start(self, request: Request, name: str) -> Response:
        asked = RunRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        run = queue_run(name, owner=me(request), by=me(request), source="api", **asked.validated_data)
        data = RunSerializer(run, context=self.get_serializer_context()).data
        return Response(data, status=202, headers={"Location": f"/api/v1/agent-runs/{run.pk}/"})

    @extend_schema(parameters=[NAME], request=RunRequestSerializer, responses=EstimateSerializer)
    @action(detail=True, methods=["post"])
    def estimate(self, request: Request, name: str) -> Response:
        """Say what a run would cost. Starts and spends nothing."""
        get_agent(name)
        asked = RunRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        found = estimate_run(
            name,
            asked.validated_data["prompt"],
            owner=me(request),
            budget=budget_of(me(request)),
            parameters=asked.validated_data["parameters"],
        )
        return Response(EstimateSerializer(found).data)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "capability", str, many=True, enum=[c.value for c in AgentCapability], description="once for each"
            )
        ],
        responses=RecommendationSerializer(many=True),
    )
    @action(detail=False, methods=["get"])
    def recommendations(self, request: Request) -> Response:
        """Agents that can do all that is asked: ready ones first, then the cheapest, each with the reason."""
        wanted = CapabilitiesSerializer(data={"capability": request.query_params.getlist("capability")})
        wanted.is_valid(raise_exception=True)
        found = recommend(wanted.validated_data["capability"], owner=me(request))
        return Response(RecommendationSerializer(found, many=True).data)

    @extend_schema(responses=BudgetSerializer, operation_id="agents_budget_retrieve")
    @action(detail=False, methods=["get"])
    def budget(self, request: Request) -> Response:
        """The own budget."""
        return Response(BudgetSerializer(budget_of(me(request))).data)

    @extend_schema(request=BudgetSerializer, responses=BudgetSerializer, operation_id="agents_budget_update")
    @budget.mapping.patch
    def change_budget(self, request: Request) -> Response:
        """Change limit or period."""
        given = BudgetSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        now = budget_of(me(request))
        budget = set_budget(
            me(request),
            limit_usd_micros=given.validated_data.get("limit_usd_micros", now.limit_usd_micros),
            period=given.validated_data.get("period", now.period),
            by=me(request),
        )
        return Response(BudgetSerializer(budget).data)

    @extend_schema(responses=PreferencesSerializer, operation_id="agents_preferences_retrieve")
    @action(detail=False, methods=["get"])
    def preferences(self, request: Request) -> Response:
        """First choice, and whether a key of one's own is stored."""
        return self._preferences(request)

    def _preferences(self, request: Request) -> Response:
        found = AgentPreferences.objects.filter(owner=me(request)).first()
        return Response(PreferencesSerializer(found or AgentPreferences()).data)

    @extend_schema(
        request=PreferencesSerializer, responses=PreferencesSerializer, operation_id="agents_preferences_update"
    )
    @preferences.mapping.patch
    def change_preferences(self, request: Request) -> Response:
        """Change the first choice or the own key; an empty key removes it."""
        given = PreferencesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        if "default_agent" in values:
            set_preferences(me(request), default_agent=values["default_agent"], by=me(request))
        if "anthropic_api_key" in values:
            set_api_key(me(request), key=values["anthropic_api_key"], by=me(request))
        return self._preferences(request)


class AgentRunViewSet(OwnedReadViewSet):
    """Runs of agents, newest first."""

    queryset = AgentRun.objects.all()
    serializer_class = RunSerializer
    filterset_class = AgentRunFilter

    def get_queryset(self) -> Any:
        found: Any = super().get_queryset()
        return found.for_lists() if self.action == "list" else found

    def get_serializer_class(self) -> Any:
        return RunListSerializer if self.action == "list" else RunSerializer

    @extend_schema(request=None, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Stop a run; what came until then stays, and is charged."""
        return Response(self.get_serializer(cancel_run(self.get_object(), by=me(request))).data)

    @extend_schema(request=None, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str | None = None) -> Response:
        """Ask the same again in a new run."""
        found = self.get_object()
        return self.idempotently(
            request, lambda: Response(self.get_serializer(retry_run(found, by=me(request))).data, status=202)
        )
