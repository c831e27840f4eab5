"""Look whose turn it is by indexes, always, as the log does; and two indexes less that others begin with."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTIONS = (
    "workflows_admit(bigint, int, int)",
    "workflows_may_admit(bigint, bigint, int, int)",
    "workflows_release_steps(bigint, int)",
)


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0012_written_order"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *(
            migrations.RunSQL(
                f"ALTER FUNCTION {function} SET enable_seqscan = off", f"ALTER FUNCTION {function} RESET enable_seqscan"
            )
            for function in FUNCTIONS
        ),
        migrations.AlterField(
            model_name="execution",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="executions",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="workflow",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="executions",
                to="workflows.workflow",
            ),
        ),
    ]
