"""What workers do for agents."""

import logging
import threading
from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from agents import services
from agents.conf import agent_settings

logger = logging.getLogger(__name__)


@worker_ready.connect
def load_sdk_ahead(sender: Any = None, **kwargs: Any) -> None:
    """Spare the first question of the day the seconds that the SDK takes to load."""
    queues = getattr(getattr(sender, "task_consumer", None), "queues", [])
    if agent_settings().anthropic_api_key and any(queue.name == "agents" for queue in queues):
        threading.Thread(target=_load_sdk, name="load anthropic", daemon=True).start()


def _load_sdk() -> None:
    import anthropic
    import genai_prices  # noqa: F401

    logger.debug("anthropic %s is loaded", anthropic.__version__)


@shared_task(name="agents.execute_run", acks_late=False)
def execute_agent_run(run_id: int) -> None:
    """Carry out one run. Safe to run twice: only a pending run is taken."""
    services.execute_run(run_id)


@shared_task(name="agents.sweep_runs")
def sweep_agent_runs() -> None:
    """End runs whose worker is gone, and queue those whose message was lost. Safe to run twice."""
    services.sweep_runs()
