"""What a notification is one of, for the bell to bundle."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0007_notification_channels")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="group",
            field=models.CharField(
                blank=True, default="", help_text="What it is one of: Grades in CS 101.", max_length=120
            ),
        ),
    ]
