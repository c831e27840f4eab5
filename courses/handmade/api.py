"""The API's doors to what is kept by hand: groups, results, the order of courses, a course once more."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet
from courses.api.serializers import CourseSerializer, LocalMomentField, OwnCourses, SubmissionSerializer
from courses.course_page.activity import undoable
from courses.handmade import services
from courses.models import Assignment, AssignmentGroup, Course, Submission
from courses.people.services import restore_person


class GroupSerializer(serializers.ModelSerializer):
    """What a course made by hand weighs as one; the groups of other courses are their source's."""

    course = OwnCourses(queryset=Course.objects.none())
    drop_lowest = serializers.IntegerField(min_value=0, max_value=99, required=False)
    drop_highest = serializers.IntegerField(min_value=0, max_value=99, required=False)

    class Meta:
        model = AssignmentGroup
        fields = ["id", "course", "name", "position", "weight", "drop_lowest", "drop_highest"]
        read_only_fields = ["position"]
        validators: list[Any] = []


class GroupUpdateSerializer(GroupSerializer):
    """A group stays in its course."""

    course = serializers.PrimaryKeyRelatedField(read_only=True)


class ResultSerializer(serializers.ModelSerializer):
    """How a piece of work of a course made by hand went; what is not sent stays as it is."""

    submitted_at = LocalMomentField(required=False, allow_null=True)

    class Meta:
        model = Submission
        fields = ["state", "submitted_at", "score", "grade", "late", "missing", "excused"]
        extra_kwargs = {name: {"required": False} for name in fields}


class OrderSerializer(serializers.Serializer):
    """The ids of courses, first to last; those that are not named follow in the order they had."""

    courses = serializers.ListField(child=serializers.IntegerField(), max_length=500)


class DuplicateSerializer(serializers.Serializer):
    """A course once more."""

    name = serializers.CharField(max_length=255)
    term_name = serializers.CharField(max_length=255, required=False, allow_blank=True)
    first_day = LocalMomentField(
        required=False, allow_null=True, help_text="all dates move with it; without it the copy has none"
    )


class AssignmentGroupViewSet(OwnedModelViewSet):
    """Groups of work with their weights and drop rules."""

    queryset = AssignmentGroup.objects.select_related("course")
    serializer_class = GroupSerializer
    filterset_fields = ["course"]

    def get_serializer_class(self) -> type[BaseSerializer]:
        return GroupUpdateSerializer if self.action == "partial_update" else GroupSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        values = dict(serializer.validated_data)
        serializer.instance = services.create_group(values.pop("course"), by=self.request.user, **values)

    def perform_update(self, serializer: BaseSerializer) -> None:
        changes = serializer.validated_data
        serializer.instance = services.update_group(serializer.instance, by=self.request.user, changes=changes)

    def perform_destroy(self, instance: AssignmentGroup) -> None:
        services.delete_group(instance, by=self.request.user)


class ResultView(ApiView):
    """How a piece of work of a course made by hand went."""

    @extend_schema(request=ResultSerializer, responses=SubmissionSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Note how it went; a score makes it graded."""
        assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
        body = ResultSerializer(data=request.data, partial=True, context={"request": request})
        body.is_valid(raise_exception=True)
        result = services.set_result(assignment, by=request.user, changes=body.validated_data)
        return Response(SubmissionSerializer(result).data)


class CourseOrderView(ApiView):
    """The order of the courses in lists and in the sidebar."""

    @extend_schema(request=OrderSerializer, responses=OrderSerializer)
    def put(self, request: Request) -> Response:
        """Put the courses in this order; the answer has the order before."""
        body = OrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        before = services.order_courses(request.user, body.validated_data["courses"], by=request.user)
        return Response({"courses": before})


class DuplicateView(ApiView):
    """A course by hand after another one."""

    @extend_schema(request=DuplicateSerializer, responses={201: CourseSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Copy groups and work, without results, into a new course."""
        course = get_object_or_404(Course.objects.visible_to(request.user), pk=pk)
        body = DuplicateSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        return self.idempotently(request, lambda: self._made(request, course, body), in_one_transaction=True)

    @staticmethod
    def _made(request: Request, course: Course, body: DuplicateSerializer) -> Response:
        made = services.duplicate_course(course, by=request.user, **body.validated_data)
        data = CourseSerializer(made, context={"request": request}).data
        return Response(data, status=201, headers={"Location": f"/api/v1/courses/{made.pk}/"})


class UndoSerializer(serializers.Serializer):
    """What to take back."""

    event = serializers.IntegerField(min_value=1, help_text="id of course.group_deleted or course.person_removed")


class UndoView(ApiView):
    """Bring back a group or a contact that was taken away."""

    @extend_schema(request=UndoSerializer, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Take back what an event of the course tells."""
        course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
        body = UndoSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        event = get_object_or_404(undoable(request.user, course, *RESTORED), pk=body.validated_data["event"])
        RESTORED[event.type](course, event, by=request.user)
        return Response(status=204)


RESTORED = {"course.group_deleted": services.restore_group, "course.person_removed": restore_person}
