"""The order in which a course is worked through: modules, and the items that they lead to."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from courses.models.assignments import Assignment
from courses.models.courses import Course
from courses.querysets import ModuleItemQuerySet, ModuleQuerySet


class Module(models.Model):
    """One part of a course, as its source orders it. All of it is the source's.

    `requirement_type` says how many of the items with a requirement complete it: all, or one of them.
    `prerequisite_ids` are the source's ids of the modules of the same course that have to be completed first.
    """

    class State(models.TextChoices):
        LOCKED = "locked", "Locked"
        UNLOCKED = "unlocked", "Open"
        STARTED = "started", "Started"
        COMPLETED = "completed", "Completed"

    class Requirement(models.TextChoices):
        ALL = "all", "Complete all items"
        ONE = "one", "Complete one item"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="modules")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="modules")
    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200)
    name = models.CharField(max_length=255)
    position = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=16, choices=State.choices, blank=True, default="")
    unlock_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    is_sequential = models.BooleanField("items in order", default=False)
    requirement_type = models.CharField(max_length=8, choices=Requirement.choices, default=Requirement.ALL)
    prerequisite_ids = ArrayField(models.CharField(max_length=200), blank=True, default=list)
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ModuleQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "source", "external_id"], name="module_is_one_per_source"),
            models.CheckConstraint(condition=~Q(source="") & ~Q(external_id=""), name="module_comes_from_a_source"),
        ]
        indexes = [models.Index(fields=["course", "position"], name="module_by_course_and_position")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{self.course.get_absolute_url()}?part=modules#module-{self.pk}"


class ModuleItem(models.Model):
    """One step of a module: an assignment, a file, a page, a link, or only a heading (`subheader`).

    `assignment` is ours where the item leads to work that is known here; files are found in the vault by
    (source, `content_id`). `is_completed` is null where nothing is required.
    """

    class Kind(models.TextChoices):
        ASSIGNMENT = "assignment", "Assignment"
        QUIZ = "quiz", "Quiz"
        DISCUSSION = "discussion", "Discussion"
        FILE = "file", "File"
        PAGE = "page", "Page"
        LINK = "link", "Link"
        TOOL = "tool", "External tool"
        SUBHEADER = "subheader", "Heading"
        OTHER = "other", "Other"

    class Requirement(models.TextChoices):
        MUST_VIEW = "must_view", "View"
        MUST_SUBMIT = "must_submit", "Hand in"
        MUST_CONTRIBUTE = "must_contribute", "Contribute"
        MIN_SCORE = "min_score", "Score at least"
        MIN_PERCENTAGE = "min_percentage", "Score at least, in per cent"
        MUST_MARK_DONE = "must_mark_done", "Mark as done"

    module = models.ForeignKey(Module, on_delete=models.CASCADE, related_name="items")
    external_id = models.CharField(max_length=200)
    title = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.OTHER)
    position = models.PositiveIntegerField(default=0)
    indent = models.PositiveSmallIntegerField(default=0)
    content_id = models.CharField(max_length=200, blank=True, default="")
    assignment = models.ForeignKey(
        Assignment, on_delete=models.SET_NULL, null=True, blank=True, related_name="module_items"
    )
    html_url = models.URLField("web address", max_length=2000, blank=True, default="")
    external_url = models.URLField(max_length=2000, blank=True, default="")
    requirement_type = models.CharField(max_length=16, choices=Requirement.choices, blank=True, default="")
    min_score = models.FloatField(null=True, blank=True)
    is_completed = models.BooleanField(null=True, blank=True)
    points_possible = models.FloatField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    unlock_at = models.DateTimeField(null=True, blank=True)
    lock_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ModuleItemQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["module", "external_id"], name="module_item_is_one_per_module_and_id"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_required(self) -> bool:
        return self.requirement_type != ""
