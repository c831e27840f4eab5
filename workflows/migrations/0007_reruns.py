"""Which execution another one repeats, from which step, and whose idempotency key a step keeps."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0006_execution_archive")]
    operations = [
        migrations.AddField(
            "execution",
            "rerun_of",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="reruns",
                to="workflows.execution",
                verbose_name="repeats",
            ),
        ),
        migrations.AddField(
            "execution",
            "rerun_from",
            models.CharField(
                blank=True, db_default="", help_text="The chosen step; empty for a retry.", max_length=1200
            ),
        ),
        migrations.AddField(
            "stepexecution",
            "key_execution_id",
            models.BigIntegerField(
                blank=True, help_text="The execution whose idempotency key it keeps, when it is not its own.", null=True
            ),
        ),
    ]
