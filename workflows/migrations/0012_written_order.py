"""Definitions keep the order of their keys. What was saved before keeps the order in which it has been run so far."""

from django.db import migrations

import coreengine.kernel.fields

COLUMNS = ("workflow_id", "number", "source", "definition{cast}", "message", "restores")
CHECK = """
CREATE OR REPLACE FUNCTION workflows_check_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF ({new}) IS DISTINCT FROM ({old}) THEN
    RAISE EXCEPTION 'version % of workflow % never changes', OLD.number, OLD.workflow_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def check(cast: str) -> str:
    """The function that refuses changes of a version; json can only be compared as text."""
    new, old = (", ".join(f"{row}.{column}" for column in COLUMNS).format(cast=cast) for row in ("NEW", "OLD"))
    return CHECK.format(new=new, old=old)


class Migration(migrations.Migration):
    dependencies = [("workflows", "0011_revision")]
    operations = [
        migrations.AlterField(
            model_name="workflowversion",
            name="definition",
            field=coreengine.kernel.fields.WrittenJSONField(
                help_text="As data, with branches and inputs in the order of the text."
            ),
        ),
        migrations.RunSQL(check("::text"), check("")),
    ]
