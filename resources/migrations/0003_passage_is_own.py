"""Tell the student's own words from those of the file, so that changing the former keeps the latter's pages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("resources", "0002_blob_holds")]

    operations = [
        migrations.AddField(
            model_name="passage",
            name="is_own",
            field=models.BooleanField(default=False, help_text="The student's words, not the file's."),
        ),
    ]
