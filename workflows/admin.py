"""Workflows for admins: what they are, what they did, and who is at work."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from coreengine.kernel.admin import ReadOnlyAdmin
from workflows.models import (
    Execution,
    LoopItem,
    StepExecution,
    Workflow,
    WorkflowDraft,
    WorkflowTrigger,
    WorkflowVersion,
)
from workflows.workers import work_in_hand


class TriggerInline(admin.TabularInline):
    """The schedules of a workflow; they are changed through its definition or its connection."""

    model = WorkflowTrigger
    fields = readonly_fields = ["cron", "time_zone", "last_slot", "created_at"]
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


@admin.register(WorkflowTrigger)
class WorkflowTriggerAdmin(ReadOnlyAdmin):
    """Schedules, over all workflows."""

    list_display = ["workflow", "cron", "time_zone", "last_slot", "created_at"]
    list_filter = ["time_zone"]
    search_fields = ["workflow__name", "workflow__owner__email", "cron"]
    list_select_related = ["workflow"]


@admin.register(LoopItem)
class LoopItemAdmin(ReadOnlyAdmin):
    """The items that loops go round."""

    list_display = ["step", "index"]
    search_fields = ["=step__execution__id", "step__path"]
    list_select_related = ["step"]
    show_full_result_count = False
