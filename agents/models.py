"""Runs of agents, and the money they may spend."""

import re
from datetime import date, timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from agents.querysets import AgentRunQuerySet, BudgetQuerySet, ReservationQuerySet
from coreengine.kernel.fields import EncryptedTextField
from coreengine.kernel.statuses import FINISHED, Status

MICROS_PER_DOLLAR = 1_000_000
MAX_LIMIT_USD_MICROS = 10_000 * MICROS_PER_DOLLAR
RUN_STATUSES = (Status.PENDING, Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class AgentRun(models.Model):
    """One question to one agent, and what came of it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent_runs")
    agent = models.CharField(max_length=50)
    provider = models.CharField(max_length=30)
    model = models.CharField(max_length=80)
    status = models.CharField(max_length=10, choices=[(s.value, s.label) for s in RUN_STATUSES], default=Status.PENDING)
    prompt = models.TextField()
    parameters = models.JSONField(default=dict, blank=True)
    context = models.JSONField(default=dict, blank=True)
    session_id = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=120, blank=True, help_text="What started it, such as execution:12.")
    idempotency_key = models.CharField(max_length=200, blank=True)

    content = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    stop_reason = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    is_retryable = models.BooleanField(default=False)

    attempt = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd_micros = models.PositiveBigIntegerField(default=0)
    execution_time = models.FloatField(default=0, help_text="Seconds of the last attempt.")

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    objects = AgentRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="agent_run_key_is_used_once_per_owner",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in RUN_STATUSES]), name="agent_run_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True)
                ^ Q(status__in=[Status.COMPLETED, Status.FAILED, Status.CANCELLED]),
                name="agent_run_has_finish_time_when_over",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="agent_run_newest_of_owner"),
            models.Index(
                fields=["heartbeat_at"],
                condition=Q(status__in=[Status.PENDING, Status.RUNNING]),
                name="agent_run_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent} run {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("agents:run", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def is_stopping(self) -> bool:
        return not self.is_finished and self.cancel_requested_at is not None

    @property
    def stream_name(self) -> str:
        """The live stream of the current attempt; a retry must not replay the old one."""
        return f"agent-run-{self.pk}-{self.attempt}"

    @property
    def excerpt(self) -> str:
        """The prompt in one line."""
        line = " ".join(re.sub(r"[*_`#>]{2,}|[`#]", "", self.prompt).split())
        return line if len(line) <= 140 else line[:139].rstrip() + "…"


class Budget(models.Model):
    """What one student may spend on agents in a period, and how much of it is gone.

    `reserved_usd_micros` is what runs under way may still cost at the most.
    """

    class Period(models.TextChoices):
        DAY = "day", "Daily"
        WEEK = "week", "Weekly"
        MONTH = "month", "Monthly"

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent_budget")
    period = models.CharField(max_length=5, choices=Period, default=Period.MONTH)
    limit_usd_micros = models.PositiveBigIntegerField(
        validators=[MinValueValidator(0), MaxValueValidator(MAX_LIMIT_USD_MICROS)]
    )
    spent_usd_micros = models.PositiveBigIntegerField(default=0)
    reserved_usd_micros = models.PositiveBigIntegerField(default=0)
    period_started_on = models.DateField()
    warned_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(limit_usd_micros__lte=MAX_LIMIT_USD_MICROS), name="budget_limit_is_sane"
            ),
            models.CheckConstraint(condition=Q(period__in=["day", "week", "month"]), name="budget_period_is_known"),
        ]

    def __str__(self) -> str:
        return f"budget of {self.owner_id}"

    @property
    def left_usd_micros(self) -> int:
        """What a new run may cost at the most."""
        return max(0, self.limit_usd_micros - self.spent_usd_micros - self.reserved_usd_micros)

    @property
    def used_percent(self) -> int:
        """Spent share of the limit, 0 to 100."""
        if not self.limit_usd_micros:
            return 100 if self.spent_usd_micros else 0
        return min(100, self.spent_usd_micros * 100 // self.limit_usd_micros)

    @property
    def renews_on(self) -> date:
        """The first day of the next period."""
        start = self.period_started_on
        if self.period == self.Period.DAY:
            return start + timedelta(days=1)
        if self.period == self.Period.WEEK:
            return start + timedelta(days=7)
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)


class Reservation(models.Model):
    """The most that one attempt of a run may cost, held back from its owner's budget."""

    class State(models.TextChoices):
        HELD = "held", "held"
        SETTLED = "settled", "settled"

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="reservations")
    run = models.ForeignKey(AgentRun, on_delete=models.CASCADE, related_name="reservations")
    attempt = models.PositiveIntegerField()
    amount_usd_micros = models.PositiveBigIntegerField()
    cost_usd_micros = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.HELD)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "attempt"], name="reservation_is_one_per_attempt"),
            models.CheckConstraint(
                condition=(Q(state="held") & Q(settled_at__isnull=True) & Q(cost_usd_micros=0))
                | (Q(state="settled") & Q(settled_at__isnull=False)),
                name="reservation_has_cost_when_settled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_usd_micros} micros for {self.run_id}"


class AgentPreferences(models.Model):
    """A student's own choices: the agent offered first, and a key of their own."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent_preferences")
    default_agent = models.CharField(max_length=50, blank=True)
    anthropic_api_key = EncryptedTextField(null=True)
    key_hint = models.CharField(max_length=12, blank=True, help_text="The key's last four characters.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "agent preferences"

    def __str__(self) -> str:
        return f"agent preferences of {self.owner_id}"
