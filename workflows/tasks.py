"""Doors from Celery into the engine. Every task is safe to run twice; every message may be lost."""

from __future__ import annotations

from celery import shared_task

from workflows.archive import archive_due
from workflows.running import runner
from workflows.triggers import ticking, webhooks


@shared_task(name="workflows.advance_execution")
def advance_execution(execution_id: int) -> None:
    """Begin an execution, or go on with its in-line steps."""
    runner().advance(execution_id)


@shared_task(name="workflows.run_step", acks_late=False)  # see CELERY_TASK_ACKS_LATE
def run_step(execution_id: int, path: str) -> None:
    """Do one outside step, and the in-line steps behind it."""
    runner().run_step(execution_id, path)


@shared_task(name="workflows.sweep", expires=30)
def sweep() -> None:
    """Find work that nobody is doing: lost hints, lost workers, due retries, passed deadlines."""
    runner().sweep()


@shared_task(name="workflows.tick", expires=30)
def tick() -> None:
    """Decide on the slots of schedules that have come, and take up deliveries that nobody handled."""
    ticking.tick()


@shared_task(name="workflows.handle_delivery")
def handle_delivery(delivery_id: int) -> None:
    """Start the execution of a webhook's delivery."""
    webhooks.handle(delivery_id)


@shared_task(name="workflows.drop_old_deliveries")
def drop_old_deliveries() -> None:
    """Forget deliveries and decisions on slots after a month."""
    ticking.drop_old()


@shared_task(name="workflows.archive_old", expires=3600)
def archive_old() -> None:
    """Archive executions that are older than the setting allows, some minutes at a time until none is left."""
    if not archive_due().is_all:
        archive_old.delay_on_commit()
