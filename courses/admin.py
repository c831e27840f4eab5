"""Courses and what is in them, for an admin who helps a student."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from courses.calendar import admin as calendar_admin  # noqa: F401  (registration on import)
from courses.maps import admin as maps_admin  # noqa: F401  (registration on import)
from courses.models import (
    Announcement,
    Assignment,
    AssignmentGroup,
    AssignmentRepository,
    Course,
    CourseArchive,
    CourseGrading,
    CoursePerson,
    CourseResource,
    GradeScenario,
    ImportDraft,
    Module,
    ModuleItem,
    PlannerItem,
    SourceImport,
    Submission,
    SubmissionComment,
    Term,
)
from courses.planning import admin as planning_admin  # noqa: F401  (registration on import)
from courses.reminders import admin as reminders_admin  # noqa: F401  (registration on import)
from courses.sameness import admin as sameness_admin  # noqa: F401  (registration on import)
from courses.workplan import admin as plan_admin  # noqa: F401  (registration on import)


@admin.register(Term)
class TermAdmin(admin.ModelAdmin):
    list_display = ["name", "owner", "source", "starts_at", "ends_at"]
    list_filter = ["source"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__email", "external_id"]
    autocomplete_fields = ["owner"]


class GroupInline(admin.TabularInline):
    model = AssignmentGroup
    extra = 0
    fields = ["name", "position", "weight", "drop_lowest", "drop_highest"]


@admin.register(Course)
class CourseAdmin(admin.ModelAdmin):
    list_display = [
        "name",
        "code",
        "owner",
        "term",
        "source",
        "state",
        "assignment_count",
        "missing_since",
        "is_hidden",
    ]
    list_filter = ["state", "is_hidden", "is_restricted", ("missing_since", admin.EmptyFieldListFilter), "source"]
    list_select_related = ["owner", "term"]
    search_fields = ["name", "code", "nickname", "owner__email", "external_id"]
    autocomplete_fields = ["owner", "term"]
    readonly_fields = ["missing_since", "deleted_at", "created_at", "updated_at"]
    exclude = ["search_vector"]
    inlines = [GroupInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Course]:
        rows = super().get_queryset(request).defer("search_vector", "syllabus_html", "notes")
        return rows.annotate(assignment_total=Count("assignments"))

    @admin.display(description="assignments", ordering="assignment_total")
    def assignment_count(self, course: Any) -> int:
        return course.assignment_total


class SubmissionInline(admin.StackedInline):
    model = Submission
    extra = 0


@admin.register(Assignment)
class AssignmentAdmin(admin.ModelAdmin):
    list_display = ["name", "course", "owner", "due_at", "points_possible", "source", "done_at", "missing_since"]
    list_filter = [
        ("missing_since", admin.EmptyFieldListFilter),
        ("done_at", admin.EmptyFieldListFilter),
        "due_at",
        "source",
    ]
    list_select_related = ["course", "owner"]
    search_fields = ["name", "course__name", "owner__email", "external_id"]
    autocomplete_fields = ["owner", "course", "group"]
    readonly_fields = ["missing_since", "done_at", "dismissed_at", "deleted_at", "created_at", "updated_at"]
    exclude = ["search_vector"]
    date_hierarchy = "due_at"
    inlines = [SubmissionInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assignment]:
        return super().get_queryset(request).defer("search_vector", "course__search_vector", "course__syllabus_html")


@admin.register(AssignmentGroup)
class AssignmentGroupAdmin(admin.ModelAdmin):
    list_display = ["name", "course", "weight", "drop_lowest", "drop_highest"]
    list_select_related = ["course"]
    search_fields = ["name", "course__name"]
    autocomplete_fields = ["course"]


@admin.register(Submission)
class SubmissionAdmin(admin.ModelAdmin):
    list_display = ["assignment", "state", "submitted_at", "score", "grade", "late", "missing", "excused"]
    list_filter = ["state", "late", "missing", "excused"]
    list_select_related = ["assignment"]
    search_fields = ["assignment__name", "assignment__owner__email"]
    autocomplete_fields = ["assignment"]


@admin.register(Announcement)
class AnnouncementAdmin(admin.ModelAdmin):
    list_display = ["title", "course", "owner", "posted_at", "author", "source"]
    list_filter = ["posted_at", "source"]
    list_select_related = ["course", "owner"]
    search_fields = ["title", "course__name", "owner__email"]
    autocomplete_fields = ["owner", "course"]
    exclude = ["search_vector"]


@admin.register(CourseResource)
class CourseResourceAdmin(admin.ModelAdmin):
    list_display = ["resource", "course", "folder", "created_at"]
    list_select_related = ["course", "resource"]
    search_fields = ["resource__title", "course__name", "course__owner__email"]
    autocomplete_fields = ["course"]
    raw_id_fields = ["resource"]


@admin.register(AssignmentRepository)
class AssignmentRepositoryAdmin(admin.ModelAdmin):
    list_display = ["repository", "assignment", "created_at"]
    list_select_related = ["assignment", "repository"]
    search_fields = ["repository__full_name", "assignment__name", "assignment__owner__email"]
    autocomplete_fields = ["assignment"]
    raw_id_fields = ["repository"]


@admin.register(SourceImport)
class SourceImportAdmin(admin.ModelAdmin):
    """Imports are history: to be read, not written."""

    list_display = ["kind", "source", "owner", "course", "first_at", "last_at", "counts"]
    list_filter = ["kind", "source"]
    list_select_related = ["owner", "course"]
    search_fields = ["owner__email", "source"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ModuleItemInline(admin.TabularInline):
    model = ModuleItem
    extra = 0
    fields = ["position", "title", "kind", "requirement_type", "is_completed", "missing_since"]
    readonly_fields = ["missing_since"]


@admin.register(Module)
class ModuleAdmin(admin.ModelAdmin):
    list_display = ["name", "course", "owner", "position", "state", "missing_since"]
    list_filter = ["state", ("missing_since", admin.EmptyFieldListFilter)]
    list_select_related = ["owner", "course"]
    search_fields = ["name", "course__name", "owner__email", "external_id"]
    autocomplete_fields = ["owner", "course"]
    readonly_fields = ["missing_since", "created_at", "updated_at"]
    inlines = [ModuleItemInline]


@admin.register(PlannerItem)
class PlannerItemAdmin(admin.ModelAdmin):
    list_display = [
        "title",
        "kind",
        "owner",
        "course",
        "starts_at",
        "is_marked_complete",
        "wanted_complete",
        "wanted_dismissed",
        "write_error",
    ]
    list_filter = ["kind", "is_marked_complete", ("wanted_complete", admin.EmptyFieldListFilter)]
    list_select_related = ["owner", "course"]
    search_fields = ["title", "owner__email", "external_id"]
    autocomplete_fields = ["owner", "course", "assignment"]
    readonly_fields = [
        "missing_since",
        "wanted_complete",
        "wanted_dismissed",
        "wanted_at",
        "write_error",
        "created_at",
        "updated_at",
    ]


@admin.register(CourseGrading)
class CourseGradingAdmin(admin.ModelAdmin):
    list_display = ["course", "owner", "credits", "counts_in_average", "goal", "updated_at"]
    list_select_related = ["course", "owner"]
    search_fields = ["course__name", "owner__email"]
    autocomplete_fields = ["course", "owner"]


@admin.register(GradeScenario)
class GradeScenarioAdmin(admin.ModelAdmin):
    list_display = ["name", "course", "owner", "updated_at"]
    list_select_related = ["course", "owner"]
    search_fields = ["name", "course__name", "owner__email"]
    autocomplete_fields = ["course", "owner"]


@admin.register(ModuleItem)
class ModuleItemAdmin(admin.ModelAdmin):
    list_display = ["title", "module", "kind", "position", "requirement_type", "is_completed", "missing_since"]
    list_filter = ["kind", "is_completed"]
    list_select_related = ["module"]
    search_fields = ["title", "module__name", "module__course__name", "external_id"]
    autocomplete_fields = ["module", "assignment"]
    readonly_fields = ["missing_since"]


@admin.register(CoursePerson)
class CoursePersonAdmin(admin.ModelAdmin):
    list_display = ["name", "role", "course", "owner", "source", "missing_since"]
    list_filter = ["role", "source"]
    list_select_related = ["course", "owner"]
    search_fields = ["name", "email", "owner__email", "course__name"]
    autocomplete_fields = ["owner", "course"]
    readonly_fields = ["missing_since", "created_at", "updated_at"]


@admin.register(SubmissionComment)
class SubmissionCommentAdmin(admin.ModelAdmin):
    list_display = ["assignment", "author", "written_at"]
    list_select_related = ["assignment"]
    search_fields = ["author", "assignment__name", "assignment__owner__email"]
    autocomplete_fields = ["assignment"]


@admin.register(ImportDraft)
class ImportDraftAdmin(admin.ModelAdmin):
    list_display = ["__str__", "owner", "kind", "course", "applied_at", "undone_at", "expires_at"]
    list_filter = ["kind", ("applied_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner", "course"]
    search_fields = ["file_name", "owner__email", "course__name"]
    autocomplete_fields = ["owner", "course"]
    readonly_fields = ["made", "applied_at", "undone_at", "created_at", "updated_at"]


@admin.register(CourseArchive)
class CourseArchiveAdmin(admin.ModelAdmin):
    list_display = ["title", "owner", "status", "done_count", "total_count", "size_bytes", "expires_at", "created_at"]
    list_filter = ["status"]
    list_select_related = ["owner"]
    search_fields = ["title", "owner__email"]
    autocomplete_fields = ["owner"]
    raw_id_fields = ["blob"]
    readonly_fields = ["missing", "started_at", "finished_at", "heartbeat_at", "cancel_requested_at", "created_at"]
