from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("plugins", "0004_connection_way"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="gatewaycall",
            name="bytes_sent",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="gatewaycall",
            name="capability",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="gatewaycall",
            name="is_refused",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="gatewaycall",
            name="shape",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddIndex(
            model_name="gatewaycall",
            index=models.Index(fields=["connection", "created_at"], name="gateway_call_by_day"),
        ),
        migrations.AddIndex(
            model_name="gatewaycall",
            index=models.Index(fields=["created_at"], name="gateway_call_oldest"),
        ),
    ]
