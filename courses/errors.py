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


class NotTheSameKind(DomainError):
    """Joining or parting what cannot be one thing: itself, another kind, another student's."""

    code = "not_the_same_kind"
    status = 409
    title = "These cannot be one"


class NotVanished(DomainError):
    """Keeping or putting away work that its source still lists."""

    code = "not_vanished"
    status = 409
    title = "It is still at its source"


class NothingToWrite(DomainError):
    """Writing a mark again, or giving it up, where the source has it already."""

    code = "nothing_to_write"
    status = 409
    title = "The source is in step"


class TaskDoesNotRepeat(DomainError):
    """Skipping, or changing the following ones, where nothing follows."""

    code = "task_does_not_repeat"
    status = 409
    title = "This task does not repeat"


class NotMovable(DomainError):
    """Moving in the planner what has its place by itself."""

    code = "not_movable"
    status = 409
    title = "This cannot be moved"


class NotToAccept(DomainError):
    """Taking a calendar file that has nothing to take, or was taken already."""

    code = "nothing_to_accept"
    status = 409
    title = "There is nothing to take"


class AiNotAllowed(DomainError):
    """An agent was asked to work for a course whose policy forbids it, and nobody confirmed."""

    code = "ai_not_allowed"
    status = 409
    title = "AI is not allowed in this course"


class NothingToImport(DomainError):
    """No row of a draft is chosen, or none of those chosen can be brought in."""

    code = "nothing_to_import"
    status = 422
    title = "There is nothing to bring in"


class DraftIsOver(DomainError):
    """A draft that was brought in, or whose time is over."""

    code = "draft_is_over"
    status = 409
    title = "This import is over"


class ArchiveNotReady(DomainError):
    """Downloading an archive that is still being made, failed, or expired."""

    code = "archive_not_ready"
    status = 409
    title = "The archive is not ready"


class ArchiveIsOver(DomainError):
    """Stopping an archive that is finished."""

    code = "archive_is_over"
    status = 409
    title = "The archive is finished"


class TooManyArchives(DomainError):
    code = "too_many_archives"
    status = 409
    title = "An archive is being made already"
