"""The API's doors for admins who install plugins. Below /plugins/{name}/ everything belongs to the manifest."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import ApiView, Conventions
from plugins.installing import services
from plugins.installing.forms import MAX_SIGNATURE_BYTES
from plugins.installing.models import PluginVersion
from plugins.installing.pages import ConsentPage, consent_page
from plugins.registry import find_plugin


class PluginPermissionSerializer(serializers.Serializer):
    """One thing that a plugin may do."""

    key = serializers.CharField()
    words = serializers.CharField()
    is_grave = serializers.BooleanField()


class PluginVersionSerializer(serializers.ModelSerializer):
    """A version that an admin brought."""

    is_proposal = serializers.BooleanField(read_only=True, help_text="true until somebody consented")

    class Meta:
        model = PluginVersion
        fields = [
            "id",
            "name",
            "version",
            "sha256",
            "digest",
            "file_name",
            "size_bytes",
            "file_count",
            "signed_by",
            "is_proposal",
            "proposed_at",
            "installed_at",
            "image_state",
            "image",
            "image_log",
        ]
        read_only_fields = fields


class PluginConsentSerializer(PluginVersionSerializer):
    """A version with what it asks for, beside the version that runs."""

    consent = serializers.CharField(read_only=True, help_text="send it back to consent to exactly these permissions")
    replaces = serializers.CharField(read_only=True, help_text="the version that runs, empty if none does")
    asks_for = PluginPermissionSerializer(many=True, read_only=True, help_text="beyond what runs")
    gives_up = PluginPermissionSerializer(many=True, read_only=True)
    keeps = PluginPermissionSerializer(many=True, read_only=True)
    needs_full_network = serializers.BooleanField(read_only=True)
    looks_like = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta(PluginVersionSerializer.Meta):
        fields = [
            *PluginVersionSerializer.Meta.fields,
            "consent",
            "replaces",
            "asks_for",
            "gives_up",
            "keeps",
            "needs_full_network",
            "looks_like",
        ]
        read_only_fields = fields

    def to_representation(self, instance: ConsentPage) -> dict[str, Any]:
        change = instance.change
        return {
            **PluginVersionSerializer(instance.version).data,
            "consent": instance.consent,
            "replaces": instance.before.version if instance.before else "",
            "asks_for": PluginPermissionSerializer(change.added, many=True).data,
            "gives_up": PluginPermissionSerializer(change.removed, many=True).data,
            "keeps": PluginPermissionSerializer(change.kept, many=True).data,
            "needs_full_network": change.opens_network,
            "looks_like": instance.near,
        }


class PluginArchiveSerializer(serializers.Serializer):
    """An archive, and what its maker says about it."""

    archive = serializers.FileField(help_text="the plugin's folder as .tar.gz or .zip")
    checksum = serializers.CharField(required=False, allow_blank=True, max_length=300, help_text="its SHA-256")
    signature = serializers.FileField(required=False, help_text="an Ed25519 signature of the archive")


class PluginInstallSerializer(serializers.Serializer):
    """A yes to what a version asks for."""

    consent = serializers.CharField(required=False, allow_blank=True, max_length=64)
    full_network = serializers.BooleanField(required=False, default=False)


class PluginSwitchSerializer(serializers.Serializer):
    """Whether a plugin is on."""

    is_enabled = serializers.BooleanField()


class PluginRemovalSerializer(serializers.Serializer):
    """What went when a plugin was uninstalled."""

    connection_count = serializers.IntegerField()
    student_count = serializers.IntegerField()
    call_count = serializers.IntegerField()
    stored_count = serializers.IntegerField()
    version_count = serializers.IntegerField()


class PluginVersionViewSet(
    Conventions, mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet
):
    """Versions of plugins, for admins: bring one, read what it asks for, consent, go back to one."""

    queryset = PluginVersion.objects.all()
    serializer_class = PluginVersionSerializer
    permission_classes = [IsAdminUser]
    lookup_value_regex = r"\d+"
    filterset_fields = ["name"]

    def get_queryset(self) -> QuerySet[PluginVersion]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return PluginVersion.objects.visible_to(self.request.user)  # type: ignore[arg-type]

    @extend_schema(responses=PluginConsentSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read a version, with what it asks for beyond the one that runs."""
        return Response(PluginConsentSerializer(consent_page(self.get_object())).data)

    @extend_schema(request={"multipart/form-data": PluginArchiveSerializer}, responses={201: PluginConsentSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bring an archive. Nothing of it runs until somebody consents."""
        serializer = PluginArchiveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        signature = given.get("signature")
        version = services.propose_upload(
            given["archive"],
            by=request.user,  # type: ignore[arg-type]
            checksum=given.get("checksum", ""),
            signature=signature.read(MAX_SIGNATURE_BYTES) if signature else b"",
        )
        return Response(
            PluginConsentSerializer(consent_page(version)).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/plugin-versions/{version.pk}/"},
        )

    def perform_destroy(self, instance: PluginVersion) -> None:
        services.discard(instance, by=self.request.user)  # type: ignore[arg-type]

    @extend_schema(request=PluginInstallSerializer, responses=PluginVersionSerializer)
    @action(detail=True, methods=["post"])
    def install(self, request: Request, pk: str | None = None) -> Response:
        """Let a version run: a proposal, or an earlier one to go back to."""
        serializer = PluginInstallSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        version = services.install(self.get_object(), by=request.user, **serializer.validated_data)  # type: ignore[arg-type]
        return Response(PluginVersionSerializer(version).data)

    @extend_schema(request=None, responses=PluginVersionSerializer)
    @action(detail=True, methods=["post"])
    def build(self, request: Request, pk: str | None = None) -> Response:
        """Have its image built once more."""
        version = services.build_again(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(PluginVersionSerializer(version).data)

    def get_parsers(self) -> list[Any]:
        return [MultiPartParser()] if getattr(self, "action", "") == "create" else super().get_parsers()


class InstalledPluginView(ApiView):
    """One plugin, for admins: switch it on and off, or uninstall it."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        request=PluginSwitchSerializer,
        responses=PluginSwitchSerializer,
        operation_id="installed_plugins_partial_update",
    )
    def patch(self, request: Request, name: str) -> Response:
        """Switch a plugin off, or on again."""
        self._known(name)
        serializer = PluginSwitchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        installed = services.set_enabled(name, serializer.validated_data["is_enabled"], by=request.user)  # type: ignore[arg-type]
        return Response({"is_enabled": installed.is_enabled})

    @extend_schema(
        parameters=[OpenApiParameter("confirm", str, required=True, description="the plugin's name once more")],
        responses=PluginRemovalSerializer,
        operation_id="installed_plugins_destroy",
    )
    def delete(self, request: Request, name: str) -> Response:
        """Uninstall a plugin with its connections and versions; the answer says what went."""
        self._known(name)
        typed = request.query_params.get("confirm", "")
        removal = services.uninstall(name, typed_name=typed, by=request.user)  # type: ignore[arg-type]
        return Response(PluginRemovalSerializer(removal).data)

    def _known(self, name: str) -> None:
        if find_plugin(name) is None:
            raise Http404
