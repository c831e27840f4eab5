"""Repositories as JSON: what their source told last. They come in by imports and are not edited."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.pagination import CursorPages
from coreengine.kernel.api.viewsets import OwnedReadViewSet
from resources.models import CiRun, Commit, Repository, RepositoryIssue
from resources.repositories.filters import IssueFilter, RepositoryFilter

MOST_PARTS = 100


class RepositorySerializer(serializers.ModelSerializer):
    """A repository with its last commit and what CI made of it."""

    is_live = serializers.BooleanField(read_only=True, help_text="the source tells of a push at once")

    class Meta:
        model = Repository
        fields = [
            *("id", "full_name", "description", "html_url", "default_branch", "language", "topics"),
            *("is_private", "is_fork", "is_archived", "pushed_at", "missing_since"),
            *("last_commit_sha", "last_commit_title", "last_commit_author", "last_commit_at", "last_commit_url"),
            *("ci_status", "ci_url", "ci_at", "open_issue_count", "open_pull_count"),
            *("activity_at", "activity_note", "is_live", "hook_problem"),
            *("source", "external_id", "created_at", "updated_at"),
        ]
        read_only_fields = fields


class CommitSerializer(serializers.ModelSerializer):
    """One commit."""

    class Meta:
        model = Commit
        fields = ["sha", "message", "author", "branch", "html_url", "committed_at"]
        read_only_fields = fields


class RepositoryIssueSerializer(serializers.ModelSerializer):
    """An issue or a pull request."""

    class Meta:
        model = RepositoryIssue
        fields = [
            *("number", "kind", "title", "state", "is_draft", "author", "labels", "branch", "html_url"),
            *("opened_at", "closed_at", "changed_at"),
        ]
        read_only_fields = fields


class CiRunSerializer(serializers.ModelSerializer):
    """One run of continuous integration."""

    class Meta:
        model = CiRun
        fields = [
            "name",
            "title",
            "number",
            "attempt",
            "branch",
            "sha",
            "status",
            "html_url",
            "started_at",
            "changed_at",
        ]
        read_only_fields = fields


class LatestPushed(CursorPages):
    """Repositories by what was brought in or changed last."""

    ordering = ("-updated_at", "-id")


class RepositoryViewSet(OwnedReadViewSet):
    """The student's repositories, as their source told last."""

    queryset = Repository.objects.defer("search_vector")
    serializer_class = RepositorySerializer
    filterset_class = RepositoryFilter
    pagination_class = LatestPushed

    @extend_schema(responses=CommitSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def commits(self, request: Request, pk: str | None = None) -> Response:
        """List the newest hundred commits."""
        return self._parts(CommitSerializer, self.get_object().commits.all())

    @extend_schema(responses=RepositoryIssueSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def issues(self, request: Request, pk: str | None = None) -> Response:
        """List issues and pull requests, the hundred that changed last; by kind and state."""
        repository = self.get_object()
        found = IssueFilter(request.query_params, queryset=repository.issues.defer("search_vector"), request=request)
        return self._parts(RepositoryIssueSerializer, found.qs)

    @extend_schema(responses=CiRunSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def runs(self, request: Request, pk: str | None = None) -> Response:
        """List the newest hundred CI runs."""
        return self._parts(CiRunSerializer, self.get_object().ci_runs.all())

    def _parts(self, kind: Any, rows: QuerySet) -> Response:
        return Response(kind(rows[:MOST_PARTS], many=True).data)
