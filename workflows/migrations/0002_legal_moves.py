"""What the database itself refuses: illegal changes of status, changes to what is over, changes of versions."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION workflows_check_execution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.version_id <> OLD.version_id OR NEW.workflow_id <> OLD.workflow_id OR NEW.owner_id <> OLD.owner_id THEN
    RAISE EXCEPTION 'execution % keeps its version, workflow and owner', OLD.id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.status IN ('completed', 'failed', 'cancelled', 'skipped')
     AND (NEW.status, NEW.variables, NEW.error_message, NEW.completed_at)
         IS DISTINCT FROM (OLD.status, OLD.variables, OLD.error_message, OLD.completed_at) THEN
    RAISE EXCEPTION 'execution % is % and stays so', OLD.id, OLD.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
       ('pending', 'running'), ('pending', 'completed'), ('pending', 'failed'), ('pending', 'cancelled'),
       ('running', 'completed'), ('running', 'failed'), ('running', 'cancelled')) THEN
    RAISE EXCEPTION 'execution % cannot go from % to %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER workflows_check_execution BEFORE UPDATE ON workflows_execution
FOR EACH ROW EXECUTE FUNCTION workflows_check_execution();

CREATE FUNCTION workflows_check_step() RETURNS trigger LANGUAGE plpgsql AS $$
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
       ('pending', 'running'), ('pending', 'skipped'), ('pending', 'failed'), ('pending', 'cancelled'),
       ('running', 'completed'), ('running', 'waiting'), ('running', 'failed'), ('running', 'cancelled'),
       ('waiting', 'running'), ('waiting', 'failed'), ('waiting', 'cancelled')) THEN
    RAISE EXCEPTION 'step % cannot go from % to %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER workflows_check_step BEFORE UPDATE ON workflows_stepexecution
FOR EACH ROW EXECUTE FUNCTION workflows_check_step();

CREATE FUNCTION workflows_check_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.workflow_id, NEW.number, NEW.source, NEW.definition)
     IS DISTINCT FROM (OLD.workflow_id, OLD.number, OLD.source, OLD.definition) THEN
    RAISE EXCEPTION 'version % of workflow % never changes', OLD.number, OLD.workflow_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER workflows_check_version BEFORE UPDATE ON workflows_workflowversion
FOR EACH ROW EXECUTE FUNCTION workflows_check_version();
"""

BACKWARD = """
DROP TRIGGER workflows_check_version ON workflows_workflowversion;
DROP TRIGGER workflows_check_step ON workflows_stepexecution;
DROP TRIGGER workflows_check_execution ON workflows_execution;
DROP FUNCTION workflows_check_version();
DROP FUNCTION workflows_check_step();
DROP FUNCTION workflows_check_execution();
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
