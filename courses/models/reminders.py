"""Reminders, the rules that they follow from, digests, and what is told to workflows about deadlines."""

from __future__ import annotations

from datetime import time

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from coreengine.kernel.models import Notification
from coreengine.kernel.querysets import OwnedQuerySet
from courses.models.assignments import Assignment
from courses.models.courses import Course
from courses.reminders.querysets import DueSignalQuerySet, ReminderQuerySet, ReminderRuleQuerySet

MINUTES_A_DAY = 24 * 60
LONGEST_LEAD = 60 * MINUTES_A_DAY
LONGEST_DELAY = 30 * MINUTES_A_DAY
WORKDAYS = [0, 1, 2, 3, 4]


def workdays() -> list[int]:
    return list(WORKDAYS)


class Channel(models.TextChoices):
    BELL = "bell", "Bell"
    MAIL = "mail", "E-mail"
    PUSH = "push", "Push"


def channels_field() -> ArrayField:
    """By which channels; none stands for what the student chose for reminders at all."""
    return ArrayField(models.CharField(max_length=4, choices=Channel.choices), blank=True, default=list, size=3)


class ReminderRule(models.Model):
    """When a student is reminded of things of one kind, unless they say otherwise for one of them.

    A course with rules of its own for a kind does not follow the general ones; one whose only rule has no
    `lead_minutes` reminds of nothing of this kind.
    """

    class Kind(models.TextChoices):
        ASSIGNMENT = "assignment", "Assignments"
        EXAM = "exam", "Quizzes and exams"
        EVENT = "event", "Events"
        TASK = "task", "Own tasks"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reminder_rules")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, null=True, blank=True, related_name="reminder_rules")
    lead_minutes = models.PositiveIntegerField(
        "minutes before", null=True, blank=True, validators=[MaxValueValidator(LONGEST_LEAD)]
    )
    channels = channels_field()
    changed_at = models.DateTimeField(auto_now=True)

    objects = ReminderRuleQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "course_id", "-lead_minutes", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "kind", "course", "lead_minutes"],
                nulls_distinct=False,
                name="reminder_rule_is_said_once",
                violation_error_message="There is such a rule already.",
            ),
            models.CheckConstraint(
                condition=Q(lead_minutes__isnull=False) | Q(course__isnull=False),
                name="reminder_rule_says_none_only_for_a_course",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, {self.lead_minutes} minutes before"


class Reminder(models.Model):
    """One reminder of one thing, from a rule or by the student's own wish.

    `fire_at` is when it is sent next. It follows from `remind_at`, or from the thing's time (`target_at`, as it was
    known last) and `lead_minutes`, which is negative for "after". `sent_for` is the thing's time that it was sent
    for: a thing that moves is reminded of again, one that moves back is not.

    Of a thing that repeats, rules make a row for each of its times: `target_key` names the time. A row of a rule
    without it is removed for good: the student wants none of this rule, whenever the thing takes place.
    """

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        SENT = "sent", "Sent"
        SKIPPED = "skipped", "Not needed"
        DISMISSED = "dismissed", "Removed"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reminders")
    target_kind = models.CharField(max_length=20)
    target_id = models.BigIntegerField()
    target_key = models.CharField(max_length=16, blank=True, default="", editable=False)
    rule = models.ForeignKey(ReminderRule, on_delete=models.SET_NULL, null=True, blank=True, related_name="reminders")
    is_derived = models.BooleanField("from a rule", default=False, editable=False)
    remind_at = models.DateTimeField("at", null=True, blank=True)
    lead_minutes = models.IntegerField(
        "minutes before",
        null=True,
        blank=True,
        validators=[MinValueValidator(-LONGEST_DELAY), MaxValueValidator(LONGEST_LEAD)],
    )
    channels = channels_field()
    state = models.CharField(max_length=10, choices=State.choices, default=State.SCHEDULED)
    reason = models.CharField(max_length=200, blank=True, default="")
    target_at = models.DateTimeField(null=True, blank=True, editable=False)
    fire_at = models.DateTimeField(editable=False)
    snoozed_until = models.DateTimeField(null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    sent_for = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    notification = models.ForeignKey(
        Notification, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ReminderQuerySet.as_manager()

    class Meta:
        ordering = ["fire_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(remind_at__isnull=False, lead_minutes__isnull=True)
                | Q(remind_at__isnull=True, lead_minutes__isnull=False),
                name="reminder_has_a_moment_or_a_lead",
            ),
            models.UniqueConstraint(
                fields=["owner", "target_kind", "target_id", "target_key", "rule"],
                condition=Q(rule__isnull=False),
                name="reminder_of_a_rule_is_one_per_time",
            ),
            models.UniqueConstraint(
                fields=["owner", "target_kind", "target_id", "lead_minutes", "remind_at"],
                condition=Q(is_derived=False),
                nulls_distinct=False,
                name="own_reminder_is_one_per_thing_and_time",
            ),
        ]
        indexes = [
            models.Index(fields=["fire_at"], condition=Q(state="scheduled"), name="reminder_due"),
            models.Index(fields=["owner", "target_kind", "target_id"], name="reminder_by_thing"),
        ]

    def __str__(self) -> str:
        return f"Reminder of {self.target_kind} {self.target_id}"


class ReminderSettings(models.Model):
    """How a student is reminded at all; the row also says how far their reminders are in step with their work."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="reminder_settings"
    )
    soon_hours = models.PositiveSmallIntegerField(
        "hours before",
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 14)],
        help_text="How long before the deadline workflows are told `assignment.due_soon`.",
    )
    has_daily_digest = models.BooleanField("daily digest", default=False)
    daily_at = models.TimeField("at", default=time(7, 30))
    daily_days = ArrayField(models.PositiveSmallIntegerField(validators=[MaxValueValidator(6)]), default=workdays)
    has_weekly_digest = models.BooleanField("weekly digest", default=False)
    weekly_day = models.PositiveSmallIntegerField("on", default=6, validators=[MaxValueValidator(6)])
    weekly_at = models.TimeField("at", default=time(18, 0))
    next_daily_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_weekly_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_stale = models.BooleanField(default=True, editable=False)
    derived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "reminder settings"
        indexes = [
            models.Index(fields=["owner"], condition=Q(is_stale=True), name="reminders_to_derive"),
            models.Index(fields=["next_daily_at"], name="digest_daily_due"),
            models.Index(fields=["next_weekly_at"], name="digest_weekly_due"),
        ]

    def __str__(self) -> str:
        return f"Reminders of {self.owner_id}"


class DigestSlot(models.Model):
    """One slot of a student's digest and what became of it; (student, kind, day) is unique, so it is sent once."""

    class Kind(models.TextChoices):
        DAILY = "daily", "Daily"
        WEEKLY = "weekly", "Weekly"

    class State(models.TextChoices):
        SENT = "sent", "Sent"
        EMPTY = "empty", "Nothing to say"
        FOLDED = "folded", "In the weekly digest"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="digest_slots")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    day = models.DateField()
    due_at = models.DateTimeField()
    since = models.DateTimeField()
    state = models.CharField(max_length=6, choices=State.choices)
    counts = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-due_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "kind", "day"], name="digest_is_one_per_day")]

    def __str__(self) -> str:
        return f"{self.kind} digest of {self.day}"


class DueSignal(models.Model):
    """That workflows are to be told of a deadline: once for each assignment, due date and lead."""

    class Type(models.TextChoices):
        DUE_SOON = "assignment.due_soon", "Due soon"
        OVERDUE = "assignment.overdue", "Overdue"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="due_signals")
    type = models.CharField(max_length=20, choices=Type.choices)
    due_at = models.DateTimeField()
    lead_hours = models.PositiveSmallIntegerField(default=0)
    fire_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)

    objects = DueSignalQuerySet.as_manager()

    class Meta:
        ordering = ["fire_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "type", "due_at", "lead_hours"], name="deadline_is_signalled_once"
            )
        ]
        indexes = [models.Index(fields=["fire_at"], condition=Q(fired_at=None), name="due_signal_due")]

    def __str__(self) -> str:
        return f"{self.type} of {self.assignment_id}"
