"""Archives: what is in the ZIP, what its names are, and that nothing of a stranger's can be reached."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import tracemalloc
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.blobs import blob_storage, open_blob
from coreengine.kernel.models import Blob, Notification
from courses.archive import building
from courses.archive.names import Names, safe_name
from courses.archive.services import build_archive, cancel_archive, request_archive, tidy_archives
from courses.errors import TooManyArchives
from courses.models import Course, CourseArchive
from courses.services import attach_resource
from courses.tests.factories import AnnouncementFactory, AssignmentFactory, CourseFactory, SubmissionFactory
from courses.tests.factories_extras import CommentFactory, PersonFactory
from resources.services import upload_file, write_note

pytestmark = pytest.mark.django_db


def attach(course: Course, name: str, data: bytes) -> Any:
    resource = upload_file(io.BytesIO(data), name=name, by=course.owner, allow_duplicate=True)
    attach_resource(course, resource, by=course.owner)
    return resource


def made(owner: Any, *courses: Course, **values: Any) -> CourseArchive:
    archive = request_archive(owner, [course.pk for course in courses], by=owner, **values)
    build_archive(archive.pk)
    archive.refresh_from_db()
    return archive


def opened(archive: CourseArchive) -> zipfile.ZipFile:
    assert archive.blob is not None
    return zipfile.ZipFile(open_blob(archive.blob))


@pytest.fixture
def course(owner: Any) -> Course:
    course = CourseFactory(owner=owner, imported=True, name="Operating Systems", notes="**Open** book")
    work = AssignmentFactory(course=course, imported=True, name="Lab 1", points_possible=20)
    SubmissionFactory(assignment=work, state="graded", score=15)
    CommentFactory(assignment=work, text="Show the steps.")
    AnnouncementFactory(course=course, title="Room changed", message_html="<p>Now <b>5</b><script>x</script></p>")
    PersonFactory(course=course, name="Ada Lovelace")
    attach_resource(course, write_note(by=owner, title="Lecture 1", body="# Scheduling"), by=owner)
    attach(course, "slides.txt", b"round robin")
    return course


class TestWhatIsInIt:
    def test_pages_and_data_have_everything_of_the_course(self, owner: Any, course: Course) -> None:
        with opened(made(owner, course)) as zip:
            folder = "courses/01 Operating Systems"
            data = json.loads(zip.read(f"{folder}/data.json"))
            works = zip.read(f"{folder}/assignments.html").decode()
            news = zip.read(f"{folder}/announcements.html").decode()
            assert zip.testzip() is None
            assert zip.read(f"{folder}/files/slides.txt") == b"round robin"
        work = data["assignments"][0]
        assert (data["schema_version"], data["grades"]["percent"]) == ("1.0", 75.0)
        assert (work["submission"]["score"], work["feedback"][0]["text"]) == (15.0, "Show the steps.")
        assert data["people"][0]["name"] == "Ada Lovelace"
        assert "15 of 20" in works and "Show the steps." in works
        assert "<b>5</b>" in news and "<script" not in news

    def test_every_file_has_its_checksum(self, owner: Any, course: Course) -> None:
        with opened(made(owner, course)) as zip:
            manifest = json.loads(zip.read("manifest.json"))
            for each in manifest["files"]:
                assert hashlib.sha256(zip.read(each["path"])).hexdigest() == each["sha256"]
            assert {each["path"] for each in manifest["files"]} == {*zip.namelist()} - {"manifest.json", "SHA256SUMS"}

    def test_no_page_asks_the_network_or_runs_a_script(self, owner: Any, course: Course) -> None:
        with opened(made(owner, course)) as zip:
            pages = {name: zip.read(name).decode() for name in zip.namelist() if name.endswith((".html", ".css"))}
        assert len(pages) == 6
        for text in pages.values():
            assert "<script" not in text and "@import" not in text and "url(" not in text
            assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text

    def test_a_file_whose_bytes_are_gone_is_listed_and_the_rest_is_there(self, owner: Any, course: Course) -> None:
        lost = attach(course, "lost.txt", b"gone")
        blob_storage().delete(Blob.objects.get(pk=lost.blob_id).path)
        archive = made(owner, course)
        assert archive.status == "completed"
        assert archive.missing == [
            {"course": "Operating Systems", "title": "lost", "reason": "its bytes are no longer stored"}
        ]
        assert "no longer stored" in opened(archive).read("index.html").decode()

    def test_without_files_they_are_named_and_left_out(self, owner: Any, course: Course) -> None:
        with opened(made(owner, course, with_files=False)) as zip:
            assert not [name for name in zip.namelist() if "/files/" in name]
            assert "left out of this archive" in zip.read("courses/01 Operating Systems/files.html").decode()

    def test_thirty_megabytes_are_never_in_memory_whole(self, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        attach(course, "big.bin", hashlib.sha256(b"x").digest() * (30 * 1024 * 1024 // 32))
        tracemalloc.start()
        archive = made(owner, course)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert archive.status == "completed" and peak < 15 * 1024 * 1024


class TestNames:
    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("../../etc/passwd", "..-..-etc-passwd".strip(" .")),
            ("C:\\boot.ini", "C--boot.ini"),
            ("CON.txt", "_CON.txt"),
            ("a\x00b\u202ecod.exe", "a-b-cod.exe"),
            ("  .hidden. ", "hidden"),
            ("...", "untitled"),
            ("Übung – 日本.pdf", "Übung – 日本.pdf"),
        ],
    )
    def test_no_name_leads_out_of_its_folder(self, name: str, safe: str) -> None:
        assert safe_name(name).strip(".") == safe.strip(".")
        assert "/" not in safe_name(name) and safe_name(name) not in (".", "..")

    def test_long_names_are_cut_and_keep_their_suffix(self) -> None:
        short = safe_name("ü" * 300 + ".pdf")
        assert len(short.encode()) <= 120 and short.endswith("ü.pdf")

    def test_nothing_has_the_same_path_twice_whatever_the_case(self) -> None:
        names = Names()
        assert [names.path("f", name) for name in ("A.txt", "a.txt", "A.TXT")] == [
            "f/A.txt",
            "f/a (2).txt",
            "f/A (3).TXT",
        ]

    def test_hostile_names_unpack_inside(self, owner: Any, tmp_path: Any) -> None:
        course = CourseFactory(owner=owner, name="../../../evil")
        for _ in range(2):
            attach(course, "..\\..\\x.txt", b"1")
        with opened(made(owner, course)) as zip:
            zip.extractall(tmp_path)
            files = [name for name in zip.namelist() if "/files/" in name]
        assert len({*files}) == 2
        assert all((tmp_path / name).resolve().is_relative_to(tmp_path.resolve()) for name in files)


class TestLife:
    def test_the_bell_tells_when_it_is_ready_and_the_owner_downloads_it(
        self, page: Any, owner: Any, course: Any
    ) -> None:
        archive = made(owner, course)
        assert Notification.objects.get(owner=owner).url == archive.get_absolute_url()
        answer = page.get(reverse("courses:download-archive", args=[archive.pk]))
        data = b"".join(answer.streaming_content)
        assert len(data) == archive.size_bytes == int(answer["Content-Length"])
        assert answer["Content-Disposition"] == 'attachment; filename="Operating Systems.zip"'

    def test_one_at_a_time(self, owner: Any, course: Course) -> None:
        request_archive(owner, [course.pk], by=owner)
        with pytest.raises(TooManyArchives):
            request_archive(owner, [course.pk], by=owner)

    def test_stopping_one_that_waits_and_one_that_runs(self, owner: Any, course: Course) -> None:
        waiting = cancel_archive(request_archive(owner, [course.pk], by=owner), by=owner)
        assert waiting.status == "cancelled"
        running = request_archive(owner, [course.pk], by=owner)
        CourseArchive.objects.filter(pk=running.pk).update(cancel_requested_at=timezone.now())
        build_archive(running.pk)
        running.refresh_from_db()
        assert (running.status, running.blob) == ("cancelled", None)

    @pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
    def test_one_that_is_stopped_in_the_middle_leaves_nothing_open(self, owner: Any, course: Course) -> None:
        running = request_archive(owner, [course.pk], by=owner)
        CourseArchive.objects.filter(pk=running.pk).update(cancel_requested_at=timezone.now())
        build_archive(running.pk)
        gc.collect()  # what is left open is told now, and fails this test

    def test_one_that_breaks_says_so_on_its_page_and_in_the_log(
        self, owner: Any, page: Any, course: Course, monkeypatch: Any, caplog: Any
    ) -> None:
        monkeypatch.setattr(building, "course_data", lambda course: 1 / 0)
        archive = made(owner, course)
        assert archive.status == "failed" and "ZeroDivisionError" in caplog.text
        assert "Ask for it again" in page.get(archive.get_absolute_url()).content.decode()
        assert "No archive of" in Notification.objects.get(owner=owner).title

    def test_a_message_that_comes_twice_makes_one(self, owner: Any, course: Course) -> None:
        archive = made(owner, course)
        build_archive(archive.pk)
        assert Notification.objects.count() == 1 and Blob.objects.get(pk=archive.blob_id).holds == 1

    def test_its_bytes_go_when_its_time_is_over(self, page: Any, owner: Any, course: Course) -> None:
        archive = made(owner, course)
        blob = archive.blob
        CourseArchive.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        tidy_archives()
        assert Blob.objects.get(pk=blob.pk).holds == 0
        assert page.get(reverse("courses:download-archive", args=[archive.pk])).status_code == 409
        assert "expired" in page.get(archive.get_absolute_url()).content.decode()

    def test_one_whose_worker_was_lost_is_taken_up_three_times_at_most(self, owner: Any, course: Course) -> None:
        archive = request_archive(owner, [course.pk], by=owner)
        long_ago = timezone.now() - timedelta(hours=1)
        CourseArchive.objects.update(status="running", attempt=1, heartbeat_at=long_ago)
        tidy_archives()
        archive.refresh_from_db()
        assert archive.status == "pending"
        CourseArchive.objects.update(status="running", attempt=3, heartbeat_at=long_ago)
        tidy_archives()
        archive.refresh_from_db()
        assert archive.status == "failed" and "three times" in archive.error


class TestDoors:
    def test_the_api_asks_watches_and_downloads(self, api: Any, owner: Any, course: Course) -> None:
        answer = api.post("/api/v1/course-archives/", {"courses": [course.pk]}, format="json")
        assert answer.status_code == 202 and answer.json()["status"] == "pending"
        assert api.get(f"{answer['Location']}download/").status_code == 409
        build_archive(answer.json()["id"])
        body = api.get(answer["Location"]).json()
        assert body["is_ready"] and b"".join(api.get(body["download_url"]).streaming_content)[:2] == b"PK"

    def test_the_page_asks_for_it_too(self, page: Any, owner: Any, course: Course) -> None:
        answer = page.post(reverse("courses:archives"), {"courses": [course.pk], "with_files": "on"})
        archive = CourseArchive.objects.get()
        assert answer["Location"] == archive.get_absolute_url()
        assert "every 1s" in page.get(archive.get_absolute_url()).content.decode()

    def test_nothing_chosen_is_said_at_the_field(self, page: Any, api: Any, owner: Any) -> None:
        CourseFactory(owner=owner)
        assert "courses" in page.post(reverse("courses:archives"), {}).context["form"].errors
        assert api.post("/api/v1/course-archives/", {"courses": []}, format="json").status_code == 422

    def test_a_strangers_course_and_archive_are_not_there(self, page: Any, api: Any, owner: Any, stranger: Any) -> None:
        foreign = CourseFactory(owner=stranger)
        assert page.post(reverse("courses:archives"), {"courses": [foreign.pk]}).status_code == 422
        assert api.post("/api/v1/course-archives/", {"courses": [foreign.pk]}, format="json").status_code == 422
        archive = made(stranger, foreign)
        for name in ("archive", "download-archive"):
            assert page.get(reverse(f"courses:{name}", args=[archive.pk])).status_code == 404
        assert api.get(f"/api/v1/course-archives/{archive.pk}/download/").status_code == 404
