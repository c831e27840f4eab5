"""Workflows for admins: what they are, what they did, and who is at work."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from coreengine.kernel.admin import ReadOnlyAdmin
from workflows.models import (
    Approval,
    ArchivedExecution,
    Execution,
    ExecutionArchive,
    LoopItem,
    ScheduleSlot,
    StepExecution,
    WebhookDelivery,
    Workflow,
    WorkflowDraft,
    WorkflowTrigger,
    WorkflowVersion,
)
from workflows.workers import work_in_hand


class TriggerInline(admin.TabularInline):
    """The triggers of a workflow; they are changed through its definition or its connection."""

    model = WorkflowTrigger
    fields = readonly_fields = ["kind", "key", "next_at", "last_fired_at", "last_problem", "created_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class VersionInline(admin.TabularInline):
    """The versions of a workflow."""

    model = WorkflowVersion
    fields = readonly_fields = ["number", "message", "restores", "created_by", "created_at"]
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    """Students' routines."""

    list_display = ["name", "owner", "is_active", "shipped_key", "connection_id", "removed_at", "updated_at"]
    list_filter = ["is_active", "shipped_key", ("removed_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "owner__email", "shipped_key"]
    list_select_related = ["owner"]
    inlines = [TriggerInline, VersionInline]


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    """What workflows do, as it was saved."""

    list_display = ["workflow", "number", "message", "restores", "created_by", "created_at"]
    search_fields = ["workflow__name", "workflow__owner__email"]
    list_select_related = ["workflow", "created_by"]


@admin.register(WorkflowDraft)
class WorkflowDraftAdmin(ReadOnlyAdmin):
    """Texts that are not published yet."""

    list_display = ["workflow", "base", "restores", "saved_by", "saved_at"]
    search_fields = ["workflow__name", "workflow__owner__email"]
    list_select_related = ["workflow", "saved_by"]


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """What workflows did. Only the engine changes executions; `Workers and queues` tells who is at work."""

    list_display = ["id", "workflow", "owner", "status", "started_by", "created_at", "completed_at", "error_message"]
    list_filter = ["status", "created_at"]
    search_fields = ["=id", "workflow__name", "owner__email", "error_message"]
    list_select_related = ["workflow", "owner"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    change_list_template = "admin/workflows/executions.html"

    @admin.display(description="started by")
    def started_by(self, execution: Execution) -> str:
        """Say what triggered it."""
        return execution.trigger_words

    def get_urls(self) -> list[URLPattern]:
        workers = path("workers/", self.admin_site.admin_view(self.workers), name="workflows_workers")
        return [workers, *super().get_urls()]

    def workers(self, request: HttpRequest) -> HttpResponse:
        """Show workers, queues and what is overdue."""
        context = {**self.admin_site.each_context(request), "title": "Workers and queues", "work": work_in_hand()}
        return TemplateResponse(request, "admin/workflows/workers.html", context)


class LeaseFilter(admin.SimpleListFilter):
    """Steps whose worker is lost, and steps that nobody has begun for a while."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("lost", "worker lost"), ("retry", "will be tried again"), ("ready", "ready, not begun")]

    def queryset(self, request: HttpRequest, steps: QuerySet[StepExecution]) -> QuerySet[StepExecution]:
        if self.value() == "lost":
            return steps.filter(status="running", lease_until__lt=timezone.now())
        if self.value() == "retry":
            return steps.filter(status="waiting")
        if self.value() == "ready":
            return steps.filter(status="pending", waiting_for=0)
        return steps


@admin.register(StepExecution)
class StepExecutionAdmin(ReadOnlyAdmin):
    """The steps of executions."""

    list_display = ["path", "execution", "kind", "status", "attempt", "execution_time", "lease_until", "error"]
    list_filter = ["status", "kind", LeaseFilter]
    search_fields = ["=execution__id", "path", "error", "execution__owner__email"]
    list_select_related = ["execution"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[StepExecution]:
        return (
            super().get_queryset(request).defer("result") if self._is_list(request) else super().get_queryset(request)
        )

    @staticmethod
    def _is_list(request: HttpRequest) -> bool:
        match = request.resolver_match
        return match is not None and "object_id" not in match.kwargs


class TriggerAttention(admin.SimpleListFilter):
    """Schedules that are overdue, and triggers that could not start anything the last time."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "slot overdue"), ("problem", "last start failed"), ("retired", "no longer in the workflow")]

    def queryset(self, request: HttpRequest, triggers: QuerySet[WorkflowTrigger]) -> QuerySet[WorkflowTrigger]:
        if self.value() == "overdue":
            return triggers.filter(next_at__lt=timezone.now() - timedelta(minutes=1))
        if self.value() == "problem":
            return triggers.exclude(last_problem="")
        if self.value() == "retired":
            return triggers.exclude(retired_at=None)
        return triggers


@admin.register(WorkflowTrigger)
class WorkflowTriggerAdmin(ReadOnlyAdmin):
    """What starts workflows by itself, over all workflows. Secrets are not shown."""

    list_display = ["workflow", "kind", "__str__", "next_at", "last_fired_at", "last_problem", "retired_at"]
    list_filter = ["kind", TriggerAttention, "time_zone"]
    search_fields = ["workflow__name", "workflow__owner__email", "key"]
    list_select_related = ["workflow"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowTrigger]:
        return WorkflowTrigger.with_retired.defer("secret", "signing_secret")


@admin.register(ScheduleSlot)
class ScheduleSlotAdmin(ReadOnlyAdmin):
    """What was decided on each slot of each schedule."""

    list_display = ["slot", "trigger", "outcome", "count", "execution", "reason", "decided_at"]
    list_filter = ["outcome"]
    search_fields = ["=trigger__id", "trigger__workflow__name", "trigger__workflow__owner__email"]
    list_select_related = ["trigger", "execution"]
    show_full_result_count = False


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What came to webhooks; payloads are the student's own and not shown."""

    list_display = ["id", "trigger", "delivery_id", "status", "size_bytes", "repeats", "attempts", "received_at"]
    list_filter = ["status"]
    search_fields = ["=id", "=delivery_id", "trigger__workflow__name", "trigger__workflow__owner__email"]
    list_select_related = ["trigger"]
    exclude = ["body"]
    show_full_result_count = False


@admin.register(LoopItem)
class LoopItemAdmin(ReadOnlyAdmin):
    """The items that loops go round."""

    list_display = ["step", "index"]
    search_fields = ["=step__execution__id", "step__path"]
    list_select_related = ["step"]
    show_full_result_count = False


@admin.register(ExecutionArchive)
class ExecutionArchiveAdmin(ReadOnlyAdmin):
    """Files of finished executions; `manage.py workflows archived NUMBER` reads one."""

    list_display = ["id", "owner", "execution_count", "event_count", "first_completed_at", "last_completed_at", "blob"]
    search_fields = ["=id", "owner__email", "blob__sha256"]
    list_select_related = ["owner", "blob"]
    date_hierarchy = "created_at"


@admin.register(ArchivedExecution)
class ArchivedExecutionAdmin(ReadOnlyAdmin):
    """Where an execution that left the tables is."""

    list_display = ["execution_id", "owner", "workflow_name", "status", "completed_at", "archive"]
    list_filter = ["status"]
    search_fields = ["=execution_id", "owner__email", "workflow_name"]
    list_select_related = ["owner", "archive"]
    show_full_result_count = False


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """What executions ask, and what was answered; links are not shown."""

    list_display = ["id", "owner", "execution", "path", "kind", "decision", "created_at", "deadline_at", "decided_at"]
    list_filter = ["kind", "decision"]
    search_fields = ["=id", "=execution__id", "owner__email", "path"]
    list_select_related = ["owner", "execution"]
    exclude = ["token"]
    show_full_result_count = False
