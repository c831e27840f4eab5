"""What forms of this app say beside their fields: an id in the body, and where to go afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.forms import add_errors


def back(request: Request, otherwise: Any) -> HttpResponse:
    """Go to where the form says (`next`, on this site only), else to the thing itself."""
    return redirect(following_page(request) or otherwise)


def following_page(request: Request) -> str:
    """Where a form or an address says to go afterwards (`next`); empty where that is not on this site."""
    following = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return following if is_ours else ""


def number(request: Request, name: str) -> int:
    """Read an id from a form; what is no id is the id of nothing."""
    value = request.POST.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 19 else 0


def saved_by(form: forms.Form, save: Callable[[], Any]) -> Any:
    """Run a service; what it refuses stands at the fields where it was typed, and the answer is None."""
    try:
        return save()
    except ValidationError as error:
        add_errors(form, error)
        return None


def form_page(request: Request, template: str, form: forms.Form, context: dict[str, Any]) -> HttpResponse:
    """Answer with the page of a form, as 422 where something is not right."""
    return render_page(request, template, {"form": form, **context}, status=422 if form.errors else 200)
