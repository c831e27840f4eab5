"""The API's door to the vault."""

from typing import Any

from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from coreengine.kernel.api.viewsets import OwnedModelViewSet
from coreengine.kernel.errors import TooLarge
from resources import reports, services
from resources.api.serializers import (
    CreateSerializer,
    DeletedSerializer,
    EditSerializer,
    PassageHitSerializer,
    PassageSerializer,
    ResourceSerializer,
    UploadSerializer,
)
from resources.downloads import attachment
from resources.filters import ResourceFilter
from resources.models import Resource
from resources.querysets import ResourceQuerySet

_SEARCH = [
    OpenApiParameter("search", str, description='Words, "a phrase", this or that, -not. Best first, with highlights.'),
    OpenApiParameter("page", int, description="Of a search: 20 to a page."),
    OpenApiParameter("trashed", bool, description="What is in the trash instead."),
]


@extend_schema_view(
    list=extend_schema(parameters=_SEARCH),
    destroy=extend_schema(description="Delete for good what is in the trash (409 otherwise)."),
)
class ResourceViewSet(OwnedModelViewSet):
    """Files, notes and links."""

    queryset = Resource.objects.defer("text", "vector", "heading_vector").select_related("blob")
    serializer_class = ResourceSerializer
    filterset_class = ResourceFilter

    def get_queryset(self) -> ResourceQuerySet:
        resources = super().get_queryset()
        if self.action != "list":
            return resources
        is_trash = self.request.query_params.get("trashed", "").lower() in {"1", "true", "yes"}
        return resources.trashed() if is_trash else resources.kept()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List resources, newest first, or search in them."""
        words = request.query_params.get("search", "").strip()
        if not words:
            return super().list(request, *args, **kwargs)
        value = request.query_params.get("page", "1")
        page = min(max(int(value), 1), 1000) if value.isdecimal() and len(value) < 6 else 1
        offset = (page - 1) * reports.PAGE_SIZE
        found = reports.search_resources(
            self.filter_queryset(self.get_queryset()), words, offset=offset, with_body=True
        )
        highlights = {item.resource.pk: item for item in found.items}
        serializer = ResourceSerializer(
            [item.resource for item in found.items], many=True, context={"highlights": highlights}
        )
        address = request.build_absolute_uri()
        return Response(
            {
                "next": replace_query_param(address, "page", page + 1) if found.has_more else None,
                "previous": replace_query_param(address, "page", page - 1) if page > 1 else None,
                "count": found.count,
                "is_capped": found.is_capped,
                "results": serializer.data,
            }
        )

    @extend_schema(
        request={"application/json": CreateSerializer, "multipart/form-data": UploadSerializer},
        responses={201: ResourceSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Write a note, save a link, or upload a file (as multipart/form-data)."""
        return self.idempotently(request, lambda: self._create(request))

    def _create(self, request: Request) -> Response:
        is_upload = "multipart/form-data" in (request.content_type or "")
        resource = self._upload(request) if is_upload else self._write(request)
        location = {"Location": reverse("api:resource-detail", args=[resource.pk])}
        return Response(ResourceSerializer(resource).data, status=201, headers=location)

    def _upload(self, request: Request) -> Resource:
        _ = request.data  # parses, which fills refused_uploads
        if refused := getattr(request._request, "refused_uploads", []):
            raise TooLarge(refused[0][1])
        serializer = UploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = {**serializer.validated_data}
        file = values.pop("file")
        return services.upload_file(file, name=file.name or "", by=request.user, **values)

    def _write(self, request: Request) -> Resource:
        serializer = CreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = {**serializer.validated_data}
        if values.pop("kind") == Resource.Kind.LINK:
            return services.save_link(by=request.user, **values)
        values.pop("url")
        return services.write_note(by=request.user, **values)

    @extend_schema(request=EditSerializer, responses=ResourceSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change title, text, tags, or the address of a link."""
        serializer = EditSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        resource = services.edit_resource(self.get_object(), by=request.user, **serializer.validated_data)
        return Response(ResourceSerializer(resource).data)

    def perform_destroy(self, instance: Resource) -> None:
        services.delete_for_good(instance, by=self.request.user)

    @extend_schema(request=None, responses=ResourceSerializer)
    @action(detail=True, methods=["post"])
    def trash(self, request: Request, pk: str | None = None) -> Response:
        """Put it in the trash."""
        return Response(ResourceSerializer(services.trash_resource(self.get_object(), by=request.user)).data)

    @extend_schema(request=None, responses=ResourceSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take it out of the trash."""
        return Response(ResourceSerializer(services.restore_resource(self.get_object(), by=request.user)).data)

    @extend_schema(request=None, responses={202: ResourceSerializer})
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str | None = None) -> Response:
        """Read the text of a file once more."""
        return Response(ResourceSerializer(services.read_again(self.get_object(), by=request.user)).data, status=202)

    @extend_schema(request=None, responses=DeletedSerializer)
    @action(detail=False, methods=["post"], url_path="empty-trash")
    def empty_trash(self, request: Request) -> Response:
        """Delete everything in the trash for good."""
        return Response({"count": services.empty_trash(by=request.user)})

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)})
    @action(detail=True, methods=["get"])
    def file(self, request: Request, pk: str | None = None) -> FileResponse:
        """Give the file, always as a download."""
        return attachment(self.get_object())

    @extend_schema(responses=PassageSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_class=None)
    def text(self, request: Request, pk: str | None = None) -> Response:
        """Give the whole text in passages, in reading order; they are at most 1,500."""
        passages = self.get_object().passages.defer("vector").order_by("ordinal")
        return Response(PassageSerializer(passages, many=True).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("query", str, required=True, description="Words or a whole question."),
            OpenApiParameter("limit", int, description="At most 20; 8 by default."),
        ],
        responses=PassageHitSerializer(many=True),
        filters=False,
    )
    @action(detail=False, methods=["get"], filterset_class=None, pagination_class=None)
    def passages(self, request: Request) -> Response:
        """Find the passages that answer a question best, across all resources."""
        limit = request.query_params.get("limit", "8")
        hits = reports.search_passages(
            request.user,
            request.query_params.get("query", ""),
            int(limit) if limit.isdecimal() and len(limit) < 4 else 8,
        )
        return Response(PassageHitSerializer(hits, many=True).data)
