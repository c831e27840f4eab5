"""Webhooks and event triggers beside schedules; slots and deliveries as rows; beat ticks once for all schedules."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import coreengine.kernel.fields

FILL = """
UPDATE workflows_workflowtrigger t SET
  key = 'schedule:' || cron || ':' || time_zone,
  config = jsonb_build_object('type', 'schedule', 'cron', cron, 'time_zone', time_zone),
  decided_until = COALESCE(last_slot, created_at),
  next_at = (SELECT now() FROM workflows_workflow w WHERE w.id = t.workflow_id AND w.is_active AND w.removed_at IS NULL)
"""
# The tasks that beat had for each schedule, and the subscribers' places in the log: history starts nothing.
TIDY = """
DELETE FROM django_celery_beat_periodictask WHERE task = 'workflows.fire_trigger';
INSERT INTO kernel_eventcursor (subscriber, transaction, event, failures, last_error, updated_at)
SELECT name, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807, 0, '', now()
FROM (VALUES ('workflow triggers'), ('error workflows')) AS names(name)
ON CONFLICT (subscriber) DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0004_drafts"),
        ("kernel", "0004_event_cause"),
        ("django_celery_beat", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScheduleSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("started", "started"),
                            ("queued", "waits for the execution before it"),
                            ("skipped", "skipped"),
                            ("failed", "could not start"),
                        ],
                        max_length=7,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("count", models.PositiveIntegerField(default=1, help_text="How many slots this row stands for.")),
                ("decided_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-slot"],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("delivery_id", models.CharField(blank=True, max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("received", "received"),
                            ("started", "started"),
                            ("failed", "could not start"),
                            ("rejected", "rejected"),
                        ],
                        default="received",
                        max_length=8,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("content_type", models.CharField(blank=True, max_length=200)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField(default=b"")),
                ("size_bytes", models.PositiveIntegerField(default=0)),
                (
                    "repeats",
                    models.PositiveIntegerField(
                        default=0, help_text="How often it came again, and was not done again."
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("hinted_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("handled_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-pk"],
            },
        ),
        migrations.AlterModelOptions(
            name="workflowtrigger",
            options={"ordering": ["position", "pk"]},
        ),
        migrations.RemoveConstraint(
            model_name="workflowtrigger",
            name="workflow_schedule_is_unique",
        ),
        migrations.RemoveField(
            model_name="workflowtrigger",
            name="periodic_task",
        ),
        migrations.AddField(
            model_name="execution",
            name="depth",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text="How many executions led to it."),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="config",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="decided_until",
            field=models.DateTimeField(
                default=django.utils.timezone.now, help_text="Every slot up to here was decided on."
            ),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="key",
            field=models.CharField(
                default="", help_text="What makes it the same trigger in the next version.", max_length=300
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="kind",
            field=models.CharField(
                choices=[("schedule", "schedule"), ("webhook", "webhook"), ("event", "event")],
                default="schedule",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="last_fired_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="last_problem",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="last_problem_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="next_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="next slot"),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="position",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="retired_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="secret",
            field=coreengine.kernel.fields.EncryptedTextField(null=True),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="secret_hash",
            field=models.CharField(editable=False, max_length=64, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="workflowtrigger",
            name="signing_secret",
            field=coreengine.kernel.fields.EncryptedTextField(null=True),
        ),
        migrations.AlterField(
            model_name="workflowtrigger",
            name="cron",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="workflowtrigger",
            index=models.Index(
                condition=models.Q(("kind", "schedule"), ("retired_at", None)), fields=["next_at"], name="schedule_due"
            ),
        ),
        migrations.AddIndex(
            model_name="workflowtrigger",
            index=models.Index(
                condition=models.Q(("kind", "event"), ("retired_at", None)), fields=["kind"], name="trigger_of_events"
            ),
        ),
        migrations.AddConstraint(
            model_name="workflowtrigger",
            constraint=models.UniqueConstraint(fields=("workflow", "key"), name="workflow_trigger_is_unique"),
        ),
        migrations.AddConstraint(
            model_name="workflowtrigger",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "webhook"), _negated=True), ("secret_hash__isnull", False), _connector="OR"
                ),
                name="webhook_has_an_address",
            ),
        ),
        migrations.AddField(
            model_name="scheduleslot",
            name="execution",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="workflows.execution"
            ),
        ),
        migrations.AddField(
            model_name="scheduleslot",
            name="trigger",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="slots",
                to="workflows.workflowtrigger",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="execution",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="workflows.execution"
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="replay_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replays",
                to="workflows.webhookdelivery",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="trigger",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="workflows.workflowtrigger",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduleslot",
            index=models.Index(
                condition=models.Q(("outcome", "queued")), fields=["trigger", "slot"], name="slot_queued"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduleslot",
            constraint=models.UniqueConstraint(fields=("trigger", "slot"), name="slot_is_decided_once"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["trigger", "-id"], name="delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["trigger", "received_at"], name="delivery_rate"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "received")), fields=["hinted_at"], name="delivery_unhandled"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("delivery_id", ""), _negated=True),
                    ("replay_of", None),
                    models.Q(("status", "rejected"), _negated=True),
                ),
                fields=("trigger", "delivery_id"),
                name="delivery_is_taken_once",
            ),
        ),
        migrations.RunSQL(TIDY, migrations.RunSQL.noop),
    ]
