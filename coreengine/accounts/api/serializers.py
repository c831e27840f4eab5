"""People and tokens as JSON."""

from rest_framework import serializers

from coreengine.accounts.models import ApiToken, User


class MeSerializer(serializers.ModelSerializer):
    """The person who is signed in."""

    class Meta:
        model = User
        fields = ["id", "email", "name", "time_zone", "theme", "has_shortcuts", "is_staff", "date_joined"]
        read_only_fields = ["id", "email", "is_staff", "date_joined"]


class ApiTokenSerializer(serializers.ModelSerializer):
    """A personal access token; `token` is given once, in the answer to its creation."""

    token = serializers.CharField(read_only=True, required=False)

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scope", "hint", "token", "created_at", "expires_at", "last_used_at", "revoked_at"]
        read_only_fields = ["id", "hint", "created_at", "last_used_at", "revoked_at"]
