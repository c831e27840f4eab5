"""Find the end of a stream by its index, always; and one index less to keep.

The function's plan is made when a connection first appends, which may be while the log is small: a plan that read the
whole log then went on doing so until the next statistics.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kernel", "0005_event_retention"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION kernel_event_append() SET enable_seqscan = off",
            "ALTER FUNCTION kernel_event_append() RESET enable_seqscan",
        ),
        migrations.AlterField(
            model_name="event",
            name="owner",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
