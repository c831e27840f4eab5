"""Fixtures that every app's tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["tests.what_runs_here", "tests.in_two_processes"]


@pytest.fixture(autouse=True)
def _own_blobs(tmp_path: Path, settings: Any) -> None:
    """Give every test its own place for bytes."""
    storages = {**settings.STORAGES}
    storages["blobs"] = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "blobs")},
    }
    settings.STORAGES = storages


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """Make a person with a verified address."""
    from coreengine.accounts.models import User

    def make(email: str, **fields: Any) -> User:
        return User.objects.create_user(email, "a-long-password", **{"name": email.partition("@")[0].title(), **fields})

    return make


@pytest.fixture
def owner(make_user: Callable[..., Any]) -> Any:
    """The student whose things the test is about."""
    return make_user("owner@example.edu")


@pytest.fixture
def in_the_morning(owner: Any) -> Any:
    """The owner, where it is nine now: what is due in a few hours is due today, whenever the test runs."""
    from django.utils import timezone

    ahead = (9 - timezone.now().hour + 12) % 24 - 12  # hours ahead of UTC, -12 to 11
    owner.time_zone = f"Etc/GMT{-ahead:+d}"  # the names of these zones have the sign the other way round
    owner.save(update_fields=["time_zone"])
    return owner


@pytest.fixture
def stranger(make_user: Callable[..., Any]) -> Any:
    """Another student, who must see none of it."""
    return make_user("stranger@example.edu")


@pytest.fixture
def staff(make_user: Callable[..., Any]) -> Any:
    """An admin."""
    return make_user("staff@example.edu", is_staff=True, is_superuser=True)


@pytest.fixture
def page(client: Any, owner: Any) -> Any:
    """A browser in which the owner is signed in."""
    client.force_login(owner)
    return client


@pytest.fixture
def api(owner: Any) -> Any:
    """A program that acts for the owner with a personal access token."""
    from rest_framework.test import APIClient

    from coreengine.accounts.services import create_api_token

    _, secret = create_api_token(owner, name="tests", by=owner)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client
