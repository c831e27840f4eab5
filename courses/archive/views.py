"""Pages of archives: choose, watch, download."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.blobs import open_blob
from coreengine.kernel.errors import DomainError
from coreengine.kernel.pages import render_page
from coreengine.kernel.texts import size_words
from coreengine.kernel.typing import Request
from courses.archive import services
from courses.archive.forms import ArchiveForm
from courses.forms import add_errors
from courses.models import Course, CourseArchive
from courses.moments import ago
from courses.pages import clock_of

ARCHIVES_SHOWN = 30


@dataclass(frozen=True)
class ArchiveLine:
    """One archive of the list."""

    archive: CourseArchive
    status: str
    size: str
    when: str
    courses: str


@dataclass
class TermChoice:
    """The courses of one term, to choose from."""

    title: str
    courses: list[tuple[Course, bool]] = field(default_factory=list)


def line_of(archive: CourseArchive) -> ArchiveLine:
    now = timezone.now()
    count = len(archive.course_ids)
    status = "skipped" if archive.status == "completed" and not archive.is_ready else archive.status
    return ArchiveLine(
        archive,
        status,
        size_words(archive.size_bytes) if archive.is_ready else "",
        ago(archive.created_at, now),
        f"{count} {'course' if count == 1 else 'courses'}",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def archives(request: Request) -> HttpResponse:
    """Choose what to archive; those that were made stand below."""
    form = ArchiveForm(request.POST if request.method == "POST" else None, owner=request.user)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                given = form.cleaned_data
                ids = [course.pk for course in given["courses"]]
                values = {"title": given["title"], "with_files": given["with_files"]}
                return redirect(services.request_archive(request.user, ids, by=request.user, **values))
            except ValidationError as error:
                add_errors(form, error)
            except DomainError as error:
                form.add_error(None, str(error))
                status = error.status
    own = CourseArchive.objects.visible_to(request.user)[:ARCHIVES_SHOWN]
    context = {"form": form, "terms": _terms(request, form), "lines": [line_of(archive) for archive in own]}
    return render_page(request, "courses/archives.html", context, status=status)


def _terms(request: Request, form: ArchiveForm) -> list[TermChoice]:
    """The courses by term with what is chosen: as typed, by the link (`course`, `term`), else the newest term."""
    courses = list(form.fields["courses"].queryset)  # type: ignore[attr-defined]
    typed = set(request.POST.getlist("courses"))
    wanted = request.GET.get("course", "")
    newest = courses[0].term_id if courses else None
    terms: dict[int, TermChoice] = {}
    for course in courses:
        choice = terms.setdefault(course.term_id or 0, TermChoice(course.term.name if course.term else "No term"))
        is_chosen = str(course.pk) in typed if form.is_bound else str(course.pk) == wanted if wanted else False
        if not form.is_bound and not wanted:
            is_chosen = course.term_id == newest and course.term_id is not None
        choice.courses.append((course, is_chosen))
    return list(terms.values())


@require_safe
def archive(request: Request, pk: int) -> HttpResponse:
    """Show one archive: how far it is, or where to download it."""
    found = get_object_or_404(CourseArchive.objects.visible_to(request.user), pk=pk)
    names = Course.objects.visible_to(request.user).filter(pk__in=found.course_ids).for_list().by_newest_term()
    clock = clock_of(request.user)
    expires = f"{clock.day_of(found.expires_at):%A %d %B}" if found.expires_at else ""
    context: dict[str, Any] = {"archive": found, "line": line_of(found), "courses": list(names), "expires": expires}
    return render_page(request, "courses/archive.html", context, parts={"archive-state": "state"})


@require_safe
def download(request: Request, pk: int) -> FileResponse:
    """Stream the ZIP to its owner."""
    found = get_object_or_404(CourseArchive.objects.visible_to(request.user).select_related("blob"), pk=pk)
    return zip_response(found)


def zip_response(archive: CourseArchive) -> FileResponse:
    """The ZIP as a download under the archive's name."""
    blob = services.ready_blob(archive)
    try:
        file = open_blob(blob)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(file, as_attachment=True, filename=archive.file_name, content_type="application/zip")
    response["Content-Length"] = str(blob.size_bytes)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
def cancel(request: Request, pk: int) -> HttpResponse:
    """Stop an archive that is being made."""
    found = get_object_or_404(CourseArchive.objects.editable_by(request.user), pk=pk)
    return redirect(services.cancel_archive(found, by=request.user))


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    """Forget an archive; the courses stay."""
    found = get_object_or_404(CourseArchive.objects.editable_by(request.user), pk=pk)
    services.delete_archive(found, by=request.user)
    messages.success(request, f"The archive “{found.title}” is gone. Your courses are as they were.")
    return redirect("courses:archives")
