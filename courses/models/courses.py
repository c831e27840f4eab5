"""Terms and courses."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, GeneratedField, Q
from django.db.models.functions import Left
from django.urls import reverse

from courses.querysets import CourseQuerySet, TermQuerySet

HUES = 12
HUE_ANGLES = (262, 155, 40, 340, 200, 85, 300, 15, 180, 235, 120, 62)
"""The angle of each colour in the OKLCH circle, as `static/css/tokens.css` has them; a test compares the two."""
# A search vector may not exceed 1 MB; a text of this length cannot, whatever its letters.
SEARCHED_CHARACTERS = 100_000


class Term(models.Model):
    """A semester, as a source names it or as the student wrote it (`source` is empty then)."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="terms")
    source = models.CharField(max_length=100, blank=True, default="")
    external_id = models.CharField(max_length=200, blank=True, default="")
    name = models.CharField(max_length=255)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = TermQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "source", "external_id"], condition=~Q(source=""), name="term_is_one_per_source"
            ),
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=Q(source=""),
                name="term_name_is_free",
                violation_error_message="You already have a term of this name.",
            ),
            models.CheckConstraint(
                condition=(Q(source="") & Q(external_id="")) | (~Q(source="") & ~Q(external_id="")),
                name="term_has_source_and_id_or_neither",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AiPolicy(models.TextChoices):
    """What a course allows of AI, as far as the student knows."""

    UNSTATED = "unstated", "Not stated"
    FORBIDDEN = "forbidden", "Not allowed"
    CITED = "cited", "Allowed with citation"
    ALLOWED = "allowed", "Allowed"


class Course(models.Model):
    """One course of one student.

    Fields in the first block are the source's and change with every import; those in the second are the student's
    own and no import touches them. A course made by hand has an empty `source`, and all of it is the student's.
    """

    class State(models.TextChoices):
        AVAILABLE = "available", "Going on"
        COMPLETED = "completed", "Concluded"
        UNPUBLISHED = "unpublished", "Not published yet"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="courses")
    source = models.CharField(max_length=100, blank=True, default="")
    external_id = models.CharField(max_length=200, blank=True, default="")
    name = models.CharField(max_length=255)
    code = models.CharField("course code", max_length=100, blank=True, default="")
    term = models.ForeignKey(Term, on_delete=models.SET_NULL, null=True, blank=True, related_name="courses")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=16, choices=State.choices, default=State.AVAILABLE)
    html_url = models.URLField("web address", max_length=2000, blank=True, default="")
    syllabus_html = models.TextField(blank=True, default="")
    teachers = ArrayField(models.CharField(max_length=255), blank=True, default=list)
    current_score = models.FloatField(null=True, blank=True)
    current_grade = models.CharField(max_length=64, blank=True, default="")
    final_score = models.FloatField(null=True, blank=True)
    final_grade = models.CharField(max_length=64, blank=True, default="")
    period_title = models.CharField("grading period", max_length=255, blank=True, default="")
    period_score = models.FloatField(null=True, blank=True)
    period_grade = models.CharField(max_length=64, blank=True, default="")
    weighs_groups = models.BooleanField(null=True, blank=True, help_text="Unknown: as soon as a group has a weight.")
    hides_total = models.BooleanField("the source keeps the total to itself", default=False)
    source_scale = models.JSONField(null=True, blank=True, help_text="The source's rows of letter and percentage.")
    is_favorite = models.BooleanField("favourite at the source", default=False)
    is_restricted = models.BooleanField(default=False)
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)
    same_as = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="twins"
    )
    """The course that is shown in place of this one, which is the same from another source (`courses.sameness`)."""
    before_same = models.JSONField(null=True, blank=True, editable=False)
    """The student's own fields as they were before it took those of the course that is shown."""
    source_nickname = models.CharField(max_length=255, blank=True, default="", editable=False)
    source_color = models.CharField(max_length=64, blank=True, default="", editable=False)
    source_position = models.PositiveIntegerField(null=True, blank=True, editable=False)
    """Name, colour and place that the student gave the course at the source, when it was last looked at. They fill
    in `nickname`, `hue` and `position` for as long as the student has not chosen otherwise here."""

    nickname = models.CharField(max_length=255, blank=True, default="")
    notes = models.TextField(blank=True, default="")
    hue = models.PositiveSmallIntegerField(
        "colour", default=0, validators=[MinValueValidator(0), MaxValueValidator(HUES - 1)]
    )
    hue_is_own = models.BooleanField("colour is the student's choice", default=False, editable=False)
    position = models.PositiveIntegerField(null=True, blank=True)
    """Its place in lists, the smallest first; those without one come last, by name."""
    position_is_own = models.BooleanField("place is the student's choice", default=False, editable=False)
    is_hidden = models.BooleanField(default=False)
    ai_policy = models.CharField(
        "use of AI", max_length=16, choices=AiPolicy.choices, default=AiPolicy.UNSTATED, blank=True
    )
    ai_policy_text = models.TextField("what the teacher says about AI", blank=True, default="")
    ai_policy_where = models.CharField("where that is stated", max_length=500, blank=True, default="")
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    search_vector = GeneratedField(
        expression=SearchVector("name", "code", "nickname", weight="A", config="english")
        + SearchVector(Left("notes", SEARCHED_CHARACTERS), weight="B", config="english")
        + SearchVector(Left("syllabus_html", SEARCHED_CHARACTERS), weight="D", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = CourseQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ai_policy__in=AiPolicy.values), name="course_ai_policy_is_known"),
            models.UniqueConstraint(
                fields=["owner", "source", "external_id"], condition=~Q(source=""), name="course_is_one_per_source"
            ),
            models.CheckConstraint(
                condition=(Q(source="") & Q(external_id="")) | (~Q(source="") & ~Q(external_id="")),
                name="course_has_source_and_id_or_neither",
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(ends_at__gte=F("starts_at"))
                | ~Q(source=""),
                name="course_ends_after_it_starts",
                violation_error_message="A course ends after it starts.",
            ),
            models.CheckConstraint(condition=Q(hue__lt=HUES), name="course_hue_is_one_of_twelve"),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(source=""), name="course_of_a_source_is_never_deleted"
            ),
            models.CheckConstraint(condition=~Q(same_as=F("id")), name="course_is_not_its_own_twin"),
        ]
        indexes = [
            models.Index(fields=["owner", "name"], name="course_by_owner_and_name"),
            GinIndex(fields=["search_vector"], name="course_search"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:detail", args=[self.pk])

    @property
    def title(self) -> str:
        """The student's own name for it, else the source's."""
        return self.nickname or self.name

    @property
    def is_by_hand(self) -> bool:
        return self.source == ""

    def is_concluded(self, now: datetime) -> bool:
        """Over, by the source's word, by its dates, or because it is no longer listed. Reads the term."""
        if self.state == self.State.COMPLETED or self.missing_since is not None:
            return True
        if self.ends_at is not None:
            return self.ends_at < now
        return self.term is not None and self.term.ends_at is not None and self.term.ends_at < now

    @property
    def grade_text(self) -> str:
        """What the source says of the grade so far: "A− (91.5 %)", "91.5 %", or nothing."""
        score = self.current_score if self.current_score is not None else self.final_score
        return grade_words(score, self.current_grade or self.final_grade)

    @property
    def period_text(self) -> str:
        """The grade in the grading period that goes on, in the same words."""
        return grade_words(self.period_score, self.period_grade)


def grade_words(score: float | None, grade: str) -> str:
    percent = "" if score is None else f"{score:g} %"
    return f"{grade} ({percent})" if grade and percent else grade or percent
