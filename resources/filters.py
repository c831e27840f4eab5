"""The filters of the vault, the same for its pages and its API."""

from typing import Any

import django_filters
from django.http import HttpRequest

from resources.groupings import groupings
from resources.models import Resource
from resources.querysets import ResourceQuerySet

SORTS = {
    "newest": ("-updated_at", "-id"),
    "oldest": ("updated_at", "id"),
    "title": ("title", "id"),
    "largest": ("-size_bytes", "-id"),
}
SORT_LABELS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "title": "By title",
    "largest": "Largest first",
}


class ResourceFilter(django_filters.FilterSet):
    """By kind, tag, source, state of reading, and whatever upper apps offer (course)."""

    kind = django_filters.ChoiceFilter(choices=Resource.Kind.choices)
    tag = django_filters.CharFilter(method="with_tag", label="tag")
    source = django_filters.CharFilter(label="source")
    extraction_status = django_filters.ChoiceFilter(choices=Resource.Extraction.choices)

    class Meta:
        model = Resource
        fields = ["kind", "tag", "source", "extraction_status"]

    @property
    def qs(self) -> ResourceQuerySet:
        resources = super().qs
        for grouping in groupings():
            if value := str(self.data.get(grouping.key, "")).strip():
                resources = resources.filter(pk__in=grouping.resource_ids(self.request.user, value))
        return resources

    def with_tag(self, resources: ResourceQuerySet, name: str, value: str) -> ResourceQuerySet:
        """Keep what carries the tag."""
        return resources.tagged(value)


def chosen_of(request: HttpRequest) -> dict[str, Any]:
    """Return what a page is filtered by, without what is empty or unknown."""
    keys = [*ResourceFilter.base_filters, *(grouping.key for grouping in groupings())]
    return {key: request.GET[key] for key in keys if request.GET.get(key)}


def sorted_by(resources: ResourceQuerySet, sort: str) -> ResourceQuerySet:
    """Order by one of `SORTS`; anything else means newest first."""
    return resources.order_by(*SORTS.get(sort, SORTS["newest"]))
