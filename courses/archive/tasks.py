"""Work on archives that happens in a worker."""

from celery import shared_task

from courses.archive import services


@shared_task(name="courses.build_archive", acks_late=True, soft_time_limit=840)
def build_archive(archive_id: int) -> None:
    """Make the ZIP of one archive. Safe to run twice."""
    services.build_archive(archive_id)


@shared_task(name="courses.tidy_archives", acks_late=True)
def tidy_archives() -> int:
    """Let go of archives that are over, and take up forgotten ones. Safe to run twice."""
    return services.tidy_archives()
