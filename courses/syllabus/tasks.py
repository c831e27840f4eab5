"""Work on imports that happens in a worker."""

from celery import shared_task

from courses.syllabus import drafts


@shared_task(name="courses.forget_expired_drafts", acks_late=True)
def forget_expired_drafts() -> int:
    """Delete the drafts of imports whose time is over. Safe to run twice."""
    return drafts.forget_expired()
