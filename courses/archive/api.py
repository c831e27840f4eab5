"""The API's door to archives of courses."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import OwnedReadViewSet
from courses.api.serializers import OwnCourses
from courses.archive import services
from courses.archive.views import zip_response
from courses.models import Course, CourseArchive


class ArchiveSerializer(serializers.ModelSerializer):
    """One archive: how far it is, and where its bytes are once `is_ready`."""

    courses = serializers.ListField(source="course_ids", child=serializers.IntegerField(), read_only=True)
    is_ready = serializers.BooleanField(read_only=True)
    download_url = serializers.SerializerMethodField()

    class Meta:
        model = CourseArchive
        fields = [
            *("id", "title", "courses", "with_files", "status", "done_count", "total_count", "doing", "missing"),
            *(
                "error",
                "is_ready",
                "download_url",
                "size_bytes",
                "expires_at",
                "started_at",
                "finished_at",
                "created_at",
            ),
        ]
        read_only_fields = fields

    def get_download_url(self, archive: CourseArchive) -> str | None:
        return f"/api/v1/course-archives/{archive.pk}/download/" if archive.is_ready else None


class ArchiveRequestSerializer(serializers.Serializer):
    """What to archive."""

    courses = OwnCourses(queryset=Course.objects.none(), many=True)
    title = serializers.CharField(required=False, allow_blank=True, max_length=255, default="")
    with_files = serializers.BooleanField(required=False, default=True)


class CourseArchiveViewSet(mixins.DestroyModelMixin, OwnedReadViewSet):
    """Archives of courses: ask for one, look how far it is, download it."""

    queryset = CourseArchive.objects.select_related("blob")
    serializer_class = ArchiveSerializer

    @extend_schema(request=ArchiveRequestSerializer, responses={202: ArchiveSerializer})
    def create(self, request: Request) -> Response:
        """Ask for an archive; a worker makes it. Read it again until `status` says that it is over."""
        body = ArchiveRequestSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        return self.idempotently(request, lambda: self._begin(request, body.validated_data), in_one_transaction=True)

    def _begin(self, request: Request, given: dict[str, Any]) -> Response:
        ids = [course.pk for course in given.pop("courses")]
        archive = services.request_archive(request.user, ids, by=request.user, **given)
        headers = {"Location": f"/api/v1/course-archives/{archive.pk}/"}
        return Response(self.get_serializer(archive).data, status=202, headers=headers)

    def perform_destroy(self, instance: CourseArchive) -> None:
        services.delete_archive(instance, by=self.request.user)

    @extend_schema(request=None, responses=ArchiveSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Stop an archive that is being made."""
        return Response(self.get_serializer(services.cancel_archive(self.get_object(), by=request.user)).data)

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: str | None = None) -> FileResponse:
        """Download the ZIP; 409 while it is being made, and once its two weeks are over."""
        return zip_response(self.get_object())
