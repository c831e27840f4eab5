"""Prerequisites, for an admin who helps a student."""

from __future__ import annotations

from django.contrib import admin

from courses.models import CoursePrerequisite


@admin.register(CoursePrerequisite)
class CoursePrerequisiteAdmin(admin.ModelAdmin):
    list_display = ["course", "required", "owner", "created_at"]
    list_select_related = ["course", "required", "owner"]
    search_fields = ["course__name", "required__name", "owner__email"]
    autocomplete_fields = ["course", "required", "owner"]
