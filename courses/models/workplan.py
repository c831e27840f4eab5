"""When a student means to work: preferences, proposals of a solver, and the blocks of work themselves."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from coreengine.kernel.querysets import OwnedQuerySet
from courses.workplan.querysets import PlanProposalQuerySet, WorkBlockQuerySet

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def default_hours() -> list[list[str] | None]:
    """Nine to six on weekdays, four hours on Saturday, Sunday free."""
    return [["09:00", "18:00"] for _ in range(5)] + [["10:00", "14:00"], None]


class PlanPreferences(models.Model):
    """When and how a student works. Without a row the defaults here apply."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="plan_preferences")
    hours: Any = models.JSONField(
        default=default_hours, help_text='Monday to Sunday: ["09:00", "18:00"], or null for a day without work.'
    )
    shortest_minutes = models.PositiveSmallIntegerField(
        "shortest block", default=30, validators=[MinValueValidator(10), MaxValueValidator(240)]
    )
    longest_minutes = models.PositiveSmallIntegerField(
        "longest block", default=90, validators=[MinValueValidator(15), MaxValueValidator(480)]
    )
    break_minutes = models.PositiveSmallIntegerField("break", default=15, validators=[MaxValueValidator(120)])
    most_per_day_minutes = models.PositiveSmallIntegerField(
        "most on one day", default=240, validators=[MinValueValidator(15), MaxValueValidator(960)]
    )
    latest = models.TimeField("no work after", default=time(21, 0))
    buffer_hours = models.PositiveSmallIntegerField(
        "time to spare before a deadline", default=24, validators=[MaxValueValidator(14 * 24)]
    )
    minutes_per_percent = models.PositiveSmallIntegerField(
        "minutes for each per cent of a grade", default=30, validators=[MinValueValidator(5), MaxValueValidator(240)]
    )
    default_minutes = models.PositiveSmallIntegerField(
        "minutes for work without points", default=60, validators=[MinValueValidator(5), MaxValueValidator(1200)]
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "plan preferences"
        constraints = [
            models.CheckConstraint(
                condition=Q(longest_minutes__gte=F("shortest_minutes")), name="longest_block_is_not_below_the_shortest"
            ),
        ]

    def __str__(self) -> str:
        return f"plan preferences of {self.owner_id}"


class PlanProposal(models.Model):
    """A plan that a solver worked out, to be accepted, changed or refused.

    `unplaced` has an entry for each piece of work that does not fit: kind, id, title, minutes that are left over, why,
    and what would help. `facts` says how it was worked out: works, placed and wanted minutes, seconds, solver.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Being worked out"
        PROPOSED = "proposed", "Proposed"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        REPLACED = "replaced", "Replaced by a newer one"
        FAILED = "failed", "Not worked out"

    OPEN = (State.PENDING, State.PROPOSED)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="plan_proposals")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    weeks = models.PositiveSmallIntegerField(default=4, validators=[MinValueValidator(1), MaxValueValidator(16)])
    made_at = models.DateTimeField(auto_now_add=True)
    solved_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    unplaced: Any = models.JSONField(default=list, blank=True)
    facts: Any = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")

    objects = PlanProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(state__in=["pending", "proposed"]),
                name="open_proposal_is_one_per_student",
            ),
        ]
        indexes = [models.Index(fields=["owner", "-made_at"], name="proposal_by_owner_and_time")]

    def __str__(self) -> str:
        return f"proposal {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class WorkBlock(models.Model):
    """A stretch of time for one piece of work, which is named by kind and id (`courses.workplan.work`).

    `title` and `course` are what the work was called when the block was made: they stay when the work goes.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        PLANNED = "planned", "Planned"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="work_blocks")
    proposal = models.ForeignKey(PlanProposal, on_delete=models.SET_NULL, null=True, blank=True, related_name="blocks")
    kind = models.CharField(max_length=32)
    work_id = models.PositiveBigIntegerField()
    title = models.CharField(max_length=255)
    course = models.ForeignKey(
        "courses.Course", on_delete=models.SET_NULL, null=True, blank=True, related_name="work_blocks"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    """The deadline that the block was planned for."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.PROPOSED)
    is_in_buffer = models.BooleanField(default=False)
    accepted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    actual_minutes = models.PositiveIntegerField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = WorkBlockQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="block_ends_after_it_starts",
                violation_error_message="A block ends after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(state="done", actual_minutes__isnull=False)
                | (~Q(state="done") & Q(actual_minutes__isnull=True)),
                name="only_a_done_block_has_actual_minutes",
            ),
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(started_at__isnull=False, state="planned", removed_at__isnull=True),
                name="one_block_runs_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "starts_at"], condition=Q(removed_at__isnull=True), name="block_by_owner_and_start"
            ),
            models.Index(fields=["owner", "kind", "work_id"], name="block_by_work"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def minutes(self) -> int:
        return round((self.ends_at - self.starts_at) / timedelta(minutes=1))

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and self.state == self.State.PLANNED
