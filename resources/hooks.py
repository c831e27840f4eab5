"""What the vault answers when apps below it ask."""

from __future__ import annotations

from coreengine.accounts.models import User
from coreengine.kernel.hooks import hook
from coreengine.kernel.models import Blob
from resources.models import Resource


@hook("blob.held_by")
def is_in_vault(blob: Blob, owner: User) -> bool | None:
    """Say that a blob is a file of this student's vault."""
    return Resource.objects.filter(owner=owner, blob=blob).exists() or None
