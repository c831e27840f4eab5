"""A number that grows with every transaction on an execution, and a check that is only made where it matters."""

from django.db import migrations, models

FORWARD = """
DROP TRIGGER workflows_check_execution ON workflows_execution;
CREATE TRIGGER workflows_check_execution
BEFORE UPDATE OF version_id, workflow_id, owner_id, status, variables, error_message, completed_at
ON workflows_execution FOR EACH ROW EXECUTE FUNCTION workflows_check_execution();
-- Room for the next version of a row in the same page: its revision changes with every step.
ALTER TABLE workflows_execution SET (fillfactor = 70);
"""

BACKWARD = """
ALTER TABLE workflows_execution RESET (fillfactor);
DROP TRIGGER workflows_check_execution ON workflows_execution;
CREATE TRIGGER workflows_check_execution BEFORE UPDATE ON workflows_execution
FOR EACH ROW EXECUTE FUNCTION workflows_check_execution();
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0010_turns")]
    operations = [
        migrations.AddField(
            model_name="execution",
            name="revision",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Grows with every transaction of the engine on this execution."
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
