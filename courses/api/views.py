"""The API's doors to courses, assignments and announcements."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.pagination import CursorPages
from coreengine.kernel.api.viewsets import OwnedModelViewSet, OwnedReadViewSet
from courses import marks, services
from courses.api.serializers import (
    AnnouncementSerializer,
    AssignmentGroupSerializer,
    AssignmentRepositorySerializer,
    AssignmentSerializer,
    AssignmentUpdateSerializer,
    AttachSerializer,
    CourseResourceSerializer,
    CourseSerializer,
    LinkSerializer,
    ModuleSerializer,
    PlannerItemSerializer,
    SubmissionCommentSerializer,
    TermSerializer,
)
from courses.filters import AnnouncementFilter, AssignmentFilter, CourseFilter, ModuleFilter, PlannerItemFilter
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
    Term,
)
from courses.sameness.api import SameThings, VanishedWork
from resources.models import Repository, Resource


class NewestPosted(CursorPages):
    """Announcements by the time they were posted."""

    ordering = ("-posted_at", "-id")


class TermViewSet(OwnedReadViewSet):
    """Semesters, from sources and by hand. A new one is made by naming it in a course."""

    queryset = Term.objects.all()
    serializer_class = TermSerializer


class CourseViewSet(SameThings, OwnedModelViewSet):
    """The student's courses. What comes from a source takes only the student's own fields."""

    queryset = Course.objects.select_related("term").defer("search_vector")
    serializer_class = CourseSerializer
    filterset_class = CourseFilter

    def get_queryset(self) -> QuerySet[Course]:
        rows = super().get_queryset()
        return rows.shown_once() if self.action == "list" else rows

    def perform_create(self, serializer: BaseSerializer) -> None:
        user = self.request.user
        serializer.instance = services.create_course(user, by=user, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer) -> None:
        serializer.instance = services.update_course(
            serializer.instance, by=self.request.user, changes=serializer.validated_data
        )

    def perform_destroy(self, instance: Course) -> None:
        services.delete_course(instance, by=self.request.user)

    @extend_schema(request=None, responses=CourseSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back the deletion of a course made by hand."""
        course = get_object_or_404(Course.objects.restorable_by(request.user), pk=pk)
        course = services.restore_course(course, by=request.user)
        return Response(self.get_serializer(course).data)

    @extend_schema(methods=["GET"], responses=CourseResourceSerializer(many=True), filters=False)
    @extend_schema(methods=["POST"], request=AttachSerializer, responses={201: CourseResourceSerializer})
    @action(detail=True, methods=["get", "post"], pagination_class=None, filterset_class=None)
    def resources(self, request: Request, pk: str | None = None) -> Response:
        """List the things of the vault that are attached to the course, or attach one."""
        course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
        if request.method == "POST":
            body = AttachSerializer(data=request.data, context=self.get_serializer_context())
            body.is_valid(raise_exception=True)
            link = services.attach_resource(course, body.validated_data["resource"], by=request.user)
            return Response(CourseResourceSerializer(link).data, status=201)
        links = CourseResource.objects.visible_to(request.user).in_course(course).select_related("resource")
        return Response(CourseResourceSerializer(links.defer("resource__text", "resource__body"), many=True).data)

    @extend_schema(
        request=None,
        responses={204: None},
        parameters=[OpenApiParameter("resource_id", int, OpenApiParameter.PATH, description="the vault's id")],
    )
    @action(detail=True, methods=["delete"], url_path=r"resources/(?P<resource_id>\d+)")
    def detach(self, request: Request, pk: str | None = None, resource_id: str = "") -> Response:
        """Take a thing off the course; it stays in the vault."""
        course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
        resource = get_object_or_404(Resource.objects.editable_by(request.user), pk=resource_id)
        services.detach_resource(course, resource, by=request.user)
        return Response(status=204)

    @extend_schema(responses=AssignmentGroupSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def groups(self, request: Request, pk: str | None = None) -> Response:
        """List what the course weighs together."""
        course = get_object_or_404(Course.objects.visible_to(request.user), pk=pk)
        groups = AssignmentGroup.objects.visible_to(request.user).filter(course=course)
        return Response(AssignmentGroupSerializer(groups, many=True).data)


class AssignmentViewSet(SameThings, VanishedWork, OwnedModelViewSet):
    """What is to do. `is_done` and `notes` can be written on any; the rest on those made by hand."""

    queryset = Assignment.objects.select_related("course", "group", "submission").defer(
        "search_vector", "course__search_vector", "course__syllabus_html", "course__notes"
    )
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter

    def get_queryset(self) -> QuerySet[Assignment]:
        rows = super().get_queryset()
        return rows.in_sight() if self.action == "list" else rows

    def get_serializer_class(self) -> type[BaseSerializer]:
        return AssignmentUpdateSerializer if self.action == "partial_update" else AssignmentSerializer

    @transaction.atomic
    def perform_create(self, serializer: BaseSerializer) -> None:
        values = dict(serializer.validated_data)
        is_done, course = values.pop("is_done", False), values.pop("course")
        assignment = services.create_assignment(course, by=self.request.user, **values)
        serializer.instance = services.mark_done(assignment, done=True, by=self.request.user) if is_done else assignment

    @transaction.atomic
    def perform_update(self, serializer: BaseSerializer) -> None:
        changes = dict(serializer.validated_data)
        done = changes.pop("is_done", None)
        assignment = services.update_assignment(serializer.instance, by=self.request.user, changes=changes)
        if done is not None:
            assignment = services.mark_done(assignment, done=done, by=self.request.user)
        serializer.instance = assignment

    def perform_destroy(self, instance: Assignment) -> None:
        services.delete_assignment(instance, by=self.request.user)

    @extend_schema(request=None, responses=AssignmentSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back the deletion of an assignment made by hand."""
        assignment = get_object_or_404(Assignment.objects.restorable_by(request.user), pk=pk)
        assignment = services.restore_assignment(assignment, by=request.user)
        return Response(self.get_serializer(assignment).data)

    @extend_schema(methods=["GET"], responses=AssignmentRepositorySerializer(many=True), filters=False)
    @extend_schema(methods=["POST"], request=LinkSerializer, responses={201: AssignmentRepositorySerializer})
    @action(detail=True, methods=["get", "post"], pagination_class=None, filterset_class=None)
    def repositories(self, request: Request, pk: str | None = None) -> Response:
        """List the repositories that the assignment is worked on in, or link one."""
        assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
        if request.method == "POST":
            body = LinkSerializer(data=request.data, context=self.get_serializer_context())
            body.is_valid(raise_exception=True)
            link = services.link_repository(assignment, body.validated_data["repository"], by=request.user)
            return Response(AssignmentRepositorySerializer(link).data, status=201)
        links = AssignmentRepository.objects.visible_to(request.user).filter(assignment=assignment)
        links = links.select_related("repository").defer("repository__search_vector")
        return Response(AssignmentRepositorySerializer(links, many=True).data)

    @extend_schema(
        request=None,
        responses={204: None},
        parameters=[OpenApiParameter("repository_id", int, OpenApiParameter.PATH, description="our id of it")],
    )
    @action(detail=True, methods=["delete"], url_path=r"repositories/(?P<repository_id>\d+)")
    def unlink(self, request: Request, pk: str | None = None, repository_id: str = "") -> Response:
        """Take a repository off the assignment; nothing in it is touched."""
        assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
        repository = get_object_or_404(Repository.objects.editable_by(request.user), pk=repository_id)
        services.unlink_repository(assignment, repository, by=request.user)
        return Response(status=204)

    @extend_schema(responses=SubmissionCommentSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def comments(self, request: Request, pk: str | None = None) -> Response:
        """List what was written about the student's work, the oldest first."""
        rows = self.get_object().comments.in_order()
        return Response(SubmissionCommentSerializer(rows, many=True).data)

    @extend_schema(responses=PlannerItemSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def mark(self, request: Request, pk: str | None = None) -> Response:
        """Show how the student's mark stands at the source; 404 where its planner does not have the assignment."""
        items = PlannerItem.objects.visible_to(request.user)
        return Response(PlannerItemSerializer(get_object_or_404(items, assignment=self.get_object())).data)

    @extend_schema(request=None, responses=PlannerItemSerializer)
    @action(detail=True, methods=["post"], url_path="mark/write")
    def write_mark(self, request: Request, pk: str | None = None) -> Response:
        """Tell the source once more what it did not take."""
        return Response(PlannerItemSerializer(marks.write_again(self.get_object(), by=request.user)).data)

    @extend_schema(request=None, responses=PlannerItemSerializer)
    @action(detail=True, methods=["post"], url_path="mark/keep")
    def keep_mark(self, request: Request, pk: str | None = None) -> Response:
        """Give up telling the source: the mark stays here only."""
        return Response(PlannerItemSerializer(marks.keep_mark_here(self.get_object(), by=request.user)).data)


class InOrder(CursorPages):
    """Modules as their courses order them."""

    ordering = ("course_id", "position", "id")


class ModuleViewSet(OwnedReadViewSet):
    """The modules of the student's courses with their items, in the order of the source."""

    queryset = Module.objects.prefetch_related(
        Prefetch("items", ModuleItem.objects.present().in_order(), to_attr="present_items")
    )
    serializer_class = ModuleSerializer
    filterset_class = ModuleFilter
    pagination_class = InOrder

    def get_queryset(self) -> QuerySet[Module]:
        rows = super().get_queryset()
        return rows.shown_once() if self.action == "list" else rows


class PlannerItemViewSet(OwnedReadViewSet):
    """What the sources' planners list: work, events and notes, and where the student's marks stand."""

    queryset = PlannerItem.objects.all()
    serializer_class = PlannerItemSerializer
    filterset_class = PlannerItemFilter

    def get_queryset(self) -> QuerySet[PlannerItem]:
        rows = super().get_queryset()
        return rows.shown_once() if self.action == "list" else rows


class AnnouncementViewSet(OwnedReadViewSet):
    """What teachers told the student's courses, newest first."""

    queryset = Announcement.objects.defer("search_vector")
    serializer_class = AnnouncementSerializer
    filterset_class = AnnouncementFilter

    def get_queryset(self) -> QuerySet[Announcement]:
        rows = super().get_queryset()
        return rows.shown_once() if self.action == "list" else rows

    pagination_class = NewestPosted
