"""Resources as JSON. Serializers parse and present; services write."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from resources.models import Passage, Resource


class FileSerializer(serializers.ModelSerializer):
    """The file of a resource."""

    name = serializers.CharField(source="file_name")
    download_url = serializers.SerializerMethodField()

    class Meta:
        model = Resource
        fields = ["name", "content_type", "size_bytes", "page_count", "download_url"]

    def get_download_url(self, resource: Resource) -> str:
        """Say where the bytes are."""
        return reverse("api:resource-file", args=[resource.pk])


class HighlightsSerializer(serializers.Serializer):
    """What a search matched: safe HTML with `<mark>`, and the page it stands on where there are pages."""

    title = serializers.CharField()
    snippet = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    rank = serializers.FloatField()


class ResourceSerializer(serializers.ModelSerializer):
    """A file, a note or a link."""

    file = serializers.SerializerMethodField()
    is_trashed = serializers.BooleanField(read_only=True)
    highlights = serializers.SerializerMethodField()

    class Meta:
        model = Resource
        fields = [
            "id", "kind", "title", "body", "url", "tags", "file", "extraction_status", "extraction_reason", "source",
            "external_id", "external_folder", "external_updated_at", "missing_since", "created_at", "updated_at",
            "trashed_at", "is_trashed", "highlights",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(FileSerializer(allow_null=True))
    def get_file(self, resource: Resource) -> dict[str, Any] | None:
        """Describe the file, if it is one."""
        return FileSerializer(resource).data if resource.kind == Resource.Kind.FILE else None

    @extend_schema_field(HighlightsSerializer(allow_null=True))
    def get_highlights(self, resource: Resource) -> dict[str, Any] | None:
        """Give what a search matched; null without a search."""
        found = self.context.get("highlights", {}).get(resource.pk)
        if found is None:
            return None
        return {
            "title": str(found.title_html),
            "snippet": str(found.snippet_html),
            "page": found.page,
            "rank": found.rank,
        }


class CreateSerializer(serializers.Serializer):
    """A note or a link to make."""

    kind = serializers.ChoiceField(choices=[("note", "Note"), ("link", "Link")])
    title = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)
    body = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)
    url = serializers.CharField(required=False, allow_blank=True, default="", help_text="of a link")
    tags = serializers.ListField(child=serializers.CharField(), required=False, default=list)


class UploadSerializer(serializers.Serializer):
    """A file to keep, as multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True)
    title = serializers.CharField(required=False, allow_blank=True, default="", help_text="else made from the name")
    body = serializers.CharField(required=False, allow_blank=True, default="", help_text="your notes on it")
    tags = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    allow_duplicate = serializers.BooleanField(default=False, help_text="keep it though the same bytes are there")


class EditSerializer(serializers.Serializer):
    """What to change; what is left out stays."""

    title = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    body = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    url = serializers.CharField(required=False, allow_blank=True, help_text="of a link")
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class PassageSerializer(serializers.ModelSerializer):
    """A piece of a resource's text; `page` where the format has pages."""

    class Meta:
        model = Passage
        fields = ["ordinal", "page", "text"]
        read_only_fields = fields


class PassageHitSerializer(serializers.Serializer):
    """A passage that answers a question, with what is needed to cite it."""

    resource_id = serializers.IntegerField()
    title = serializers.CharField()
    url = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    text = serializers.CharField()


class DeletedSerializer(serializers.Serializer):
    """How many were deleted."""

    count = serializers.IntegerField()
