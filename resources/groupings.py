"""Ways to narrow a vault down that an upper app offers, such as "the resources of this course".

The vault knows no courses. Whoever attaches resources to something registers a grouping from
`AppConfig.ready()`; the vault's pages, its API and the search offer it as a filter, and rows show it.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet


@dataclass(frozen=True)
class Choice:
    """One value to filter by. `hue` is the number of its colour (0 to 11), if it has one."""

    value: str
    label: str
    hue: int | None = None
    url: str = ""


@dataclass(frozen=True)
class Grouping:
    """A filter that an upper app offers; all three see the given user's own things only.

    `choices(user)` lists what to choose from; `resource_ids(user, value)` gives a queryset of resource ids,
    empty for an unknown value; `labels(user, resource_ids)` gives (resource id, choice) for each that a
    resource belongs to, in at most one query.
    """

    key: str
    label: str
    choices: Callable[[Any], list[Choice]]
    resource_ids: Callable[[Any, str], QuerySet[Any]]
    labels: Callable[[Any, list[int]], list[tuple[int, Choice]]]


_groupings: dict[str, Grouping] = {}


def register_grouping(grouping: Grouping) -> None:
    """Offer a filter on the vault's pages, in its API and in the search."""
    _groupings[grouping.key] = grouping


def groupings() -> list[Grouping]:
    """List the registered groupings by key."""
    return sorted(_groupings.values(), key=lambda grouping: grouping.key)


def labels_of(user: Any, resource_ids: list[int]) -> dict[int, list[Choice]]:
    """Tell what each of these resources belongs to; one query per grouping."""
    labels: dict[int, list[Choice]] = defaultdict(list)
    if resource_ids:
        for grouping in groupings():
            for resource_id, choice in grouping.labels(user, resource_ids):
                labels[resource_id].append(choice)
    return labels
