"""Sign-in of programs by `Authorization: Bearer TOKEN`."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from coreengine.accounts.models import ApiToken, User

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class BearerTokenAuthentication(BaseAuthentication):
    """Know the person by a personal access token, unexpired and unrevoked at this moment."""

    def authenticate(self, request: Any) -> tuple[User, ApiToken] | None:
        kind, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            return None
        now = timezone.now()
        token = (
            ApiToken.objects.usable(now)
            .select_related("owner")
            .filter(digest=ApiToken.digest_of(secret.strip()))
            .first()
        )
        if token is None:
            raise AuthenticationFailed("This token is not known, has expired or was revoked.")
        if token.scope == ApiToken.Scope.READ and request.method not in SAFE_METHODS:
            raise PermissionDenied("This token may only read. Make one with read and write access in the settings.")
        if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
            # Once a minute is exact enough, and spares a write per request.
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.owner, token

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    """Describes the token sign-in in the OpenAPI document."""

    target_class = "coreengine.accounts.api.authentication.BearerTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A personal access token from /settings/tokens/."}
