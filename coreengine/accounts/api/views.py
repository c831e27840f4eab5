"""The API's doors to profile and tokens."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.accounts.api.serializers import ApiTokenSerializer, MeSerializer
from coreengine.accounts.models import ApiToken
from coreengine.accounts.services import create_api_token, revoke_api_token, update_profile
from coreengine.kernel.api.viewsets import ApiView, CreateOnce, OwnedReadViewSet


class MeView(ApiView):
    """The person who is signed in."""

    @extend_schema(responses=MeSerializer, operation_id="me_retrieve")
    def get(self, request: Request) -> Response:
        """Return the own profile."""
        return Response(MeSerializer(request.user).data)

    @extend_schema(request=MeSerializer, responses=MeSerializer, operation_id="me_update")
    def patch(self, request: Request) -> Response:
        """Change name, time zone, theme or shortcuts."""
        serializer = MeSerializer(request.user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        user = update_profile(request.user, by=request.user, **serializer.validated_data)
        return Response(MeSerializer(user).data)


class ApiTokenViewSet(CreateOnce, mixins.DestroyModelMixin, OwnedReadViewSet):
    """Personal access tokens. Deleting one revokes it."""

    queryset = ApiToken.objects.all()
    shown_once = ("token",)
    serializer_class = ApiTokenSerializer

    def perform_create(self, serializer: Any) -> None:
        token, secret = create_api_token(self.request.user, by=self.request.user, **serializer.validated_data)
        token.token = secret
        serializer.instance = token

    def perform_destroy(self, instance: ApiToken) -> None:
        revoke_api_token(instance, by=self.request.user)
