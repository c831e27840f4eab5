"""A replay stays one when the delivery that it repeats goes, so that both can go in any order."""

from django.db import migrations, models
from django.db.models import Q


def note_replays(apps, schema_editor):
    apps.get_model("workflows", "WebhookDelivery").objects.exclude(replay_of=None).update(is_replay=True)


class Migration(migrations.Migration):
    dependencies = [("workflows", "0014_taking")]

    operations = [
        migrations.RemoveConstraint(model_name="webhookdelivery", name="delivery_is_taken_once"),
        migrations.AddField(
            model_name="webhookdelivery",
            name="is_replay",
            field=models.BooleanField(default=False, help_text="True also where the delivery it repeats is forgotten."),
        ),
        migrations.RunPython(note_replays, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                fields=["trigger", "delivery_id"],
                condition=~Q(delivery_id="") & Q(is_replay=False) & ~Q(status="rejected"),
                name="delivery_is_taken_once",
            ),
        ),
    ]
