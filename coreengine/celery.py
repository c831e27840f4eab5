"""The Celery application, its queues, and the one place of periodic work.

Queues are kinds of patience: `default` for short work, `agents` for slow and rate-limited calls,
`plugins` for everything that may touch the sandbox. A message is only a hint; see docs/architecture.md.
"""

import os

from celery import Celery
from celery.schedules import crontab
from django.conf import settings

from coreengine.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module())

app = Celery("coreengine", task_cls="coreengine.kernel.hints:HintTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

app.conf.task_routes = {
    "plugins.*": {"queue": "plugins"},
    "agents.*": {"queue": "agents"},
}

app.conf.beat_schedule = {
    "send outgoing mail": {"task": "kernel.send_outbox", "schedule": 10.0},
    "deliver events to subscribers": {"task": "kernel.deliver_events", "schedule": 2.0},
    "read files whose reader was lost": {"task": "resources.requeue_lost_readings", "schedule": 60.0},
    "sweep workflow executions": {"task": "workflows.sweep", "schedule": settings.WORKFLOWS["SWEEP_EVERY_S"]},
    "tick workflow schedules": {"task": "workflows.tick", "schedule": 2.0},
    "drop old webhook deliveries": {"task": "workflows.drop_old_deliveries", "schedule": 3600.0},
    "archive old executions": {"task": "workflows.archive_old", "schedule": crontab(hour=3, minute=17)},
    "take up forgotten plugin calls": {"task": "plugins.take_up_forgotten", "schedule": 15.0},
    "report the plugin sandbox": {"task": "plugins.report_sandbox", "schedule": 600.0},
    "drop old plugin calls": {"task": "plugins.drop_old_calls", "schedule": 3600.0},
    "sweep unused blobs": {"task": "kernel.sweep_blobs", "schedule": 3600.0},
    "end agent runs whose worker is gone": {
        "task": "agents.sweep_runs",
        "schedule": 60.0,
        "options": {"queue": "default"},
    },
}
