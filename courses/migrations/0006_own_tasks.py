import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

# What sources had marked before counts as marked here too. Last, and in one migration with the fields: without it the
# first sync afterwards, which compares with what is stored, would see nothing new and leave the marks out.
MARKS = """
UPDATE courses_planneritem SET done_at = CASE WHEN is_marked_complete THEN updated_at END,
    dismissed_at = CASE WHEN is_dismissed THEN updated_at END
WHERE assignment_id IS NULL AND (is_marked_complete OR is_dismissed);
UPDATE courses_assignment SET dismissed_at = i.updated_at FROM courses_planneritem i
WHERE i.assignment_id = courses_assignment.id AND i.is_dismissed;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0005_course_grading"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OwnTask",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "estimate_minutes",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(6000),
                        ],
                        verbose_name="estimate in minutes",
                    ),
                ),
                ("started_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("done_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("dismissed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("plan_position", models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ("title", models.CharField(max_length=255)),
                ("notes", models.TextField(blank=True, default="")),
                ("due_on", models.DateField(blank=True, null=True)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("occurrence_on", models.DateField(blank=True, editable=False, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "search_vector",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.contrib.postgres.search.CombinedSearchVector(
                            django.contrib.postgres.search.SearchVector("title", config="english", weight="A"),
                            "||",
                            django.contrib.postgres.search.SearchVector(
                                django.db.models.functions.text.Left("notes", 100000), config="english", weight="B"
                            ),
                            django.contrib.postgres.search.SearchConfig("english"),
                        ),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
            ],
            options={
                "ordering": ["due_on", "due_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="TaskSeries",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "rule",
                    models.CharField(
                        help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO",
                        max_length=255,
                        verbose_name="recurrence rule",
                    ),
                ),
                ("starts_on", models.DateField()),
                ("at_time", models.TimeField(blank=True, null=True)),
                ("title", models.CharField(max_length=255)),
                ("notes", models.TextField(blank=True, default="")),
                (
                    "estimate_minutes",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(6000),
                        ],
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "task series",
                "ordering": ["pk"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="planneritem",
            name="planner_item_fails_only_at_what_is_wanted",
        ),
        migrations.RemoveIndex(
            model_name="planneritem",
            name="planner_item_to_write",
        ),
        migrations.AddField(
            model_name="assignment",
            name="dismissed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="assignment",
            name="estimate_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(6000),
                ],
                verbose_name="estimate in minutes",
            ),
        ),
        migrations.AddField(
            model_name="assignment",
            name="plan_position",
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="assignment",
            name="planned_on",
            field=models.DateField(blank=True, null=True, verbose_name="planned for"),
        ),
        migrations.AddField(
            model_name="assignment",
            name="started_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="dismissed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="done_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="estimate_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(6000),
                ],
                verbose_name="estimate in minutes",
            ),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="plan_position",
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="planned_on",
            field=models.DateField(blank=True, null=True, verbose_name="planned for"),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="started_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="planneritem",
            name="wanted_dismissed",
            field=models.BooleanField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="planneritem",
            index=models.Index(
                condition=models.Q(
                    ("wanted_complete__isnull", False), ("wanted_dismissed__isnull", False), _connector="OR"
                ),
                fields=["owner", "source"],
                name="planner_item_to_write",
            ),
        ),
        migrations.AddConstraint(
            model_name="planneritem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("wanted_complete__isnull", False),
                    ("wanted_dismissed__isnull", False),
                    ("write_error", ""),
                    _connector="OR",
                ),
                name="planner_item_fails_only_at_what_is_wanted",
            ),
        ),
        migrations.AddField(
            model_name="owntask",
            name="assignment",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="own_tasks",
                to="courses.assignment",
            ),
        ),
        migrations.AddField(
            model_name="owntask",
            name="course",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="own_tasks",
                to="courses.course",
            ),
        ),
        migrations.AddField(
            model_name="owntask",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="own_tasks", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="owntask",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="subtasks",
                to="courses.owntask",
            ),
        ),
        migrations.AddField(
            model_name="owntask",
            name="previous",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="follower",
                to="courses.owntask",
            ),
        ),
        migrations.AddField(
            model_name="taskseries",
            name="assignment",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="courses.assignment",
            ),
        ),
        migrations.AddField(
            model_name="taskseries",
            name="course",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="courses.course",
            ),
        ),
        migrations.AddField(
            model_name="taskseries",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="task_series", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="owntask",
            name="series",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="occurrences",
                to="courses.taskseries",
            ),
        ),
        migrations.AddIndex(
            model_name="owntask",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True), ("parent__isnull", True)),
                fields=["owner", "due_at", "due_on"],
                name="task_by_owner_and_due",
            ),
        ),
        migrations.AddIndex(
            model_name="owntask",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search_vector"], name="task_search"),
        ),
        migrations.AddConstraint(
            model_name="owntask",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_on__isnull", True), ("due_at__isnull", True), _connector="OR"),
                name="task_is_due_on_a_day_or_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="owntask",
            constraint=models.CheckConstraint(
                condition=models.Q(("title", ""), _negated=True), name="task_has_a_title"
            ),
        ),
        migrations.AddConstraint(
            model_name="owntask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("parent__isnull", True),
                    models.Q(
                        ("assignment__isnull", True),
                        ("course__isnull", True),
                        ("due_at__isnull", True),
                        ("due_on__isnull", True),
                        ("series__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="subtask_is_part_of_its_task_alone",
            ),
        ),
        migrations.AddConstraint(
            model_name="owntask",
            constraint=models.CheckConstraint(
                condition=models.Q(("parent", models.F("id")), _negated=True), name="task_is_no_part_of_itself"
            ),
        ),
        migrations.AddConstraint(
            model_name="owntask",
            constraint=models.CheckConstraint(
                condition=models.Q(("series__isnull", True), ("occurrence_on__isnull", False), _connector="OR"),
                name="task_of_a_series_knows_its_day",
            ),
        ),
        migrations.RunSQL(MARKS, migrations.RunSQL.noop),
    ]
