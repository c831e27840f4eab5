"""Periodic work of reminders. Every task is safe to run twice, also at once."""

from celery import shared_task

from courses.reminders import deriving, digests, sending


@shared_task(name="courses.send_reminders", expires=30)
def send_reminders() -> None:
    """Send the reminders that are due, and tell workflows of the deadlines that came."""
    deriving.derive_stale()
    sending.record_signals()
    sending.send_reminders()


@shared_task(name="courses.send_digests", expires=60)
def send_digests() -> None:
    """Send the digests that are due."""
    digests.send_due_digests()


@shared_task(name="courses.sweep_reminders", expires=1700)
def sweep_reminders() -> None:
    """Bring everyone's reminders in step with their work, whatever was told."""
    deriving.derive_everyone()
