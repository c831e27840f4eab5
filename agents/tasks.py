"""What workers do for agents."""

from celery import shared_task

from agents import services


@shared_task(name="agents.execute_run")
def execute_agent_run(run_id: int) -> None:
    """Carry out one run. Safe to run twice: only a pending run is taken."""
    services.execute_run(run_id)


@shared_task(name="agents.sweep_runs")
def sweep_agent_runs() -> None:
    """End runs whose worker is gone, and queue those whose message was lost. Safe to run twice."""
    services.sweep_runs()
