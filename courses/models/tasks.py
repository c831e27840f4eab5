"""The tasks that a student makes, and the series that some of them repeat in."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, GeneratedField, Q
from django.db.models.functions import Left
from django.urls import reverse

from courses.models.assignments import Assignment
from courses.models.courses import SEARCHED_CHARACTERS, Course
from courses.models.planned import LONGEST_ESTIMATE, Planned
from courses.planning.querysets import OwnTaskQuerySet, TaskSeriesQuerySet


class TaskSeries(models.Model):
    """A task that repeats: the pattern that each next occurrence is made from.

    Only one occurrence is open at a time: finishing or skipping it makes the next. The time of day is the student's
    wall clock, so that nine o'clock stays nine o'clock when the clocks change.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="task_series")
    rule = models.CharField("recurrence rule", max_length=255, help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO")
    starts_on = models.DateField()
    at_time = models.TimeField(null=True, blank=True)
    title = models.CharField(max_length=255)
    notes = models.TextField(blank=True, default="")
    course = models.ForeignKey(Course, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    assignment = models.ForeignKey(Assignment, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    estimate_minutes = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_ESTIMATE)]
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TaskSeriesQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "task series"

    def __str__(self) -> str:
        return self.title


class OwnTask(Planned):
    """Something that the student means to do. `parent` makes it a subtask; there is one level of these.

    A day without a time is kept as a day (`due_on`), so that it stays that day in any zone; a time as a moment
    (`due_at`). Subtasks have neither: they are part of their task.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="own_tasks")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="subtasks")
    title = models.CharField(max_length=255)
    notes = models.TextField(blank=True, default="")
    course = models.ForeignKey(Course, on_delete=models.SET_NULL, null=True, blank=True, related_name="own_tasks")
    assignment = models.ForeignKey(
        Assignment, on_delete=models.SET_NULL, null=True, blank=True, related_name="own_tasks"
    )
    due_on = models.DateField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    series = models.ForeignKey(TaskSeries, on_delete=models.SET_NULL, null=True, blank=True, related_name="occurrences")
    occurrence_on = models.DateField(null=True, blank=True, editable=False)
    """The day that the series gave this occurrence, whatever day it was moved to."""
    previous = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="follower"
    )
    """The occurrence whose end made this one: unique, so that an end makes one follower and no more."""
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    search_vector = GeneratedField(
        expression=SearchVector("title", weight="A", config="english")
        + SearchVector(Left("notes", SEARCHED_CHARACTERS), weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = OwnTaskQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "due_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(due_on__isnull=True) | Q(due_at__isnull=True), name="task_is_due_on_a_day_or_at_a_time"
            ),
            models.CheckConstraint(condition=~Q(title=""), name="task_has_a_title"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True)
                | Q(
                    due_on__isnull=True,
                    due_at__isnull=True,
                    series__isnull=True,
                    course__isnull=True,
                    assignment__isnull=True,
                ),
                name="subtask_is_part_of_its_task_alone",
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="task_is_no_part_of_itself"),
            models.CheckConstraint(
                condition=Q(series__isnull=True) | Q(occurrence_on__isnull=False),
                name="task_of_a_series_knows_its_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "due_at", "due_on"],
                condition=Q(deleted_at__isnull=True, parent__isnull=True),
                name="task_by_owner_and_due",
            ),
            GinIndex(fields=["search_vector"], name="task_search"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:own-task", args=[self.pk])

    @property
    def has_due(self) -> bool:
        return self.due_on is not None or self.due_at is not None

    def due_day(self, zone: ZoneInfo) -> date | None:
        """The day that it is due, as the student's calendar has it."""
        return self.due_at.astimezone(zone).date() if self.due_at else self.due_on

    def is_overdue(self, now: datetime, zone: ZoneInfo) -> bool:
        """A moment is missed when it is past, a day when it is over."""
        if self.is_settled or self.deleted_at is not None:
            return False
        if self.due_at is not None:
            return self.due_at < now
        return self.due_on is not None and self.due_on < now.astimezone(zone).date()
