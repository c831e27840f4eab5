"""Filters of lists, shared by page and API."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from agents.models import AgentRun
from agents.registry import catalog


class AgentRunFilter(django_filters.FilterSet):
    """By status, agent, where it came from, and words of the prompt."""

    status = django_filters.ChoiceFilter(choices=AgentRun._meta.get_field("status").choices, empty_label="Any status")
    agent = django_filters.ChoiceFilter(choices=[], empty_label="Any agent")
    source = django_filters.CharFilter(lookup_expr="exact")
    session_id = django_filters.CharFilter(lookup_expr="exact")
    q = django_filters.CharFilter(method="search", label="Words of the prompt")

    class Meta:
        model = AgentRun
        fields = ["status", "agent", "source", "session_id", "q"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["agent"].extra["choices"] = [(agent.name, agent.title) for agent in catalog().agents]

    def search(self, queryset: QuerySet[AgentRun], name: str, value: str) -> QuerySet[AgentRun]:
        return queryset.filter(prompt__icontains=value.strip())
