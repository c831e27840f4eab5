"""Beat's scheduler: the one of django-celery-beat, made safe to run twice and visible to readiness."""

import logging
from typing import Any

import redis
from django.db import DatabaseError, connections
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError

from coreengine.kernel import health

logger = logging.getLogger(__name__)

LOCK = 0x636F7265  # "core": the advisory lock of the one beat that ticks
WAIT_S = 2.0


class Scheduler(DatabaseScheduler):
    """Ticks only while it holds an advisory lock, so that of two beats one waits.

    Two beats on one schedule were measured to send everything twice. The lock belongs to a database
    session of its own and goes with it, so a beat that is killed makes room at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._session: Any = None
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; returns the seconds until the next look."""
        try:
            if not self._leads():
                return WAIT_S
            wait: float = super().tick(*args, **kwargs)
        except DatabaseError as error:
            logger.warning("beat waits for the database: %s", error)
            self._forget_session()
            return WAIT_S
        try:
            health.note_beat()
        except (redis.RedisError, OperationalError) as error:
            logger.warning("beat could not report itself: %s", error)
        return min(wait, self.max_interval)

    def _leads(self) -> bool:
        if self._session is not None:
            with self._session.cursor() as cursor:  # the lock lives as long as this session does
                cursor.execute("SELECT 1")
            return True
        self._session = connections.create_connection("default")
        with self._session.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            leads: bool = cursor.fetchone()[0]
        if not leads:
            logger.info("another beat ticks; waiting")
            self._forget_session()
        return leads

    def _forget_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
