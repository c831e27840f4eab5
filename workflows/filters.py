"""The filters of lists, the same for a page and for the API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from coreengine.kernel.statuses import Status
from workflows.models import Execution, Workflow


def own_workflows(request) -> QuerySet[Workflow]:
    """The workflows of whoever asks."""
    return Workflow.objects.visible_to(request.user) if request else Workflow.objects.none()


class WorkflowFilter(django_filters.FilterSet):
    """By whether it is active, by connection, by words of its name."""

    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", help_text="words of the name")

    class Meta:
        model = Workflow
        fields = ["is_active", "connection_id", "q"]


class ExecutionFilter(django_filters.FilterSet):
    """By workflow, status and time."""

    workflow = django_filters.ModelChoiceFilter(queryset=own_workflows)
    status = django_filters.MultipleChoiceFilter(choices=Status.choices)
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")

    class Meta:
        model = Execution
        fields = ["workflow", "status", "since"]
