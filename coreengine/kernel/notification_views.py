"""Pages of the bell: what a student was told."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from coreengine.kernel.filters import NotificationFilter
from coreengine.kernel.models import Notification, NotificationQuerySet
from coreengine.kernel.notifications import bundled, kinds, mark_read, mark_unread
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request

PAGE_SIZE = 30
RECENT = 8
RECENT_READ = 40
"""So many are looked at for the bell's lines: those that belong together are one."""


def _mine(request: Request) -> NotificationQuerySet:
    return Notification.objects.visible_to(request.user)


@require_GET
def notifications(request: Request) -> HttpResponse:
    """List what the student was told, newest first; filters: unread, priority, kind."""
    found = NotificationFilter(request.GET, queryset=_mine(request))
    page = Paginator(found.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "notifications": page.object_list,
        "bundles": bundled(page.object_list),
        "page": page,
        "is_unread_only": request.GET.get("unread") == "true",
        "priority": request.GET.get("priority", ""),
        "priorities": ["urgent", "high"],
        "kind": request.GET.get("kind", ""),
        "kinds": kinds(),
    }
    return render_page(request, "kernel/notifications.html", context, parts={"notices": "list"})


@require_GET
def recent(request: Request) -> HttpResponse:
    """Give the bell its newest lines."""
    return render(request, "kernel/notifications.html#recent", _recent(request))


def _recent(request: Request) -> dict[str, Any]:
    return {"bundles": bundled(_mine(request)[:RECENT_READ])[:RECENT]}


@require_GET
def count(request: Request) -> HttpResponse:
    """Give the bell its number; asked for every half minute, so it is one indexed count."""
    return render(request, "kernel/notifications.html#count")


@require_POST
def read(request: Request, pk: int) -> HttpResponse:
    """Mark one as read, and go where it leads when it was its title that was pressed."""
    notice = get_object_or_404(_mine(request), pk=pk)
    mark_read(_mine(request).filter(pk=pk))
    if "open" in request.POST and url_has_allowed_host_and_scheme(notice.url, allowed_hosts=None):
        return redirect(notice.url)
    return _row_or_list(request, pk)


@require_POST
def unread(request: Request, pk: int) -> HttpResponse:
    """Mark one as unread again."""
    get_object_or_404(_mine(request), pk=pk)
    mark_unread(_mine(request).filter(pk=pk))
    return _row_or_list(request, pk)


@require_POST
def read_all(request: Request) -> HttpResponse:
    """Mark all as read."""
    changed = mark_read(_mine(request))
    if request.htmx:
        response = render(request, "kernel/notifications.html#recent", _recent(request))
        return trigger_client_event(response, "notifications-changed")
    messages.success(request, f"{changed} marked as read." if changed else "All were read already.")
    return redirect("kernel:notifications")


def _row_or_list(request: Request, pk: int) -> HttpResponse:
    if not request.htmx:
        return redirect("kernel:notifications")
    response = render(request, "kernel/notifications.html#row", {"notice": _mine(request).get(pk=pk)})
    return trigger_client_event(response, "notifications-changed")
