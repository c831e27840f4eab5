"""Repositories and what is in them, as their source told it last. Nothing here is edited by hand."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import GeneratedField, Q, Value
from django.db.models.functions import Replace
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.statuses import Status
from resources.repositories.ci import CiWords, words_of
from resources.repositories.querysets import IssueQuerySet, PartQuerySet, RepositoryQuerySet


def _words(name: str) -> Any:
    """A name of code as the words it is made of: "octo/hello-world" is found by "hello"."""
    for sign in ("/", "-", "_", "."):
        name = Replace(name, Value(sign), Value(" "))  # type: ignore[assignment]
    return name


class Repository(models.Model):
    """One repository that a student works in, known by (owner, source, external id); a new name changes nothing.

    `last_commit_…` is the newest commit of the default branch and `ci_…` what its runs came to; both are worked out
    when something is imported, so that lists need no other table. `hook_id` names the source's webhook that tells us
    what happens at once; it is empty where a sync finds out later.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="repositories")
    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200)
    full_name = models.CharField(max_length=255, help_text="owner/name")
    description = models.TextField(blank=True, default="")
    html_url = models.URLField(max_length=2000, blank=True, default="")
    default_branch = models.CharField(max_length=255, blank=True, default="")
    language = models.CharField(max_length=64, blank=True, default="")
    topics = ArrayField(models.CharField(max_length=64), blank=True, default=list)
    is_private = models.BooleanField(default=False)
    is_fork = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    has_issues = models.BooleanField(default=True)
    may_administer = models.BooleanField(default=False, help_text="May make webhooks.")
    pushed_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)

    last_commit_sha = models.CharField(max_length=64, blank=True, default="")
    last_commit_title = models.CharField(max_length=255, blank=True, default="")
    last_commit_author = models.CharField(max_length=255, blank=True, default="")
    last_commit_at = models.DateTimeField(null=True, blank=True)
    last_commit_url = models.URLField(max_length=2000, blank=True, default="")
    ci_status = models.CharField(max_length=9, choices=Status.choices, blank=True, default="")
    ci_url = models.URLField(max_length=2000, blank=True, default="")
    ci_at = models.DateTimeField(null=True, blank=True)
    open_issue_count = models.PositiveIntegerField(default=0)
    open_pull_count = models.PositiveIntegerField(default=0)
    activity_at = models.DateTimeField(null=True, blank=True, help_text="When its commits and runs were last read.")
    activity_note = models.CharField(max_length=500, blank=True, default="", help_text="What could not be read.")

    hook_id = models.CharField(max_length=64, blank=True, default="")
    hook_problem = models.CharField(max_length=500, blank=True, default="")
    archived_sha = models.CharField(max_length=64, blank=True, default="", help_text="The commit last kept as a file.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    search_vector = GeneratedField(
        expression=SearchVector(_words("full_name"), weight="A", config="simple")
        + SearchVector("full_name", weight="A", config="simple")
        + SearchVector("description", weight="B", config="english")
        + SearchVector("last_commit_title", weight="C", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "repositories"
        ordering = ["full_name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "source", "external_id"], name="repository_is_one_per_source"),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(external_id="") & ~Q(full_name=""),
                name="repository_has_source_id_and_name",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-pushed_at"], name="repository_latest"),
            GinIndex(fields=["search_vector"], name="repository_search"),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_absolute_url(self) -> str:
        return reverse("resources:repository", args=[self.pk])

    @property
    def name(self) -> str:
        """The name without its owner."""
        return self.full_name.rpartition("/")[2]

    @property
    def namespace(self) -> str:
        """Whose it is at the source."""
        return self.full_name.rpartition("/")[0]

    @property
    def ci(self) -> CiWords | None:
        """Where its newest commit stands, in words; None where nothing ever ran."""
        return words_of(self.ci_status)

    @property
    def is_live(self) -> bool:
        """Say whether the source tells us of a push at once."""
        return bool(self.hook_id)


class Commit(models.Model):
    """One commit, by its hash. `branch` is where it was first seen."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="commits")
    sha = models.CharField(max_length=64)
    message = models.TextField(blank=True, default="")
    author = models.CharField(max_length=255, blank=True, default="")
    branch = models.CharField(max_length=255, blank=True, default="")
    html_url = models.URLField(max_length=2000, blank=True, default="")
    committed_at = models.DateTimeField()

    objects = PartQuerySet.as_manager()

    class Meta:
        ordering = ["-committed_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["repository", "sha"], name="commit_is_one_per_repository")]
        indexes = [models.Index(fields=["repository", "-committed_at"], name="commit_newest")]

    def __str__(self) -> str:
        return f"{self.short_sha} {self.title}"

    @property
    def title(self) -> str:
        """The first line of its message."""
        return self.message.partition("\n")[0][:255] or "(no message)"

    @property
    def short_sha(self) -> str:
        """The hash as people write it."""
        return self.sha[:7]


class RepositoryIssue(models.Model):
    """An issue or a pull request; the two share their numbers, so they share a table."""

    class Kind(models.TextChoices):
        ISSUE = "issue", "Issue"
        PULL = "pull", "Pull request"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"
        MERGED = "merged", "Merged"

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="issues")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    number = models.PositiveBigIntegerField()
    title = models.CharField(max_length=255)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    is_draft = models.BooleanField(default=False)
    author = models.CharField(max_length=255, blank=True, default="")
    labels = ArrayField(models.CharField(max_length=64), blank=True, default=list)
    branch = models.CharField(max_length=255, blank=True, default="")
    html_url = models.URLField(max_length=2000, blank=True, default="")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    search_vector = GeneratedField(
        expression=SearchVector("title", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    objects = IssueQuerySet.as_manager()

    class Meta:
        ordering = ["-changed_at", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["repository", "number"], name="repository_issue_has_its_number"),
        ]
        indexes = [
            models.Index(fields=["repository", "state", "-changed_at"], name="repository_issue_newest"),
            GinIndex(fields=["search_vector"], name="repository_issue_search"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"

    @property
    def icon(self) -> str:
        """Name the icon for what it is and where it stands."""
        if self.kind == self.Kind.ISSUE:
            return "circle-dot" if self.state == self.State.OPEN else "circle-check"
        if self.state == self.State.MERGED:
            return "git-merge"
        return "git-pull-request" if self.state == self.State.OPEN else "git-pull-request-closed"


class CiRun(models.Model):
    """One run of continuous integration over one commit."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="ci_runs")
    external_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    title = models.CharField(max_length=255, blank=True, default="")
    number = models.PositiveBigIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=1)
    branch = models.CharField(max_length=255, blank=True, default="")
    sha = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    html_url = models.URLField(max_length=2000, blank=True, default="")
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = PartQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["repository", "external_id"], name="ci_run_is_one_per_repository")
        ]
        indexes = [models.Index(fields=["repository", "-started_at"], name="ci_run_newest")]

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"

    @property
    def ci(self) -> CiWords | None:
        """Where it stands, in words."""
        return words_of(self.status)
