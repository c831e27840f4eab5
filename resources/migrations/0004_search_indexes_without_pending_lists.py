"""Write to the search indexes directly: a search never walks through a list of pending entries."""

import django.contrib.postgres.indexes
from django.db import migrations

INDEXES = [
    ("resource", "resource_vector", "vector"),
    ("resource", "resource_heading_vector", "heading_vector"),
    ("passage", "passage_vector", "vector"),
]


def _without_fastupdate(model: str, name: str, field: str) -> migrations.SeparateDatabaseAndState:
    index = django.contrib.postgres.indexes.GinIndex(fields=[field], name=name, fastupdate=False)
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"ALTER INDEX {name} SET (fastupdate = off); SELECT gin_clean_pending_list('{name}'::regclass)",
                f"ALTER INDEX {name} RESET (fastupdate)",
            )
        ],
        state_operations=[migrations.RemoveIndex(model, name), migrations.AddIndex(model, index)],
    )


class Migration(migrations.Migration):
    dependencies = [("resources", "0003_passage_is_own")]

    operations = [_without_fastupdate(*index) for index in INDEXES]
