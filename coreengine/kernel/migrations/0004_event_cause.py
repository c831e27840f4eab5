"""Events say which execution made them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0003_blob_grant")]
    operations = [
        migrations.AddField(
            model_name="event",
            name="cause",
            field=models.BigIntegerField(
                editable=False, help_text="The execution whose step made it, if one did.", null=True
            ),
        ),
    ]
