"""A thing that repeats has a reminder for each of its times."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("courses", "0012_course_extras")]

    operations = [
        migrations.AddField(
            model_name="reminder",
            name="target_key",
            field=models.CharField(blank=True, default="", editable=False, max_length=16),
        ),
        migrations.RemoveConstraint(model_name="reminder", name="reminder_of_a_rule_is_one_per_thing"),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rule__isnull", False)),
                fields=("owner", "target_kind", "target_id", "target_key", "rule"),
                name="reminder_of_a_rule_is_one_per_time",
            ),
        ),
    ]
