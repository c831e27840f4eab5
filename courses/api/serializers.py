"""Courses and what is in them as JSON. Serializers parse and present; services write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from courses.models import (
    Announcement,
    Assignment,
    AssignmentGroup,
    AssignmentRepository,
    Course,
    CourseResource,
    Module,
    ModuleItem,
    PlannerItem,
    Submission,
    SubmissionComment,
    Term,
)
from courses.models.courses import HUES
from courses.rules import LONGEST_NOTES, check_local_time
from courses.work_state import WorkState
from resources.models import Repository, Resource


class TermSerializer(serializers.ModelSerializer):
    """A semester."""

    class Meta:
        model = Term
        fields = ["id", "name", "starts_at", "ends_at", "source", "external_id"]
        read_only_fields = fields


class AssignmentGroupSerializer(serializers.ModelSerializer):
    """What a course weighs as one."""

    class Meta:
        model = AssignmentGroup
        fields = ["id", "name", "position", "weight", "drop_lowest", "drop_highest"]
        read_only_fields = fields


class SubmissionCommentSerializer(serializers.ModelSerializer):
    """What was written about the work."""

    class Meta:
        model = SubmissionComment
        fields = ["id", "author", "text", "written_at", "external_id"]
        read_only_fields = fields


class SubmissionSerializer(serializers.ModelSerializer):
    """The student's own work, as the source says."""

    class Meta:
        model = Submission
        fields = [
            "state",
            "submitted_at",
            "graded_at",
            "posted_at",
            "score",
            "grade",
            "late",
            "missing",
            "excused",
            "attempt",
            "seconds_late",
            "points_deducted",
            "html_url",
        ]
        read_only_fields = fields


class CourseSerializer(serializers.ModelSerializer):
    """A course; `term_name` and the student's own fields can be written."""

    term = TermSerializer(read_only=True)
    term_name = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=255, help_text="a known term's name, or a new one"
    )
    title = serializers.CharField(read_only=True, help_text="the student's name for it, else the source's")
    is_concluded = serializers.SerializerMethodField()
    hue = serializers.IntegerField(min_value=0, max_value=HUES - 1, required=False, help_text="the colour, 0 to 11")
    notes = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_NOTES)

    class Meta:
        model = Course
        fields = [
            "id",
            "title",
            "name",
            "nickname",
            "code",
            "term",
            "term_name",
            "starts_at",
            "ends_at",
            "time_zone",
            "state",
            "is_concluded",
            "is_hidden",
            "is_restricted",
            "missing_since",
            "same_as",
            "hue",
            "position",
            "notes",
            "ai_policy",
            "ai_policy_text",
            "ai_policy_where",
            "html_url",
            "syllabus_html",
            "teachers",
            "current_score",
            "current_grade",
            "final_score",
            "final_grade",
            "period_title",
            "period_score",
            "period_grade",
            "is_favorite",
            "source",
            "external_id",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "time_zone",
            "position",
            "period_title",
            "period_score",
            "period_grade",
            "is_favorite",
            "is_restricted",
            "missing_since",
            "same_as",
            "syllabus_html",
            "teachers",
            "current_score",
            "current_grade",
            "final_score",
            "final_grade",
            "source",
            "external_id",
            "created_at",
            "updated_at",
        ]

    def get_is_concluded(self, course: Course) -> bool:
        return course.is_concluded(timezone.now())


class LocalMomentField(serializers.DateTimeField):
    """A moment; without an offset it is meant in the student's zone, where it has to exist, and once only."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if value is not None and timezone.is_naive(value):
            try:
                request = self.context.get("request")
                zone = request.user.zone if request is not None else timezone.get_current_timezone()
                value = check_local_time(value, zone)
            except ValidationError as error:
                raise serializers.ValidationError(error.messages) from error
        return super().enforce_timezone(value)


class OwnCourses(serializers.PrimaryKeyRelatedField):
    """A course by its id; another student's is as unknown as one that never was."""

    def get_queryset(self) -> Any:
        return Course.objects.editable_by(self.context["request"].user)


class OwnGroups(serializers.PrimaryKeyRelatedField):
    """A group of work by its id; another student's is as unknown as one that never was."""

    def get_queryset(self) -> Any:
        return AssignmentGroup.objects.visible_to(self.context["request"].user)


class AssignmentSerializer(serializers.ModelSerializer):
    """An assignment with where the work stands; `is_done` is the student's own mark."""

    course = OwnCourses(queryset=Course.objects.none())
    group = AssignmentGroupSerializer(read_only=True)
    group_id = OwnGroups(
        source="group",
        queryset=AssignmentGroup.objects.none(),
        required=False,
        allow_null=True,
        write_only=True,
        help_text="of a course made by hand: one of its groups",
    )
    due_at = LocalMomentField(required=False, allow_null=True)
    unlock_at = LocalMomentField(required=False, allow_null=True)
    lock_at = LocalMomentField(required=False, allow_null=True)
    submission = SubmissionSerializer(source="own_submission", read_only=True, allow_null=True)
    work_state = serializers.SerializerMethodField()
    is_done = serializers.BooleanField(required=False, help_text="the student's own mark")
    notes = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_NOTES)

    class Meta:
        model = Assignment
        fields = [
            "id",
            "course",
            "name",
            "work_state",
            "is_done",
            "done_at",
            "due_at",
            "unlock_at",
            "lock_at",
            "points_possible",
            "grading_type",
            "submission_types",
            "allowed_extensions",
            "group",
            "group_id",
            "submission",
            "description_html",
            "notes",
            "estimate_minutes",
            "planned_on",
            "started_at",
            "dismissed_at",
            "html_url",
            "position",
            "omit_from_final_grade",
            "missing_since",
            "same_as",
            "put_away_at",
            "source",
            "external_id",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "done_at",
            "started_at",
            "dismissed_at",
            "grading_type",
            "submission_types",
            "allowed_extensions",
            "description_html",
            "position",
            "missing_since",
            "same_as",
            "put_away_at",
            "source",
            "external_id",
            "created_at",
            "updated_at",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=WorkState.choices))
    def get_work_state(self, assignment: Assignment) -> str:
        return str(assignment.state_at(timezone.now()))

    def to_representation(self, assignment: Assignment) -> dict[str, Any]:
        return {**super().to_representation(assignment), "is_done": assignment.done_at is not None}


class AssignmentUpdateSerializer(AssignmentSerializer):
    """An assignment stays in its course."""

    course = serializers.PrimaryKeyRelatedField(read_only=True)


class ModuleItemSerializer(serializers.ModelSerializer):
    """One step of a module. `assignment` is ours; `content_id` is the source's id of what it leads to."""

    class Meta:
        model = ModuleItem
        fields = [
            "id",
            "title",
            "kind",
            "position",
            "indent",
            "content_id",
            "assignment",
            "html_url",
            "external_url",
            "requirement_type",
            "min_score",
            "is_completed",
            "points_possible",
            "due_at",
            "unlock_at",
            "lock_at",
            "external_id",
        ]
        read_only_fields = fields


class ModuleSerializer(serializers.ModelSerializer):
    """A part of a course, with its items in order. `prerequisite_ids` are the source's ids of other modules."""

    items = ModuleItemSerializer(source="present_items", many=True, read_only=True)

    class Meta:
        model = Module
        fields = [
            "id",
            "course",
            "name",
            "position",
            "state",
            "unlock_at",
            "completed_at",
            "is_sequential",
            "requirement_type",
            "prerequisite_ids",
            "items",
            "missing_since",
            "source",
            "external_id",
            "updated_at",
        ]
        read_only_fields = fields


class PlannerItemSerializer(serializers.ModelSerializer):
    """An entry of a source's planner. `write_state` says whether the student's mark has reached the source."""

    write_state = serializers.ChoiceField(choices=["settled", "pending", "failed"], read_only=True)

    class Meta:
        model = PlannerItem
        fields = [
            "id",
            "course",
            "assignment",
            "kind",
            "title",
            "starts_at",
            "ends_at",
            "is_all_day",
            "location",
            "details_html",
            "html_url",
            "is_marked_complete",
            "is_dismissed",
            "done_at",
            "dismissed_at",
            "planned_on",
            "estimate_minutes",
            "write_state",
            "wanted_complete",
            "wanted_dismissed",
            "write_error",
            "missing_since",
            "source",
            "external_id",
            "updated_at",
        ]
        read_only_fields = fields


class AnnouncementSerializer(serializers.ModelSerializer):
    """What a teacher told a course."""

    class Meta:
        model = Announcement
        fields = ["id", "course", "title", "message_html", "author", "posted_at", "html_url", "source", "external_id"]
        read_only_fields = fields


class CourseResourceSerializer(serializers.ModelSerializer):
    """A thing of the vault, attached to a course."""

    resource = serializers.IntegerField(source="resource_id", read_only=True)
    title = serializers.CharField(source="resource.title", read_only=True)
    kind = serializers.CharField(source="resource.kind", read_only=True)

    class Meta:
        model = CourseResource
        fields = ["resource", "title", "kind", "folder", "created_at"]
        read_only_fields = fields


class OwnResources(serializers.PrimaryKeyRelatedField):
    """A thing of the vault by its id; another student's is as unknown as one that never was."""

    def get_queryset(self) -> Any:
        return Resource.objects.editable_by(self.context["request"].user).kept()


class AttachSerializer(serializers.Serializer):
    """What to attach."""

    resource = OwnResources(queryset=Resource.objects.none())


class OwnRepositories(serializers.PrimaryKeyRelatedField):
    """A repository by its id; another student's is as unknown as one that never was."""

    def get_queryset(self) -> Any:
        return Repository.objects.editable_by(self.context["request"].user).for_list()


class LinkSerializer(serializers.Serializer):
    """Which repository to link."""

    repository = OwnRepositories(queryset=Repository.objects.none())


class AssignmentRepositorySerializer(serializers.ModelSerializer):
    """A repository that an assignment is worked on in: its last commit, and what CI made of it."""

    repository = serializers.IntegerField(source="repository_id", read_only=True)
    full_name = serializers.CharField(source="repository.full_name", read_only=True)
    html_url = serializers.CharField(source="repository.html_url", read_only=True)
    last_commit_at = serializers.DateTimeField(source="repository.last_commit_at", read_only=True, allow_null=True)
    last_commit_title = serializers.CharField(source="repository.last_commit_title", read_only=True)
    ci_status = serializers.CharField(source="repository.ci_status", read_only=True, help_text="empty: nothing ran")
    is_live = serializers.BooleanField(source="repository.is_live", read_only=True)

    class Meta:
        model = AssignmentRepository
        fields = [
            *("repository", "full_name", "html_url", "last_commit_at", "last_commit_title", "ci_status", "is_live"),
            "created_at",
        ]
        read_only_fields = fields
