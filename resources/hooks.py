"""What the vault answers when apps below it ask."""

from __future__ import annotations

from typing import Any

from coreengine.accounts.models import User
from coreengine.kernel.hooks import hook
from coreengine.kernel.models import Blob
from resources.models import Resource


@hook("blob.held_by")
def is_in_vault(blob: Blob, owner: User) -> bool | None:
    """Say that a blob is a file of this student's vault."""
    return Resource.objects.filter(owner=owner, blob=blob).exists() or None


@hook("file.described")
def describe_file(owner: User, number: int) -> dict[str, Any] | None:
    """Tell what another service needs to take a file of this student's, unless it lies in the trash."""
    files = Resource.objects.visible_to(owner).kept().of_kind(Resource.Kind.FILE).select_related("blob").light()
    file = files.filter(pk=number).first()
    if file is None or file.blob is None:
        return None
    return {
        "number": file.pk,
        "thing": f"resource:{file.pk}",
        "title": file.title,
        "name": file.file_name,
        "blob": file.blob.sha256,
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "url": file.get_absolute_url(),
        "source": file.source,
    }
