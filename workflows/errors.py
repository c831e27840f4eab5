"""What the rules of workflows say no to."""

from __future__ import annotations

from coreengine.kernel.errors import DomainError


class ExecutionFinished(DomainError):
    """An execution that is over cannot be cancelled."""

    code = "execution_finished"
    title = "This execution is over"


class WorkflowRemoved(DomainError):
    """A removed workflow cannot be started or changed."""

    code = "workflow_removed"
    title = "This workflow was removed"


class KeyReused(DomainError):
    """The same idempotency key came with other inputs."""

    code = "key_reused"
    title = "This key was used for another start"


class StartContested(DomainError):
    """Others started and ended the same thing each time we tried to start it."""

    code = "start_contested"
    title = "This is being started by others"


class NotPublished(DomainError):
    """A workflow of which there is only a draft cannot be started."""

    code = "not_published"
    title = "This workflow is not published yet"


class NothingToPublish(DomainError):
    """There is no draft."""

    code = "nothing_to_publish"
    title = "There is no draft to publish"


class DraftContested(DomainError):
    """The text was changed elsewhere since it was read."""

    code = "draft_contested"
    title = "This was changed elsewhere"


class WebhookResting(DomainError):
    """A webhook cannot do what is asked while it stands as it does."""

    code = "webhook_resting"
    title = "This webhook cannot do that now"


class NotAWebhook(DomainError):
    """A schedule or an event trigger has no address."""

    code = "not_a_webhook"
    title = "This is not a webhook"


class ExecutionArchived(DomainError):
    """It ended long ago and is in the archive."""

    code = "execution_archived"
    status = 410
    title = "This execution is in the archive"


class StillUnderWay(DomainError):
    """Only what is over can be repeated."""

    code = "still_under_way"
    title = "This is still under way"


class NotRepeatable(DomainError):
    """An execution cannot be repeated in the way that was asked for."""

    code = "not_repeatable"
    title = "This cannot be run again so"


class AlreadyDecided(DomainError):
    """A question was answered before, or nobody needs the answer any more."""

    code = "already_decided"
    title = "This was answered before"
