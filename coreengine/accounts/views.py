"""Pages of a person's own settings."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from coreengine.accounts.models import ApiToken, User
from coreengine.accounts.services import create_api_token, revoke_api_token, update_profile
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request


class ProfileForm(forms.ModelForm):
    """What a person says about themselves."""

    class Meta:
        model = User
        fields = ["name", "time_zone", "theme", "has_shortcuts"]


class TokenForm(forms.ModelForm):
    """A new access token."""

    class Meta:
        model = ApiToken
        fields = ["name", "scope", "expires_at"]


def profile(request: Request) -> HttpResponse:
    """Show and change name, time zone and theme."""
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        update_profile(request.user, by=request.user, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    return render_page(request, "accounts/profile.html", {"form": form}, status=422 if form.errors else 200)


def security(request: Request) -> HttpResponse:
    """Lead to password and e-mail addresses."""
    return render_page(request, "accounts/security.html", {})


def tokens(request: Request) -> HttpResponse:
    """List the access tokens and make a new one, whose secret is shown once."""
    form = TokenForm(request.POST or None)
    secret = None
    if request.method == "POST" and form.is_valid():
        _, secret = create_api_token(request.user, by=request.user, **form.cleaned_data)
        form = TokenForm()
    context = {
        "form": form,
        "secret": secret,
        "tokens": ApiToken.objects.visible_to(request.user).filter(revoked_at=None),
    }
    return render_page(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


@require_POST
def revoke_token(request: Request, pk: int) -> HttpResponse:
    """Close the door to one token."""
    token = revoke_api_token(get_object_or_404(ApiToken.objects.editable_by(request.user), pk=pk), by=request.user)
    messages.success(request, f"“{token.name}” no longer works.")
    return redirect("accounts:tokens")
