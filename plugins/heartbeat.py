"""Says every few seconds which calls this process is running, so that those of a killed worker are found soon."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import DatabaseError, connections
from django.db.models.functions import Now

if TYPE_CHECKING:
    from plugins.models import ActionCall

logger = logging.getLogger(__name__)
BEAT_S = 10.0
LOST_AFTER = timedelta(seconds=45)
"""Four beats and a bit: a worker that missed so many is gone, or cut off from the database."""

_lock = threading.Lock()
_running: dict[int, ActionCall] = {}
_beater: tuple[int, threading.Thread] | None = None


@contextmanager
def beating(call: ActionCall) -> Iterator[None]:
    """Keep a call's row alive until the end of the block, once it has one.

    Costs nothing for calls that end before the first beat: the thread outlives them by one.
    """
    global _beater
    with _lock:
        _running[id(call)] = call
        # The process may have been forked since: threads do not come along.
        if _beater is None or _beater[0] != os.getpid() or not _beater[1].is_alive():
            thread = threading.Thread(target=_beat, name="plugin-heartbeat", daemon=True)
            _beater = (os.getpid(), thread)
            thread.start()
    try:
        yield
    finally:
        with _lock:
            _running.pop(id(call), None)


def _beat() -> None:
    global _beater
    while True:
        time.sleep(BEAT_S)
        with _lock:
            if not _running:
                _beater = None
                return
            calls = sorted(call.pk for call in _running.values() if call.pk)
        _say_alive(calls)


def _say_alive(calls: list[int]) -> None:
    from plugins.models import ActionCall

    try:
        ActionCall.objects.filter(pk__in=calls, finished_at=None).update(alive_at=Now())
    except DatabaseError:
        # A database that is away for a moment is away for whoever would end these calls, too.
        logger.warning("the heartbeat of %s calls was not written", len(calls), exc_info=True)
    finally:
        connections.close_all()
