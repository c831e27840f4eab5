"""Saving a file of the vault at another service: asked first, done once, and its outcome shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from coreengine.kernel.outbound.network import close_pools
from plugins.catalog.google_drive.server.testing import RunningDrive, running_drive
from plugins.models import ActionCall, Connection, SavedCopy
from resources.services import edit_resource, trash_resource
from resources.tests.factories import a_file, a_note

pytestmark = pytest.mark.django_db(transaction=True)
PLUGIN = "google-drive-integration"


@pytest.fixture
def google(settings: Any) -> Iterator[RunningDrive]:
    with running_drive() as running:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": running.hosts}
        yield running
    close_pools()


def connect(owner: Any, token: str = "ya29.a-token-for-tests") -> Connection:
    from django.utils import timezone

    return Connection.objects.create(
        owner=owner,
        plugin=PLUGIN,
        label="My Drive",
        credential={"access_token": token, "token_type": "Bearer", "expires_at": 7_000_000_000.0, "scope": ""},
        health="healthy",
        confirmed_at=timezone.now(),
    )


@pytest.fixture
def connection(owner: Any, google: RunningDrive) -> Connection:
    return connect(owner, google.token)


def test_the_page_asks_and_its_button_saves(
    page: Any, owner: Any, connection: Connection, google: RunningDrive, worker_at_hand: None
) -> None:
    file = a_file(owner, b"my essay", name="Essay.txt")
    shown = page.get(file.get_absolute_url()).content.decode()
    address = f"/connections/{connection.pk}/save/{file.pk}/"
    assert "Saved elsewhere" in shown and address in shown

    asked = page.get(address).content.decode()
    assert "Save “Essay.txt” to your Google Drive." in asked and "nothing else of your vault" in asked
    assert google.requests == [] and not ActionCall.objects.exists()

    done = page.post(address, {"name": "Essay, final.txt", "folder_id": ""}, follow=True)
    assert done.redirect_chain[-1][0] == file.get_absolute_url()
    text = done.content.decode()
    assert "is saved to My Drive" in text and "https://drive.google.com/file/" in text
    assert google.drive.names_in() == ["Essay, final.txt"]
    copy = SavedCopy.objects.get()
    assert (copy.owner, copy.thing, copy.blob) == (owner, f"resource:{file.pk}", file.blob.sha256)

    page.post(address, {"name": "Essay, final.txt", "folder_id": ""})
    assert google.drive.names_in() == ["Essay, final.txt"], "the same copy"


def test_a_refusal_is_shown_in_words(
    page: Any, owner: Any, connection: Connection, google: RunningDrive, worker_at_hand: None
) -> None:
    google.drive.faults.quota_is_full = True
    file = a_file(owner)
    done = page.post(f"/connections/{connection.pk}/save/{file.pk}/", {"name": "x.txt"}, follow=True)
    assert done.content.decode().count("Your Google storage is full") == 2  # the message and the card
    assert not SavedCopy.objects.exists()


def test_a_copy_made_through_the_api_is_shown_too(
    api: Any, page: Any, owner: Any, connection: Connection, google: RunningDrive, worker_at_hand: None
) -> None:
    file = a_file(owner, b"notes", name="Notes.txt")
    body = {"name": "Notes.txt", "blob": file.blob.sha256, "size_bytes": 5, "copy_of": f"resource:{file.pk}"}
    url = f"/api/v1/plugins/{PLUGIN}/files"
    asked = api.post(url, body, format="json")
    assert (asked.status_code, asked.data["detail"]) == (409, "Save “Notes.txt” to your Google Drive.")
    assert api.post(url, {**body, "confirmation": "approved"}, format="json").status_code == 200
    assert "Saved <time" in page.get(file.get_absolute_url()).content.decode()


class TestWhatIsOffered:
    def test_only_files_and_only_where_they_can_go(self, page: Any, owner: Any) -> None:
        file = a_file(owner)
        assert "Saved elsewhere" not in page.get(file.get_absolute_url()).content.decode(), "nothing is connected"
        connection = connect(owner)
        assert "Save a copy" in page.get(file.get_absolute_url()).content.decode()
        assert "Save a copy" not in page.get(a_note(owner).get_absolute_url()).content.decode()
        type(file).objects.filter(pk=file.pk).update(source=connection.source, external_id="1")
        assert "Save a copy" not in page.get(file.get_absolute_url()).content.decode(), "it came from there"

    def test_a_changed_file_shows_that_the_copy_is_older(self, page: Any, owner: Any) -> None:
        from django.utils import timezone

        file, connection = a_file(owner), connect(owner)
        SavedCopy.objects.create(
            owner=owner,
            connection=connection,
            thing=f"resource:{file.pk}",
            external_id="1",
            name="x",
            blob="0" * 64,
            saved_at=timezone.now(),
        )
        text = page.get(f"/connections/copies/{file.pk}/").content.decode()
        assert "An older version, saved" in text and "Save again" in text

    def test_while_it_is_saved_the_card_asks_again(self, page: Any, owner: Any) -> None:
        file, connection = a_file(owner), connect(owner)
        edit_resource(file, by=owner, title="Essay")
        ActionCall.objects.create(
            owner=owner, connection=connection, action="upload_file", params={"copy_of": f"resource:{file.pk}"}
        )
        text = page.get(f"/connections/copies/{file.pk}/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="saved-copies")
        assert b"saving" in text.content and b"hx-trigger" in text.content and b"<html" not in text.content


class TestOthers:
    def test_anothers_connection_or_file_is_404(self, page: Any, owner: Any, stranger: Any) -> None:
        mine, theirs = connect(owner), connect(stranger)
        my_file, their_file = a_file(owner), a_file(stranger, b"theirs")
        for pk, number in ((theirs.pk, my_file.pk), (mine.pk, their_file.pk), (mine.pk, 0)):
            for answer in (page.get, page.post):
                assert answer(f"/connections/{pk}/save/{number}/").status_code == 404
        assert page.get(f"/connections/copies/{their_file.pk}/").status_code == 404

    def test_what_lies_in_the_trash_is_404(self, page: Any, owner: Any) -> None:
        file, connection = a_file(owner), connect(owner)
        trash_resource(file, by=owner)
        assert page.get(f"/connections/{connection.pk}/save/{file.pk}/").status_code == 404

    def test_a_plugin_that_takes_no_files_is_404(self, page: Any, owner: Any) -> None:
        from plugins.tests.factories import ConnectionFactory

        assert page.get(f"/connections/{ConnectionFactory(owner=owner).pk}/save/{a_file(owner).pk}/").status_code == 404
