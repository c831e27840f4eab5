"""The way out of a digest from the mail itself: an address that is signed for this alone and opens nothing else."""

from __future__ import annotations

from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from coreengine.accounts.models import User
from courses.models.reminders import ReminderSettings
from courses.reminders.services import update_settings

SALT = "courses.reminders.unsubscribe"
FIELDS = {"daily": "has_daily_digest", "weekly": "has_weekly_digest"}


def unsubscribe_path(owner: User, kind: str) -> str:
    """Give the address, on this site, by which one kind of digest is switched off without signing in."""
    token = signing.dumps([owner.pk, kind], salt=SALT)
    return reverse("courses:unsubscribe", args=[token])


def read_token(token: str) -> tuple[User, str] | None:
    """Say whose digest, and which, an address is about; None for one that we did not sign."""
    try:
        owner_id, kind = signing.loads(token, salt=SALT)
        owner = User.objects.filter(pk=owner_id).first()
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return (owner, kind) if owner is not None and kind in FIELDS else None


@transaction.atomic
def unsubscribe(owner: User, kind: str) -> ReminderSettings:
    """Switch one kind of digest off. Twice is harmless."""
    return update_settings(owner, by=owner, changes={FIELDS[kind]: False}, now=timezone.now())


@transaction.atomic
def subscribe_again(owner: User, kind: str) -> ReminderSettings:
    """Take that back."""
    return update_settings(owner, by=owner, changes={FIELDS[kind]: True}, now=timezone.now())
