"""Repositories in the admin: what sources told of them is looked at, not edited; the next sync would undo it."""

from __future__ import annotations

from django.contrib import admin

from coreengine.kernel.admin import ReadOnlyAdmin
from resources.repositories.models import CiRun, Commit, Repository, RepositoryIssue


@admin.register(Repository)
class RepositoryAdmin(ReadOnlyAdmin):
    list_display = ["full_name", "owner", "source", "last_commit_at", "ci_status", "hook_id", "missing_since"]
    list_filter = ["ci_status", "is_private", "is_archived", ("missing_since", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["full_name", "owner__email", "external_id"]
    exclude = ["search_vector"]
    show_full_result_count = False


@admin.register(Commit)
class CommitAdmin(ReadOnlyAdmin):
    list_display = ["sha", "title", "repository", "author", "branch", "committed_at"]
    list_select_related = ["repository"]
    search_fields = ["sha", "message", "repository__full_name"]
    show_full_result_count = False


@admin.register(RepositoryIssue)
class RepositoryIssueAdmin(ReadOnlyAdmin):
    list_display = ["number", "kind", "title", "state", "repository", "changed_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["repository"]
    search_fields = ["title", "repository__full_name"]
    exclude = ["search_vector"]
    show_full_result_count = False


@admin.register(CiRun)
class CiRunAdmin(ReadOnlyAdmin):
    list_display = ["name", "number", "attempt", "status", "branch", "repository", "started_at"]
    list_filter = ["status"]
    list_select_related = ["repository"]
    search_fields = ["name", "sha", "repository__full_name"]
    show_full_result_count = False
