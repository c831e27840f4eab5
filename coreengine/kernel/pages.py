"""How pages are answered: whole, or the one piece that htmx asked for."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.cache import patch_vary_headers


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    parts: dict[str, str] | None = None,
    status: int = 200,
) -> TemplateResponse:
    """Render a page, or only one of its partials when htmx asks for it.

    `parts` maps the id of a swap target to the name of the partial that fills it.
    """
    htmx = getattr(request, "htmx", None)
    part = (parts or {}).get(htmx.target or "") if htmx else None
    response = TemplateResponse(request, f"{template}#{part}" if part else template, context or {}, status=status)
    # On both variants: a cache must never hand a fragment to someone who asked for the page.
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
