"""The Celery application, its queues, and the one place of periodic work.

Queues are kinds of patience: `default` for short work, `agents` for slow and rate-limited calls,
`plugins` for everything that may touch the sandbox. A message is only a hint; see docs/architecture.md.
"""

import os
import sys
from typing import Any

from celery import Celery, signals
from celery.schedules import crontab
from django.conf import settings
from django.db import close_old_connections

from coreengine.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module())

app = Celery("coreengine", task_cls="coreengine.kernel.hints:HintTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Celery closes its database connections around every task; a new one costs more than most tasks, and loses every
# prepared statement. They are treated as the web's are instead: closed when broken or too old.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize


@signals.task_prerun.connect
@signals.task_postrun.connect
def renew_connections(task: Any = None, **_: Any) -> None:
    """Let go of connections that broke or are too old, and look at the others once a task."""
    if task is None or not task.request.is_eager:
        close_old_connections()


app.conf.task_routes = {
    "plugins.*": {"queue": "plugins"},
    "agents.*": {"queue": "agents"},
}

app.conf.beat_schedule = {
    "send outgoing mail": {"task": "kernel.send_outbox", "schedule": 10.0},
    "send outgoing pushes": {"task": "kernel.send_pushes", "schedule": 10.0},
    "remind students": {"task": "courses.send_reminders", "schedule": 5.0},
    "send digests": {"task": "courses.send_digests", "schedule": 15.0},
    "keep reminders in step": {"task": "courses.sweep_reminders", "schedule": 1800.0},
    "deliver events to subscribers": {"task": "kernel.deliver_events", "schedule": 2.0},
    "read files whose reader was lost": {"task": "resources.requeue_lost_readings", "schedule": 60.0},
    "take up forgotten plans of work": {"task": "courses.take_up_proposals", "schedule": 60.0},
    "sweep workflow executions": {"task": "workflows.sweep", "schedule": settings.WORKFLOWS["SWEEP_EVERY_S"]},
    "tick workflow schedules": {"task": "workflows.tick", "schedule": 2.0},
    "drop old webhook deliveries": {"task": "workflows.drop_old_deliveries", "schedule": 3600.0},
    "archive old executions": {"task": "workflows.archive_old", "schedule": crontab(hour=3, minute=17)},
    "take up forgotten plugin calls": {"task": "plugins.take_up_forgotten", "schedule": 15.0},
    "remove containers whose owner is gone": {"task": "plugins.reap_containers", "schedule": 45.0},
    "check idle connections": {"task": "plugins.check_idle_connections", "schedule": 300.0},
    "take up deliveries to connections": {"task": "plugins.take_up_deliveries", "schedule": 5.0},
    "drop old deliveries to connections": {"task": "plugins.drop_old_deliveries", "schedule": 3600.0},
    "report the plugin sandbox": {"task": "plugins.report_sandbox", "schedule": 600.0},
    "tidy installed plugins": {"task": "plugins.tidy_installed", "schedule": 60.0},
    "drop old plugin requests": {"task": "plugins.drop_old_requests", "schedule": 3600.0},
    "drop old plugin calls": {"task": "plugins.drop_old_calls", "schedule": 3600.0},
    "read calendars that are due": {"task": "calendar.read_due", "schedule": 60.0},
    "write down the next repeats of events": {"task": "calendar.extend_repeats", "schedule": 3600.0},
    "tidy archives of courses": {"task": "courses.tidy_archives", "schedule": 60.0},
    "forget old drafts of imports": {"task": "courses.forget_expired_drafts", "schedule": 3600.0},
    "sweep unused blobs": {"task": "kernel.sweep_blobs", "schedule": 3600.0},
    "end agent runs whose worker is gone": {
        "task": "agents.sweep_runs",
        "schedule": 60.0,
        "options": {"queue": "default"},
    },
}
