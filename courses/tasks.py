"""The tasks of this app, where a worker looks for them."""

from courses.calendar.sources.tasks import extend_repeats, read_due, read_source

__all__ = ["extend_repeats", "read_due", "read_source"]
