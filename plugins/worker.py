"""What the plugin worker does beside tasks: it alone owns the pool of waiting children, and reports what runs where."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.signals import worker_ready, worker_shutdown

logger = logging.getLogger(__name__)


@worker_ready.connect
def start_pool(sender: Any, **_: Any) -> None:
    """Open the pool where plugins run in threads of one process; prefork children would multiply it."""
    queues = sender.app.amqp.queues.consume_from
    if "plugins" in queues and not type(sender.pool).__module__.endswith("prefork"):
        threading.Thread(target=_prepare, name="plugin-prepare", daemon=True).start()


@worker_shutdown.connect
def stop_pool(**_: Any) -> None:
    """Destroy what waits."""
    from plugins.sandbox.pool import close_pool

    close_pool()


def _prepare() -> None:
    """Remove what an earlier worker left, build missing images, fill the pool for what is connected, tell the pages."""
    from django.db import connection as database

    from plugins.models import Connection
    from plugins.oauth.clients import set_up_demo
    from plugins.reports import write_report
    from plugins.sandbox.choice import docker_sandbox
    from plugins.sandbox.pool import open_pool

    try:
        removed = docker_sandbox().reap()
        if removed:
            logger.info("%s abandoned containers removed", removed)
        open_pool(*Connection.objects.values_list("plugin", flat=True).distinct())
        write_report()
        set_up_demo()
    finally:
        database.close()
