"""The tasks of this app, where a worker looks for them."""

from courses.calendar.sources.tasks import extend_repeats, read_due, read_source

__all__ = ["extend_repeats", "read_due", "read_source"]
"""Work of this app that happens in a worker; Celery finds it here, each package has its own."""

from courses.archive.tasks import build_archive, tidy_archives
from courses.syllabus.tasks import forget_expired_drafts

__all__ = ["build_archive", "forget_expired_drafts", "tidy_archives"]
