"""Count who holds a blob in the database itself.

Rows of resources go in many ways: deleted for good, with their student's account, in the admin. A trigger
counts all of them; services calling hold and release would miss the cascades and leave bytes behind.
"""

from django.db import migrations

TRIGGER = """
CREATE FUNCTION resources_count_holds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.blob_id IS NOT NULL THEN
    UPDATE kernel_blob SET holds = greatest(holds - 1, 0), created_at = now() WHERE id = OLD.blob_id;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.blob_id IS NOT NULL THEN
    UPDATE kernel_blob SET holds = holds + 1 WHERE id = NEW.blob_id;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER resources_hold_blobs AFTER INSERT OR DELETE ON resources_resource
FOR EACH ROW EXECUTE FUNCTION resources_count_holds();
CREATE TRIGGER resources_swap_blobs AFTER UPDATE OF blob_id ON resources_resource
FOR EACH ROW WHEN (OLD.blob_id IS DISTINCT FROM NEW.blob_id) EXECUTE FUNCTION resources_count_holds();
"""
NO_TRIGGER = """
DROP TRIGGER resources_swap_blobs ON resources_resource;
DROP TRIGGER resources_hold_blobs ON resources_resource;
DROP FUNCTION resources_count_holds();
"""


class Migration(migrations.Migration):
    dependencies = [("resources", "0001_initial")]

    operations = [migrations.RunSQL(TRIGGER, NO_TRIGGER)]
