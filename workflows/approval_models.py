"""What executions ask their student: to approve, or to say what became of an attempt."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from workflows.engine.states import APPROVAL, NEEDS_ATTENTION
from workflows.querysets import ApprovalQuerySet


def new_token() -> str:
    """The part of a link that nobody can guess."""
    return secrets.token_urlsafe(24)


class Approval(models.Model):
    """A question that a waiting step asks; a step that waits again asks again, with a link of its own.

    Rows are written by the engine's store, in the transaction in which the step begins or ends to wait.
    """

    class Kind(models.TextChoices):
        APPROVAL = APPROVAL, "approval"
        NEEDS_ATTENTION = NEEDS_ATTENTION, "needs attention"

    class Decision(models.TextChoices):
        APPROVED = "approved", "approved"
        REJECTED = "rejected", "rejected"
        RETRY = "retry", "try again"
        DONE = "done", "it was done"
        FAIL = "fail", "it failed"
        EXPIRED = "expired", "nobody decided in time"
        CANCELLED = "cancelled", "not needed any more"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="approvals")
    execution = models.ForeignKey("Execution", on_delete=models.CASCADE, related_name="approvals")
    path = models.CharField("step", max_length=1200)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    message = models.TextField()
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    timeout_action = models.CharField(max_length=10, blank=True)
    created_at = models.DateTimeField("asked at", default=timezone.now, editable=False)
    deadline_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["execution", "path"], condition=Q(decision=""), name="step_asks_one_thing_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(decision="") ^ Q(decided_at__isnull=False), name="approval_that_is_decided_has_its_moment"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="approval_owner_newest"),
            models.Index(fields=["owner"], condition=Q(decision=""), name="approval_open"),
        ]

    def __str__(self) -> str:
        return f"{self.path} in execution {self.execution_id}"

    def get_absolute_url(self) -> str:
        return f"/approvals/{self.token}/"

    @property
    def is_open(self) -> bool:
        """Say whether it still waits for a decision."""
        return not self.decision

    @property
    def step_name(self) -> str:
        """The name of the step that asks."""
        return self.path.rpartition(".")[2]

    @property
    def possible_decisions(self) -> tuple[str, ...]:
        """What a person can answer."""
        if self.kind == self.Kind.APPROVAL:
            return self.Decision.APPROVED, self.Decision.REJECTED
        return self.Decision.RETRY, self.Decision.DONE, self.Decision.FAIL
