"""What the vault refuses, in words for people."""

from coreengine.kernel.errors import DomainError


class DuplicateFile(DomainError):
    """The very same bytes are in the vault already. `existing_id` is the resource that has them."""

    code = "duplicate_file"
    title = "You already have this file"

    def __init__(self, message: str, *, existing_id: int) -> None:
        super().__init__(message)
        self.existing_id = existing_id


class EmptyFile(DomainError):
    """The file has no bytes."""

    code = "empty_file"
    status = 422
    title = "The file is empty"


class ForeignBlob(DomainError):
    """A record points at bytes that this student never brought in."""

    code = "unknown_blob"
    status = 422
    title = "Unknown file content"


class InTrash(DomainError):
    """Something in the trash has to be restored before it can be changed."""

    code = "in_trash"
    title = "This is in the trash"


class NotInTrash(DomainError):
    """Only what is in the trash can be deleted for good."""

    code = "not_in_trash"
    title = "This is not in the trash"


class WrongKind(DomainError):
    """A change that this kind of resource does not have."""

    code = "wrong_kind"
    status = 422
    title = "That does not fit this kind of resource"
