"""Assignments, the groups that weigh them, and where the student's own work stands."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, GeneratedField, Q
from django.db.models.functions import Left
from django.urls import reverse

from courses.models.courses import SEARCHED_CHARACTERS, Course
from courses.models.planned import Planned
from courses.querysets import AssignmentGroupQuerySet, AssignmentQuerySet, SubmissionQuerySet
from courses.work_state import WorkState, state_of


class AssignmentGroup(models.Model):
    """A kind of work that a course weighs as one: "Homework, 40 %, the lowest is dropped"."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="groups")
    external_id = models.CharField(max_length=200, blank=True, default="")
    name = models.CharField(max_length=255)
    position = models.PositiveIntegerField(default=0)
    weight = models.FloatField(null=True, blank=True)
    drop_lowest = models.PositiveSmallIntegerField(default=0)
    drop_highest = models.PositiveSmallIntegerField(default=0)
    never_drop = ArrayField(models.CharField(max_length=200), blank=True, default=list)

    objects = AssignmentGroupQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "external_id"],
                condition=~Q(external_id=""),
                name="assignment_group_is_one_per_course_and_id",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Assignment(Planned):
    """One thing to do in a course.

    As with courses, the first block is the source's and the second the student's own, which no import touches.
    An assignment made by hand has an empty `source`; a student may make one in any course.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="assignments")
    source = models.CharField(max_length=100, blank=True, default="")
    external_id = models.CharField(max_length=200, blank=True, default="")
    group = models.ForeignKey(
        AssignmentGroup, on_delete=models.SET_NULL, null=True, blank=True, related_name="assignments"
    )
    name = models.CharField(max_length=255)
    description_html = models.TextField(blank=True, default="")
    due_at = models.DateTimeField("due", null=True, blank=True)
    unlock_at = models.DateTimeField(null=True, blank=True)
    lock_at = models.DateTimeField(null=True, blank=True)
    points_possible = models.FloatField("points", null=True, blank=True, validators=[MinValueValidator(0)])
    grading_type = models.CharField(max_length=32, blank=True, default="")
    submission_types = ArrayField(models.CharField(max_length=64), blank=True, default=list)
    allowed_extensions = ArrayField(models.CharField(max_length=32), blank=True, default=list)
    html_url = models.URLField("web address", max_length=2000, blank=True, default="")
    position = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=32, blank=True, default="published")
    omit_from_final_grade = models.BooleanField(default=False)
    planner_id = models.CharField(max_length=240, blank=True, default="")
    """What the source's planner calls it, where that is not "assignment:" and its id: "quiz:7"."""
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)
    same_as = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="twins"
    )
    """The work that is shown in place of this one, which is the same from another source (`courses.sameness`)."""

    notes = models.TextField(blank=True, default="")
    planned_on = models.DateField("planned for", null=True, blank=True)
    """The day on which the student means to do it; the due date is the source's."""
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    put_away_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When the student took work that vanished at its source out of the lists; forgotten when it comes back."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    search_vector = GeneratedField(
        expression=SearchVector("name", weight="A", config="english")
        + SearchVector(Left("notes", SEARCHED_CHARACTERS), weight="B", config="english")
        + SearchVector(Left("description_html", SEARCHED_CHARACTERS), weight="C", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "source", "external_id"],
                condition=~Q(source=""),
                name="assignment_is_one_per_source",
            ),
            models.CheckConstraint(
                condition=(Q(source="") & Q(external_id="")) | (~Q(source="") & ~Q(external_id="")),
                name="assignment_has_source_and_id_or_neither",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(source=""),
                name="assignment_of_a_source_is_never_deleted",
            ),
            models.CheckConstraint(condition=~Q(same_as=F("id")), name="assignment_is_not_its_own_twin"),
            models.CheckConstraint(
                condition=Q(put_away_at__isnull=True) | Q(missing_since__isnull=False),
                name="only_vanished_assignments_are_put_away",
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "due_at"],
                condition=Q(deleted_at__isnull=True, missing_since__isnull=True),
                name="assignment_by_owner_and_due",
            ),
            models.Index(fields=["course", "due_at"], name="assignment_by_course_and_due"),
            GinIndex(fields=["search_vector"], name="assignment_search"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("courses:assignment", args=[self.pk])

    @property
    def is_by_hand(self) -> bool:
        return self.source == ""

    @property
    def own_submission(self) -> Submission | None:
        """The student's submission, or None; no query where the submission was joined."""
        # Past Django's descriptor where it was joined: that raises for work without one, which costs more than a row.
        joined = self._state.fields_cache
        return joined["submission"] if "submission" in joined else getattr(self, "submission", None)

    @property
    def planner_key(self) -> str:
        """Its name in the source's planner (`PlannerItem.external_id`)."""
        return self.planner_id or f"assignment:{self.external_id}"

    def state_at(self, now: datetime) -> WorkState:
        """Where the work stands; the same rule as `Assignment.objects.with_work_state(now)`."""
        return state_of(self, now)

    def is_overdue(self, now: datetime) -> bool:
        return self.state_at(now) == WorkState.OVERDUE

    @property
    def points_text(self) -> str:
        """ "40 points", or nothing where the source gives none."""
        if not self.points_possible:
            return ""
        return "1 point" if self.points_possible == 1 else f"{self.points_possible:g} points"


class Submission(models.Model):
    """What the source says of the student's own work on one assignment."""

    class State(models.TextChoices):
        UNSUBMITTED = "unsubmitted", "Not submitted"
        SUBMITTED = "submitted", "Submitted"
        GRADED = "graded", "Graded"
        PENDING_REVIEW = "pending_review", "Waiting for review"

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="submission")
    state = models.CharField(max_length=16, choices=State.choices, default=State.UNSUBMITTED)
    submitted_at = models.DateTimeField(null=True, blank=True)
    graded_at = models.DateTimeField(null=True, blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    score = models.FloatField(null=True, blank=True)
    grade = models.CharField(max_length=64, blank=True, default="")
    late = models.BooleanField(default=False)
    missing = models.BooleanField(default=False)
    excused = models.BooleanField(default=False)
    attempt = models.PositiveIntegerField(null=True, blank=True)
    seconds_late = models.PositiveBigIntegerField(default=0)
    points_deducted = models.FloatField(null=True, blank=True)
    html_url = models.URLField(max_length=2000, blank=True, default="")

    objects = SubmissionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Submission for {self.assignment_id}"

    def score_text(self, points_possible: float | None) -> str:
        """ "37 of 40", "37", or the grade in letters."""
        if self.score is None:
            return self.grade
        if not points_possible:
            return f"{self.score:g}"
        return f"{self.score:g} of {points_possible:g}"
