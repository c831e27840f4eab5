"""A worker that has ended an execution takes the student's next from the queue itself, while no other student waits."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION workflows_take(student bigint, at_once int) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  taken bigint;
BEGIN
  UPDATE workflows_execution SET admitted_at = clock_timestamp(), hinted_at = clock_timestamp()
  WHERE id = (
    SELECT q.id FROM workflows_execution q
    WHERE q.owner_id = student AND q.admitted_at IS NULL AND q.status = 'pending'
      AND (SELECT count(*) FROM workflows_execution p
           WHERE p.owner_id = student AND p.admitted_at IS NOT NULL AND p.status IN ('pending', 'running')
             AND p.pauses = 0) < at_once
      AND NOT EXISTS (SELECT 1 FROM workflows_execution o
                      WHERE o.owner_id <> student AND o.admitted_at IS NOT NULL AND o.status = 'pending')
    ORDER BY q.queue_rank, q.id LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING id INTO taken;
  RETURN taken;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0013_turns_by_index")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION workflows_take(bigint, int)")]
