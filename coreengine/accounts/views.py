"""Pages of a person's own settings."""

from zoneinfo import available_timezones

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from coreengine.accounts.forms import ProfileForm, TokenForm
from coreengine.accounts.models import ApiToken, User
from coreengine.accounts.services import create_api_token, revoke_api_token, update_profile
from coreengine.kernel.models import Event
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request

SECURITY_EVENTS = {
    "user.updated": ("user-pen", "Profile changed"),
    "api_token.created": ("key-round", "Access token made"),
    "api_token.revoked": ("lock", "Access token revoked"),
}


def profile(request: Request) -> HttpResponse:
    """Show and change name, time zone, theme and shortcuts."""
    # A copy: a refused form must not change the name that the frame shows.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        update_profile(request.user, by=request.user, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    context = {"form": form, "time_zones": sorted(available_timezones())}
    return render_page(request, "accounts/profile.html", context, status=422 if form.errors else 200)


@require_POST
def theme(request: Request) -> HttpResponse:
    """Choose light, dark or the system's, from the account menu."""
    update_profile(request.user, by=request.user, theme=request.POST.get("theme", ""))
    if request.htmx:
        return HttpResponse(status=204)
    back = request.POST.get("next", "/")
    return redirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "/")


@require_GET
def security(request: Request) -> HttpResponse:
    """Lead to password and addresses, and show what happened to the account."""
    events = Event.objects.visible_to(request.user).filter(type__in=SECURITY_EVENTS)[:10]
    lines = [
        {
            "icon": SECURITY_EVENTS[event.type][0],
            "text": ": ".join(filter(None, [SECURITY_EVENTS[event.type][1], event.data.get("name")])),
            "time": event.time,
        }
        for event in events
    ]
    return render_page(request, "accounts/security.html", {"events": lines})


@never_cache
def tokens(request: Request) -> HttpResponse:
    """List the access tokens and make a new one, whose secret is in this one answer only."""
    form = TokenForm(request.POST or None)
    new, secret = None, None
    if request.method == "POST" and form.is_valid():
        new, secret = create_api_token(request.user, by=request.user, **form.changes())
        form = TokenForm()
    context = {
        "form": form,
        "new_token": new,
        "secret": secret,
        "tokens": ApiToken.objects.visible_to(request.user).filter(revoked_at=None),
        "base_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


@require_POST
def revoke_token(request: Request, pk: int) -> HttpResponse:
    """Close the door to one token."""
    token = revoke_api_token(get_object_or_404(ApiToken.objects.editable_by(request.user), pk=pk), by=request.user)
    messages.success(request, f"“{token.name}” is revoked.")
    return redirect("accounts:tokens")
