"""Pages of an import: where it comes from, the preview, and taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from coreengine.kernel.errors import DomainError
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.course_page.views import part_url
from courses.forms import add_errors
from courses.models import Course, ImportDraft
from courses.syllabus import drafts, files
from courses.syllabus.forms import StartForm, typed_choices, typed_rows
from courses.syllabus.pages import choices_context, preview_of
from courses.texts import syllabus_text

METHODS = ["GET", "HEAD", "POST"]
MOST_COLUMNS = 60


def _own(request: Request) -> QuerySet[ImportDraft]:
    return ImportDraft.objects.editable_by(request.user).select_related("owner", "course__term")


@require_http_methods(METHODS)
def start(request: Request) -> HttpResponse:
    """Choose a course and a text; what was begun before waits below."""
    form = StartForm(request.POST or None, request.FILES or None, owner=request.user, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_begin(request, form))
        except ValidationError as error:
            add_errors(form, error)
        except DomainError as error:  # of the vault: an empty file, one that is too large
            form.add_error("file", str(error))
    waiting = ImportDraft.objects.visible_to(request.user).for_list().open(timezone.now())[:10]
    context = {"form": form, "waiting": waiting}
    return render_page(request, "courses/import_start.html", context, status=422 if form.errors else 200)


def _begin(request: Request, form: StartForm) -> ImportDraft:
    if not form.cleaned_data.get("has_to_be_read"):
        return drafts.begin_import(request.user, by=request.user, **form.values)
    file = form.cleaned_data["file"]
    values = {name: form.cleaned_data[name] for name in ("kind", "course", "course_name")}
    return files.begin_import_of_file(request.user, file, by=request.user, name=file.name, **values)


@require_POST
def read(request: Request, pk: int) -> HttpResponse:
    """Look whether the file of an import is read by now; htmx asks every second, and is sent on once it is."""
    found = files.read_when_ready(get_object_or_404(_own(request), pk=pk), by=request.user)
    if not request.htmx:
        return redirect(found)
    if not found.is_waiting:
        return HttpResponseClientRedirect(found.get_absolute_url())
    return _waiting(request, found)


def _waiting(request: Request, found: ImportDraft) -> HttpResponse:
    context = {"draft": found, "waiting": files.waiting_for(found)}
    return render_page(request, "courses/import_waiting.html", context, parts={"waiting": "waiting"})


def _initial(request: Request) -> dict[str, Any]:
    """The course that a link names, and its syllabus if that is asked for."""
    pk = request.GET.get("course", "")
    if not pk.isdecimal() or len(pk) > 18:
        return {}
    course = Course.objects.editable_by(request.user).filter(pk=pk).first()
    if course is None:
        return {}
    text = syllabus_text(course.syllabus_html) if request.GET.get("syllabus") == "1" else ""
    return {"course": course.pk, "text": text, "kind": ImportDraft.Kind.SYLLABUS if text else ""}


@require_http_methods(METHODS)
def draft(request: Request, pk: int) -> HttpResponse:
    """The preview. A POST keeps what was corrected, then does what its button says: read anew, save, or bring in."""
    found = get_object_or_404(_own(request), pk=pk)
    if found.is_waiting:
        return _waiting(request, found)
    status = 200
    if request.method == "POST":
        try:
            return _act(request, found)
        except (ValidationError, DomainError) as error:
            said = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            messages.error(request, said)
            found, status = get_object_or_404(_own(request), pk=pk), 422
    context = {"preview": preview_of(found, request.GET.get("page")), **choices_context()}
    return render_page(request, "courses/import_draft.html", context, status=status)


def _act(request: Request, found: ImportDraft) -> HttpResponse:
    do = request.POST.get("do", "save")
    if do == "choose":
        drafts.choose(found, by=request.user, choices=typed_choices(request.POST, MOST_COLUMNS))
        return redirect(found)
    rows: dict[int, dict[str, Any]] = typed_rows(request.POST)
    if do in ("all", "none"):
        rows = {row["number"]: {**rows.get(row["number"], {}), "take": do == "all"} for row in found.rows}
    found = drafts.correct(found, by=request.user, rows=rows)
    if do == "apply":
        found = drafts.apply_import(found, by=request.user)
        messages.success(request, f"{drafts.what_words(found.made)} brought in.")
        return redirect(found)
    page = do.removeprefix("page-") if do.startswith("page-") else request.GET.get("page", "1")
    return redirect(f"{found.get_absolute_url()}?page={page if page.isdecimal() else 1}#rows")


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Take away exactly what the import brought in."""
    found = drafts.undo_import(get_object_or_404(_own(request), pk=pk), by=request.user)
    messages.success(request, f"{drafts.what_words(found.made)} taken away again.")
    return redirect(found)


@require_POST
def drop(request: Request, pk: int) -> HttpResponse:
    """Forget a draft; what it brought in stays."""
    found = get_object_or_404(_own(request), pk=pk)
    course = found.course
    drafts.drop_draft(found, by=request.user)
    messages.success(request, "The draft is forgotten.")
    return redirect(part_url(course, "assignments") if course else "courses:import")
