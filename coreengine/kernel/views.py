"""Pages of the kernel: dashboard shell, health, errors."""

import sys

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from coreengine.kernel.api.problems import AGAIN_AFTER_S, AWAY_WORDS, DATABASE_AWAY, json_problem
from coreengine.kernel.health import readiness
from coreengine.kernel.pages import render_page
from coreengine.kernel.screens import dashboard_cards, fill_card, find_card
from coreengine.kernel.typing import Request


def dashboard(request: Request) -> HttpResponse:
    """Show the cards that the apps registered: some with the page, the others by requests of their own."""
    context = {"main_cards": dashboard_cards(request, "main"), "side_cards": dashboard_cards(request, "side")}
    return render_page(request, "kernel/dashboard.html", context)


@require_safe
def dashboard_card(request: Request, key: str) -> HttpResponse:
    """Show one card: the piece that htmx asks for (nothing, where it has nothing to show), or a page of its own."""
    card = find_card(key)
    if card is None:
        raise Http404
    filled = fill_card(request, card)
    if request.htmx and filled is None:
        return HttpResponse()
    context = {"filled": filled, "card": card}
    return render_page(request, "kernel/_card.html" if request.htmx else "kernel/dashboard_card.html", context)


def all_places(request: Request) -> HttpResponse:
    """List every place of the navigation: what a phone's "More" leads to without script."""
    return render_page(request, "kernel/places.html", {})


@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """Say that the web process answers, and in which version."""
    return JsonResponse({"status": "healthy", "version": settings.VERSION})


@login_not_required
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Say whether work gets done here: 200, or 503 with what is wrong."""
    checks = readiness()
    well = all(check.ok for check in checks.values())
    body = {
        "status": "ready" if well else "unavailable",
        "version": settings.VERSION,
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
    }
    return JsonResponse(body, status=200 if well else 503)


def _error(request: HttpRequest, status: int, title: str, message: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_problem(status)
    return render(request, "error.html", {"status": status, "title": title, "message": message}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be understood."""
    return _error(request, 400, "That request cannot be understood", "Go back and try again.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer someone who may not do this."""
    return _error(request, 403, "You may not do that", "Ask an admin if you think that you should.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that this site did not make, or made too long ago."""
    message = "It was open for too long, or you signed in or out meanwhile. Go back, load the page again and send it."
    return _error(request, 403, "This form is too old", message)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for an address that leads nowhere, or to what belongs to somebody else."""
    return _error(request, 404, "There is nothing here", "The address is wrong, or the thing was removed.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a bug, or for a database that is away, without a query or a template that could fail again."""
    is_away = isinstance(sys.exc_info()[1], DATABASE_AWAY)
    status, words = (503, AWAY_WORDS) if is_away else (500, "")
    if request.path.startswith("/api/"):
        response: HttpResponse = json_problem(status, words)
    else:
        response = render(None, "500.html", {"is_away": is_away}, status=status)
    if is_away:
        response["Retry-After"] = str(AGAIN_AFTER_S)
    return response
