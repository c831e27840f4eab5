"""Whose turn it is, as functions: PostgreSQL plans their statements once in a connection instead of at every call."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION workflows_admit(student bigint, at_once int, most_ahead int) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
  WITH admitted AS (
    UPDATE workflows_execution SET admitted_at = clock_timestamp(), hinted_at = clock_timestamp()
    WHERE id = ANY (ARRAY(
      SELECT q.id FROM workflows_execution q
      WHERE q.owner_id = student AND q.admitted_at IS NULL AND q.status = 'pending'
      ORDER BY q.queue_rank, q.id
      LIMIT (SELECT greatest(0, least(at_once - count(*), most_ahead - count(*) FILTER (WHERE p.status = 'pending')))
             FROM workflows_execution p
             WHERE p.owner_id = student AND p.admitted_at IS NOT NULL AND p.status IN ('pending', 'running')
               AND p.pauses = 0)
      FOR UPDATE SKIP LOCKED))
    RETURNING queue_rank, id)
  SELECT a.id FROM admitted a ORDER BY a.queue_rank, a.id;
END $$;

-- Is there room for another execution besides this one, and another for the room?
CREATE FUNCTION workflows_may_admit(student bigint, besides bigint, at_once int, few_ahead int) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM workflows_execution q
                 WHERE q.owner_id = student AND q.admitted_at IS NULL AND q.status = 'pending') THEN
    RETURN false;
  END IF;
  RETURN (SELECT count(*) FILTER (WHERE p.status = 'pending') <= few_ahead AND count(*) < at_once
          FROM workflows_execution p
          WHERE p.owner_id = student AND p.admitted_at IS NOT NULL AND p.status IN ('pending', 'running')
            AND p.pauses = 0 AND p.id <> besides);
END $$;

CREATE FUNCTION workflows_release_steps(student bigint, at_once int)
RETURNS TABLE (of_execution bigint, of_path varchar, of_kind varchar) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
  WITH released AS (
    UPDATE workflows_stepexecution SET hinted_at = clock_timestamp()
    WHERE id = ANY (ARRAY(
      SELECT s.id FROM workflows_execution e JOIN workflows_stepexecution s ON s.execution_id = e.id
      WHERE e.owner_id = student AND e.admitted_at IS NOT NULL AND e.status IN ('pending', 'running')
        AND s.kind IN ('plugin_action', 'ai_agent') AND s.status = 'pending' AND s.waiting_for = 0
        AND s.hinted_at IS NULL AND s.ready_at IS NOT NULL
      ORDER BY e.priority DESC, s.ready_at, s.id
      LIMIT (SELECT greatest(0, at_once - count(*))
             FROM workflows_execution f JOIN workflows_stepexecution t ON t.execution_id = f.id
             WHERE f.owner_id = student AND f.admitted_at IS NOT NULL AND f.status IN ('pending', 'running')
               AND t.kind IN ('plugin_action', 'ai_agent') AND t.status IN ('pending', 'running')
               AND t.hinted_at IS NOT NULL)
      FOR UPDATE OF s SKIP LOCKED))
    RETURNING ready_at, id, execution_id, path, kind)
  SELECT r.execution_id, r.path, r.kind FROM released r ORDER BY r.ready_at, r.id;
END $$;
"""

BACKWARD = """
DROP FUNCTION workflows_release_steps(bigint, int);
DROP FUNCTION workflows_may_admit(bigint, bigint, int, int);
DROP FUNCTION workflows_admit(bigint, int, int);
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0009_fairness")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
