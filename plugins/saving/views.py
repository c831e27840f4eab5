"""The pages on which a file of the vault is saved to another service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from plugins.confirmation import APPROVED
from plugins.models import Connection
from plugins.saving.copies import StoredFile, find_file, params_of, places_for, save_copy, upload_endpoint


class SaveForm(forms.Form):
    """Under which name, and where."""

    name = forms.CharField(max_length=255, label="Name")
    folder_id = forms.CharField(
        required=False,
        max_length=500,
        label="Folder",
        help_text="The address of a folder there, as your browser shows it. Empty: the top.",
    )


@require_http_methods(["GET", "POST"])
def save(request: Request, pk: int, number: int) -> HttpResponse:
    """Ask whether a file may be saved at a connection, and save it after the yes that the button is."""
    connection = get_object_or_404(Connection.objects.editable_by(request.user), pk=pk)
    endpoint, file = upload_endpoint(connection), find_file(request.user, number)
    if endpoint is None or file is None:
        raise Http404
    form = SaveForm(request.POST or None, initial={"name": file.name})
    if "folder_id" not in {parameter.name for parameter in endpoint.parameters}:
        del form.fields["folder_id"]
    if request.method == "POST" and form.is_valid():
        folder = form.cleaned_data.get("folder_id", "")
        try:
            call = save_copy(
                connection,
                file,
                by=request.user,
                confirmation=APPROVED,
                name=form.cleaned_data["name"],
                folder=folder,
            )
        except ValidationError as error:
            for field, words in error.message_dict.items():
                form.add_error(field if field in form.fields else None, words)
        else:
            _say_outcome(request, connection, file, call)
            return redirect(file.url)
    place = next((each for each in places_for(request.user, file) if each.connection == connection), None)
    context = {
        "connection": connection,
        "file": file,
        "form": form,
        "place": place,
        "question": endpoint.question(params_of(file)),
    }
    return render_page(request, "plugins/saving/save.html", context, status=422 if form.is_bound else 200)


@require_GET
def state(request: Request, number: int) -> HttpResponse:
    """Show where a file is saved; the card asks again while something is under way."""
    file = find_file(request.user, number)
    if file is None:
        raise Http404
    places = places_for(request.user, file)
    context = {"file": file, "places": places, "is_saving": any(place.is_saving for place in places)}
    return render_page(request, "plugins/saving/state.html", context, parts={"saved-copies": "copies"})


def _say_outcome(request: Request, connection: Connection, file: StoredFile, call: Any) -> None:
    if not call.is_finished:
        messages.info(request, f"“{file.title}” is being saved to {connection.label}. This page shows the outcome.")
    elif call.status == "completed":
        messages.success(request, f"“{file.title}” is saved to {connection.label}.")
    else:
        messages.error(request, f"“{file.title}” was not saved. {call.error}")
