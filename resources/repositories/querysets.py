"""Choices of repositories and of what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import models
from django.db.models import F, Q

from coreengine.database.kept_queries import containing
from coreengine.kernel.querysets import OwnedQuerySet

if TYPE_CHECKING:
    from coreengine.accounts.models import User


def search_query(words: str) -> SearchQuery:
    """Read what a person typed as a search engine would; names of code are not English, so both ways are asked."""
    return SearchQuery(words, search_type="websearch", config="english") | SearchQuery(
        words, search_type="websearch", config="simple"
    )


class RepositoryQuerySet(OwnedQuerySet):
    def from_source(self, source: str) -> Self:
        return self.filter(source=source)

    def present(self) -> Self:
        """Still listed by the source."""
        return self.filter(missing_since__isnull=True)

    def matching(self, words: str, pattern: str | None = None) -> Self:
        """Keep what the words find, the best first; `pattern` is that of names that have them in it."""
        query, pattern = search_query(words), pattern or containing(words.strip())
        return (
            self.filter(Q(search_vector=query) | Q(full_name__like=pattern))
            .annotate(rank=SearchRank(F("search_vector"), query))
            .order_by("-rank", F("pushed_at").desc(nulls_last=True), "-pk")
        )

    def for_list(self) -> Self:
        """Leave out the column that no list shows."""
        return self.defer("search_vector")

    def latest_first(self) -> Self:
        """By what moved last."""
        return self.order_by(F("pushed_at").desc(nulls_last=True), "-pk")


class PartQuerySet(models.QuerySet):
    """What belongs to a repository."""

    def visible_to(self, user: User) -> Self:
        return self.filter(repository__owner_id=user.pk) if user.pk else self.none()


class IssueQuerySet(PartQuerySet):
    def issues(self) -> Self:
        return self.filter(kind="issue")

    def pulls(self) -> Self:
        return self.filter(kind="pull")

    def still_open(self) -> Self:
        return self.filter(state="open")

    def matching(self, words: str) -> Self:
        query = search_query(words)
        return self.filter(search_vector=query).annotate(rank=SearchRank(F("search_vector"), query)).order_by("-rank")
