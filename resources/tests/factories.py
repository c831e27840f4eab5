"""Smallest valid things for tests. They go through the services, so that they are indexed like real ones."""

import io
from typing import Any

from coreengine.accounts.models import User
from resources import services
from resources.models import Resource


def a_note(owner: User, title: str = "A note", body: str = "Some words", **fields: Any) -> Resource:
    return services.write_note(by=owner, title=title, body=body, **fields)


def a_link(owner: User, url: str = "https://example.org/page", **fields: Any) -> Resource:
    return services.save_link(by=owner, url=url, **fields)


def a_file(owner: User, content: bytes = b"text of a file", name: str = "file.txt", **fields: Any) -> Resource:
    """A file whose text is not read yet."""
    return services.upload_file(io.BytesIO(content), name=name, by=owner, **fields)


def a_read_file(owner: User, content: bytes = b"text of a file", name: str = "file.txt", **fields: Any) -> Resource:
    """A file whose text was read, in a real child process."""
    resource = a_file(owner, content, name, **fields)
    services.read_text(resource.pk)
    resource.refresh_from_db()
    return resource


def a_trashed_note(owner: User, title: str = "Old note") -> Resource:
    return services.trash_resource(a_note(owner, title), by=owner)
