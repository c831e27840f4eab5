"""What the rules about repositories refuse, in words for people."""

from coreengine.kernel.errors import DomainError


class RepositoryNotImported(DomainError):
    """Something is told of a repository that is not here."""

    code = "repository_not_imported"
    title = "The repository is not here yet"
