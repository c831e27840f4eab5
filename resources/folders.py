"""The folders that files lie in at their source, as a filter of the vault: a folder means what is below it too."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from resources.groupings import Choice, Grouping
from resources.models import Resource

MOST_FOLDERS = 200


def folder_choices(user: User) -> list[Choice]:
    """List the folders of a student's files by path."""
    return [_choice(path) for (path,) in _FOLDERS.rows(owner=user.pk)]


def _folders(owner: int) -> QuerySet[Any]:
    rows = Resource.objects.visible_to(owner_with(owner)).kept().exclude(external_folder="")
    return rows.order_by("external_folder").values_list("external_folder").distinct()[:MOST_FOLDERS]


_FOLDERS = KeptQuery(_folders, owner=int)


def resources_in(user: User, value: str) -> QuerySet[Resource]:
    """Give the ids of what lies in a folder, or below it."""
    inside = Q(external_folder=value) | Q(external_folder__startswith=f"{value.rstrip('/')}/")
    return Resource.objects.visible_to(user).filter(inside).values("pk")


def folder_labels(user: User, resource_ids: list[int]) -> list[tuple[int, Choice]]:
    """Tell the folder of each of these that has one; one query."""
    return [(pk, _choice(path)) for pk, path in _FOLDERS_OF.rows(owner=user.pk, ids=resource_ids)]


def _folders_of(owner: int, ids: int) -> QuerySet[Any]:
    rows = Resource.objects.visible_to(owner_with(owner)).filter(pk__any_of=ids).exclude(external_folder="")
    return rows.values_list("pk", "external_folder")


_FOLDERS_OF = KeptQuery(_folders_of, owner=int, ids=int)


def _choice(path: str) -> Choice:
    return Choice(path, path, url=f"{reverse('resources:list')}?{urlencode({'folder': path})}")


FOLDERS = Grouping("folder", "Folder", folder_choices, resources_in, folder_labels)
