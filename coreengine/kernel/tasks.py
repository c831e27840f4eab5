"""Periodic work of the kernel. Every task is safe to run twice."""

from celery import shared_task

from coreengine.kernel import blobs, events, mail
from coreengine.kernel.health import heartbeat  # noqa: F401  (a task as well; a worker loads this module)
from coreengine.kernel.push.outbox import send_due_pushes


@shared_task(name="kernel.send_outbox")
def send_outbox() -> None:
    """Send the mails that are due."""
    mail.send_due()


@shared_task(name="kernel.send_pushes", expires=60)
def send_pushes() -> None:
    """Send the pushes that are due."""
    send_due_pushes()


@shared_task(name="kernel.deliver_events", expires=30)
def deliver_events() -> None:
    """Hand new events to every subscriber."""
    events.deliver_all()


@shared_task(name="kernel.sweep_blobs")
def sweep_blobs() -> None:
    """Remove bytes that nobody refers to."""
    blobs.sweep_blobs()
