"""Pages of what is installed. Everybody may look; only admins change."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from coreengine.kernel.errors import NotAllowed
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from plugins.conf import plugin_settings
from plugins.installing import pages, services
from plugins.installing.errors import NotInstalledHere
from plugins.installing.forms import InstallForm, NameForm
from plugins.installing.models import PluginVersion
from plugins.registry import Plugin, find_plugin


@require_GET
def plugin_list(request: Request) -> HttpResponse:
    """List every plugin and how it stands."""
    context = {
        "rows": pages.plugin_rows(),
        "proposals": PluginVersion.objects.visible_to(request.user).proposed(),
        "can_install": request.user.is_staff and plugin_settings().INSTALL_DIR is not None,
    }
    return render_page(request, "plugins/settings.html", context, parts={"plugin-rows": "rows"})


@require_GET
def plugin(request: Request, name: str) -> HttpResponse:
    """Show what one plugin may do, where it runs, and its versions."""
    context = {"page": pages.plugin_page(_plugin_or_404(name), request.user)}
    return render_page(request, "plugins/plugin.html", context, parts={"plugin-state": "state"})


@never_cache
def bring(request: Request) -> HttpResponse:
    """Upload an archive; what it asks for comes next."""
    if not request.user.is_staff:
        raise NotAllowed("Only admins decide what is installed.")
    form = InstallForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            proposal = services.propose_upload(
                given["archive"], by=request.user, checksum=given["checksum"], signature=given["signature"]
            )
        except ValidationError as error:
            form.take_errors(error)
        else:
            return redirect(proposal)
    context = {"form": form, "trusted": sorted(plugin_settings().TRUSTED_KEYS)}
    return render_page(request, "plugins/install.html", context, status=422 if form.errors else 200)


@never_cache
def version(request: Request, pk: int) -> HttpResponse:
    """Show what a version asks for, and install it once somebody says yes."""
    found = _version_or_404(request, pk)
    error = ""
    if request.method == "POST":
        try:
            services.install(
                found,
                by=request.user,
                consent=request.POST.get("consent", ""),
                full_network="full_network" in request.POST,
            )
        except ValidationError as refusal:
            error = " ".join(refusal.messages)
        else:
            messages.success(request, f"{found} is installed. Its image is being built.")
            return redirect("plugins:plugin", found.name)
    context = {"page": pages.consent_page(found), "error": error}
    return render_page(request, "plugins/version.html", context, status=422 if error else 200)


@require_POST
def discard(request: Request, pk: int) -> HttpResponse:
    """Throw a proposal away."""
    found = _version_or_404(request, pk)
    services.discard(found, by=request.user)
    messages.success(request, f"{found} is thrown away.")
    return redirect("plugins:settings")


@require_POST
def build_again(request: Request, pk: int) -> HttpResponse:
    """Have an image built once more."""
    found = services.build_again(_version_or_404(request, pk), by=request.user)
    return redirect("plugins:plugin", found.name)


@require_POST
def switch(request: Request, name: str) -> HttpResponse:
    """Switch a plugin on or off."""
    is_enabled = request.POST.get("state") == "on"
    found = _plugin_or_404(name)
    services.set_enabled(name, is_enabled, by=request.user)
    words = "is on again." if is_enabled else "is off. Its connections are kept, and its schedules rest."
    messages.success(request, f"{found.title} {words}")
    return redirect("plugins:plugin", name)


@never_cache
def uninstall(request: Request, name: str) -> HttpResponse:
    """Ask, saying what goes and what stays; then uninstall."""
    found = _plugin_or_404(name)
    if not request.user.is_staff:
        raise NotAllowed("Only admins decide what is installed.")
    if not found.is_installed:
        raise NotInstalledHere(f"{found.title} was not installed here. It can be switched off.")
    form = NameForm(name, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            removal = services.uninstall(name, typed_name=form.cleaned_data["name"], by=request.user)
        except ValidationError as error:
            form.add_error("name", error.message_dict["name"])
        else:
            many = "" if removal.connection_count == 1 else "s"
            messages.success(
                request, f"{found.title} is uninstalled, with {removal.connection_count} connection{many}."
            )
            return redirect("plugins:settings")
    context = {"plugin": found, "removal": services.removal_of(name), "form": form}
    return render_page(request, "plugins/uninstall.html", context, status=422 if form.errors else 200)


def _plugin_or_404(name: str) -> Plugin:
    found = find_plugin(name)
    if found is None:
        raise Http404(f"There is no plugin {name}.")
    return found


def _version_or_404(request: Request, pk: int) -> PluginVersion:
    return get_object_or_404(PluginVersion.objects.visible_to(request.user), pk=pk)
