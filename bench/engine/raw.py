"""The floor of hints: plain Celery tasks on the same Redis, two processes, nothing durable."""

import os
import time

from celery import Celery

_url = os.environ["REDIS_URL"]
_url = _url.replace("unix://", "redis+socket://", 1) if _url.startswith("unix://") else _url
app = Celery("raw", broker=_url, backend=_url)
app.conf.update(
    task_default_queue="raw",
    task_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
)


@app.task(name="raw.nothing")
def nothing(*given: object) -> None:
    """Do nothing."""


@app.task(name="raw.count", ignore_result=True)
def count(key: str) -> None:
    """Count in Redis that it came this far."""
    app.backend.client.incr(key)


@app.task(name="raw.began")
def began() -> float:
    """Say when it began."""
    return time.time()
