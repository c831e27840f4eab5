"""The pages of "What it did", and the forgetting of what a plugin stored."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from plugins import conduct
from plugins.conf import plugin_settings
from plugins.filters import GatewayCallFilter
from plugins.models import Connection, GatewayCall
from plugins.registry import PluginUnknown, get_manifest
from plugins.storage import forget_stored

_PARTS = {"conduct": "conduct"}


@require_GET
def connection_calls(request: Request, pk: int) -> HttpResponse:
    """Show what a connection's plugin declared beside every request that it made."""
    connection = get_object_or_404(Connection.objects.visible_to(request.user), pk=pk)
    found = GatewayCallFilter(request.GET, GatewayCall.objects.filter(connection=connection))
    calls = found.qs if found.is_valid() else GatewayCall.objects.none()
    is_each = request.GET.get("view") == "each"
    rows = calls.select_related("action_call").order_by("-pk") if is_each else conduct.shapes(calls)
    context = {
        **_context(request, found),
        "connection": connection,
        "manifest": connection.manifest,
        "others": Connection.objects.visible_to(request.user).exclude(pk=pk).order_by("label"),
        "conduct": conduct.conduct_of(connection, calls),
        "page": conduct.page_of(rows, request.GET.get("page")),
        "is_each": is_each,
    }
    return render_page(request, "plugins/calls.html", context, parts=_PARTS)


@require_GET
def plugin_calls(request: Request, name: str) -> HttpResponse:
    """Show an admin what a plugin did over all students: counts, and nothing that tells whose they are."""
    calls = conduct.calls_of_plugin(name)
    try:
        manifest = get_manifest(name)
    except PluginUnknown:
        manifest = None
    if not request.user.is_staff or (manifest is None and not calls.exists()):
        raise Http404
    found = GatewayCallFilter(request.GET, calls)
    calls = found.qs if found.is_valid() else GatewayCall.objects.none()
    context = {
        **_context(request, found),
        "name": name,
        "title": manifest.title if manifest else name,
        "manifest": manifest,
        "conduct": conduct.conduct_of_plugin(manifest, calls),
        "page": conduct.page_of(conduct.counts_over_students(calls), request.GET.get("page")),
    }
    return render_page(request, "plugins/plugin_calls.html", context, parts=_PARTS)


@require_POST
def forget_stored_values(request: Request, pk: int) -> HttpResponse:
    """Remove what a connection's plugin keeps."""
    connection = get_object_or_404(Connection.objects.editable_by(request.user), pk=pk)
    count = forget_stored(connection, by=request.user)
    words = f"{connection.plugin_title} has forgotten what it stored. Its next sync starts from the beginning."
    messages.success(request, words if count else f"{connection.plugin_title} had nothing stored.")
    return redirect(connection)


def _context(request: Request, found: GatewayCallFilter) -> dict[str, Any]:
    return {
        "filter": found,
        "day": request.GET.get("day", ""),
        "is_refused": request.GET.get("refused") == "true",
        "is_filtered": bool(request.GET.get("day") or request.GET.get("refused")),
        "kept_days": plugin_settings().CALLS_KEPT_DAYS,
    }
