"""What a source's own planner lists: work, events and notes, and which of it the student marked complete there."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from courses.models.assignments import Assignment
from courses.models.courses import Course
from courses.models.planned import Planned
from courses.querysets import PlannerItemQuerySet

IS_WANTED = Q(wanted_complete__isnull=False) | Q(wanted_dismissed__isnull=False)


class PlannerItem(Planned):
    """One entry of a source's planner; `external_id` is what it is and its id there, such as "quiz:123".

    `is_marked_complete` and `is_dismissed` are what the source last said, `wanted_complete` and `wanted_dismissed` what
    the student marked here and the source has not taken yet, null where both agree; `write_error` says why the source
    did not take it. What has an assignment is marked there; what has none is marked here (`done_at`, `dismissed_at`).
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="planner_items")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, null=True, blank=True, related_name="planner_items")
    assignment = models.OneToOneField(
        Assignment, on_delete=models.SET_NULL, null=True, blank=True, related_name="planner_item"
    )
    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=240)
    kind = models.CharField(max_length=32)
    title = models.CharField(max_length=255)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_all_day = models.BooleanField(default=False)
    location = models.CharField(max_length=255, blank=True, default="")
    details_html = models.TextField(blank=True, default="")
    html_url = models.URLField("web address", max_length=2000, blank=True, default="")
    override_id = models.CharField(max_length=200, blank=True, default="")
    is_marked_complete = models.BooleanField(default=False)
    is_dismissed = models.BooleanField(default=False)
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)

    planned_on = models.DateField("planned for", null=True, blank=True)
    wanted_complete = models.BooleanField(null=True, blank=True, editable=False)
    wanted_dismissed = models.BooleanField(null=True, blank=True, editable=False)
    wanted_at = models.DateTimeField(null=True, blank=True, editable=False)
    write_error = models.CharField(max_length=500, blank=True, default="", editable=False)
    same_as = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="twins"
    )
    """The entry that is shown in place of this one, which is the same from another source (`courses.sameness`)."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PlannerItemQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(same_as=F("id")), name="planner_item_is_not_its_own_twin"),
            models.UniqueConstraint(fields=["owner", "source", "external_id"], name="planner_item_is_one_per_source"),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(external_id=""), name="planner_item_comes_from_a_source"
            ),
            models.CheckConstraint(
                condition=IS_WANTED | Q(write_error=""),
                name="planner_item_fails_only_at_what_is_wanted",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "starts_at"], name="planner_item_by_owner_and_time"),
            models.Index(
                fields=["owner", "source"],
                condition=IS_WANTED,
                name="planner_item_to_write",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The page here: of its assignment, else what the planner can do with it."""
        if self.assignment_id:
            return f"/assignments/{self.assignment_id}/"
        return reverse("courses:planner-item", args=[f"item:{self.pk}"])

    @property
    def is_event(self) -> bool:
        """Something that takes place, and is over by itself; everything else is to be done."""
        return self.kind == "calendar_event"

    @property
    def write_state(self) -> str:
        """Where the student's mark stands at the source: "settled", "pending" or "failed"."""
        if self.wanted_complete is None and self.wanted_dismissed is None:
            return "settled"
        return "failed" if self.write_error else "pending"
