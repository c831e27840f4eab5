"""Tasks as hints: that a message could not be sent loses time, never work."""

import logging
from typing import Any

from celery.contrib.django.task import DjangoTask
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class HintTask(DjangoTask):
    """The base of every task.

    What is to be done stands in the database before `delay_on_commit` says so to a worker. When the broker is away,
    the caller has done its part all the same: the periodic look at the database finds the work.
    """

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Tell a worker once the transaction has committed; a broker that is away is only logged."""
        transaction.on_commit(lambda: self._hint(args, kwargs))

    def _hint(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            self.apply_async(args, kwargs, retry=False)
        except (OperationalError, RedisError, OSError) as error:
            logger.warning("hint %s%s was not sent (%s); the work will be found", self.name, args, error)
