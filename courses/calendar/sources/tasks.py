"""Keeping calendars in step, in workers. Every task is safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from courses.calendar import occurrences
from courses.calendar.sources import services
from courses.models import CalendarSource

DUE_AT_ONCE = 200


@shared_task(name="calendar.read_source", acks_late=True, soft_time_limit=600)
def read_source(source_id: int) -> None:
    """Read one calendar that is due."""
    services.read_source(source_id)


@shared_task(name="calendar.read_due", expires=60)
def read_due() -> int:
    """Queue every calendar whose time has come, and drop files that nobody took."""
    now = timezone.now()
    for draft in CalendarSource.objects.forgotten_drafts(now).select_related("blob")[:DUE_AT_ONCE]:
        services.forget_draft(draft)
    due = list(CalendarSource.objects.due(now).order_by("next_at").values_list("pk", flat=True)[:DUE_AT_ONCE])
    for pk in due:
        read_source.delay(pk)
    return len(due)


@shared_task(name="calendar.extend_repeats", expires=3600)
def extend_repeats() -> int:
    """Write down the repeats that have come near enough."""
    return occurrences.extend_repeats(timezone.now())
