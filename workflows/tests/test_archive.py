"""Old executions go into files that can be verified, and nothing else goes."""

from __future__ import annotations

import gzip
import io
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from coreengine.kernel.blobs import open_blob
from coreengine.kernel.events import NotDelivered, broken_links, subscriber, subscribers
from coreengine.kernel.models import Blob, Event, EventCursor
from workflows import archive as archiving
from workflows.archive import archive_batch, archive_due
from workflows.archive_file import ArchiveDamaged, pack, unpack, verify
from workflows.models import (
    Approval,
    ArchivedExecution,
    Execution,
    ExecutionArchive,
    LoopItem,
    StepExecution,
    WebhookDelivery,
    WorkflowTrigger,
)
from workflows.tasks import archive_old
from workflows.tests.test_rebuild import STEPS, alter
from workflows.tests.worlds import DatabaseWorld, action, approval

# Rows are made older than their events.
pytestmark = [pytest.mark.django_db, pytest.mark.log_differs]


@pytest.fixture
def world(owner: Any) -> DatabaseWorld:
    """The engine over PostgreSQL; every subscriber has read what the test records."""
    for known in subscribers():
        EventCursor.objects.update_or_create(subscriber=known.name, defaults={"transaction": 2**62})
    return DatabaseWorld(owner)


def age(*numbers: int, days: float = 100) -> None:
    """Let executions have ended so many days ago, with a newer one of the same workflow after them."""
    change = "created_at = created_at - %s, started_at = started_at - %s, completed_at = completed_at - %s"
    span = timedelta(days=days)
    alter(
        f"UPDATE workflows_execution SET {change} WHERE id = ANY(%s)",
        *[span] * 3,
        list(numbers),
        table="workflows_execution",
    )
    for old in Execution.objects.filter(pk__in=numbers):
        Execution.objects.create(owner=old.owner, workflow=old.workflow, version=old.version)


def bytes_of(archive: ExecutionArchive) -> bytes:
    with open_blob(archive.blob) as file:
        return file.read()


def repacked(archive: ExecutionArchive, change: Any) -> io.BytesIO:
    """The file with its lines changed, its own digest left as it was."""
    lines = gzip.decompress(bytes_of(archive)).splitlines(keepends=True)
    return io.BytesIO(gzip.compress(b"".join(change(lines))))


class TestArchiving:
    def test_everything_about_an_old_execution_is_in_the_file_and_nothing_in_the_tables(
        self, world: DatabaseWorld
    ) -> None:
        number = world.run(STEPS)
        steps, events = len(world.steps(number)), len(world.events(number))
        results = world.results(number)
        age(number)

        done = archive_due(days=90)

        assert (done.executions, done.files, done.events, done.is_all) == (1, 1, events, True)
        archive = ExecutionArchive.objects.get()
        assert archive.counts == {"archive": 1, "version": 1, "execution": 1, "step": steps, "item": 3, "event": events}
        lines = list(unpack(io.BytesIO(bytes_of(archive))))
        kept = {line["row"]["path"]: line["row"]["result"] for line in lines if line["kind"] == "step"}
        assert {path: kept[path] for path in results} == results
        for model in (StepExecution, LoopItem):
            assert not model.objects.exists()
        assert not Execution.objects.filter(pk=number).exists()
        assert not Event.objects.filter(subject_type="workflows.execution", subject_id=str(number)).exists()

    def test_what_was_asked_and_what_was_delivered_goes_along(self, world: DatabaseWorld) -> None:
        number = world.begin([approval("ask")])
        world.drain()
        world.runner.decide(number, "ask", "approved", by=world.owner.pk)
        world.drain()
        trigger = WorkflowTrigger.objects.create(
            workflow=Execution.objects.get(pk=number).workflow, kind="webhook", key="in", secret_hash="1"
        )
        WebhookDelivery.objects.create(trigger=trigger, execution_id=number, body=b"{}", status="started")
        age(number)
        archive_due(days=90)

        (archive,) = ExecutionArchive.objects.all()
        assert (archive.counts["approval"], archive.counts["webhookdelivery"]) == (1, 1)
        assert not Approval.objects.exists()
        assert WebhookDelivery.objects.get().execution_id is None

    def test_what_another_was_made_from_stays_for_as_long_as_that_one(self, world: DatabaseWorld) -> None:
        first, again = world.run([action("a")]), world.run([action("a")])
        Execution.objects.filter(pk=again).update(rerun_of=first)
        age(first)
        assert archive_due(days=90).executions == 0
        age(again)
        assert archive_due(days=90).executions == 1
        assert archive_due(days=90).executions == 1
        assert set(ArchivedExecution.objects.values_list("pk", flat=True)) == {first, again}

    def test_it_leaves_a_trace_with_the_end_of_every_chain(self, world: DatabaseWorld) -> None:
        number = world.run([action("a")])
        age(number)
        archive_due(days=90)

        trace = Event.objects.get(type="events.retired")
        archive = ExecutionArchive.objects.get()
        assert verify(io.BytesIO(bytes_of(archive))).ends == {number: tuple(trace.data["ends"][str(number)])}
        assert trace.data["archive"] == archive.blob.sha256 and trace.owner_id == world.owner.pk
        assert broken_links() == []
        line = ArchivedExecution.objects.get(pk=number)
        assert (line.status, line.owner, line.archive) == ("completed", world.owner, archive)

    def test_what_is_young_open_newest_or_kept_for_ever_stays(self, world: DatabaseWorld) -> None:
        young, old, newest = (world.run([action("a")]) for _ in range(3))
        under_way = world.begin([action("a")])
        age(old)
        age(young, days=10)
        age(under_way)
        alter(
            "UPDATE workflows_execution SET (created_at, completed_at) = (now() - %s, now() - %s) WHERE id = %s",
            timedelta(days=365),
            timedelta(days=365),
            newest,
            table="workflows_execution",
        )

        assert archive_due(days=0).executions == 0
        assert archive_due(days=30, dry_run=True).executions == 1
        assert archive_due(days=30).executions == 1
        assert set(Execution.objects.filter(pk__in=[young, old, newest, under_way]).values_list("pk", flat=True)) == {
            young,
            newest,
            under_way,
        }

    def test_each_student_has_files_of_their_own(self, world: DatabaseWorld, stranger: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(archiving, "IN_ONE_FILE", 2)
        numbers = [world.run([action("a")]) for _ in range(3)]
        theirs = DatabaseWorld(stranger).run([action("a")])
        age(*numbers, theirs)

        assert archive_due(days=90).files == 3
        for archive in ExecutionArchive.objects.all():
            header = next(unpack(io.BytesIO(bytes_of(archive))))
            assert header["owner"]["id"] == archive.owner_id
        assert list(ExecutionArchive.objects.visible_to(stranger).values_list("execution_count", flat=True)) == [1]

    def test_an_execution_that_changed_while_it_was_written_stays(self, world: DatabaseWorld, monkeypatch: Any) -> None:
        number = world.run([action("a")])
        age(number)
        monkeypatch.setattr(archiving, "_ends", lambda numbers: {number: (99, "another")})

        assert archive_batch([Execution.objects.get(pk=number)]) is None
        assert Execution.objects.filter(pk=number).exists() and not ExecutionArchive.objects.exists()

    def test_a_file_that_was_not_written_well_removes_nothing(self, world: DatabaseWorld, monkeypatch: Any) -> None:
        number = world.run([action("a")])
        age(number)
        monkeypatch.setattr(archiving.blobs, "open_blob", lambda blob: io.BytesIO(b"nonsense"))

        with pytest.raises(ArchiveDamaged):
            archive_due(days=90)
        assert Execution.objects.filter(pk=number).exists()

    def test_what_a_subscriber_has_not_read_stays(self, world: DatabaseWorld, monkeypatch: Any) -> None:
        monkeypatch.setattr("coreengine.kernel.events._subscribers", {})
        subscriber("slow", types=["workflow.*"])(lambda event: None)
        number = world.run([action("a")])
        age(number)

        with pytest.raises(NotDelivered, match="slow"):
            archive_due(days=90)
        assert Execution.objects.filter(pk=number).exists()

    def test_the_bytes_are_held_and_outlive_the_sweep(self, world: DatabaseWorld) -> None:
        age(world.run([action("a")]))
        archive_due(days=90)
        assert Blob.objects.get().holds == 1

    def test_the_nightly_task_does_as_the_setting_says(self, world: DatabaseWorld, settings: Any) -> None:
        age(world.run([action("a")]))
        archive_old()
        assert not ExecutionArchive.objects.exists()

        settings.WORKFLOWS = {**settings.WORKFLOWS, "RETENTION_DAYS": 90}
        archive_old()
        assert ExecutionArchive.objects.get().execution_count == 1

    def test_the_database_refuses_any_other_removal_of_events(self, world: DatabaseWorld) -> None:
        world.run([action("a")])
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM kernel_event")


class TestFile:
    @pytest.fixture
    def archive(self, world: DatabaseWorld) -> ExecutionArchive:
        age(world.run(STEPS))
        archive_due(days=90)
        return ExecutionArchive.objects.get()

    @pytest.mark.parametrize(
        "change",
        [
            lambda lines: lines[:-1],
            lambda lines: [*lines[:3], *lines[4:]],
            lambda lines: [line.replace(b"completed", b"cancelled") for line in lines],
            lambda lines: [*lines, lines[-1]],
            lambda lines: lines[1:],
        ],
        ids=["cut", "a line less", "changed", "more after the end", "no header"],
    )
    def test_a_changed_file_is_found_out(self, archive: ExecutionArchive, change: Any) -> None:
        verify(repacked(archive, lambda lines: lines))
        with pytest.raises(ArchiveDamaged):
            verify(repacked(archive, change))

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            (b'\\"attempt\\": 1', b'\\"attempt\\": 2', "other data than its digest"),
            (b'"type":"workflow.step.skipped"', b'"type":"workflow.step.failed"', "its hash is another"),
        ],
    )
    def test_a_forger_who_counts_and_digests_anew_is_found_out_by_the_chain(
        self, archive: ExecutionArchive, old: bytes, new: bytes, words: str
    ) -> None:
        text = gzip.decompress(bytes_of(archive))
        assert old in text
        lines = [json.loads(line) for line in text.replace(old, new).splitlines()][:-1]
        with pytest.raises(ArchiveDamaged, match=words):
            verify(io.BytesIO(b"".join(pack(lines))))

    def test_a_cut_compression_is_found_out(self, archive: ExecutionArchive) -> None:
        with pytest.raises(ArchiveDamaged):
            verify(io.BytesIO(bytes_of(archive)[:-40]))


class TestCommand:
    def test_archiving_and_reading_in_words(self, world: DatabaseWorld, tmp_path: Path) -> None:
        number = world.run(STEPS, inputs={"properties": {"who": {"type": "string"}}}, given_inputs={"who": "Ada"})
        age(number)
        assert run("archive", "--older-than=90", "--dry-run").startswith("1 executions would go into 1 ")
        assert run("archive", "--older-than=90").startswith("1 executions went into 1 ")

        archive = ExecutionArchive.objects.get()
        listed = run("archived", str(archive.pk))
        assert f"Execution {number} of “Test 1” (version 1): completed" in listed and "each[1].get" not in listed
        path = tmp_path / "copy.jsonl.gz"
        path.write_bytes(bytes_of(archive))
        told = run("archived", str(path), f"--execution={number}")
        assert "step each[1].get: completed, attempt 1" in told and '"who": "Ada"' in told
        assert "execution completed" in told
        assert "Execution 77777 is not in it." in run("archived", str(path), "--execution=77777")

    def test_a_damaged_file_ends_with_exit_code_one(self, tmp_path: Path) -> None:
        path = tmp_path / "broken"
        path.write_bytes(b"no archive")
        with pytest.raises(CommandError, match="damaged") as error:
            run("archived", str(path))
        assert error.value.returncode == 1
        with pytest.raises(CommandError, match="There is no archive"):
            run("archived", str(tmp_path / "missing"))

    def test_without_a_number_of_days_nothing_is_archived(self) -> None:
        with pytest.raises(CommandError, match="--older-than"):
            run("archive")


class TestDoors:
    def test_the_student_is_told_and_strangers_are_not(
        self, world: DatabaseWorld, page: Any, api: Any, client: Any, stranger: Any
    ) -> None:
        number = world.run([action("a")])
        age(number)
        archive_due(days=90)

        shown = page.get(f"/executions/{number}/")
        assert shown.status_code == 410 and "It was put into the archive on" in shown.content.decode()
        for path in ("", "steps/", "events/"):
            answer = api.get(f"/api/v1/executions/{number}/{path}")
            assert answer.status_code == 410 and answer.json()["code"] == "execution_archived"
        assert "1 older execution is in the archive" in page.get("/executions/").content.decode()
        client.force_login(stranger)
        assert client.get(f"/executions/{number}/").status_code == 404
        assert "older execution" not in client.get("/executions/").content.decode()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("workflows", *arguments, stdout=out)
    return out.getvalue()


def test_the_archive_knows_when_it_is(world: DatabaseWorld) -> None:
    age(world.run([action("a")]))
    archive_due(days=90)
    assert timezone.now() - ExecutionArchive.objects.get().last_completed_at > timedelta(days=99)
