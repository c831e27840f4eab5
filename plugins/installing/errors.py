"""What an admin may be told when installing."""

from __future__ import annotations

from coreengine.kernel.errors import DomainError


class ConsentNeeded(DomainError):
    """The version asks for more than was granted, and the caller did not say yes to what it asks for."""

    code = "consent_needed"
    status = 409
    title = "Somebody has to consent first"


class AlreadyInstalled(DomainError):
    """This very content is installed."""

    code = "already_installed"
    title = "That is installed already"


class CannotInstall(DomainError):
    """This installation does not take plugins, or not this one."""

    code = "cannot_install"
    title = "That cannot be installed here"


class NotInstalledHere(DomainError):
    """The plugin was not installed by an admin, so it cannot be changed this way."""

    code = "not_installed_here"
    title = "That was not installed here"
