"""Resources, their passages, and the functions that PostgreSQL indexes their text with."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# A tsvector holds at most 1 MB. A text that needs more (a million different words) is indexed as far as it
# fits, instead of refusing the row. Only names of pg_catalog are used inside, so that a dump restores.
FUNCTIONS = """
CREATE FUNCTION resources_text_vector(content text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  part text := coalesce(content, '');
BEGIN
  LOOP
    BEGIN
      RETURN to_tsvector('pg_catalog.english'::regconfig, part) || to_tsvector('pg_catalog.simple'::regconfig, part);
    EXCEPTION WHEN program_limit_exceeded THEN
      part := left(part, length(part) / 2);
    END;
  END LOOP;
END $$;

CREATE FUNCTION resources_heading_vector(title text, tags text[]) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  words text := translate(coalesce(title, ''), '_-./', '    ');
  labels text := array_to_string(tags, ' ');
BEGIN
  RETURN setweight(to_tsvector('pg_catalog.english'::regconfig, words), 'A')
      || setweight(to_tsvector('pg_catalog.simple'::regconfig, words), 'A')
      || setweight(to_tsvector('pg_catalog.english'::regconfig, labels), 'B')
      || setweight(to_tsvector('pg_catalog.simple'::regconfig, labels), 'B');
END $$;

CREATE FUNCTION resources_document_vector(
  title text, tags text[], body text, url text, file_name text, content text
) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  words text := translate(coalesce(title, ''), '_-./', '    ');
  labels text := array_to_string(tags, ' ');
  address text := translate(coalesce(url, '') || ' ' || coalesce(file_name, ''), '_-./:?&=#%+', '           ');
  part text := coalesce(content, '');
BEGIN
  LOOP
    BEGIN
      RETURN setweight(to_tsvector('pg_catalog.english'::regconfig, words), 'A')
          || setweight(to_tsvector('pg_catalog.simple'::regconfig, words), 'A')
          || setweight(to_tsvector('pg_catalog.english'::regconfig, labels), 'B')
          || setweight(to_tsvector('pg_catalog.simple'::regconfig, labels || ' ' || address), 'B')
          || setweight(to_tsvector('pg_catalog.english'::regconfig, coalesce(body, '')), 'C')
          || setweight(to_tsvector('pg_catalog.simple'::regconfig, coalesce(body, '')), 'C')
          || to_tsvector('pg_catalog.english'::regconfig, part)
          || to_tsvector('pg_catalog.simple'::regconfig, part);
    EXCEPTION WHEN program_limit_exceeded THEN
      IF part = '' THEN
        body := left(body, length(body) / 2);
      END IF;
      part := left(part, length(part) / 2);
    END;
  END LOOP;
END $$;
"""
NO_FUNCTIONS = """
DROP FUNCTION resources_document_vector(text, text[], text, text, text, text);
DROP FUNCTION resources_heading_vector(text, text[]);
DROP FUNCTION resources_text_vector(text);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("kernel", "0002_event_log_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.CreateModel(
            name="Resource",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "kind",
                    models.CharField(choices=[("file", "File"), ("note", "Note"), ("link", "Link")], max_length=4),
                ),
                ("title", models.CharField(max_length=255)),
                ("body", models.TextField(blank=True)),
                ("url", models.URLField(blank=True, max_length=2000, verbose_name="address")),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                ("file_name", models.CharField(blank=True, max_length=255)),
                ("content_type", models.CharField(blank=True, max_length=120)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("source", models.CharField(blank=True, max_length=80)),
                ("external_id", models.CharField(blank=True, max_length=200)),
                ("external_updated_at", models.DateTimeField(blank=True, null=True)),
                (
                    "extraction_status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("running", "running"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("skipped", "skipped"),
                        ],
                        default="skipped",
                        max_length=9,
                    ),
                ),
                ("extraction_reason", models.CharField(blank=True, max_length=500)),
                ("extraction_attempts", models.PositiveSmallIntegerField(default=0)),
                ("extraction_started_at", models.DateTimeField(blank=True, null=True)),
                ("text", models.TextField(blank=True)),
                ("page_count", models.PositiveIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("trashed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "vector",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Func(
                            "title",
                            "tags",
                            "body",
                            "url",
                            "file_name",
                            "text",
                            function="resources_document_vector",
                        ),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
                (
                    "heading_vector",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Func("title", "tags", function="resources_heading_vector"),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
                (
                    "blob",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="resources",
                        to="kernel.blob",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="resources",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-updated_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Passage",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("ordinal", models.PositiveIntegerField()),
                ("page", models.PositiveIntegerField(blank=True, null=True)),
                ("text", models.TextField()),
                (
                    "vector",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Func("text", function="resources_text_vector"),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "resource",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="passages",
                        to="resources.resource",
                    ),
                ),
            ],
            options={
                "ordering": ["resource", "ordinal"],
            },
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(fields=["owner", "-updated_at", "-id"], name="resource_newest"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(fields=["owner", "blob"], name="resource_same_bytes"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=models.Index(
                condition=models.Q(("extraction_status__in", ["pending", "running"])),
                fields=["extraction_status", "updated_at"],
                name="resource_unread_text",
            ),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=django.contrib.postgres.indexes.GinIndex(fields=["vector"], name="resource_vector"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=django.contrib.postgres.indexes.GinIndex(fields=["heading_vector"], name="resource_heading_vector"),
        ),
        migrations.AddIndex(
            model_name="resource",
            index=django.contrib.postgres.indexes.GinIndex(fields=["tags"], name="resource_tags"),
        ),
        migrations.AddConstraint(
            model_name="resource",
            constraint=models.CheckConstraint(
                condition=models.Q(("title", ""), _negated=True), name="resource_has_a_title"
            ),
        ),
        migrations.AddConstraint(
            model_name="resource",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("blob__isnull", False), ("kind", "file")),
                    models.Q(("blob__isnull", True), ("kind", "note")),
                    models.Q(("blob__isnull", True), ("kind", "link"), models.Q(("url", ""), _negated=True)),
                    _connector="OR",
                ),
                name="resource_has_what_its_kind_needs",
            ),
        ),
        migrations.AddConstraint(
            model_name="resource",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source", ""), _negated=True),
                fields=("owner", "source", "external_id"),
                name="resource_is_imported_once",
            ),
        ),
        migrations.AddIndex(
            model_name="passage",
            index=models.Index(fields=["owner"], name="passage_owner"),
        ),
        migrations.AddIndex(
            model_name="passage",
            index=django.contrib.postgres.indexes.GinIndex(fields=["vector"], name="passage_vector"),
        ),
        migrations.AddConstraint(
            model_name="passage",
            constraint=models.UniqueConstraint(
                fields=("resource", "ordinal"), name="passage_has_one_place_in_its_resource"
            ),
        ),
    ]
