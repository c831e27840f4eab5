"""Workflows, their versions and triggers, and what became of them: executions and steps."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from coreengine.kernel.fields import WrittenJSONField
from coreengine.kernel.querysets import OwnedQuerySet
from coreengine.kernel.statuses import FINISHED, Status
from workflows.approval_models import Approval
from workflows.engine.definition import CONTAINER_TYPES, OUTSIDE_TYPES
from workflows.querysets import ExecutionQuerySet, StepExecutionQuerySet, VersionQuerySet, WorkflowQuerySet
from workflows.trigger_models import ScheduleSlot, WebhookDelivery, WorkflowTrigger

__all__ = [
    "Approval",
    "Execution",
    "LoopItem",
    "ScheduleSlot",
    "StepExecution",
    "WebhookDelivery",
    "Workflow",
    "WorkflowDraft",
    "WorkflowTrigger",
    "WorkflowVersion",
]


class Workflow(models.Model):
    """A routine of one student. What it does stands in its versions.

    A shipped workflow belongs to a connection and carries the key of the plugin's file that it came from,
    such as "canvas-integration/sync-canvas".
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="workflows")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    is_active = models.BooleanField("active", default=True)
    version = models.ForeignKey(
        "WorkflowVersion",
        on_delete=models.RESTRICT,
        null=True,
        related_name="+",
        verbose_name="published version",
        help_text="Empty as long as there is only a draft.",
    )
    revision = models.PositiveIntegerField(default=0, help_text="Grows whenever its draft or published text changes.")
    shipped_key = models.CharField(max_length=200, blank=True)
    connection_id = models.BigIntegerField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection_id", "shipped_key"],
                condition=~Q(shipped_key=""),
                name="workflow_is_shipped_once_per_connection",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="workflow_has_a_name"),
        ]
        indexes = [models.Index(fields=["owner", "name"], name="workflow_owner_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/workflows/{self.pk}/"

    @property
    def is_shipped(self) -> bool:
        """Say whether it came with a plugin."""
        return bool(self.shipped_key)


class WorkflowVersion(models.Model):
    """What a workflow does, as it was saved at one moment. The database refuses to change it."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    source = models.TextField(help_text="The definition as it was written, in YAML.")
    definition = WrittenJSONField(help_text="As data, with branches and inputs in the order of the text.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name="saved by"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    message = models.CharField(max_length=200, blank=True, help_text="What changed, in the words of who published it.")
    restores = models.PositiveIntegerField(null=True, blank=True, help_text="The number of the version it repeats.")

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="workflow_version_number_is_unique"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class WorkflowDraft(models.Model):
    """What will be the next version, as it was typed. It does not run and may be faulty."""

    workflow = models.OneToOneField(Workflow, on_delete=models.CASCADE, related_name="draft")
    source = models.TextField(blank=True)
    base = models.PositiveIntegerField(null=True, blank=True, help_text="The version that was current when it began.")
    restores = models.PositiveIntegerField(null=True, blank=True, help_text="The version whose text it began with.")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"draft of {self.workflow_id}"


class Execution(models.Model):
    """One time that a workflow ran. It keeps the version it began with.

    Rows change only through the engine's store; the database refuses illegal changes of status.
    """

    # Indexes below begin with the owner and with the workflow.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="executions", db_index=False
    )
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="executions", db_index=False)
    version = models.ForeignKey(WorkflowVersion, on_delete=models.RESTRICT, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name="started by"
    )
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    trigger = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    inputs = models.JSONField(default=dict)
    variables = models.JSONField(default=dict)
    connection_id = models.BigIntegerField(null=True, blank=True)
    error_message = models.TextField(blank=True)
    idempotency_key = models.CharField(max_length=200, blank=True)
    exclusive_key = models.CharField(max_length=200, blank=True)
    # Without a constraint: the earlier one may be in an archive by now, and its number still says which it was.
    rerun_of = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="reruns",
        verbose_name="repeats",
    )
    rerun_from = models.CharField(
        max_length=1200, blank=True, db_default="", help_text="The chosen step; empty for a retry."
    )
    depth = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="How many executions led to it.")
    priority = models.SmallIntegerField(default=0, db_default=0, help_text="-1 low, 0 normal, 1 high.")
    queue_rank = models.SmallIntegerField(
        default=0, db_default=0, help_text="Place in the student's queue, smaller first; see fairness."
    )
    admitted_at = models.DateTimeField(
        default=timezone.now, null=True, blank=True, help_text="When its turn came; empty while it queues."
    )
    hinted_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    pauses = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many steps wait for a time or a person; its clock stands still then."
    )
    time_left_s = models.FloatField(null=True, blank=True)
    revision = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Grows with every transaction of the engine on this execution."
    )

    objects = ExecutionQuerySet.as_manager()

    is_reused = False
    """Set by `start_execution` on what it returns: this one was under way (or asked for) already."""

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="execution_idempotency_key_is_unique",
            ),
            models.UniqueConstraint(
                fields=["exclusive_key"],
                condition=~Q(exclusive_key="") & Q(status__in=["pending", "running", "waiting"]),
                name="execution_is_alone_with_its_key",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "waiting"]) | Q(completed_at__isnull=False),
                name="execution_that_is_over_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(started_at__isnull=False), name="execution_that_runs_has_begun"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="execution_owner_newest"),
            models.Index(fields=["workflow", "-id"], name="execution_workflow_newest"),
            models.Index(
                fields=["status", "hinted_at"],
                condition=Q(status__in=["pending", "running", "waiting"]),
                name="execution_open",
            ),
            models.Index(
                fields=["owner", "queue_rank", "id"],
                condition=Q(status="pending", admitted_at__isnull=True),
                name="execution_queued",
            ),
            models.Index(
                fields=["owner"],
                condition=Q(status__in=["pending", "running"], admitted_at__isnull=False),
                name="execution_in_progress",
            ),
        ]

    def __str__(self) -> str:
        return f"Execution {self.pk}"

    def get_absolute_url(self) -> str:
        return f"/executions/{self.pk}/"

    @property
    def is_open(self) -> bool:
        """Say whether it is not over yet."""
        return self.status not in FINISHED

    @property
    def is_queued(self) -> bool:
        """Say whether it waits for its turn among the student's own; see fairness."""
        return self.status == Status.PENDING and self.admitted_at is None

    @property
    def trigger_words(self) -> str:
        """Say what started it."""
        kind = self.trigger.get("type", "manual")
        return {
            "manual": "Started by hand",
            "api": "Started by a program",
            "schedule": "Started by its schedule",
            "webhook": "Started by a webhook",
            "event": "Started by an event",
            "error": "Started by a failure",
        }.get(kind, f"Started by {kind}")

    @property
    def duration_s(self) -> float | None:
        """Seconds from its beginning to its end, or until now."""
        if self.started_at is None:
            return None
        return ((self.completed_at or timezone.now()) - self.started_at).total_seconds()


class StepExecution(models.Model):
    """One step of an execution; a step inside a loop has one row for each item."""

    # The unique constraint below is an index on the execution already.
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="steps", db_index=False)
    path = models.CharField(max_length=1200)
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    scope = models.CharField(max_length=1200, blank=True)
    position = models.PositiveIntegerField()
    index = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    waiting_for = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    token = models.PositiveIntegerField("fencing token", default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    hinted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    execution_time = models.FloatField("seconds", null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    reason = models.CharField(max_length=60, blank=True)
    item_count = models.PositiveIntegerField(null=True, blank=True)
    items_started = models.PositiveIntegerField(default=0)
    items_done = models.PositiveIntegerField(default=0)
    items_failed = models.PositiveIntegerField(default=0, db_default=0)
    is_reused = models.BooleanField("reused", default=False, db_default=False)
    key_execution_id = models.BigIntegerField(
        null=True, blank=True, help_text="The execution whose idempotency key it keeps, when it is not its own."
    )

    objects = StepExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "path"], name="step_path_is_unique_in_its_execution"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "waiting"]) | Q(finished_at__isnull=False),
                name="step_that_is_over_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False) | Q(kind__in=sorted(CONTAINER_TYPES)),
                name="step_that_runs_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(items_done__lte=F("items_started")), name="step_items_begin_before_they_end"
            ),
            models.CheckConstraint(
                condition=Q(items_failed__lte=F("items_done")), name="step_items_end_before_they_fail"
            ),
        ]
        indexes = [
            models.Index(
                fields=["execution", "scope"],
                condition=Q(status__in=["pending", "running", "waiting"]),
                name="step_open",
            ),
            models.Index(
                fields=["hinted_at"],
                condition=Q(status__in=["pending", "waiting"], waiting_for=0),
                name="step_ready",
            ),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="step_leased"),
            models.Index(
                fields=["execution"],
                condition=Q(kind__in=OUTSIDE_TYPES, status__in=["pending", "running"], hinted_at__isnull=False),
                name="step_with_workers",
            ),
            models.Index(
                fields=["execution"],
                condition=Q(kind__in=OUTSIDE_TYPES, status="pending", waiting_for=0, hinted_at__isnull=True),
                name="step_queued",
            ),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def is_open(self) -> bool:
        """Say whether it is not over yet."""
        return self.status not in FINISHED

    def as_outcome(self) -> dict[str, Any]:
        """Return what expressions and the API see of it."""
        return {
            "status": self.status,
            "result": self.result,
            "error": self.error,
            "reason": self.reason,
            "execution_time": self.execution_time,
        }


class LoopItem(models.Model):
    """One item of a loop, kept from the moment the loop begins."""

    step = models.ForeignKey(StepExecution, on_delete=models.CASCADE, related_name="items", db_index=False)
    index = models.PositiveIntegerField()
    value = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "index"], name="loop_item_is_unique")]

    def __str__(self) -> str:
        return f"item {self.index}"


class ExecutionArchive(models.Model):
    """A file with finished executions of one student. What is in it left the tables."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    blob = models.ForeignKey("kernel.Blob", on_delete=models.PROTECT, related_name="+")
    execution_count = models.PositiveIntegerField()
    event_count = models.PositiveBigIntegerField()
    counts = models.JSONField(help_text="Lines of each kind.")
    first_completed_at = models.DateTimeField()
    last_completed_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["owner", "-id"], name="archive_owner_newest")]

    def __str__(self) -> str:
        return f"archive {self.pk}"


class ArchivedExecution(models.Model):
    """What is left here of an execution that is in an archive: enough to say what it was and where it is."""

    execution_id = models.BigIntegerField(primary_key=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    archive = models.ForeignKey(ExecutionArchive, on_delete=models.CASCADE, related_name="executions")
    workflow = models.ForeignKey(Workflow, on_delete=models.SET_NULL, null=True, related_name="+")
    workflow_name = models.CharField(max_length=255)
    status = models.CharField(max_length=9, choices=Status.choices)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField()

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-execution_id"]

    def __str__(self) -> str:
        return f"Execution {self.execution_id}"
