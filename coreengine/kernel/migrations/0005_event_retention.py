"""Whole streams may leave the log, by the retention function only."""

from django.db import migrations

REFUSE = """
CREATE OR REPLACE FUNCTION kernel_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('coreengine.erasing', true) = 'on'
     AND NEW.data = '{}'::jsonb AND NEW.salt = '' AND NEW.hash = OLD.hash AND NEW.data_digest = OLD.data_digest
     AND NEW.sequence = OLD.sequence AND NEW.type = OLD.type AND NEW.id = OLD.id
     AND NEW.subject_type = OLD.subject_type AND NEW.subject_id = OLD.subject_id THEN
    RETURN NEW;
  END IF;
%s
  RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
RETIRING = """
  IF TG_OP = 'DELETE' AND current_setting('coreengine.retiring', true) = 'on' THEN
    RETURN OLD;
  END IF;
"""


class Migration(migrations.Migration):
    dependencies = [("kernel", "0004_event_cause")]
    operations = [migrations.RunSQL(REFUSE % RETIRING, REFUSE % "")]
