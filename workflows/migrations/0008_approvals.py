"""Questions of executions to their students."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import workflows.approval_models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0007_reruns"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(max_length=1200, verbose_name="step")),
                (
                    "kind",
                    models.CharField(
                        choices=[("approval", "approval"), ("needs_attention", "needs attention")], max_length=20
                    ),
                ),
                ("message", models.TextField()),
                (
                    "token",
                    models.CharField(
                        default=workflows.approval_models.new_token, editable=False, max_length=64, unique=True
                    ),
                ),
                ("timeout_action", models.CharField(blank=True, max_length=10)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="asked at"),
                ),
                ("deadline_at", models.DateTimeField()),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("approved", "approved"),
                            ("rejected", "rejected"),
                            ("retry", "try again"),
                            ("done", "it was done"),
                            ("fail", "it failed"),
                            ("expired", "nobody decided in time"),
                            ("cancelled", "not needed any more"),
                        ],
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("comment", models.TextField(blank=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="approvals", to="workflows.execution"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="approvals",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["owner", "-id"], name="approval_owner_newest"),
                    models.Index(condition=models.Q(("decision", "")), fields=["owner"], name="approval_open"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("decision", "")),
                        fields=("execution", "path"),
                        name="step_asks_one_thing_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("decision", ""), ("decided_at__isnull", False), _connector="XOR"),
                        name="approval_that_is_decided_has_its_moment",
                    ),
                ],
            },
        ),
    ]
