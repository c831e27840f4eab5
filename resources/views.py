"""The vault's pages."""

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from resources import pages, services
from resources.downloads import attachment, inline_image
from resources.forms import FORMS, LinkForm, NoteForm
from resources.models import Passage, Resource

TEXT_EXCERPT_PASSAGES = 40


@require_GET
def vault(request: Request) -> HttpResponse:
    """List the vault or search in it."""
    has_any, has_trash = pages.what_there_is(request)
    context = {
        "list": pages.vault_list(request),
        "filters": pages.filter_choices(request),
        "sorts": pages.sort_choices(request),
        "tags": pages.tags_of(request),
        "kinds": Resource.Kind.choices,
        "has_any": has_any,
        "has_trash": has_trash,
    }
    return render_page(request, "resources/list.html", context, parts={"results": "results"})


@require_POST
def upload(request: Request) -> HttpResponse:
    """Keep the files of a form; each that is refused is named, the others stay."""
    outcomes = pages.take_uploads(request, request.FILES.getlist("files"))
    status = 200 if any(outcome.resource for outcome in outcomes) else 422
    if request.htmx:
        return render_page(
            request,
            "resources/upload.html",
            {"outcomes": outcomes},
            parts={"upload-results": "outcomes"},
            status=status,
        )
    if len(outcomes) == 1 and outcomes[0].resource:
        messages.success(request, f"“{outcomes[0].resource.title}” is in your vault.")
        return redirect(outcomes[0].resource)
    return render_page(request, "resources/upload.html", {"outcomes": outcomes}, status=status)


@require_http_methods(["GET", "POST"])
def new_note(request: Request) -> HttpResponse:
    """Write a note."""
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        note = services.write_note(by=request.user, **form.cleaned_data)
        messages.success(request, f"“{note.title}” is in your vault.")
        return redirect(note)
    return _form(request, form, kind=Resource.Kind.NOTE)


@require_http_methods(["GET", "POST"])
def new_link(request: Request) -> HttpResponse:
    """Save a link."""
    form = LinkForm(request.POST or None, initial={"url": request.GET.get("url", "")})
    if request.method == "POST" and form.is_valid():
        link = services.save_link(by=request.user, **form.cleaned_data)
        messages.success(request, f"“{link.title}” is in your vault.")
        return redirect(link)
    return _form(request, form, kind=Resource.Kind.LINK)


@require_POST
def preview_note(request: Request) -> HttpResponse:
    """Show how the Markdown of a note will look."""
    body = request.POST.get("body", "")[:200_000]
    return render_page(request, "resources/form.html", {"body": body}, parts={"note-preview": "preview"})


@require_GET
def detail(request: Request, pk: int) -> HttpResponse:
    """Show one resource: preview, text, facts, what it is attached to."""
    resource = get_object_or_404(Resource.objects.visible_to(request.user).select_related("blob"), pk=pk)
    context = {
        "resource": resource,
        "passages": _file_passages(resource),
        "excerpt_length": TEXT_EXCERPT_PASSAGES,
    }
    return render_page(request, "resources/detail.html", context, parts={"reading": "reading"})


@require_http_methods(["GET", "POST"])
def edit(request: Request, pk: int) -> HttpResponse:
    """Change what the student says about a resource."""
    resource = get_object_or_404(Resource.objects.editable_by(request.user).kept(), pk=pk)
    start = {"title": resource.title, "body": resource.body, "url": resource.url, "tags": ", ".join(resource.tags)}
    form = FORMS[resource.kind](request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        return redirect(services.edit_resource(resource, by=request.user, **form.cleaned_data))
    return _form(request, form, kind=resource.kind, resource=resource)


@require_POST
def trash(request: Request, pk: int) -> HttpResponse:
    """Put a resource in the trash; the message offers to undo it."""
    resource = get_object_or_404(Resource.objects.editable_by(request.user), pk=pk)
    services.trash_resource(resource, by=request.user)
    messages.success(request, f"“{resource.title}” is in the trash, where you can restore it.")
    return redirect("resources:detail", pk=pk)


@require_POST
def restore(request: Request, pk: int) -> HttpResponse:
    """Take a resource out of the trash."""
    resource = get_object_or_404(Resource.objects.editable_by(request.user), pk=pk)
    services.restore_resource(resource, by=request.user)
    messages.success(request, f"“{resource.title}” is back in your vault.")
    return redirect(resource)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    """Delete for good what is in the trash."""
    resource = get_object_or_404(Resource.objects.editable_by(request.user), pk=pk)
    services.delete_for_good(resource, by=request.user)
    messages.success(request, f"“{resource.title}” is deleted.")
    return redirect("resources:trash_list")


@require_GET
def trash_list(request: Request) -> HttpResponse:
    """List the trash."""
    trashed = Resource.objects.visible_to(request.user).trashed().light().order_by("-trashed_at")
    return render_page(request, "resources/trash.html", {"resources": trashed[:200], "count": trashed.count()})


@require_POST
def empty_trash(request: Request) -> HttpResponse:
    """Delete everything in the trash for good."""
    count = services.empty_trash(by=request.user)
    messages.success(request, f"{count} deleted for good." if count else "The trash was empty already.")
    return redirect("resources:trash_list")


@require_POST
def read_again(request: Request, pk: int) -> HttpResponse:
    """Read the text of a file once more."""
    resource = get_object_or_404(Resource.objects.editable_by(request.user), pk=pk)
    resource = services.read_again(resource, by=request.user)
    if not request.htmx:
        return redirect(resource)
    context = {"resource": resource, "passages": [], "excerpt_length": TEXT_EXCERPT_PASSAGES}
    return render_page(request, "resources/detail.html", context, parts={"reading": "reading"})


@require_GET
def download(request: Request, pk: int) -> FileResponse:
    """Give the file, always as a download."""
    return attachment(_file(request, pk))


@require_GET
def image(request: Request, pk: int) -> FileResponse:
    """Give a picture to be shown in a page of ours; anything but a picture is not found."""
    return inline_image(_file(request, pk))


def _file(request: Request, pk: int) -> Resource:
    files = Resource.objects.visible_to(request.user).of_kind(Resource.Kind.FILE)
    return get_object_or_404(files.select_related("blob").light(), pk=pk)


def _file_passages(resource: Resource) -> list[Passage]:
    """Give the passages that came out of the file, one more than are shown."""
    if resource.kind != Resource.Kind.FILE or resource.is_reading:
        return []
    passages = resource.passages.filter(is_own=False).defer("vector").order_by("ordinal")
    return list(passages[: TEXT_EXCERPT_PASSAGES + 1])


def _form(request: Request, form: NoteForm | LinkForm, *, kind: str, resource: Resource | None = None) -> HttpResponse:
    context = {"form": form, "kind": kind, "resource": resource, "body": form["body"].value() or ""}
    return render_page(request, "resources/form.html", context, status=422 if form.is_bound else 200)
