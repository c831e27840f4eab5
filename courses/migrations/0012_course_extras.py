"""What the course page needs: people, feedback, AI policy, own order; drafts of imports; archives."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0011_reminders"),
        ("kernel", "0006_event_append_by_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CourseArchive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=255)),
                (
                    "course_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("with_files", models.BooleanField(default=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("running", "running"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("done_count", models.PositiveIntegerField(default=0)),
                ("total_count", models.PositiveIntegerField(default=0)),
                ("doing", models.CharField(blank=True, default="", max_length=255)),
                ("missing", models.JSONField(blank=True, default=list)),
                ("error", models.TextField(blank=True, default="")),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="CoursePerson",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(blank=True, default="", max_length=100)),
                ("external_id", models.CharField(blank=True, default="", max_length=200)),
                ("name", models.CharField(max_length=255)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("teacher", "Teacher"),
                            ("assistant", "Teaching assistant"),
                            ("student", "Fellow student"),
                            ("other", "Contact"),
                        ],
                        default="teacher",
                        max_length=16,
                    ),
                ),
                ("email", models.EmailField(blank=True, default="", max_length=254, verbose_name="e-mail")),
                ("html_url", models.URLField(blank=True, default="", max_length=2000, verbose_name="web page")),
                ("missing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("office_hours", models.CharField(blank=True, default="", max_length=500)),
                ("notes", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "course people",
                "ordering": ["course_id", "role", "name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ImportDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("course_name", models.CharField(blank=True, default="", max_length=255, verbose_name="new course")),
                ("kind", models.CharField(choices=[("table", "Table"), ("syllabus", "Syllabus")], max_length=16)),
                ("file_name", models.CharField(blank=True, default="", max_length=255)),
                ("encoding", models.CharField(blank=True, default="", max_length=32)),
                ("text", models.TextField()),
                ("choices", models.JSONField(blank=True, default=dict)),
                ("rows", models.JSONField(blank=True, default=list)),
                ("made", models.JSONField(blank=True, default=dict)),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["-updated_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="SubmissionComment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=200)),
                ("author", models.CharField(blank=True, default="", max_length=255)),
                ("text", models.TextField()),
                ("written_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["written_at", "pk"],
            },
        ),
        migrations.AddField(
            model_name="course",
            name="ai_policy",
            field=models.CharField(
                blank=True,
                choices=[
                    ("unstated", "Not stated"),
                    ("forbidden", "Not allowed"),
                    ("cited", "Allowed with citation"),
                    ("allowed", "Allowed"),
                ],
                default="unstated",
                max_length=16,
                verbose_name="use of AI",
            ),
        ),
        migrations.AddField(
            model_name="course",
            name="ai_policy_text",
            field=models.TextField(blank=True, default="", verbose_name="what the teacher says about AI"),
        ),
        migrations.AddField(
            model_name="course",
            name="ai_policy_where",
            field=models.CharField(blank=True, default="", max_length=500, verbose_name="where that is stated"),
        ),
        # Whose choice the colours so far were, nobody knows: they count as the student's.
        migrations.AddField(
            model_name="course",
            name="hue_is_own",
            field=models.BooleanField(default=True, editable=False, verbose_name="colour is the student's choice"),
        ),
        migrations.AlterField(
            model_name="course",
            name="hue_is_own",
            field=models.BooleanField(default=False, editable=False, verbose_name="colour is the student's choice"),
        ),
        migrations.AddField(
            model_name="course",
            name="position",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="course",
            name="position_is_own",
            field=models.BooleanField(default=False, editable=False, verbose_name="place is the student's choice"),
        ),
        migrations.AddField(
            model_name="course",
            name="source_color",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="course",
            name="source_nickname",
            field=models.CharField(blank=True, default="", editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name="course",
            name="source_position",
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="course",
            constraint=models.CheckConstraint(
                condition=models.Q(("ai_policy__in", ["unstated", "forbidden", "cited", "allowed"])),
                name="course_ai_policy_is_known",
            ),
        ),
        migrations.AddField(
            model_name="coursearchive",
            name="blob",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="course_archives",
                to="kernel.blob",
            ),
        ),
        migrations.AddField(
            model_name="coursearchive",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="course_archives", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="courseperson",
            name="course",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="people", to="courses.course"
            ),
        ),
        migrations.AddField(
            model_name="courseperson",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="course_people", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="importdraft",
            name="course",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="import_drafts",
                to="courses.course",
            ),
        ),
        migrations.AddField(
            model_name="importdraft",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="import_drafts", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="submissioncomment",
            name="assignment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="comments", to="courses.assignment"
            ),
        ),
        migrations.AddIndex(
            model_name="coursearchive",
            index=models.Index(
                condition=models.Q(("status__in", ["pending", "running"])),
                fields=["heartbeat_at"],
                name="course_archive_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="coursearchive",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "running", "completed", "failed", "cancelled"])),
                name="course_archive_status_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="coursearchive",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("finished_at__isnull", True),
                    ("status__in", ["completed", "failed", "cancelled"]),
                    _connector="XOR",
                ),
                name="course_archive_has_finish_time_when_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="courseperson",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source", ""), _negated=True),
                fields=("course", "source", "external_id"),
                name="course_person_is_one_per_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="courseperson",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("source", ""), ("external_id", "")),
                    models.Q(models.Q(("source", ""), _negated=True), models.Q(("external_id", ""), _negated=True)),
                    _connector="OR",
                ),
                name="course_person_has_source_and_id_or_neither",
            ),
        ),
        migrations.AddIndex(
            model_name="importdraft",
            index=models.Index(fields=["expires_at"], name="import_draft_by_expiry"),
        ),
        migrations.AddConstraint(
            model_name="submissioncomment",
            constraint=models.UniqueConstraint(
                fields=("assignment", "external_id"), name="submission_comment_is_one_per_id"
            ),
        ),
    ]
