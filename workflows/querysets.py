"""Choices of workflows, executions and steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.apps import apps
from django.contrib.postgres.aggregates import StringAgg
from django.db import models
from django.db.models import Count, Exists, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from coreengine.kernel.querysets import OwnedQuerySet
from coreengine.kernel.statuses import FINISHED, Status

OPEN_STATUSES = (Status.PENDING, Status.RUNNING, Status.WAITING)


class WorkflowQuerySet(OwnedQuerySet):
    """Workflows; removed ones are out of sight unless they are asked for."""

    def visible_to(self, user: Any) -> Self:
        """Keep a person's workflows that were not removed."""
        return super().visible_to(user).filter(removed_at=None)

    def removed(self) -> Self:
        """Keep removed ones, which can be brought back."""
        return self.filter(removed_at__isnull=False)

    def active(self) -> Self:
        """Keep those whose triggers fire."""
        return self.filter(is_active=True, removed_at=None)

    def of_connection(self, connection: Any) -> Self:
        """Keep the shipped workflows of one connection."""
        return self.filter(connection_id=connection.pk)

    def with_draft_mark(self) -> Self:
        """Add `has_draft`."""
        drafts = apps.get_model("workflows", "WorkflowDraft").objects.filter(workflow=OuterRef("pk"))
        return self.annotate(has_draft=Exists(drafts))

    def with_last_execution(self) -> Self:
        """Add `last_status`, `last_execution_id` and `last_started_at`."""
        newest = apps.get_model("workflows", "Execution").objects.filter(workflow=OuterRef("pk")).order_by("-pk")
        return self.annotate(
            last_execution_id=Subquery(newest.values("pk")[:1]),
            last_status=Subquery(newest.values("status")[:1]),
            last_started_at=Subquery(newest.values("created_at")[:1]),
        )


class VersionQuerySet(models.QuerySet):
    """Versions of workflows."""

    def with_execution_count(self) -> Self:
        """Add `execution_count`: how many executions began with each."""
        executions = apps.get_model("workflows", "Execution").objects.filter(version=OuterRef("pk")).order_by()
        counted = executions.values("version").annotate(number=Count("pk")).values("number")
        return self.annotate(execution_count=Coalesce(Subquery(counted), Value(0), output_field=models.IntegerField()))

    def without_text(self) -> Self:
        """Leave the definitions in the database."""
        return self.defer("source", "definition")


class ExecutionQuerySet(OwnedQuerySet):
    """Executions."""

    def open(self) -> Self:
        """Keep those that are not over."""
        return self.filter(status__in=OPEN_STATUSES)

    def archivable(self, before: datetime | None = None) -> Self:
        """Keep those that may leave for the archive: over (since before a time), not the newest of their workflow,
        and none that another execution was made from."""
        mine = self.filter(status__in=FINISHED)
        if before is not None:
            mine = mine.filter(created_at__lt=before, completed_at__lt=before)
        model = apps.get_model("workflows", "Execution")
        newer = model.objects.filter(workflow=OuterRef("workflow"), pk__gt=OuterRef("pk"))
        mine = mine.filter(Exists(newer))
        return mine.exclude(Exists(model.objects.filter(rerun_of=OuterRef("pk"))))

    def newest_first(self) -> Self:
        """Put the newest first."""
        return self.order_by("-pk")

    def with_current_step(self) -> Self:
        """Add `current_step`: the names of the steps under way, empty when there are none."""
        under_way = (
            apps.get_model("workflows", "StepExecution")
            .objects.filter(execution=OuterRef("pk"), status__in=(Status.RUNNING, Status.WAITING), scope="")
            .order_by()
            .values("execution")
            .annotate(names=StringAgg("name", delimiter=", ", order_by="position"))
            .values("names")
        )
        return self.annotate(current_step=Coalesce(Subquery(under_way), Value(""), output_field=models.TextField()))


class StepExecutionQuerySet(models.QuerySet):
    """Steps of executions."""

    def visible_to(self, user: Any) -> Self:
        """Keep the steps of a person's executions."""
        return self.filter(execution__owner_id=user.pk) if user.pk else self.none()

    def in_order(self) -> Self:
        """Put them as they are written, loops item by item."""
        return self.order_by("position", "id")

    def top_level(self) -> Self:
        """Keep the steps that stand in no loop."""
        return self.filter(scope="")


class ApprovalQuerySet(OwnedQuerySet):
    """What executions ask their student."""

    def open(self) -> Self:
        """Keep those that nobody has answered."""
        return self.filter(decision="")

    def with_context(self) -> Self:
        """Load the execution and its workflow along."""
        return self.select_related("execution__workflow", "decided_by")
