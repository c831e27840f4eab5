"""Google Drive, whole: plugin, gateway, storage, workflows, vault, courses and webhooks on a real HTTP peer.

The shipped workflows run on the real engine; only Celery's messages are delivered by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from coreengine.accounts.models import User
from coreengine.kernel.errors import DomainError
from coreengine.kernel.models import Notification
from coreengine.kernel.outbound.network import close_pools
from courses.models import Course, CourseResource
from courses.services import attach_resource
from plugins.catalog.google_drive.server.drive import DOCUMENT
from plugins.catalog.google_drive.server.testing import RunningDrive, running_drive
from plugins.models import Connection, StoredValue
from plugins.services import call_action
from resources.models import Resource
from resources.services import upload_file
from resources.tests.factories import a_file
from workflows.approvals import decide_approval
from workflows.models import Approval, Execution, Workflow
from workflows.services import start_execution
from workflows.shipped import keep_shipped_workflows, start_sync_execution

pytestmark = pytest.mark.django_db(transaction=True)
PLUGIN = "google-drive-integration"
FAR = 7_000_000_000.0


@pytest.fixture
def google(settings: Any) -> Iterator[RunningDrive]:
    with running_drive() as running:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": running.hosts}
        yield running
    close_pools()


@pytest.fixture
def connection(owner: User, google: RunningDrive) -> Connection:
    return Connection.objects.create(
        owner=owner,
        plugin=PLUGIN,
        label="Drive",
        configuration={"folders": "University", "sync_frequency": "daily", "max_file_mb": 25},
        credential={"access_token": google.token, "token_type": "Bearer", "expires_at": FAR, "scope": ""},
    )


@pytest.fixture
def sync(connection: Connection, owner: User, watch: Any) -> Callable[[], Execution]:
    """Press "Sync now" and watch it to its end."""
    return lambda: watch(start_sync_execution(connection, by=owner))


@pytest.fixture
def eager() -> Iterator[None]:
    """Let tasks run where they are queued."""
    from coreengine.celery import app

    before, app.conf.task_always_eager = app.conf.task_always_eager, True
    yield
    app.conf.task_always_eager = before


@pytest.fixture
def university(google: RunningDrive) -> Any:
    """A folder of the student's, with a course's folder in it."""
    drive = google.drive
    folder = drive.folder("University")
    course = drive.folder("Operating Systems", folder.id)
    drive.add("Lecture notes", parent=course.id, mime=DOCUMENT, text="Round robin is fair.")
    drive.add("Lab.md", parent=course.id, mime="text/markdown", content="# Barriers")
    drive.add("Diary.txt", content="private")
    return folder


def workflow(connection: Connection, stem: str) -> Workflow:
    keep_shipped_workflows(connection, connection.owner)
    return Workflow.objects.get(shipped_key=f"{PLUGIN}/{stem}")


def titles() -> list[str]:
    return sorted(Resource.objects.values_list("title", flat=True))


def told(owner: User) -> Notification:
    found = Notification.objects.filter(owner=owner).order_by("-pk").first()
    assert found is not None
    return found


def test_the_chosen_folders_come_into_the_vault_and_to_their_course(
    sync: Any, owner: User, university: Any, google: RunningDrive
) -> None:
    course = Course.objects.create(owner=owner, name="Operating Systems", code="CS 3410")
    execution = sync()
    assert (execution.status, execution.error_message) == ("completed", "")
    assert titles() == ["Lab", "Lecture notes"]
    notes = Resource.objects.get(title="Lecture notes")
    assert (notes.file_name, notes.external_folder) == ("Lecture notes.docx", "University/Operating Systems")
    assert notes.url.startswith("https://drive.google.com/") and notes.extraction_status == "pending"
    assert {link.resource.title for link in CourseResource.objects.filter(course=course)} == {"Lab", "Lecture notes"}
    assert told(owner).title == "Google Drive: 2 new, 0 changed, 0 gone"
    assert "2 files were attached" in told(owner).content


def test_a_second_sync_is_one_request_and_silent(sync: Any, owner: User, university: Any, google: RunningDrive) -> None:
    sync()
    google.requests.clear()
    before = Notification.objects.count()
    assert sync().status == "completed"
    assert google.paths() == ["/drive/v3/changes"] and Notification.objects.count() == before


def test_what_changed_is_fetched_and_what_is_gone_is_marked(
    sync: Any, owner: User, university: Any, google: RunningDrive
) -> None:
    sync()
    drive = google.drive
    lab = next(file for file in drive.files.values() if file.name == "Lab.md")
    notes = next(file for file in drive.files.values() if file.name == "Lecture notes")
    drive.change(lab.id, content="# Barriers and locks")
    drive.change(notes.id, trashed=True)
    google.requests.clear()
    sync()
    assert len([path for path in google.paths() if path == f"/drive/v3/files/{lab.id}"]) == 2, "its facts, its bytes"
    assert Resource.objects.get(title="Lab").size_bytes == len("# Barriers and locks")
    assert Resource.objects.get(title="Lecture notes").missing_since is not None
    drive.change(notes.id, trashed=False)
    sync()
    assert Resource.objects.get(title="Lecture notes").missing_since is None


def test_a_lost_cursor_compares_everything_and_fetches_nothing_again(
    sync: Any, university: Any, google: RunningDrive
) -> None:
    sync()
    lab = next(file for file in google.drive.files.values() if file.name == "Lab.md")
    google.drive.remove(lab.id)
    google.drive.forget_changes()
    google.requests.clear()
    assert sync().status == "completed"
    assert not any("alt=media" in path or "/export" in path for _, path, _ in google.requests)
    assert Resource.objects.get(title="Lab").missing_since is not None


def test_the_place_is_kept_only_when_the_batch_is_in_the_vault(
    sync: Any, university: Any, google: RunningDrive, connection: Connection, monkeypatch: Any
) -> None:
    sync()
    before = StoredValue.objects.get(connection=connection, key="cursor").value
    google.drive.add("New.txt", parent=university.id, content="new")

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise DomainError("The vault is full.")

    with monkeypatch.context() as patched:
        patched.setattr("resources.file_actions.import_files", fail)
        assert sync().status == "failed"
    assert StoredValue.objects.get(connection=connection, key="cursor").value == before
    assert sync().status == "completed"
    assert "New" in titles()


def test_many_files_come_in_batches(sync: Any, university: Any, google: RunningDrive) -> None:
    for number in range(90):
        google.drive.add(f"{number}.txt", parent=university.id, content=f"number {number}")
    execution = sync()
    assert execution.status == "completed" and Resource.objects.count() == 92


def test_a_course_is_saved_after_a_yes_and_only_then(
    connection: Connection, owner: User, google: RunningDrive, watch: Any
) -> None:
    course = Course.objects.create(owner=owner, name="Operating Systems")
    attach_resource(course, a_file(owner, b"my notes", name="Notes.txt"), by=owner)
    archive = workflow(connection, "archive-to-google-drive")
    execution = watch(start_execution(archive, by=owner, trigger={"type": "manual"}, inputs={"course": course.pk}))
    assert google.requests == [], "nothing is asked of Drive before the student said yes"
    approval = Approval.objects.get()
    assert "Notes.txt (Operating Systems)" in approval.message and "“Core Engine”" in approval.message
    decide_approval(approval, "approved", by=owner)
    assert watch(execution).status == "completed"
    [top] = [file for file in google.drive.files.values() if file.name == "Core Engine"]
    [folder] = [file for file in google.drive.files.values() if file.parent == top.id]
    assert folder.name == "Operating Systems" and google.drive.names_in(folder.id) == ["Notes.txt"]
    assert told(owner).title == "1 of 1 files are on Google Drive"

    again = watch(start_execution(archive, by=owner, trigger={"type": "manual"}, inputs={"course": course.pk}))
    decide_approval(Approval.objects.open().get(), "approved", by=owner)
    assert watch(again).status == "completed"
    assert google.drive.names_in(folder.id) == ["Notes.txt"] and "brought up to date" in told(owner).content


def test_a_no_leaves_drive_alone(connection: Connection, owner: User, google: RunningDrive, watch: Any) -> None:
    course = Course.objects.create(owner=owner, name="Operating Systems")
    attach_resource(course, a_file(owner), by=owner)
    archive = workflow(connection, "archive-to-google-drive")
    execution = watch(start_execution(archive, by=owner, trigger={"type": "manual"}, inputs={"course": course.pk}))
    decide_approval(Approval.objects.get(), "rejected", by=owner)
    assert watch(execution).status == "completed" and google.requests == []


def test_the_digest_tells_what_others_changed(
    connection: Connection, owner: User, google: RunningDrive, watch: Any
) -> None:
    google.drive.add("Who does what", mime=DOCUMENT, is_mine=False, shared_with_me=True)
    google.drive.add("Mine.txt")
    digest = workflow(connection, "digest-google-drive")
    assert watch(start_execution(digest, by=owner, trigger={"type": "manual"})).status == "completed"
    assert told(owner).title == "Google Drive: 1 changed by others this week"
    assert told(owner).content == "- **Who does what**, by Prof. Ada Lind"


def test_only_bytes_of_the_students_own_leave(
    connection: Connection, owner: User, stranger: User, google: RunningDrive
) -> None:
    theirs = a_file(stranger, b"not yours", name="Theirs.txt")
    params = {"name": "Theirs.txt", "blob": theirs.blob.sha256, "size_bytes": theirs.size_bytes}
    result = call_action(connection, "upload_file", params, by=owner, confirmation="approved")
    assert (result.success, result.error_code) == (False, "blob_unknown")
    mine = a_file(owner, b"mine", name="Mine.txt")
    params = {"name": "Mine.txt", "blob": mine.blob.sha256, "size_bytes": mine.size_bytes}
    result = call_action(connection, "upload_file", params, by=owner, confirmation="approved", idempotency_key="k")
    assert result.success, result.error
    assert google.drive.files[result.data["id"]].content == b"mine"


def test_a_large_file_goes_up_through_the_gateway(connection: Connection, owner: User, google: RunningDrive) -> None:
    import io

    data = bytes(range(256)) * 24_000
    large = upload_file(io.BytesIO(data), name="Film.bin", by=owner)
    params = {"name": "Film.bin", "blob": large.blob.sha256, "size_bytes": large.size_bytes}
    result = call_action(connection, "upload_file", params, by=owner, confirmation="approved", idempotency_key="k")
    assert result.success, result.error
    assert google.drive.files[result.data["id"]].content == data


def test_a_channel_tells_a_change_and_goes_with_the_connection(
    connection: Connection, owner: User, google: RunningDrive, settings: Any, client: Any, eager: None
) -> None:
    from plugins.services import disconnect
    from plugins.webhooks.models import ConnectionDelivery

    settings.SITE_URL = "https://core.example.edu"
    connection.configuration["sync_frequency"] = "realtime"
    connection.health = Connection.Health.HEALTHY
    connection.save()
    result = call_action(connection, "watch_changes", {}, by=owner)
    assert result.success and result.data["state"] == "open", result.error
    [channel] = google.drive.channels.values()
    path = f"/hooks/connections/{connection.pk}/changes/"
    assert channel.address == f"https://core.example.edu{path}" and len(channel.token) > 20

    def tell(token: str, number: int, state: str = "change") -> int:
        headers = {"X-Goog-Channel-ID": channel.id, "X-Goog-Channel-Token": token}
        headers |= {"X-Goog-Message-Number": str(number), "X-Goog-Resource-State": state}
        return client.post(path, data=b"", content_type="text/plain", headers=headers).status_code

    assert tell("wrong", 1) not in (200, 202, 204)
    assert {tell(channel.token, 1, "sync"), tell(channel.token, 2), tell(channel.token, 2)} <= {200, 202, 204}
    deliveries = ConnectionDelivery.objects.filter(connection=connection).exclude(status="rejected").order_by("pk")
    assert [(row.event, row.status) for row in deliveries] == [("sync", "completed"), ("change", "completed")]
    assert Execution.objects.filter(workflow__connection_id=connection.pk).count() == 1, "one sync for the change"

    disconnect(connection, by=owner)
    assert google.drive.channels == {}
