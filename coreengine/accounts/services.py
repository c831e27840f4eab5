"""Changes to accounts and tokens."""

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import ApiToken, User
from coreengine.kernel.events import record

DEMO_PASSWORD = "core-engine"  # published: development only (settings.DEMO_ACCOUNTS)
DEMO_PEOPLE = (("student@example.edu", "Mira Kowalski", False), ("admin@example.edu", "Ada Admin", True))


@transaction.atomic
def create_api_token(
    owner: User, *, name: str, by: User, scope: str = ApiToken.Scope.WRITE, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a personal access token; the secret in the answer is never seen again.

    Raises:
        ValidationError: the name is empty, or the expiry has passed.
    """
    if not name.strip():
        raise ValidationError({"name": "Give the token a name, so that you know it later."})
    if expires_at and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "Choose a moment that is still to come."})
    secret = ApiToken.new_secret()
    token = ApiToken(owner=owner, name=name.strip(), scope=scope, expires_at=expires_at)
    token.digest, token.hint = ApiToken.digest_of(secret), secret[-4:]
    token.full_clean()
    token.save()
    record("api_token.created", actor=by, subject=token, data={"name": token.name, "scope": token.scope})
    return token, secret


@transaction.atomic
def revoke_api_token(token: ApiToken, *, by: User) -> ApiToken:
    """Close the door to a token at once. Revoking twice is harmless."""
    token = ApiToken.objects.select_for_update().get(pk=token.pk)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record("api_token.revoked", actor=by, subject=token)
    return token


@transaction.atomic
def update_profile(user: User, *, by: User, **changes: Any) -> User:
    """Change name, time zone, theme or shortcuts; what is not named stays."""
    user = User.objects.select_for_update().get(pk=user.pk)
    changed = {}
    for field in ("name", "time_zone", "theme", "has_shortcuts"):
        if field in changes and getattr(user, field) != changes[field]:
            changed[field] = changes[field]
            setattr(user, field, changes[field])
    user.full_clean(exclude=["password", "email"])
    if changed:
        user.save(update_fields=list(changed))
        record("user.updated", actor=by, subject=user, owner=user, data={"fields": sorted(changed)})
    return user


@transaction.atomic
def seed_demo_accounts() -> list[User]:
    """Make the two demo accounts with verified addresses; those that exist stay as they are."""
    from allauth.account.models import EmailAddress

    people = []
    for email, name, is_admin in DEMO_PEOPLE:
        user = get_user_model().objects.filter(email__iexact=email).first()
        if user is None:
            make = User.objects.create_superuser if is_admin else User.objects.create_user
            user = make(email, DEMO_PASSWORD, name=name)
        EmailAddress.objects.get_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
        people.append(user)
    return people
