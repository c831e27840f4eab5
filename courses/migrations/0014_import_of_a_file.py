"""An import can wait for a file of the vault to be read."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0013_reminder_of_each_time"),
        ("resources", "0006_where_files_come_from"),
    ]

    operations = [
        migrations.AddField(
            model_name="importdraft",
            name="resource",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="resources.resource",
            ),
        ),
    ]
