"""What beat asks for every few seconds, and once a day."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from workflows.trigger_models import ScheduleSlot, WebhookDelivery
from workflows.triggers import schedules, webhooks

KEPT_FOR = timedelta(days=30)


def tick() -> None:
    """Decide on slots that have come, and take up deliveries that nobody handled."""
    schedules.tick()
    webhooks.take_up()


def drop_old() -> int:
    """Forget decisions on slots and deliveries after a month; the executions they led to stay. Returns how many."""
    before = timezone.now() - KEPT_FOR
    slots, _ = ScheduleSlot.objects.filter(slot__lt=before).exclude(outcome="queued").delete()
    deliveries, _ = WebhookDelivery.objects.filter(received_at__lt=before).exclude(status="received").delete()
    return slots + deliveries
