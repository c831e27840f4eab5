"""Work of the vault that happens in a worker."""

from celery import shared_task

from resources import services


@shared_task(name="resources.read_text", acks_late=True, soft_time_limit=120)
def read_text(resource_id: int) -> None:
    """Read the text of one file. Safe to run twice."""
    services.read_text(resource_id)


@shared_task(name="resources.requeue_lost_readings", acks_late=True)
def requeue_lost_readings() -> int:
    """Queue what a lost message or a killed worker left unread. Safe to run twice."""
    return services.requeue_lost_readings()
