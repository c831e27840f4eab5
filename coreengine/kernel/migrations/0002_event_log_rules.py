"""The event log's rules in the database: numbering, chaining, append only."""

from django.db import migrations

FORWARD = """
ALTER TABLE kernel_event ADD COLUMN data_digest varchar(64) NOT NULL DEFAULT '';

CREATE FUNCTION kernel_event_digest(salt text, data jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT encode(sha256(convert_to(salt || data::text, 'UTF8')), 'hex') $$;

CREATE FUNCTION kernel_event_hash(previous text, subject_type text, subject_id text, sequence bigint,
                                  type text, data_digest text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(convert_to(concat_ws('|', previous, subject_type, subject_id, sequence::text, type,
                                            data_digest), 'UTF8')), 'hex')
$$;

CREATE FUNCTION kernel_event_append() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  last_sequence bigint := 0;
  last_hash text := '';
BEGIN
  -- Two writers of one stream take turns until commit, so that numbers have no gaps.
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.subject_type || ':' || NEW.subject_id, 7));
  SELECT e.sequence, e.hash INTO last_sequence, last_hash FROM kernel_event e
   WHERE e.subject_type = NEW.subject_type AND e.subject_id = NEW.subject_id
   ORDER BY e.sequence DESC LIMIT 1;
  NEW.sequence := coalesce(last_sequence, 0) + 1;
  NEW.salt := replace(gen_random_uuid()::text, '-', '');
  NEW.data_digest := kernel_event_digest(NEW.salt, NEW.data);
  NEW.hash := kernel_event_hash(coalesce(last_hash, ''), NEW.subject_type, NEW.subject_id, NEW.sequence,
                                NEW.type, NEW.data_digest);
  NEW.transaction := pg_current_xact_id()::text::bigint;
  NEW.time := statement_timestamp();
  RETURN NEW;
END $$;

CREATE TRIGGER kernel_event_append BEFORE INSERT ON kernel_event
FOR EACH ROW EXECUTE FUNCTION kernel_event_append();

CREATE FUNCTION kernel_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('coreengine.erasing', true) = 'on'
     AND NEW.data = '{}'::jsonb AND NEW.salt = '' AND NEW.hash = OLD.hash AND NEW.data_digest = OLD.data_digest
     AND NEW.sequence = OLD.sequence AND NEW.type = OLD.type AND NEW.id = OLD.id
     AND NEW.subject_type = OLD.subject_type AND NEW.subject_id = OLD.subject_id THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER kernel_event_refuse BEFORE UPDATE OR DELETE ON kernel_event
FOR EACH ROW EXECUTE FUNCTION kernel_event_refuse();
"""

BACKWARD = """
DROP TRIGGER kernel_event_refuse ON kernel_event;
DROP TRIGGER kernel_event_append ON kernel_event;
DROP FUNCTION kernel_event_refuse();
DROP FUNCTION kernel_event_append();
DROP FUNCTION kernel_event_hash(text, text, text, bigint, text, text);
DROP FUNCTION kernel_event_digest(text, jsonb);
ALTER TABLE kernel_event DROP COLUMN data_digest;
"""


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
