"""The folders that files lie in at their source, as a filter of the vault: a folder means what is below it too."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse

from coreengine.accounts.models import User
from resources.groupings import Choice, Grouping
from resources.models import Resource

MOST_FOLDERS = 200


def folder_choices(user: User) -> list[Choice]:
    """List the folders of a student's files by path."""
    rows = Resource.objects.visible_to(user).kept().exclude(external_folder="").order_by("external_folder")
    return [_choice(path) for path in rows.values_list("external_folder", flat=True).distinct()[:MOST_FOLDERS]]


def resources_in(user: User, value: str) -> QuerySet[Resource]:
    """Give the ids of what lies in a folder, or below it."""
    inside = Q(external_folder=value) | Q(external_folder__startswith=f"{value.rstrip('/')}/")
    return Resource.objects.visible_to(user).filter(inside).values("pk")


def folder_labels(user: User, resource_ids: list[int]) -> list[tuple[int, Choice]]:
    """Tell the folder of each of these that has one; one query."""
    rows = Resource.objects.visible_to(user).filter(pk__in=resource_ids).exclude(external_folder="")
    return [(pk, _choice(path)) for pk, path in rows.values_list("pk", "external_folder")]


def _choice(path: str) -> Choice:
    return Choice(path, path, url=f"{reverse('resources:list')}?{urlencode({'folder': path})}")


FOLDERS = Grouping("folder", "Folder", folder_choices, resources_in, folder_labels)
