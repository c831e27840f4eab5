"""A replay stays one when the delivery that it repeats goes, so that both can go in any order."""

from django.db import migrations, models
from django.db.models import Q


def note_replays(apps, schema_editor):
    apps.get_model("plugins", "ConnectionDelivery").objects.exclude(replay_of=None).update(is_replay=True)


class Migration(migrations.Migration):
    dependencies = [("plugins", "0010_tokens_of_deleted_students")]

    operations = [
        migrations.RemoveConstraint(model_name="connectiondelivery", name="connection_delivery_is_taken_once"),
        migrations.AddField(
            model_name="connectiondelivery",
            name="is_replay",
            field=models.BooleanField(default=False, help_text="True also where the delivery it repeats is forgotten."),
        ),
        migrations.RunPython(note_replays, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="connectiondelivery",
            constraint=models.UniqueConstraint(
                fields=["webhook", "delivery_id"],
                condition=~Q(delivery_id="") & Q(is_replay=False) & ~Q(status="rejected"),
                name="connection_delivery_is_taken_once",
            ),
        ),
    ]
