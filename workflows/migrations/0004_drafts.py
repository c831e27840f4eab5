"""Drafts, and what a version says of itself: a message, and which version it repeats."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

CHECK_VERSION = """
CREATE OR REPLACE FUNCTION workflows_check_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF ({new}) IS DISTINCT FROM ({old}) THEN
    RAISE EXCEPTION 'version % of workflow % never changes', OLD.number, OLD.workflow_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def check_version(*columns: str) -> str:
    """The function that refuses changes of these columns of a version."""
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
    return CHECK_VERSION.format(new=new, old=old)


KEPT = ("workflow_id", "number", "source", "definition")


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0003_new_step_types"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="workflow",
            name="revision",
            field=models.PositiveIntegerField(
                default=0, help_text="Grows whenever its draft or published text changes."
            ),
        ),
        migrations.AddField(
            model_name="workflowversion",
            name="message",
            field=models.CharField(
                blank=True, help_text="What changed, in the words of who published it.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="workflowversion",
            name="restores",
            field=models.PositiveIntegerField(blank=True, help_text="The number of the version it repeats.", null=True),
        ),
        migrations.AlterField(
            model_name="workflow",
            name="version",
            field=models.ForeignKey(
                help_text="Empty as long as there is only a draft.",
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="workflows.workflowversion",
                verbose_name="published version",
            ),
        ),
        migrations.CreateModel(
            name="WorkflowDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.TextField(blank=True)),
                (
                    "base",
                    models.PositiveIntegerField(
                        blank=True, help_text="The version that was current when it began.", null=True
                    ),
                ),
                (
                    "restores",
                    models.PositiveIntegerField(
                        blank=True, help_text="The version whose text it began with.", null=True
                    ),
                ),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "saved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workflow",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="draft", to="workflows.workflow"
                    ),
                ),
            ],
        ),
        migrations.RunSQL(check_version(*KEPT, "message", "restores"), check_version(*KEPT)),
    ]
