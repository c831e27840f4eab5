"""Writing the ZIP of an archive into a temporary file, course by course, file by file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from django.db.models import Q
from django.utils import timezone

from coreengine.kernel.blobs import open_blob
from coreengine.kernel.models import Blob
from coreengine.kernel.texts import size_words
from courses.archive.content import SCHEMA, SCHEMA_VERSION, course_data, local
from courses.archive.names import Names
from courses.archive.rendering import course_pages, index_page, style_sheet
from courses.archive.writer import ZipWriter, read_pieces
from courses.models import Course, CourseArchive, CourseResource
from resources.models import Resource

TOLD_EVERY_S = 0.5
README = """This is an archive of courses, made by Core Engine.

Open index.html in a browser: it needs no network and no other program.
courses/<course>/data.json has the same as data, for programs:
schema "{schema}", version {version}. Times are in UTC (ISO 8601), texts are UTF-8,
texts whose name ends in _html are HTML as their source gave it (do not show them
unchecked), those that end in _markdown are Markdown.
manifest.json and SHA256SUMS list every file with its SHA-256 checksum
(check them with: sha256sum -c SHA256SUMS).
"""


class Stopped(Exception):
    """The student stopped the archive, or another worker took it over."""


@dataclass
class Built:
    """The finished ZIP, at its beginning, and the files that are not in it."""

    file: IO[bytes]
    missing: list[dict[str, str]]


@contextmanager
def build_zip(archive: CourseArchive) -> Iterator[Built]:
    """Write the ZIP into a temporary file that is gone afterwards.

    Raises:
        Stopped: somebody asked to stop.
    """
    now = timezone.now()
    with tempfile.TemporaryFile() as file:
        with ZipWriter(file, now=now) as zip:
            build = _Build(archive, zip, now)
            build.run()
        file.seek(0)
        yield Built(file, build.missing)


class _Build:
    def __init__(self, archive: CourseArchive, zip: ZipWriter, now: datetime) -> None:
        self.archive, self.owner, self.now = archive, archive.owner, now
        self.zip = zip
        self.names = Names()
        self.missing: list[dict[str, str]] = []
        self.progress = _Progress(archive)

    def run(self) -> None:
        owned = Course.objects.visible_to(self.owner).filter(pk__in=self.archive.course_ids)
        courses = list(owned.select_related("term", "owner").defer("search_vector").by_newest_term())
        files = CourseResource.objects.visible_to(self.owner).filter(
            Q(course__in=courses) | Q(course__same_as__in=courses), resource__kind=Resource.Kind.FILE
        )
        self.progress.begin(len(courses) + (files.count() if self.archive.with_files else 0))
        self.zip.text("assets/style.css", style_sheet())
        lines = [self._course(number, course) for number, course in enumerate(courses, start=1)]
        facts = {
            "owner": self.owner.name or self.owner.email,
            "made_at": local(self.now.isoformat(), self.owner.zone),
            "missing": self.missing,
            "schema": SCHEMA,
            "version": SCHEMA_VERSION,
        }
        self.zip.text("index.html", index_page(self.archive.title, lines, facts))
        self.zip.text("README.txt", README.format(schema=SCHEMA, version=SCHEMA_VERSION))
        manifest = {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "title": self.archive.title,
            "made_at": self.now.isoformat(),
            "courses": [{key: line[key] for key in ("id", "title", "folder")} for line in lines],
            "missing": self.missing,
        }
        self.zip.close(manifest)

    def _course(self, number: int, course: Course) -> dict[str, Any]:
        """Write one course; return its line of the first page."""
        self.progress.tell(course.title)
        folder = self.names.path("courses", f"{number:02d} {course.title}")
        data = course_data(course)
        self._files(course, data, folder)
        self.zip.data(f"{folder}/data.json", data)
        pages = course_pages(data, title=self.archive.title, zone=self.owner.zone, made_at=self.now)
        for name, page in pages.items():
            self.zip.text(f"{folder}/{name}.html", page)
        self.progress.step()
        grades = data["grades"]
        percent = grades["percent"] if grades["percent"] is not None else grades["source"]["current_score"]
        return {
            "id": course.pk,
            "title": course.title,
            "code": course.code,
            "term": course.term.name if course.term else "",
            "hue": course.hue,
            "folder": folder,
            "href": f"{folder}/index.html",
            "grade": "" if percent is None else f"{percent:g} % {grades['letter'] or ''}".strip(),
            "work_count": len(data["assignments"]),
            "news_count": len(data["announcements"]),
            "file_count": len(data["resources"]),
        }

    def _files(self, course: Course, data: dict[str, Any], folder: str) -> None:
        files = [thing for thing in data["resources"] if thing["kind"] == Resource.Kind.FILE]
        if not self.archive.with_files:
            for thing in files:
                thing["problem"] = "left out of this archive"
            return
        held = Resource.objects.visible_to(self.owner).filter(pk__in=[thing["id"] for thing in files])
        blobs = {row.pk: row.blob for row in held.select_related("blob").only("blob", "owner_id")}
        for thing in files:
            self.progress.tell(f"{course.title}: {thing['title']}")
            self._file(thing, blobs.get(thing["id"]), folder, course)
            self.progress.step()

    def _file(self, thing: dict[str, Any], blob: Blob | None, folder: str, course: Course) -> None:
        subfolders = [part for part in thing["folder"].split("/") if part.strip(". ")]
        path = self.names.path(*folder.split("/"), "files", *subfolders, thing["file_name"] or thing["title"])
        try:
            if blob is None:
                raise FileNotFoundError
            with open_blob(blob) as file:
                self.zip.pieces(
                    path, read_pieces(file), content_type=thing["content_type"], on_piece=self.progress.check
                )
            thing["path"] = path
            if self.zip.sums[path][1] != blob.size_bytes:
                self._lose(thing, course, f"only {size_words(self.zip.sums[path][1])} of it could be read")
        except FileNotFoundError:
            self._lose(thing, course, "its bytes are no longer stored")
        except OSError as error:
            self._lose(thing, course, f"it could not be read ({error.strerror or 'storage error'})")

    def _lose(self, thing: dict[str, Any], course: Course, reason: str) -> None:
        thing["problem"] = reason
        self.missing.append({"course": course.title, "title": thing["title"], "reason": reason})


class _Progress:
    """Tells how far it is, now and then, and looks whether somebody asked to stop."""

    def __init__(self, archive: CourseArchive, clock: Callable[[], float] = time.monotonic) -> None:
        self.archive, self.clock = archive, clock
        self.done, self.doing, self.told_at = 0, "", 0.0

    def begin(self, total: int) -> None:
        CourseArchive.objects.filter(pk=self.archive.pk).update(total_count=total, done_count=0)
        self.check()

    def tell(self, doing: str) -> None:
        self.doing = doing[:255]
        self.check()

    def step(self) -> None:
        self.done += 1
        self.check()

    def check(self) -> None:
        """Write the figures down; costs nothing more than twice a second."""
        now = self.clock()
        if self.told_at and now - self.told_at < TOLD_EVERY_S:
            return
        self.told_at = now
        mine = CourseArchive.objects.filter(
            pk=self.archive.pk, attempt=self.archive.attempt, cancel_requested_at__isnull=True, finished_at__isnull=True
        )
        if not mine.update(done_count=self.done, doing=self.doing, heartbeat_at=timezone.now()):
            raise Stopped
