"""What can go wrong with plugins and connections, in words for the student."""

from __future__ import annotations

from coreengine.kernel.errors import DomainError, ExternalError


class PluginFailed(ExternalError):
    """The plugin's own program broke the rules, crashed, or said that it failed."""

    code = "plugin_failed"
    title = "The plugin failed"


class PluginTimedOut(ExternalError):
    """The plugin did not answer within its time."""

    code = "plugin_timed_out"
    status = 504
    title = "The plugin took too long"


class SandboxUnavailable(ExternalError):
    """There is no place to run the plugin in right now."""

    code = "sandbox_unavailable"
    status = 503
    title = "The plugin cannot run here"


class SandboxBusy(SandboxUnavailable):
    """More calls than there are places; it says nothing about plugin or connection."""

    code = "sandbox_busy"
    title = "Too much is going on right now"


class GatewayRefused(ExternalError):
    """A request of a plugin was refused, or the other side did not serve it; `code` says which."""

    code = "gateway_refused"
    title = "The other service did not answer"


class PluginNotInstalled(DomainError):
    """A connection or a request names a plugin that is not there, or whose manifest is faulty."""

    code = "plugin_not_installed"
    status = 404
    title = "That plugin is not installed"


class PluginSwitchedOff(DomainError):
    """An admin switched the plugin off; connections and what they brought in are kept."""

    code = "plugin_disabled"
    status = 409
    title = "That plugin is switched off"


class NothingWatchesSync(DomainError):
    """A sync was asked for and nothing took it on."""

    code = "nothing_to_sync"
    title = "There is nothing to sync with this connection"


class ConnectionAmbiguous(DomainError):
    """A plugin is connected several times and the request does not say which connection it means."""

    code = "connection_ambiguous"
    status = 409
    title = "Say which connection"


class ConfirmationNeeded(DomainError):
    """An action needs a person's yes first; the message is what to ask them."""

    code = "confirmation_needed"
    title = "Confirm this first"


class NotConnected(DomainError):
    """The student has not connected the plugin."""

    code = "not_connected"
    status = 409
    title = "That plugin is not connected"


class DeliveryTaken(DomainError):
    """A delivery took so long that another worker has taken it up; what this one did does not count."""

    code = "delivery_taken"
    title = "Another worker has taken it up"


class DeliveryNotKept(DomainError):
    """A delivery cannot be done once more, because what it held is not there."""

    code = "delivery_not_kept"
    title = "It cannot be replayed"


class WebhookUnknown(DomainError):
    """A webhook was asked for that the plugin's manifest does not declare."""

    code = "webhook_unknown"
    status = 404
    title = "There is no such webhook"


class TokenEndpointFailed(ExternalError):
    """The service that gives out tokens could not be asked, or did not answer as such a service does."""

    code = "token_endpoint_failed"
    title = "The sign-in could not be renewed"


class ReconnectNeeded(ExternalError):
    """The service takes the stored sign-in no longer; only the student can give a new one."""

    code = "reconnect_needed"
    title = "Sign in again"


class SignInLost(DomainError):
    """A student came back from a service with an answer that fits no sign-in of theirs; nothing was done."""

    code = "sign_in_lost"
    status = 400
    title = "This sign-in is not valid any more"


class SignedOutMeanwhile(SignInLost):
    """A student came back from a service and is not signed in here any more."""

    code = "signed_out_meanwhile"
    status = 403
