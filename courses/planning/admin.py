"""Own tasks, for an admin who helps a student."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from courses.models import OwnTask, TaskSeries


@admin.register(OwnTask)
class OwnTaskAdmin(admin.ModelAdmin):
    list_display = ["title", "owner", "course", "due_on", "due_at", "series", "done_at", "dismissed_at", "deleted_at"]
    list_filter = [(name, admin.EmptyFieldListFilter) for name in ("done_at", "dismissed_at", "deleted_at", "series")]
    list_select_related = ["owner", "course", "series"]
    search_fields = ["title", "owner__email", "course__name"]
    autocomplete_fields = ["owner", "course", "assignment", "parent", "series"]
    readonly_fields = [
        "occurrence_on",
        "started_at",
        "done_at",
        "dismissed_at",
        "deleted_at",
        "created_at",
        "updated_at",
    ]
    exclude = ["search_vector"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("search_vector", "course__search_vector", "course__syllabus_html")


@admin.register(TaskSeries)
class TaskSeriesAdmin(admin.ModelAdmin):
    list_display = ["title", "owner", "rule", "starts_on", "at_time", "course"]
    list_select_related = ["owner", "course"]
    search_fields = ["title", "owner__email"]
    autocomplete_fields = ["owner", "course", "assignment"]
