"""What a source's own planner lists: work, events and notes, and which of it the student marked complete there."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from courses.models.assignments import Assignment
from courses.models.courses import Course
from courses.querysets import PlannerItemQuerySet


class PlannerItem(models.Model):
    """One entry of a source's planner; `external_id` is what it is and its id there, such as "quiz:123".

    `is_marked_complete` is what the source last said. `wanted_complete` is what the student marked here and what
    the source has not taken yet, null where both agree; `write_error` says why the source did not take it.
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

    wanted_complete = models.BooleanField(null=True, blank=True, editable=False)
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
                condition=Q(wanted_complete__isnull=False) | Q(write_error=""),
                name="planner_item_fails_only_at_what_is_wanted",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "starts_at"], name="planner_item_by_owner_and_time"),
            models.Index(
                fields=["owner", "source"],
                condition=Q(wanted_complete__isnull=False),
                name="planner_item_to_write",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def write_state(self) -> str:
        """Where the student's mark stands at the source: "settled", "pending" or "failed"."""
        if self.wanted_complete is None:
            return "settled"
        return "failed" if self.write_error else "pending"
