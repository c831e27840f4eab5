"""Schedules: rows of ours, ticked by Celery's beat. A slot starts one execution, however often beat ticks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from workflows.models import Workflow, WorkflowTrigger

Schedule = tuple[str, str]
"""A cron line of five fields and a time zone."""


@transaction.atomic
def set_schedules(workflow: Workflow, schedules: list[Schedule]) -> None:
    """Make these the schedules of a workflow: new ones are added, others removed, equal ones kept."""
    wanted = set(schedules)
    for trigger in workflow.triggers.all():
        if (trigger.cron, trigger.time_zone) in wanted:
            wanted.discard((trigger.cron, trigger.time_zone))
            continue
        if trigger.periodic_task is not None:
            trigger.periodic_task.delete()
        trigger.delete()
    for cron, zone in sorted(wanted):
        trigger = WorkflowTrigger.objects.create(workflow=workflow, cron=cron, time_zone=zone)
        minute, hour, day, month, weekday = cron.split()
        crontab = CrontabSchedule.objects.filter(
            minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday, timezone=zone
        ).first() or CrontabSchedule.objects.create(
            minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday, timezone=zone
        )
        trigger.periodic_task = PeriodicTask.objects.create(
            name=f"workflow {workflow.pk}, schedule {trigger.pk}",
            task="workflows.fire_trigger",
            crontab=crontab,
            args=json.dumps([trigger.pk]),
            queue="default",
            enabled=workflow.is_active and workflow.removed_at is None,
        )
        trigger.save(update_fields=["periodic_task"])


def pause_schedules(workflow: Workflow, is_paused: bool) -> None:
    """Stop the ticks of a workflow's schedules, or let them go on."""
    for trigger in workflow.triggers.select_related("periodic_task"):
        task = trigger.periodic_task
        if task is not None and task.enabled == is_paused:
            task.enabled = not is_paused
            task.save()  # tells beat to read its schedules again


def current_slot(cron: str, zone: str, now: datetime) -> datetime:
    """The newest moment of a schedule that is not after `now`."""
    # One second later, so that a slot that is exactly now counts.
    return croniter(cron, (now + timedelta(seconds=1)).astimezone(ZoneInfo(zone))).get_prev(datetime)


def next_slot(cron: str, zone: str, now: datetime) -> datetime:
    """The next moment of a schedule after `now`."""
    return croniter(cron, now.astimezone(ZoneInfo(zone))).get_next(datetime)
