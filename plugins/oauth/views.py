"""Pages of signing in at another service: leaving, coming back, and waiting for the outcome."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from plugins.errors import SignedOutMeanwhile
from plugins.manifest import Authentication, Manifest
from plugins.models import Connection
from plugins.oauth import clients, protocol, sign_in
from plugins.oauth.models import SignIn

BINDING = "oauth_binding"


def leave(
    request: Request,
    manifest: Manifest,
    way: Authentication,
    *,
    configuration: dict[str, Any],
    label: str,
    connection: Connection | None = None,
) -> HttpResponse:
    """Begin a sign-in and answer with the page that sends the student on.

    A page and not a redirect: the policy that forms answer to this site alone holds for redirects, too.

    Raises:
        ValidationError: by setting.
    """
    departure = sign_in.start(
        request.user,
        manifest,
        way,
        configuration=configuration,
        label=label,
        connection=connection,
        binding=request.session.setdefault(BINDING, protocol.new_secret()),
    )
    host = clients.token_host(manifest, way, departure.sign_in.configuration)
    context = {"address": departure.address, "host": host, "manifest": manifest, "connection": connection}
    response = render_page(request, "plugins/leave.html", context)
    response["Referrer-Policy"] = "no-referrer"
    return response


@never_cache
@require_GET
@login_not_required  # its address holds a code, which a redirect to the sign-in page would carry on
def callback(request: Request) -> HttpResponse:
    """Take the student back from the service, and the code out of the address at once."""
    if not request.user.is_authenticated:
        raise SignedOutMeanwhile("Sign in here, and start again from the connections page.")
    answer = {name: request.GET.get(name, "") for name in ("state", "code", "error", "iss")}
    found = sign_in.come_back(request.user, answer, binding=request.session.get(BINDING, ""))
    response = redirect("plugins:sign-in", found.pk)
    response["Referrer-Policy"] = "no-referrer"
    return response


@never_cache
@require_GET
def outcome(request: Request, pk: int) -> HttpResponse:
    """Wait a while for a sign-in to be finished, then go where it led."""
    found = get_object_or_404(SignIn.objects.visible_to(request.user), pk=pk)
    found = sign_in.wait_for(found, wait_s=0 if request.htmx else None)
    if not found.is_finished:
        context = {"sign_in": found, "is_away": found.stage == SignIn.Stage.AWAY}
        return render_page(request, "plugins/sign_in.html", context, parts={"sign-in-state": "state"})
    if found.stage == SignIn.Stage.COMPLETED and found.connection is not None:
        name = f" as {found.connection.identity_name}" if found.connection.identity_name else ""
        again = "connected again" if found.is_reconnect else "connected"
        messages.success(request, f"{found.connection.label} is {again}{name}.")
        return redirect(found.connection)
    if found.is_reconnect:
        if found.connection is None:
            messages.error(request, found.error)
            return redirect("plugins:list")
        return redirect(f"{reverse('plugins:edit', args=[found.connection.pk])}?sign_in={found.pk}")
    return redirect(f"{reverse('plugins:connect', args=[found.plugin])}?sign_in={found.pk}")
