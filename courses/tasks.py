"""Work of this app that happens in a worker; Celery finds it here, each package has its own."""

from courses.archive.tasks import build_archive, tidy_archives
from courses.calendar.sources.tasks import extend_repeats, read_due, read_source
from courses.reminders.tasks import send_digests, send_reminders, sweep_reminders
from courses.syllabus.tasks import forget_expired_drafts
from courses.workplan.tasks import solve_proposal, take_up_proposals

__all__ = [
    "build_archive",
    "extend_repeats",
    "forget_expired_drafts",
    "read_due",
    "read_source",
    "send_digests",
    "send_reminders",
    "solve_proposal",
    "sweep_reminders",
    "take_up_proposals",
    "tidy_archives",
]
