"""What a repository belongs to, as an upper app knows it: the assignments that are worked on in it.

The vault knows no assignments. Whoever links repositories to something registers here from `AppConfig.ready()`, and
lists of repositories show it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from resources.groupings import Choice

Labels = Callable[[Any, list[int]], list[tuple[int, Choice]]]
_labels: list[Labels] = []


def register_labels(labels: Labels) -> None:
    """Offer labels: `labels(user, repository_ids)` gives (repository id, choice) in at most one query."""
    if labels not in _labels:
        _labels.append(labels)


def labels_of(user: Any, repository_ids: list[int]) -> dict[int, list[Choice]]:
    """Tell what each of these repositories belongs to; one query for each who registered."""
    found: dict[int, list[Choice]] = defaultdict(list)
    if repository_ids:
        for labels in _labels:
            for repository_id, choice in labels(user, repository_ids):
                found[repository_id].append(choice)
    return found
