"""Tasks as hints: that a message could not be sent loses time, never work."""

import logging
from typing import Any

from celery.contrib.django.task import DjangoTask
from django.db import transaction
from kombu.exceptions import OperationalError
from kombu.transport import redis as redis_transport
from kombu.transport import virtual
from redis.exceptions import RedisError

from coreengine.kernel.causes import caused_by, current_cause

logger = logging.getLogger(__name__)

CAUSE = "caused_by_execution"


class HintTask(DjangoTask):
    """The base of every task.

    What is to be done stands in the database before `delay_on_commit` says so to a worker. When the broker is away,
    the caller has done its part all the same: the periodic look at the database finds the work.
    """

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Tell a worker once the transaction has committed; a broker that is away is only logged.

        What an execution asks for goes on being caused by it: its id travels with the message.
        """
        cause = current_cause()
        transaction.on_commit(lambda: self._hint(args, kwargs, cause))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do the task, on behalf of the execution that asked for it, if one did."""
        sent = self.request
        cause = (sent.headers or {}).get(CAUSE) or current_cause()
        with caused_by(cause):
            # Celery's own would put an empty request on top of the one that the worker made.
            return super().__call__(*args, **kwargs) if sent.called_directly else self.run(*args, **kwargs)

    def _hint(self, args: tuple[Any, ...], kwargs: dict[str, Any], cause: int | None) -> None:
        headers = {} if cause is None else {"headers": {CAUSE: cause}}
        try:
            self.apply_async(args, kwargs, retry=False, **headers)
        except (OperationalError, RedisError, OSError) as error:
            logger.warning("hint %s%s was not sent (%s); the work will be found", self.name, args, error)


class Message(virtual.Message):
    """A message whose channel may have been closed by a lost broker before it was acknowledged.

    Kombu meets that with an AttributeError where its callers expect errors of the connection; it ends the loop of
    a worker, whose shutdown then hangs. Unacknowledged messages come again, and a task run twice does nothing twice.
    """

    def ack_log_error(self, logger: Any, errors: tuple[type[BaseException], ...], multiple: bool = False) -> None:
        """Acknowledge; a broker that is away is logged."""
        super().ack_log_error(logger, (*errors, AttributeError), multiple=multiple)

    def reject_log_error(self, logger: Any, errors: tuple[type[BaseException], ...], requeue: bool = False) -> None:
        """Refuse; a broker that is away is logged."""
        super().reject_log_error(logger, (*errors, AttributeError), requeue=requeue)


redis_transport.Channel.Message = Message
