"""What the rules of this app can refuse, in words for the person who asked."""

from __future__ import annotations

from coreengine.kernel.errors import DomainError


class CourseNotImported(DomainError):
    code = "course_not_imported"
    status = 409
    title = "The course is not here yet"


class ComesFromSource(DomainError):
    """Deleting or rewriting what a source owns: the next import would bring it back."""

    code = "comes_from_source"
    status = 409
    title = "This comes from a connected source"


class NothingToWrite(DomainError):
    """Writing a mark again, or giving it up, where the source has it already."""

    code = "nothing_to_write"
    status = 409
    title = "The source is in step"


class NotToAccept(DomainError):
    """Taking a calendar file that has nothing to take, or was taken already."""

    code = "nothing_to_accept"
    status = 409
    title = "There is nothing to take"
