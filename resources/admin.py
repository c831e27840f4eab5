"""The vault in the admin: for looking, and for moving things to the trash."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from resources.models import Passage, Resource
from resources.querysets import ResourceQuerySet
from resources.repositories import admin as repository_admin  # noqa: F401  (registration on import)
from resources.services import edit_resource


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):
    """Resources; what was read out of files is not shown in lists."""

    list_display = [
        "title",
        "kind",
        "content_type",
        "size_bytes",
        "extraction_status",
        "owner",
        "updated_at",
        "is_trashed",
    ]
    list_filter = ["kind", "extraction_status", "source", "content_type", ("trashed_at", admin.EmptyFieldListFilter)]
    search_fields = ["title", "file_name", "owner__email", "external_id"]
    list_select_related = ["owner"]
    date_hierarchy = "created_at"
    fields = [
        "owner", "kind", "title", "body", "url", "tags", "file_name", "content_type", "size_bytes", "blob", "source",
        "external_id", "extraction_status", "extraction_reason", "page_count", "created_at", "updated_at", "trashed_at",
    ]  # fmt: skip
    readonly_fields = [name for name in fields if name not in {"title", "body", "url", "tags"}]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> ResourceQuerySet:
        return super().get_queryset(request).defer("text", "vector", "heading_vector")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # bytes come in through the vault, which tells their type

    def save_model(self, request: HttpRequest, obj: Resource, form: Any, change: bool) -> None:
        """Change it as its owner would, so that searches find it and the log has it."""
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}
        edit_resource(obj, by=request.user, **values)

    @admin.display(boolean=True, description="in trash")
    def is_trashed(self, resource: Resource) -> bool:
        return resource.is_trashed


@admin.register(Passage)
class PassageAdmin(admin.ModelAdmin):
    """Passages, read-only: they are made from their resource."""

    list_display = ["resource", "ordinal", "page", "owner"]
    search_fields = ["resource__title", "owner__email"]
    list_select_related = ["resource", "owner"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("vector", "resource__text", "resource__vector")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Passage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Passage | None = None) -> bool:
        return False
