"""The filters of lists, the same for a page and for the API."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from coreengine.kernel.statuses import Status
from workflows.models import Approval, Execution, Workflow, WorkflowDraft


def own_workflows(request) -> QuerySet[Workflow]:
    """The workflows of whoever asks."""
    return Workflow.objects.visible_to(request.user) if request else Workflow.objects.none()


class WorkflowFilter(django_filters.FilterSet):
    """By whether it is active, by connection, by words of its name."""

    STATES = (("on", "On"), ("off", "Off"), ("failing", "Failed last"), ("draft", "With a draft"))

    q = django_filters.CharFilter(method="named", help_text="words of the name or description")
    state = django_filters.ChoiceFilter(choices=STATES, method="in_state", help_text="how it stands")

    class Meta:
        model = Workflow
        fields = ["is_active", "connection_id", "q", "state"]

    def named(self, queryset: QuerySet[Workflow], name: str, value: str) -> QuerySet[Workflow]:
        """Keep those in which every word is found."""
        for word in value.replace("\x00", "").split():
            queryset = queryset.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return queryset

    def in_state(self, queryset: QuerySet[Workflow], name: str, value: str) -> QuerySet[Workflow]:
        """Keep those that are switched on or off, whose last execution failed, or that have a draft."""
        match value:
            case "failing":
                return queryset.with_last_execution().filter(last_status=Status.FAILED)
            case "draft":
                return queryset.filter(pk__in=WorkflowDraft.objects.values("workflow"))
        return queryset.filter(is_active=value == "on")


class ExecutionFilter(django_filters.FilterSet):
    """By workflow, status and time."""

    workflow = django_filters.ModelChoiceFilter(queryset=own_workflows)
    status = django_filters.MultipleChoiceFilter(choices=Status.choices)
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")

    class Meta:
        model = Execution
        fields = ["workflow", "status", "since"]


class ApprovalFilter(django_filters.FilterSet):
    """By kind, execution and whether an answer is still wanted."""

    is_open = django_filters.BooleanFilter(method="still_open", help_text="whether it waits for an answer")

    class Meta:
        model = Approval
        fields = ["kind", "execution", "is_open"]

    def still_open(self, queryset: QuerySet[Approval], name: str, value: bool) -> QuerySet[Approval]:
        """Keep those that wait for an answer, or those that do not."""
        return queryset.filter(decision="") if value else queryset.exclude(decision="")
