"""A student's own calendar: events by hand, calendars brought in, and addresses under which others may read it."""

from __future__ import annotations

import hashlib
import secrets
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, GeneratedField, Q
from django.db.models.functions import Left
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.fields import EncryptedTextField
from coreengine.kernel.models import Blob
from courses.calendar.querysets import (
    CalendarEventQuerySet,
    CalendarFeedQuerySet,
    CalendarOccurrenceQuerySet,
    CalendarSourceQuerySet,
)
from courses.models.courses import HUES, SEARCHED_CHARACTERS, Course


class CalendarSource(models.Model):
    """A calendar of somebody else's, read from an address again and again or from a file once.

    A file is a `draft` until the student has seen what is in it and said yes; a draft that `replaces` another source
    is its newer copy. The address may be a secret: it is stored encrypted, and only `address_shown` is ever shown.
    """

    class Kind(models.TextChoices):
        ADDRESS = "address", "Address"
        FILE = "file", "File"

    class State(models.TextChoices):
        DRAFT = "draft", "Waiting for your yes"
        PENDING = "pending", "Waiting"
        COMPLETED = "completed", "In step"
        FAILED = "failed", "Failed"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_sources")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=120)
    hue = models.PositiveSmallIntegerField("colour", default=0, validators=[MaxValueValidator(HUES - 1)])
    course = models.ForeignKey(
        Course, on_delete=models.SET_NULL, null=True, blank=True, related_name="calendar_sources"
    )
    is_busy = models.BooleanField("takes my time", default=True, help_text="Work is planned around these events.")
    address = EncryptedTextField(null=True, blank=True)
    address_shown = models.CharField("address", max_length=300, blank=True, default="", editable=False)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False)
    replaces = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="newer_copies")

    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    error = models.CharField(max_length=500, blank=True, default="", editable=False)
    report = models.JSONField(default=dict, editable=False)
    """What the last reading found, see `courses.calendar.reading.Reading.as_json`."""
    etag = models.CharField(max_length=300, blank=True, default="", editable=False)
    last_modified = models.CharField(max_length=100, blank=True, default="", editable=False)
    content_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    first_at = models.DateTimeField(null=True, blank=True, editable=False)
    fetched_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CalendarSourceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="file") | Q(address__isnull=False), name="calendar_source_has_its_address"
            ),
            models.CheckConstraint(condition=Q(hue__lt=HUES), name="calendar_source_hue_is_one_of_twelve"),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(deleted_at__isnull=True, next_at__isnull=False),
                name="calendar_source_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("courses:calendar-source", args=[self.pk])

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT


class CalendarEvent(models.Model):
    """An event: by hand (no `source`), or one that a calendar source brought.

    An event of whole days begins and ends at midnights of UTC, which stand for the days alone; readers put them into
    the student's zone. `ends_at` equals `starts_at` for a moment. The row of one changed repeat has the
    `recurrence_key` of the repeat that it stands for: its time in UTC, "20261130T090000Z", or its day, "20261130".
    No import touches `notes`.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_events")
    source = models.ForeignKey(CalendarSource, on_delete=models.CASCADE, null=True, blank=True, related_name="events")
    uid = models.CharField(max_length=255, blank=True, default="")
    recurrence_key = models.CharField(max_length=16, blank=True, default="")
    is_onwards = models.BooleanField(default=False)
    """Of a changed repeat: all that follow are changed with it (RANGE=THISANDFUTURE)."""
    title = models.CharField(max_length=255)
    location = models.CharField("place", max_length=255, blank=True, default="")
    description = models.TextField(blank=True, default="")
    url = models.URLField("web address", max_length=2000, blank=True, default="")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_all_day = models.BooleanField("whole days", default=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    rrule = models.CharField(max_length=500, blank=True, default="")
    exdates = models.JSONField(default=list, blank=True)
    rdates = models.JSONField(default=list, blank=True)
    is_busy = models.BooleanField("takes my time", default=True)
    course = models.ForeignKey(Course, on_delete=models.SET_NULL, null=True, blank=True, related_name="events")
    digest = models.CharField(max_length=32, blank=True, default="", editable=False)
    expanded_until = models.DateTimeField(null=True, blank=True, editable=False)
    """Until when its repeats are written down; null where there are no more to come."""
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)

    notes = models.TextField(blank=True, default="")
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    search_vector = GeneratedField(
        expression=SearchVector("title", weight="A", config="english")
        + SearchVector("location", weight="B", config="english")
        + SearchVector(Left("notes", SEARCHED_CHARACTERS), weight="B", config="english")
        + SearchVector(Left("description", SEARCHED_CHARACTERS), weight="C", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = CalendarEventQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "uid", "recurrence_key"],
                condition=Q(source__isnull=False),
                name="calendar_event_is_one_per_source",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("starts_at")),
                name="calendar_event_ends_after_it_starts",
                violation_error_message="An event ends after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(source__isnull=True) | Q(deleted_at__isnull=True),
                name="calendar_event_of_a_source_is_never_deleted",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "starts_at"], name="calendar_event_by_owner"),
            models.Index(
                fields=["expanded_until"], condition=Q(expanded_until__isnull=False), name="calendar_event_to_expand"
            ),
            GinIndex(fields=["search_vector"], name="calendar_event_search"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:calendar-event", args=[self.pk])

    @property
    def is_by_hand(self) -> bool:
        return self.source_id is None


class CalendarOccurrence(models.Model):
    """One time at which an event takes place; written ahead, since working repeats out costs more than reading them."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    event = models.ForeignKey(CalendarEvent, on_delete=models.CASCADE, related_name="occurrences")
    key = models.CharField(max_length=16)
    """The time that the repeat had at first, as `CalendarEvent.recurrence_key`."""
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = CalendarOccurrenceQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("starts_at")), name="calendar_occurrence_ends_after_it_starts"
            ),
        ]
        indexes = [models.Index(fields=["owner", "ends_at", "starts_at"], name="calendar_occurrence_by_time")]

    def __str__(self) -> str:
        return f"{self.event_id}@{self.key}"


class CalendarFeed(models.Model):
    """A secret address under which a calendar program reads the student's calendar. Only its digest is stored."""

    LAYERS: ClassVar[list[str]] = ["assignments", "planner-items", "events"]

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feeds")
    name = models.CharField(max_length=120)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, null=True, blank=True, related_name="calendar_feeds")
    layers = ArrayField(models.CharField(max_length=40), blank=True, default=list)
    """Which kinds of entries it has; all of them, also those to come, where it names none."""
    alarms = models.JSONField(default=dict, blank=True)
    """Minutes before, by layer: {"assignments": 1440}. A layer that is not there has no alarm."""
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_by = models.CharField(max_length=80, blank=True, default="", editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CalendarFeedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"

    @staticmethod
    def new_secret() -> str:
        """Return a fresh secret of 256 bits."""
        return secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(secret: str) -> str:
        """Return what is stored of a secret; a fast digest suffices for 256 random bits."""
        return hashlib.sha256(secret.encode()).hexdigest()
