"""Room for conditions, parallels, waits and approvals: longer paths, failed items, reused steps, a clock that
stops while an execution waits for a time or a person, and the changes of status that come with them."""

from django.db import migrations, models

CHECK_STEP = """
CREATE OR REPLACE FUNCTION workflows_check_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.execution_id <> OLD.execution_id OR NEW.path <> OLD.path OR NEW.token < OLD.token
     OR NEW.attempt < OLD.attempt THEN
    RAISE EXCEPTION 'step % keeps its execution and path, and its attempts only grow', OLD.id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.status IN ('completed', 'failed', 'cancelled', 'skipped') THEN
    RAISE EXCEPTION 'step % is % and stays so', OLD.id, OLD.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
       {moves}) THEN
    RAISE EXCEPTION 'step % cannot go from % to %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
OLD_MOVES = """('pending', 'running'), ('pending', 'skipped'), ('pending', 'failed'), ('pending', 'cancelled'),
       ('running', 'completed'), ('running', 'waiting'), ('running', 'failed'), ('running', 'cancelled'),
       ('waiting', 'running'), ('waiting', 'failed'), ('waiting', 'cancelled')"""
NEW_MOVES = """('pending', 'running'), ('pending', 'waiting'), ('pending', 'completed'), ('pending', 'skipped'),
       ('pending', 'failed'), ('pending', 'cancelled'),
       ('running', 'completed'), ('running', 'waiting'), ('running', 'failed'), ('running', 'cancelled'),
       ('waiting', 'running'), ('waiting', 'completed'), ('waiting', 'failed'), ('waiting', 'cancelled')"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0002_legal_moves")]
    operations = [
        migrations.RunSQL(CHECK_STEP.format(moves=NEW_MOVES), CHECK_STEP.format(moves=OLD_MOVES)),
        migrations.AddField(
            "execution",
            "pauses",
            models.PositiveIntegerField(
                default=0,
                db_default=0,
                help_text="How many steps wait for a time or a person; its clock stands still then.",
            ),
        ),
        migrations.AddField("execution", "time_left_s", models.FloatField(null=True, blank=True)),
        migrations.AddField("stepexecution", "items_failed", models.PositiveIntegerField(default=0, db_default=0)),
        migrations.AddField(
            "stepexecution", "is_reused", models.BooleanField("reused", default=False, db_default=False)
        ),
        migrations.AlterField("stepexecution", "path", models.CharField(max_length=1200)),
        migrations.AlterField("stepexecution", "scope", models.CharField(max_length=1200, blank=True)),
        migrations.RemoveConstraint("stepexecution", "step_that_runs_has_a_lease"),
        migrations.AddConstraint(
            "stepexecution",
            models.CheckConstraint(
                condition=~models.Q(status="running")
                | models.Q(lease_until__isnull=False)
                | models.Q(kind__in=["condition", "loop", "parallel"]),
                name="step_that_runs_has_a_lease",
            ),
        ),
        migrations.AddConstraint(
            "stepexecution",
            models.CheckConstraint(
                condition=models.Q(items_failed__lte=models.F("items_done")), name="step_items_end_before_they_fail"
            ),
        ),
    ]
