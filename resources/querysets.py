"""Choices of resources."""

from typing import Any, Self

from django.db import models

from coreengine.kernel.querysets import OwnedQuerySet


class ResourceQuerySet(OwnedQuerySet):
    """Resources by where they stand, what they are and what they are tagged with."""

    def kept(self) -> Self:
        """Keep what is not in the trash."""
        return self.filter(trashed_at=None)

    def trashed(self) -> Self:
        """Keep what is in the trash."""
        return self.exclude(trashed_at=None)

    def of_kind(self, kind: str) -> Self:
        """Keep files, notes or links."""
        return self.filter(kind=kind)

    def tagged(self, tag: str) -> Self:
        """Keep what carries this tag, whatever its case."""
        return self.filter(tags__contains=[tag.casefold()])

    def imported_from(self, source: str) -> Self:
        """Keep what a source brought in."""
        return self.filter(source=source)

    def light(self, *, with_body: bool = False) -> Self:
        """Leave out the columns that a list never shows: the text may be a megabyte."""
        return self.defer("text", "vector", "heading_vector", *(() if with_body else ("body",)))

    def tag_counts(self) -> Any:
        """Give (tag, count), most used first, at most 50."""
        tags = (
            self.order_by()
            .annotate(tag=models.Func("tags", function="unnest", output_field=models.TextField()))
            .values("tag")
            .annotate(count=models.Count("pk"))
            .order_by("-count", "tag")
        )
        return tags.values_list("tag", "count")[:50]


class PassageQuerySet(OwnedQuerySet):
    """Passages of the resources that are not in the trash."""

    def visible_to(self, user: Any) -> Self:
        """Keep the passages of resources this person may see."""
        return super().visible_to(user).filter(resource__trashed_at=None)
